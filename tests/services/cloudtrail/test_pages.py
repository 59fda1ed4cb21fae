"""Pages: what goes in comes out, lookups may rely on their order, and nobody can change one unnoticed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.cloudtrail.lines import WHOLE, Line
from holdfast.services.cloudtrail.pages import LARGEST, MOST, PAGE, SPAN, Page, count_of, is_page, lines_of, pages_of
from holdfast.testing import Server
from holdfast.vault.randomness import UnsafeSeededRandomness, time_ordered_id
from tests.services.cloudtrail.trail import ACCOUNT, REGION, START, AuditStore, Writer, row
from tests.stored_records import stored_records

PLACE = st.sampled_from([(ACCOUNT, REGION), (ACCOUNT, "us-east-1"), ("999999999999", REGION)])
PART = st.one_of(st.sampled_from([b'{"a":1', b'{"b":2', b""]), st.binary(max_size=40))
CALL = st.tuples(
    st.integers(-40, 90),
    st.lists(st.tuples(PLACE, st.integers(WHOLE, 40), st.integers(0, (1 << 63) - 1), PART, PART), max_size=4),
)


def fields(line: Line) -> tuple[object, ...]:
    return (
        line.account,
        line.region,
        line.now,
        line.request_id,
        line.number,
        line.marks,
        line.head,
        line.tail,
        line.text(),
    )


@given(st.lists(CALL, max_size=40))
def test_what_goes_in_comes_out(
    calls: list[tuple[int, list[tuple[tuple[str, str], int, int, bytes, bytes]]]],
) -> None:
    randomness = UnsafeSeededRandomness("pages")
    lines: list[Line] = []
    now = START
    for later, records in calls:
        now += later  # the clock of a machine may be set back
        request_id = time_ordered_id(randomness, now)
        lines += [Line(*p, now, request_id, n, marks, head, tail) for p, n, marks, head, tail in records]
    pages = pages_of(lines)
    for place in {(line.account, line.region) for line in lines}:
        here = [page for page in pages if (page.account, page.region) == place]
        found = [line for page in here for line in lines_of(*place, page.content)]
        assert [fields(line) for line in found] == [
            fields(line) for line in lines if (line.account, line.region) == place
        ]
    for page in pages:
        check(page)


def check(page: Page) -> None:
    """What lookups rely on."""
    lines = lines_of(page.account, page.region, page.content)
    assert is_page(page.content)
    assert count_of(page.content[:6]) == page.count == len(lines) > 0
    times = [line.now for line in lines]
    assert times == sorted(times)
    assert times[-1] == page.event_time <= times[0] + SPAN
    assert page.marks < 0
    for line in lines:
        assert page.marks & line.marks == line.marks
    assert page.marks == PAGE | page.marks & ~PAGE
    assert len(page.content) < 2 * LARGEST
    message = page.content[6:]
    assert msgspec.msgpack.encode(msgspec.msgpack.decode(message)) == message, "put together as an encoder does it"


def test_pages_are_of_bounded_size() -> None:
    lines = [row(number, moment=START) for number in range(3 * MOST)]
    pages = pages_of(lines)
    assert len(pages) >= 3
    for page in pages:
        check(page)
    large = [row(number, moment=START, requestParameters={"x": "y" * 10_000}) for number in range(50)]
    assert all(page.count < 20 for page in pages_of(large))


def test_a_part_is_held_once() -> None:
    head, tail = b'{"eventName":"GetSecretValue"' + b"x" * 500, b',"requestParameters":null}'
    lines = [Line(ACCOUNT, REGION, START, f"request-{n}", 0, 7, head, tail) for n in range(100)]
    (page,) = pages_of(lines)
    assert page.content.count(head) == page.content.count(tail) == 1
    assert len(page.content) < 100 * 40 + 1000


def test_a_record_without_a_request_id() -> None:
    (page,) = pages_of([Line(ACCOUNT, REGION, START, "", 0, 7, b"{", b"}")])
    assert [line.head for line in lines_of(ACCOUNT, REGION, page.content)] == [b"{"]


@pytest.mark.parametrize(
    "content", [b"", b"P\x01", b"P\x01\0\0\0\1", b"P\x01\0\0\0\1\x93\0\x90\x91\x93\0\xa1x\x94\0\0\0\0"]
)
def test_what_is_no_page(content: bytes) -> None:
    with pytest.raises(ValueError, match="no page"):
        lines_of(ACCOUNT, REGION, content)


# -- in a chain ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(store: AuditStore) -> AuditStore:
    """A row, a page of 50, a row, a page of 3."""

    async def work(writer: Writer) -> None:
        for count in (1, 50, 1, 3):
            lines = [row(store.next_number()) for _ in range(count)]
            if count == 1:
                writer.executor.write(lambda tx, lines=lines: writer.audit.append(tx, lines), lambda _: None)
            else:
                writer.executor.write(
                    lambda tx, lines=lines: writer.audit.append_pages(tx, pages_of(lines)), lambda _: None
                )
        await writer.executor.idle()

    store.serve(work)
    return store


def test_a_chain_of_rows_and_pages(written: AuditStore) -> None:
    assert [r[0] for r in written.sql("SELECT sequence FROM audit_record ORDER BY sequence")] == [1, 51, 52, 55]
    verifier = written.verify()
    assert (verifier.findings, verifier.records, verifier.notes()) == ([], 55, [])
    assert [r["requestID"] for r in stored_records(written.directory)] == [f"request-{n}" for n in range(1, 56)]


def test_the_next_start_goes_on_after_a_page(written: AuditStore) -> None:
    written.write(2)
    assert [r[0] for r in written.sql("SELECT sequence FROM audit_record ORDER BY sequence")][-2:] == [56, 57]
    assert written.kinds() == []


@pytest.mark.parametrize("at", [0, 2, 5, 6, 40, -1])
def test_a_changed_byte_of_a_page(written: AuditStore, at: int) -> None:
    ((content,),) = written.sql("SELECT record FROM audit_record WHERE sequence = 51")
    changed = bytearray(content)
    changed[at] ^= 1
    written.sql("UPDATE audit_record SET record = ? WHERE sequence = 51", bytes(changed))
    (finding,) = written.verify().findings
    assert (finding.kind, finding.sequence) == ("changed", 51)


def test_a_page_that_is_gone(written: AuditStore) -> None:
    written.sql("DELETE FROM audit_record WHERE sequence = 51")
    assert written.kinds() == ["missing"]


def test_a_page_in_two(written: AuditStore) -> None:
    """Somebody takes one record out and makes the rest look like a page again."""
    ((content,),) = written.sql("SELECT record FROM audit_record WHERE sequence = 51")
    (page,) = pages_of(lines_of(ACCOUNT, REGION, content)[:-1])
    written.sql("UPDATE audit_record SET record = ?, event_time = ? WHERE sequence = 51", page.content, page.event_time)
    assert written.kinds() == ["changed"]


@pytest.mark.parametrize("number", [2, 50])
def test_a_page_with_another_number(written: AuditStore, number: int) -> None:
    """No tag covers it, but who reads on from a number, as an export does, would not see what then stands before it."""
    written.sql("UPDATE audit_record SET sequence = ? WHERE sequence = 51", number)
    (finding,) = written.verify().findings
    assert (finding.kind, finding.sequence) == ("order", number)
    assert finding.line().endswith(f"(sequence {number})") or "sequence" in finding.text


@pytest.mark.parametrize("number", [0, -1, -(1 << 63)])
def test_a_record_before_the_first_number(written: AuditStore, number: int) -> None:
    """A walk from the beginning does not come by it, a lookup by time does."""
    written.sql(
        "INSERT INTO audit_record (sequence, account, region, event_time, request_id, marks, record)"
        " VALUES (?, ?, ?, ?, 'request-0', -1, ?)",
        *(number, ACCOUNT, REGION, START, b'{"eventName":"Forged"}'),
    )
    (finding,) = written.verify().findings
    assert (finding.kind, finding.sequence or 0) == ("inserted", number)


def test_a_page_among_records_from_before_there_were_chains(store: AuditStore) -> None:
    """Their number is known, so that nobody adds one; a page in the place of one would hold any number."""
    store.sql(
        "INSERT INTO audit_record (sequence, account, region, event_time, request_id, record)"
        " VALUES (1, ?, ?, ?, 'request-0', ?)",
        *(ACCOUNT, REGION, START - 1, b"{}"),
    )
    store.write(1)
    assert store.kinds() == []
    (page,) = pages_of([row(0, moment=START - 1)])
    store.sql("UPDATE audit_record SET record = ?, request_id = '' WHERE sequence = 1", page.content)
    assert store.kinds() == ["inserted", "missing"]


# -- through sockets ----------------------------------------------------------------------------------------------------


def test_reads_stand_on_pages_and_are_found_one_by_one(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        secrets, trail = server.client("secretsmanager"), server.client("cloudtrail")
        for name in ("a", "b"):
            secrets.create_secret(Name=name, SecretString="x")
        requests: list[str] = []
        for number in range(120):
            answer = secrets.get_secret_value(SecretId="ab"[number % 2])
            requests.append(answer["ResponseMetadata"]["RequestId"])
            if number in (40, 80):
                server.advance(hours=1)
        with pytest.raises(ClientError) as refused:
            secrets.get_secret_value(SecretId="missing")
        requests.append(refused.value.response["ResponseMetadata"]["RequestId"])
        criteria = [{"AttributeKey": "EventName", "AttributeValue": "GetSecretValue"}]
        pages = trail.get_paginator("lookup_events").paginate(LookupAttributes=criteria, MaxResults=7)
        events = [event for page in pages for event in page["Events"]]
        records = [json.loads(event["CloudTrailEvent"]) for event in events]
        assert [record["requestID"] for record in records] == requests[::-1]
        assert records[0]["errorCode"] == "ResourceNotFoundException"
        # One by its id, those of the middle hour by their time.
        by_id = trail.lookup_events(
            LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": events[17]["EventId"]}]
        )
        assert [event["EventId"] for event in by_id["Events"]] == [events[17]["EventId"]]
        moment = events[60]["EventTime"]
        hour = {"StartTime": moment - timedelta(minutes=30), "EndTime": moment + timedelta(minutes=30)}
        pages = trail.get_paginator("lookup_events").paginate(LookupAttributes=criteria, **hour)
        assert sum(len(page["Events"]) for page in pages) == 40
        found = server.control("SearchAudit", RequestId=requests[33])["Records"]
        assert [json.loads(record["Record"])["eventName"] for record in found] == ["GetSecretValue", "Decrypt"]
        assert server.control("VerifyAudit")["Findings"] == []
        server.stop()
        told = [r["requestID"] for r in stored_records(tmp_path / "data") if r["eventName"] == "GetSecretValue"]
        assert told == requests
