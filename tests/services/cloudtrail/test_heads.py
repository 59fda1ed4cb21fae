"""DIR/audit.heads: when it is written, what is kept of it, and what a power cut may do to it."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.server import audit_heads
from holdfast.server.audit_heads import HeadsFile, SealedStatement, parse
from holdfast.vault.chain import Head, open_statement, seal_statement
from tests.services.cloudtrail.trail import AuditStore, Writer


def heads_of(store: AuditStore) -> list[Head]:
    found = [open_statement(store.vault, *statement) for statement in store.file.read()[0]]
    return [statement for statement in found if isinstance(statement, Head)]


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        await asyncio.sleep(0.001)
        if condition():
            return


def test_sealed_while_it_moves_and_not_when_it_rests(store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_heads, "SEAL_SECONDS", 0.0)

    async def work(writer: Writer) -> None:
        writer.audit.moved = writer.heads.moved
        await writer.write(3)
        async with asyncio.timeout(10):
            await _until(lambda: [head.position for head in heads_of(store)][-1:] == [3])
            lines = store.file.path.read_bytes()
            for _ in range(20):
                await asyncio.sleep(0)
            assert store.file.path.read_bytes() == lines
            await writer.write(1)
            await _until(lambda: heads_of(store)[-1].position == 4)
        assert not heads_of(store)[-1].closed

    store.serve(work)
    assert heads_of(store)[-1].closed
    assert stat.S_IMODE(store.file.path.stat().st_mode) == 0o600


def test_nothing_recorded_nothing_written(store: AuditStore) -> None:
    store.write(0)
    assert not store.file.path.exists()
    assert not store.kinds()


def test_the_file_is_made_anew_before_it_grows_without_end(store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_heads, "ROTATE_BYTES", 2000)

    async def work(writer: Writer) -> None:
        for _ in range(30):
            await writer.write(1)
            await writer.heads.seal()
            assert store.file.size() < 2400

    store.serve(work)
    store.serve(work)
    assert [head.position for head in heads_of(store) if head.closed] == [30, 30]
    assert not store.kinds()


def test_a_line_that_does_not_open_is_kept(store: AuditStore) -> None:
    store.write(3)
    foreign = SealedStatement(9, "head", b"not sealed by anybody")
    store.file.append([foreign])
    store.file.rotate(store.vault)
    assert foreign in store.file.read()[0]
    assert "statement" in store.kinds(), "evidence does not disappear"


def test_rotation_keeps_the_newest_not_the_last(store: AuditStore) -> None:
    store.write(5)
    chain = store.file.read()[0][0].chain
    old = Head(1, b"x" * 32, 1, False)
    store.file.append([SealedStatement(chain, "head", seal_statement(store.vault, chain, old))])
    store.file.rotate(store.vault)
    assert [head.position for head in heads_of(store)] == [5]


def test_half_a_line_is_written_over(tmp_path: Path) -> None:
    file = HeadsFile(tmp_path / "audit.heads")
    first, second = SealedStatement(1, "head", b"first"), SealedStatement(2, "head", b"second")
    file.append([first])
    with file.path.open("ab") as torn:
        torn.write(b"head 0000")
    assert file.read() == ([first], [])
    file.append([second])
    assert file.read() == ([first, second], [])


def test_lines_that_are_no_statements() -> None:
    good = "head 00000000000000ff aGk=\n"
    assert parse(good.encode()) == ([SealedStatement(255, "head", b"hi")], [])
    for bad in (
        "head 00000000000000FF aGk=",
        "other 00000000000000ff aGk=",
        "head 00000000000000ff",
        "",
        "head 1 aGk=",
    ):
        assert parse((good + bad + "\n").encode())[1] == [2], bad


def test_a_file_that_cannot_be_written_is_reported_and_tried_again(store: AuditStore) -> None:
    store.file.path.mkdir()

    async def work(writer: Writer) -> None:
        await writer.write(2)
        await writer.heads.seal()
        assert writer.heads.failed
        assert [type(error) for error in writer.reported] == [IsADirectoryError]
        writer.reported.clear()
        store.file.path.rmdir()
        await writer.heads.seal()
        assert not writer.heads.failed
        assert [head.position for head in heads_of(store)] == [2]

    store.serve(work)
    assert not store.kinds()


def test_what_a_crash_kept_from_the_file_comes_with_the_next_start(store: AuditStore) -> None:
    """The table had the head, the file not yet."""

    async def work(writer: Writer) -> None:
        writer.heads.file = None
        await writer.write(4)
        await writer.heads.seal()

    store.serve(work, crash=lambda: True)
    assert not store.file.path.exists()
    store.write(1)
    assert [head.position for head in heads_of(store)] == [4, 1]
    assert not store.kinds()
    assert os.listdir(store.directory).count("audit.heads") == 1  # noqa: PTH208 - names only
