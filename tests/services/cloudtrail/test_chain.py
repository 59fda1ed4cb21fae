"""The chain against a simple model: whatever fails, the chain is what was committed, without a gap or a fork.

And its format, read by a second hand: HMAC of the standard library over MessagePack spelled out here.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.vault.chain import ChainKey, Head, Link, Opening, Removal, new_chain, open_statement, seal_statement
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import SystemRandomness
from tests.services.cloudtrail.trail import AuditStore, Writer

UNITS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(0, 3)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("commit fails"), st.just(0)),
        st.tuples(st.just("begin fails"), st.just(0)),
        st.tuples(st.just("seal"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    max_size=14,
)


class _Broken:
    """Makes the writer's commits or beginnings fail."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def commit(self) -> None:
        database = self._writer.executor.database
        real = database.commit

        def fail() -> None:
            raise apsw.IOError("the disk went away")

        database.commit = fail  # pyright: ignore[reportAttributeAccessIssue] - the fault to inject
        await self._writer.executor.idle()
        database.commit = real  # pyright: ignore[reportAttributeAccessIssue]

    async def begin(self) -> None:
        """Somebody else holds the write lock."""
        database = self._writer.executor.database
        database.writing.set_busy_timeout(0)
        with sqlite3.connect(database.path) as other:
            other.execute("BEGIN IMMEDIATE")
            await self._writer.executor.idle()
            other.execute("ROLLBACK")
        other.close()
        database.writing.set_busy_timeout(5000)


@settings(max_examples=40, deadline=None)
@given(steps=UNITS)
def test_the_chain_is_what_was_committed(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as directory:
        store = AuditStore(Path(directory))
        expected: list[str] = []
        rest = list(steps)
        while rest:
            end, rest = _one_start(store, rest, expected)
            if not end:
                break
        found = [row[0] for row in store.sql("SELECT request_id FROM audit_record ORDER BY sequence")]
        assert found == expected
        for (chain,) in store.sql("SELECT DISTINCT chain FROM audit_record"):
            positions = [
                row[0]
                for row in store.sql("SELECT position FROM audit_record WHERE chain = ? ORDER BY sequence", chain)
            ]
            assert positions == list(range(1, len(positions) + 1))
        verifier = store.verify()
        assert not verifier.findings, [finding.line() for finding in verifier.findings]
        assert verifier.records == len(expected)


def _one_start(
    store: AuditStore, steps: list[tuple[str, int]], expected: list[str]
) -> tuple[bool, list[tuple[str, int]]]:
    """Run steps until the server ends; whether it did, and the steps left."""
    left = list(steps)
    ended = ""

    async def work(writer: Writer) -> None:
        nonlocal ended
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        pending: list[tuple[list[Any], list[str]]] = []
        broken = _Broken(writer)

        def settle() -> None:
            for outcome, numbers in pending:
                assert len(outcome) == 1, "every unit hears of its end once"
                if outcome[0] is None:
                    expected.extend(numbers)
            pending.clear()

        while left:
            what, count = left.pop(0)
            if what in ("write", "fail"):
                first = store.number + 1
                outcome = writer.submit(count, ZeroDivisionError() if what == "fail" else None)
                pending.append((outcome, [f"request-{n}" for n in range(first, first + count)]))
                continue
            if what == "commit fails":
                await broken.commit()
            elif what == "begin fails":
                await broken.begin()
            else:
                await writer.executor.idle()
            settle()
            if what == "seal":
                await writer.heads.seal()
            elif what in ("restart", "crash"):
                ended = what
                return
        await writer.executor.idle()
        settle()

    store.serve(work, crash=lambda: ended == "crash")
    return bool(ended), left


# -- the format ---------------------------------------------------------------------------------------------------------


def _pack(value: Any) -> bytes:
    """MessagePack in its shortest form, of what a row holds (https://github.com/msgpack/msgpack/blob/master/spec.md)."""
    if isinstance(value, int):
        if value >= 0:
            for limit, mark, size in (
                (1 << 7, b"", 1),
                (1 << 8, b"\xcc", 1),
                (1 << 16, b"\xcd", 2),
                (1 << 32, b"\xce", 4),
            ):
                if value < limit:
                    return mark + value.to_bytes(size, "big")
            return b"\xcf" + value.to_bytes(8, "big")
        for limit, mark, size in ((1 << 5, b"", 1), (1 << 7, b"\xd0", 1), (1 << 15, b"\xd1", 2), (1 << 31, b"\xd2", 4)):
            if value >= -limit:
                return mark + value.to_bytes(size, "big", signed=True)
        return b"\xd3" + value.to_bytes(8, "big", signed=True)
    data = value.encode() if isinstance(value, str) else value
    size = len(data)
    if isinstance(value, str):
        if size < 32:
            return bytes([0xA0 | size]) + data
        marks = (b"\xd9", b"\xda", b"\xdb")
    else:
        marks = (b"\xc4", b"\xc5", b"\xc6")
    for limit, mark, width in zip((1 << 8, 1 << 16, 1 << 32), marks, (1, 2, 4), strict=True):
        if size < limit:
            return mark + size.to_bytes(width, "big") + data
    raise ValueError


FIELDS = st.tuples(
    st.text(max_size=12),
    st.text(max_size=40),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=300),
    st.integers(-1, 2**63 - 1),
    st.binary(max_size=70_000),
)


@settings(max_examples=60, deadline=None)
@given(
    chain=st.integers(1, 2**63 - 1),
    position=st.integers(1, 2**40),
    previous=st.binary(min_size=32, max_size=32),
    fields=FIELDS,
    secret=st.binary(min_size=32, max_size=32),
)
def test_a_second_reader_makes_the_same_tags(
    chain: int, position: int, previous: bytes, fields: tuple[Any, ...], secret: bytes
) -> None:
    packed = b"\x93" + _pack(position) + _pack(previous) + b"\x96" + b"".join(map(_pack, fields))
    message = b"holdfast-audit-v1\0" + chain.to_bytes(8, "big") + packed
    assert ChainKey(chain, secret).tag(position, previous, fields) == hmac.digest(secret, message, "sha256")


def test_tags_depend_on_everything() -> None:
    key = ChainKey(5, bytes(32))
    row = ("1", "r", 2, "q", 3, b"{}")
    tags = {
        key.tag(1, bytes(32), row),
        key.tag(2, bytes(32), row),
        key.tag(1, b"\1" + bytes(31), row),
        ChainKey(6, bytes(32)).tag(1, bytes(32), row),
        ChainKey(5, b"\1" + bytes(31)).tag(1, bytes(32), row),
        *(key.tag(1, bytes(32), (*row[:n], "other", *row[n + 1 :])) for n in range(6)),
        key.tag(1, bytes(32), ("1r", "", *row[2:])),
    }
    assert len(tags) == 12


def test_statements_open_for_their_own_chain_and_kind(store: AuditStore) -> None:
    randomness = SystemRandomness()
    key, opening = new_chain(randomness, 1, Link(7, 3, bytes(32)), 2, 9)
    for statement in (opening, Head(4, b"t" * 32, 5, True), Removal(3, b"u" * 32, 3, 8, 9)):
        sealed = seal_statement(store.vault, key.chain, statement)
        assert open_statement(store.vault, key.chain, statement.KIND, sealed) == statement
        for chain, kind in ((key.chain + 1, statement.KIND), (key.chain, "other")):
            with pytest.raises(DecryptError):
                open_statement(store.vault, chain, kind, sealed)
        for kind in {"opening", "head", "removal"} - {statement.KIND}:
            with pytest.raises(DecryptError):
                open_statement(store.vault, key.chain, kind, sealed)


def test_no_key_in_a_repr() -> None:
    key, opening = new_chain(SystemRandomness(), 1, None)
    assert isinstance(opening, Opening)
    assert opening.secret.hex() not in repr(opening)
    assert repr(opening.secret)[2:-1] not in repr(opening)
    assert "secret" not in repr(opening)
    assert repr(key) == f"<ChainKey {key.chain:016x}>"


def test_an_upgraded_store_knows_how_many_records_were_never_chained(store: AuditStore) -> None:
    for number in range(3):
        store.sql(
            "INSERT INTO audit_record (account, region, event_time, request_id, record) VALUES ('1', 'r', ?, 'q', x'00')",
            number,
        )
    store.write(2)
    store.write(2)
    verifier = store.verify()
    assert not verifier.findings
    assert verifier.notes() == ["3 records are older than the first chain and cannot be proven"]
    store.sql("DELETE FROM audit_record WHERE sequence = 2")
    assert store.kinds() == ["missing"]
    store.sql(
        "INSERT INTO audit_record (sequence, account, region, event_time, request_id, record)"
        " VALUES (2, '1', 'r', 1, 'q', x'00')"
    )
    store.sql(
        "INSERT INTO audit_record (account, region, event_time, request_id, record) VALUES ('1', 'r', 1, 'q', x'00')"
    )
    assert store.kinds() == ["inserted"]
