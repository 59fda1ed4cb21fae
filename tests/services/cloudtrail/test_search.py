"""Lookups against reading everything: marks spare work and cost no answer, and pages leave nothing out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.attributes import fits, resource_names, terms_of, terms_of_lookup, user_name
from holdfast.services.cloudtrail.lines import Line
from holdfast.services.cloudtrail.marks import KINDS, NAMES, marks_of, marks_of_all
from holdfast.services.cloudtrail.pages import MOST, pages_of, whole
from holdfast.services.cloudtrail.search import After, Newest, Search, Walk, open_search
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.transaction import Transaction
from holdfast.vault.randomness import SystemRandomness, moment_of_id, moment_prefix, time_ordered_id
from tests.services.cloudtrail.trail import ACCOUNT, DATABASE, REGION, START, AuditStore, Writer, row

NAME = st.sampled_from(["GetSecretValue", "CreateSecret", "Decrypt"])
ARN = st.sampled_from(
    [
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-GhIjKl",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/prod/db",
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ]
)
PLACE = st.sampled_from([(ACCOUNT, REGION), (ACCOUNT, "us-east-1"), ("999999999999", REGION)])
WRITTEN = st.lists(
    st.tuples(NAME, PLACE, st.integers(0, 250), st.lists(ARN, max_size=2), st.sampled_from(["", "AccessDenied"])),
    max_size=40,
)
WRITES = st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1, max_size=6)
"""How records are written: so many at once, as a page or as rows; over and over."""
CRITERIA = st.lists(
    st.one_of(
        st.tuples(st.just("EventName"), NAME),
        st.tuples(st.just("ResourceName"), ARN | st.sampled_from(["prod/db", "/prod/db", "nothing"])),
        st.tuples(st.just("Username"), st.sampled_from(["user-1", "user-2"])),
        st.tuples(st.just("AccessKeyId"), st.sampled_from(["AKIA0", "AKIA1"])),
        st.tuples(st.just("ErrorCode"), st.just("AccessDenied")),
        st.tuples(st.just("ReadOnly"), st.sampled_from(["true", "false"])),
        st.tuples(st.just("EventSource"), st.sampled_from(["secretsmanager.amazonaws.com", "kms.amazonaws.com"])),
        st.tuples(st.just("RequestId"), st.sampled_from(["3", "99"])),
    ),
    max_size=2,
)


def request_id(number: int, moment: int) -> str:
    """As of a server: it tells its moment."""
    return f"{moment_prefix(moment)}000-8000-{number:012x}"


def lines_of(written: list[tuple[str, tuple[str, str], int, list[str], str]]) -> list[Line]:
    made: list[Line] = []
    for number, (name, (account, region), moment, arns, error) in enumerate(written):
        members: dict[str, Any] = {"resources": [{"type": "T", "ARN": arn} for arn in arns]}
        if error:
            members["errorCode"] = error
        known = request_id(number, START + moment)
        line = row(number, name, account=account, region=region, moment=START + moment, requestID=known, **members)
        line.request_id = known
        made.append(line)
    return made


def in_store(store: AuditStore, lines: list[Line], writes: Sequence[tuple[bool, int]] = ((False, 1000),)) -> None:
    def unit(writer: Writer, transaction: Transaction) -> None:
        at = 0
        for as_page, count in itertools.cycle(writes):
            batch = lines[at : at + count]
            if as_page:
                writer.audit.append_pages(transaction, pages_of(batch))
            else:
                writer.audit.append(transaction, batch)
            at += count
            if at >= len(lines):
                return

    async def work(writer: Writer) -> None:
        writer.executor.write(partial(unit, writer), lambda _error: None)
        await writer.executor.idle()

    store.serve(work)


def reading(store: AuditStore) -> tuple[SqliteDatabase, Transaction]:
    database = SqliteDatabase(store.directory / DATABASE)
    return database, SqliteTransaction(database.reading, writable=False)


@settings(max_examples=60, deadline=None)
@given(
    written=WRITTEN,
    writes=WRITES,
    criteria=CRITERIA,
    times=st.tuples(st.integers(0, 250), st.integers(0, 250)),
    page=st.integers(1, 5),
)
def test_answers_hold_what_fits_and_nothing_else(
    written: list[tuple[str, tuple[str, str], int, list[str], str]],
    writes: list[tuple[bool, int]],
    criteria: list[tuple[str, str]],
    times: tuple[int, int],
    page: int,
) -> None:
    """However the records were written, and whatever the answer's length is."""
    start, end = START + min(times), START + max(times)
    lines = lines_of(written)
    ids = [line.request_id for line in lines]
    criteria = [
        (name, ids[int(value)] if name == "RequestId" and int(value) < len(ids) else value) for name, value in criteria
    ]
    with TemporaryDirectory() as directory:
        store = AuditStore(Path(directory))
        in_store(store, lines, writes)
        database, tx = reading(store)
        try:
            everything = _in_the_order_of_writing(tx)
            assert [number for number, *_ in everything] == list(range(1, len(lines) + 1))
            texts = {line.request_id: line for line in lines}
            expected: list[tuple[int, int, str, str]] = []
            for sequence, account, region, text in everything:
                content = msgspec.json.decode(text)
                line = texts.pop(content["requestID"])
                assert (account, region, text) == (line.account, line.region, line.text())
                if start <= line.now <= end and all(fits(content, *criterion) for criterion in criteria):
                    expected.append((line.now, sequence, account, region))
            here = [(m, s) for m, s, account, region in expected if (account, region) == (ACCOUNT, REGION)]
            if not any(name == "RequestId" for name, _ in criteria):  # LookupEvents has no such attribute
                assert _pages(tx, criteria, start, end, page) == sorted(here, reverse=True)
            assert _searched(tx, criteria, start, end, page) == sorted((m, s) for m, s, _, _ in expected)
        finally:
            database.close()
        assert store.kinds() == []
        assert store.verify().records == len(lines)


def _in_the_order_of_writing(tx: Transaction) -> list[tuple[int, str, str, bytes]]:
    reading = After(0, "", 7)
    found: list[tuple[int, str, str, bytes]] = []
    while True:
        reading.step(tx)
        found += reading.found
        if not reading.more:
            newest = Newest("", 1000)
            newest.step(tx)
            assert newest.found == found
            return found
        reading = After(reading.last, "", 7)


def _pages(tx: Transaction, criteria: list[tuple[str, str]], start: int, end: int, page: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    position = None
    while True:
        # A walk of its own for each page, as a client with a token makes them.
        walk = Walk(ACCOUNT, REGION, criteria, start=start, end=end, position=position)
        found += [record.position for record in walk.step(tx, page)]
        position = walk.position
        if walk.done:
            return found


def _searched(
    tx: Transaction, criteria: list[tuple[str, str]], start: int, end: int, page: int
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    position = None
    while True:
        search = open_search(tx, ("", ""), criteria, (start, end), position)
        wanted = page
        for _ in range(search.least_steps):
            given = [record.position for record in search.step(tx, wanted)]
            found += given
            wanted -= len(given)
            if not wanted:
                break
        if search.done:
            return found if isinstance(search, Search) else sorted(found)
        position = search.position


@given(written=WRITTEN)
def test_a_record_has_the_marks_of_everything_it_can_be_found_by(
    written: list[tuple[str, tuple[str, str], int, list[str], str]],
) -> None:
    for line in lines_of(written):
        content, marks = msgspec.json.decode(line.text()), line.marks
        for term in terms_of(content):
            assert fits(content, *term)
            wanted = marks_of_all(terms_of_lookup(*term))
            assert marks & wanted == wanted
        for resource in content["resources"]:
            wanted = marks_of_all(terms_of_lookup("ResourceName", resource["ARN"]))
            assert marks & wanted == wanted


def test_marks_are_what_is_in_stores_already() -> None:
    """They never change: a store is full of them."""
    assert marks_of("EventName", "GetSecretValue") == 0x4000000840000
    assert marks_of("ReadOnly", "true") == 1 << 57
    assert marks_of("EventId", "x") == 0
    for attribute in NAMES | KINDS:
        assert 0 < marks_of(attribute, "x") < 1 << 63


def test_a_record_without_marks_is_read(store: AuditStore) -> None:
    """Those of an upgraded store."""
    in_store(store, [row(1, "CreateSecret"), row(2)])
    store.sql("UPDATE audit_record SET marks = -1")
    database, tx = reading(store)
    found = Walk(ACCOUNT, REGION, [("EventName", "CreateSecret")]).step(tx, 10)
    assert [record.content["requestID"] for record in found] == ["request-1"]
    database.close()


def test_an_event_is_found_by_its_id_alone(store: AuditStore) -> None:
    rows = [row(number) for number in range(50)]
    in_store(store, rows, [(True, 20), (False, 5)])
    database, tx = reading(store)
    wanted = msgspec.json.decode(rows[17].text())
    walk = Walk(ACCOUNT, REGION, [("EventId", wanted["eventID"])])
    assert [record.content for record in walk.step(tx, 10)] == [wanted]
    assert not walk.step(tx, 10)
    assert walk.done
    assert not Walk(ACCOUNT, REGION, [("EventId", "no id at all")]).step(tx, 10)
    database.close()


def plain_lines(moments: Sequence[int]) -> list[Line]:
    """Many, quickly."""
    text = b'{"eventName":"GetSecretValue"}'
    return [whole(ACCOUNT, REGION, moment, f"request-{n}", 0, text) for n, moment in enumerate(moments)]


def test_full_pages_of_the_same_moments(store: AuditStore) -> None:
    """A machine's clock was set back, several times; what stands on the pages that end after a border is all found."""
    lines = plain_lines([START + at * 90 // MOST for _ in range(4) for at in range(MOST)])
    in_store(store, lines, [(True, MOST)])
    database, tx = reading(store)
    assert len(_pages(tx, [], START, START + 200, 900)) == len(lines)
    early = sum(line.now <= START + 80 for line in lines)
    assert len(_pages(tx, [], START, START + 80, 900)) == early
    database.close()


def test_whoever_wants_one_record_gets_past_as_many_pages(store: AuditStore) -> None:
    """A page has so many marks that it seems to hold anything: how far a step looks is not a matter of what is wanted."""
    wanted = marks_of("EventName", "CreateSecret")
    seeming = plain_lines([START + n // 2 * 200 for n in range(200)])
    for number, line in enumerate(seeming):
        line.marks = wanted & -wanted if number % 2 else wanted & (wanted - 1)
    in_store(store, [row(0, "CreateSecret", moment=START - 1000)], [(True, 1)])
    in_store(store, seeming, [(True, 2)])
    database, tx = reading(store)
    walk = Walk(ACCOUNT, REGION, [("EventName", "CreateSecret")])
    found = [*walk.step(tx, 2), *walk.step(tx, 2)]
    assert [record.content["eventName"] for record in found] == ["CreateSecret"]
    database.close()


def test_in_the_order_of_writing(store: AuditStore) -> None:
    in_store(store, [row(n, account=ACCOUNT if n % 2 else "999999999999") for n in range(20)])
    database, tx = reading(store)
    newest = Newest(ACCOUNT, 3)
    newest.step(tx)
    assert [n for n, *_ in newest.found] == [16, 18, 20]
    assert newest.last == 20
    after = After(16, "", 2)
    assert after.step(tx)
    assert ([n for n, *_ in after.found], after.last, after.more) == ([17, 18], 18, True)
    after = After(18, "", 10)
    assert after.step(tx)
    assert ([n for n, *_ in after.found], after.last, after.more) == ([19, 20], 20, False)
    database.close()


def test_a_scan_reads_only_the_index_and_a_bounded_stretch_of_it(store: AuditStore) -> None:
    """SQLite's own plan: no table row is touched, and nothing is sorted but what fits."""
    database, tx = reading(store)
    parameters = (ACCOUNT, REGION, 0, 1, 1)
    for statement in (records.SCAN_NEWEST, records.SCAN_OLDEST):
        plan = " ".join(
            str(r[3]) for r in database.reading.execute("EXPLAIN QUERY PLAN " + statement.text, (*parameters, 1, 1, 9))
        )
        assert "USING COVERING INDEX audit_record_by_time (account=? AND region=? AND event_time" in plan
    for statement in (records.END_OF_NEWEST, records.END_OF_OLDEST):
        plan = " ".join(str(r[3]) for r in database.reading.execute("EXPLAIN QUERY PLAN " + statement.text, parameters))
        assert "USING COVERING INDEX audit_record_by_time" in plan
    plan = " ".join(
        str(r[3]) for r in database.reading.execute("EXPLAIN QUERY PLAN " + records.FIND_REQUEST.text, ("x",))
    )
    assert "USING INDEX audit_record_by_request" in plan
    assert tx.one(records.BOUNDS) == (1, 0)
    database.close()


def test_names_of_resources() -> None:
    assert resource_names("arn:aws:secretsmanager:r:1:secret:prod/db-AbCdEf")[0] == "prod/db"
    assert resource_names("arn:aws:ssm:r:1:parameter/prod/db") == ("/prod/db", "prod/db")
    assert resource_names("arn:aws:kms:r:1:key/abc") == ("abc",)
    assert resource_names("arn:aws:kms:r:1:alias/app") == ("alias/app",)
    assert resource_names("arn:aws:iam::1:user/path/alice") == ("alice",)
    assert resource_names("prod/db") == ("prod/db",)
    assert resource_names("arn:short") == ("arn:short",)


def test_names_of_callers() -> None:
    assert user_name({"type": "Root", "principalId": "1"}) == "root"
    assert user_name({"type": "IAMUser", "arn": "arn:aws:iam::1:user/team/alice"}) == "alice"
    assert user_name({"type": "IAMUser", "userName": "bob"}) == "bob"
    assert user_name({"type": "AssumedRole", "principalId": "AROA:session"}) == "session"
    assert user_name({"type": "AWSService", "invokedBy": "kms.amazonaws.com"}) == "kms.amazonaws.com"
    assert user_name({"type": "AWSAccount", "principalId": "AIDA"}) == ""


@given(st.integers(0, 2**48 - 1))
def test_ids_tell_their_moment_and_order_by_it(moment: int) -> None:
    made = time_ordered_id(SystemRandomness(), moment)
    assert moment_of_id(made) == moment
    assert made < time_ordered_id(SystemRandomness(), moment + 1) or moment == 2**48 - 1
    assert moment_of_id(made[:14] + "4" + made[15:]) is None
    assert moment_of_id("") is None
