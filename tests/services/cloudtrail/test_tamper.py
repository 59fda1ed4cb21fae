"""What somebody can do who writes the database and the files but has no root key, and that it is found."""

from __future__ import annotations

import hashlib

import pytest

from holdfast.vault.chain import ChainKey, Head, Opening, chain_name, seal_statement
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from tests.services.cloudtrail.trail import DATABASE, AuditStore


@pytest.fixture
def written(store: AuditStore) -> AuditStore:
    """Three chains: a good stop, a crash, a good stop; 10, 5 and 8 records."""
    store.write(10)
    store.write(5, crash=True)
    store.write(8)
    return store


def chains(store: AuditStore) -> list[int]:
    """In the order in which they were begun."""
    return [row[0] for row in store.sql("SELECT chain FROM audit_record GROUP BY chain ORDER BY MIN(sequence)")]


def only(store: AuditStore, kind: str) -> str:
    findings = store.verify().findings
    assert [finding.kind for finding in findings] == [kind], [finding.line() for finding in findings]
    return findings[0].line()


def test_what_was_not_touched_is_intact(written: AuditStore) -> None:
    verifier = written.verify()
    assert not verifier.findings
    assert (verifier.records, verifier.chains(), verifier.notes()) == (23, 3, [])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("record", b'{"eventName":"Nothing"}'),
        ("account", "999999999999"),
        ("region", "us-east-1"),
        ("event_time", 1),
        ("request_id", "another"),
        ("marks", 0),
        ("tag", bytes(32)),
    ],
)
@pytest.mark.parametrize("sequence", [1, 5, 10, 12, 23])
def test_a_changed_record(written: AuditStore, column: str, value: object, sequence: int) -> None:
    written.sql(f"UPDATE audit_record SET {column} = ? WHERE sequence = ?", value, sequence)
    findings = written.verify().findings
    assert {finding.kind for finding in findings} == {"changed"}
    assert findings[0].sequence == sequence
    if column != "tag":
        assert len(findings) == 1
        assert f"sequence {sequence}" in findings[0].line()


@pytest.mark.parametrize("sequence", [1, 4, 11, 16, 22])
def test_a_removal_in_the_middle(written: AuditStore, sequence: int) -> None:
    written.sql("DELETE FROM audit_record WHERE sequence = ?", sequence)
    assert "is missing" in only(written, "missing")


def test_a_removal_of_a_stretch_is_one_finding(written: AuditStore) -> None:
    written.sql("DELETE FROM audit_record WHERE sequence BETWEEN 3 AND 7")
    assert "rows 3 to 7 (5 rows) are missing" in only(written, "missing")


def test_truncation_of_the_newest_chain(written: AuditStore) -> None:
    written.sql("DELETE FROM audit_record WHERE sequence > 20")
    assert "rows 6 to 8 (3 rows) are missing at the end" in only(written, "missing")


def test_truncation_after_a_crash_is_found_by_the_next_chain(written: AuditStore) -> None:
    written.sql("DELETE FROM audit_record WHERE sequence = 15")
    assert "row 5 is missing at the end" in only(written, "missing")


def test_truncation_of_the_table_and_of_its_heads_is_found_by_the_file(written: AuditStore) -> None:
    newest = chains(written)[-1]
    written.sql("DELETE FROM audit_record WHERE sequence > 20")
    written.sql("DELETE FROM audit_head WHERE chain = ? AND kind = 'head'", newest)
    findings = written.verify().findings
    assert sorted(finding.kind for finding in findings) == ["missing", "statement"]
    assert any("rows 6 to 8 (3 rows) are missing at the end" in finding.line() for finding in findings)


def test_an_older_head_put_back_into_the_table_is_found_by_the_file(store: AuditStore) -> None:
    async def work(writer: object) -> None:
        from tests.services.cloudtrail.trail import Writer

        assert isinstance(writer, Writer)
        await writer.write(4)
        await writer.heads.seal()
        older.append(store.sql("SELECT statement_sealed FROM audit_head WHERE kind = 'head'")[0][0])
        await writer.write(4)

    older: list[bytes] = []
    store.serve(work)
    store.sql("DELETE FROM audit_record WHERE sequence > 4")
    store.sql("UPDATE audit_head SET statement_sealed = ? WHERE kind = 'head'", older[0])
    findings = store.verify().findings
    assert sorted(finding.kind for finding in findings) == ["missing", "statement"]


def test_a_whole_chain_gone(written: AuditStore) -> None:
    for number, chain in enumerate(chains(written)):
        rows = written.sql("SELECT * FROM audit_record WHERE chain = ?", chain)
        written.sql("DELETE FROM audit_record WHERE chain = ?", chain)
        assert f"all {len(rows)} rows" in only(written, "missing-chain"), number
        marks = ", ".join("?" * len(rows[0]))
        for row in rows:
            written.sql(f"INSERT INTO audit_record VALUES ({marks})", *row)
    assert not written.kinds()


def test_a_chain_gone_with_everything_that_is_said_of_it(written: AuditStore) -> None:
    middle = chains(written)[1]
    written.sql("DELETE FROM audit_record WHERE chain = ?", middle)
    written.sql("DELETE FROM audit_head WHERE chain = ?", middle)
    lines = written.file.path.read_text().splitlines(keepends=True)
    written.file.path.write_text("".join(line for line in lines if chain_name(middle) not in line))
    kinds = written.kinds()
    assert "missing-chain" in kinds, "the chain after it names it"


def test_reordered_records(written: AuditStore) -> None:
    written.sql("UPDATE audit_record SET sequence = 1000 WHERE sequence = 4")
    written.sql("UPDATE audit_record SET sequence = 4 WHERE sequence = 5")
    written.sql("UPDATE audit_record SET sequence = 5 WHERE sequence = 1000")
    assert "row 4 does not stand where it was written" in only(written, "order")


def test_a_record_moved_to_the_end(written: AuditStore) -> None:
    written.sql("UPDATE audit_record SET sequence = 1000 WHERE sequence = 20")
    only(written, "order")


def test_an_inserted_record(written: AuditStore) -> None:
    written.sql(
        "INSERT INTO audit_record (account, region, event_time, request_id, record, chain, position, tag, marks)"
        " SELECT account, region, event_time, request_id, record, chain, position, tag, marks FROM audit_record"
        " WHERE sequence = 23"
    )
    assert "a second row at position 8" in only(written, "inserted")


def test_a_record_added_at_the_end_of_a_closed_chain(written: AuditStore) -> None:
    written.sql(
        "INSERT INTO audit_record (account, region, event_time, request_id, record, chain, position, tag, marks)"
        " SELECT account, region, event_time, request_id, record, chain, position + 1, tag, marks FROM audit_record"
        " WHERE sequence = 23"
    )
    assert sorted(written.kinds()) == ["changed", "inserted"]


def test_a_record_outside_every_chain(written: AuditStore) -> None:
    written.sql(
        "INSERT INTO audit_record (account, region, event_time, request_id, record) VALUES ('1', 'r', 1, 'x', x'00')"
    )
    assert "outside every chain" in only(written, "inserted")


def test_a_chain_rebuilt_without_the_key(written: AuditStore) -> None:
    """The attacker changes the first record and makes every tag anew, with a key of their own."""
    chain = chains(written)[2]
    key = ChainKey(chain, hashlib.sha256(b"not the key").digest())
    previous = bytes(32)
    rows = written.sql(
        "SELECT sequence, position, account, region, event_time, request_id, marks, record FROM audit_record"
        " WHERE chain = ? ORDER BY position",
        chain,
    )
    for sequence, position, *fields in rows:
        if position == 1:
            fields[5] = b"{}"
        previous = key.tag(position, previous, tuple(fields))
        written.sql("UPDATE audit_record SET record = ?, tag = ? WHERE sequence = ?", fields[5], previous, sequence)
    line = only(written, "changed")
    assert "rows 1 to 8 (8 rows) were changed, or made without the chain's key" in line


def test_a_chain_rebuilt_with_statements_under_another_root_key(written: AuditStore) -> None:
    chain = chains(written)[2]
    randomness = SystemRandomness()
    vault = Vault(RootKeys.generate(randomness), randomness)
    key = ChainKey(chain, hashlib.sha256(b"not the key").digest())
    tag = key.tag(1, bytes(32), ("1", "r", 1, "x", 0, b"{}"))
    written.sql("DELETE FROM audit_record WHERE chain = ? AND position > 1", chain)
    written.sql(
        "UPDATE audit_record SET account = '1', region = 'r', event_time = 1, request_id = 'x', marks = 0,"
        " record = x'7b7d', tag = ? WHERE chain = ?",
        tag,
        chain,
    )
    opening = Opening(hashlib.sha256(b"not the key").digest(), 1, None, 0, 0)
    for statement in (opening, Head(1, tag, 1, True)):
        sealed = seal_statement(vault, chain, statement)
        written.sql(
            "UPDATE audit_head SET statement_sealed = ? WHERE chain = ? AND kind = ?", sealed, chain, statement.KIND
        )
    kinds = written.kinds()
    assert kinds.count("statement") >= 2
    assert "missing" in kinds
    assert "changed" in kinds


def test_statements_of_one_chain_do_not_open_for_another(written: AuditStore) -> None:
    first, _, last = chains(written)
    sealed = written.sql("SELECT statement_sealed FROM audit_head WHERE chain = ? AND kind = 'head'", first)[0][0]
    written.sql("UPDATE audit_head SET statement_sealed = ? WHERE chain = ? AND kind = 'head'", sealed, last)
    assert "statement" in written.kinds()


def test_the_file_of_heads_removed(written: AuditStore) -> None:
    written.file.path.unlink()
    assert "are missing" in only(written, "file")


def test_the_file_of_heads_without_a_chain(written: AuditStore) -> None:
    first = chain_name(chains(written)[0])
    lines = written.file.path.read_text().splitlines(keepends=True)
    written.file.path.write_text("".join(line for line in lines if first not in line))
    assert first in only(written, "file")


def test_a_damaged_file_of_heads(written: AuditStore) -> None:
    content = written.file.path.read_text()
    written.file.path.write_text("what is this\n" + content)
    assert "line 1 of audit.heads" in only(written, "file")
    written.file.path.write_text(content + "head 00")
    assert not written.kinds(), "a line that was being written when the power went is no fault"


def test_records_of_a_chain_that_never_was(written: AuditStore) -> None:
    written.sql("UPDATE audit_record SET chain = 7 WHERE sequence = 23")
    assert sorted(written.kinds()) == ["missing", "unknown-chain"]


def test_the_whole_directory_set_back_is_found_with_a_copy_kept_elsewhere(store: AuditStore) -> None:
    store.write(5)
    database = (store.directory / DATABASE).read_bytes()
    heads = store.file.path.read_bytes()
    store.write(5)
    kept = store.file.path.read_text()
    store.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        (store.directory / (DATABASE + suffix)).unlink(missing_ok=True)
    (store.directory / DATABASE).write_bytes(database)
    store.file.path.write_bytes(heads)
    assert not store.kinds(), "nothing inside can tell"
    assert "missing-chain" in store.kinds(kept)


def test_ten_thousand_records_take_a_bounded_time(store: AuditStore) -> None:
    import time

    async def work(writer: object) -> None:
        from tests.services.cloudtrail.trail import Writer

        assert isinstance(writer, Writer)
        for _ in range(10):
            writer.submit(1000)
        await writer.executor.idle()

    store.serve(work)
    began = time.process_time()
    verifier = store.verify()
    spent = time.process_time() - began
    assert (verifier.records, list(verifier.findings)) == (10_000, [])
    print(f"\n10,000 records verified in {spent * 1000:.0f} ms of processor time")
    assert spent < 2
