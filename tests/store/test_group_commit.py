"""Groups of writes: all or nothing where it must be, each alone where it can be."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from holdfast.services.holdfast.records import READ_METADATA, WRITE_METADATA
from holdfast.store import group_commit
from holdfast.store.group_commit import GroupCommit
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import KEPT_ROWS, SqliteDatabase, SqliteTransaction
from holdfast.store.transaction import ReadOnlyTransaction, StoreError, Transaction

Outcomes = dict[str, StoreError | None]


def run(path: Path, test: Callable[[GroupCommit], Awaitable[None]], *, queue_limit: int = 1000) -> None:
    async def main() -> None:
        database = SqliteDatabase(path / "store.db")
        with database.writing:
            migrate(SqliteTransaction(database.writing, writable=True), database.execute)
        executor = GroupCommit(database, time.monotonic, queue_limit=queue_limit)
        try:
            await test(executor)
        finally:
            await executor.close()

    asyncio.run(main())


def put(
    executor: GroupCommit, outcomes: Outcomes, name: str, value: bytes = b"x", fail: Exception | None = None
) -> bool:
    def unit(tx: Transaction) -> None:
        tx.run(WRITE_METADATA, name, value)
        if fail is not None:
            raise fail

    def done(error: StoreError | None) -> None:
        outcomes[name] = error

    return executor.write(unit, done)


def read(executor: GroupCommit, name: str) -> bytes | None:
    row = executor.snapshot().one(READ_METADATA, name)
    return None if row is None else row[0]


def statements_of(executor: GroupCommit) -> list[str]:
    """What the reading connection is told from now on."""
    told: list[str] = []

    def trace(_cursor: Any, text: str, _values: Any) -> bool:
        told.append(text.split()[0])
        return True

    executor.database.reading.set_exec_trace(trace)
    return told


def test_writes_of_one_iteration_share_a_group(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        outcomes: Outcomes = {}
        for number in range(10):
            assert put(executor, outcomes, str(number))
        assert not outcomes, "nothing may be acknowledged before the commit"
        await executor.idle()
        assert outcomes == dict.fromkeys(map(str, range(10)))
        assert executor.units == 10
        assert executor.groups < 10

    run(tmp_path, test)


def test_a_unit_that_raises_fails_alone(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        outcomes: Outcomes = {}
        put(executor, outcomes, "before")
        put(executor, outcomes, "broken", fail=ZeroDivisionError())
        put(executor, outcomes, "after")
        await executor.idle()
        assert outcomes["before"] is None
        assert outcomes["after"] is None
        assert isinstance(outcomes["broken"], StoreError)
        assert (read(executor, "before"), read(executor, "broken"), read(executor, "after")) == (b"x", None, b"x")

    run(tmp_path, test)


def test_a_full_disk_fails_what_did_not_fit_and_the_store_goes_on(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        writing = executor.database.writing
        pages = writing.pragma("page_count")
        writing.pragma("max_page_count", pages + 8)
        outcomes: Outcomes = {}
        put(executor, outcomes, "small")
        await executor.idle()
        assert outcomes["small"] is None
        put(executor, outcomes, "large", bytes(1_000_000))
        await executor.idle()
        assert isinstance(outcomes["large"], StoreError)
        assert read(executor, "large") is None
        writing.pragma("max_page_count", pages + 10_000)
        put(executor, outcomes, "large", bytes(1_000_000))
        await executor.idle()
        assert outcomes["large"] is None
        assert read(executor, "large") == bytes(1_000_000)
        assert read(executor, "small") == b"x"

    run(tmp_path, test)


def test_a_failed_commit_fails_the_whole_group(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        commit = executor.database.commit

        def broken() -> None:
            raise apsw.IOError("the disk went away")

        outcomes: Outcomes = {}
        executor.database.commit = broken  # pyright: ignore[reportAttributeAccessIssue] - the fault to inject
        put(executor, outcomes, "one")
        put(executor, outcomes, "two")
        await executor.idle()
        executor.database.commit = commit  # pyright: ignore[reportAttributeAccessIssue]
        assert all(isinstance(error, StoreError) for error in outcomes.values())
        assert (read(executor, "one"), read(executor, "two")) == (None, None)
        put(executor, outcomes, "three")
        await executor.idle()
        assert outcomes["three"] is None
        assert read(executor, "three") == b"x"

    run(tmp_path, test)


def test_a_full_queue_refuses_and_loses_nothing(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        outcomes: Outcomes = {}
        assert [put(executor, outcomes, str(n)) for n in range(6)] == [True] * 4 + [False] * 2
        await executor.idle()
        assert outcomes == dict.fromkeys(["0", "1", "2", "3"])

    run(tmp_path, test, queue_limit=4)


def test_who_was_told_reads_what_was_written(tmp_path: Path) -> None:
    """An old snapshot must not be open when an acknowledgement is handed out."""

    async def test(executor: GroupCommit) -> None:
        seen: list[bytes | None] = []

        def unit(tx: Transaction) -> None:
            tx.run(WRITE_METADATA, "told", b"x")

        def done(error: StoreError | None) -> None:
            assert error is None
            seen.append(read(executor, "told"))

        for _ in range(50):
            executor.write(unit, done)
            for _ in range(3):
                read(executor, "told")  # keeps a snapshot open in this iteration
                await asyncio.sleep(0)
        await executor.idle()
        assert seen == [b"x"] * 50

    run(tmp_path, test)


def test_a_snapshot_cannot_write(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        with pytest.raises(ReadOnlyTransaction):
            executor.snapshot().run(WRITE_METADATA, "a", b"b")

    run(tmp_path, test)


def test_a_row_that_many_ask_for_is_read_once_in_a_snapshot_and_anew_in_the_next(tmp_path: Path) -> None:
    def ask(tx: Transaction) -> bytes | None:
        row = tx.once(READ_METADATA, "asked")
        return None if row is None else row[0]

    async def test(executor: GroupCommit) -> None:
        outcomes: Outcomes = {}
        snapshot = executor.snapshot()
        asked = statements_of(executor)
        assert [ask(snapshot), ask(snapshot)] == [None, None]
        assert snapshot.once(READ_METADATA, "another") is None
        assert len(asked) == 2
        for value in (b"1", b"2"):
            put(executor, outcomes, "asked", value)
            await executor.idle()
            assert (ask(executor.snapshot()), ask(executor.snapshot())) == (value, value)
        assert ask(snapshot) == b"2", "nothing of an older snapshot is left"
        executor.database.reading.set_exec_trace(None)

    run(tmp_path, test)


def test_a_snapshot_lasts_until_something_is_written(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        told = statements_of(executor)
        for _ in range(20):
            executor.snapshot().once(READ_METADATA, "asked")
            await asyncio.sleep(0)
        assert told == ["BEGIN", "SELECT"]
        told.clear()
        outcomes: Outcomes = {}
        put(executor, outcomes, "asked", b"1")
        await executor.idle()
        assert told == ["COMMIT"]
        assert executor.snapshot().once(READ_METADATA, "asked") == (b"1",)
        executor.database.reading.set_exec_trace(None)

    run(tmp_path, test)


def test_a_snapshot_that_nobody_uses_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "SNAPSHOT_SECONDS", 0.001)

    async def test(executor: GroupCommit) -> None:
        ended = asyncio.Event()

        def trace(_cursor: Any, text: str, _values: Any) -> bool:
            if text == "COMMIT":
                ended.set()
            return True

        read(executor, "asked")
        executor.database.reading.set_exec_trace(trace)
        await asyncio.wait_for(ended.wait(), 20)
        executor.database.reading.set_exec_trace(None)

    run(tmp_path, test)


def test_while_a_group_is_committed_a_snapshot_lasts_one_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a commit SQLite may wait until nobody reads from its log."""
    go_on = threading.Event()

    async def test(executor: GroupCommit) -> None:
        commit = executor.database.commit

        def slow() -> None:
            go_on.wait()
            commit()

        monkeypatch.setattr(executor.database, "commit", slow)
        outcomes: Outcomes = {}
        put(executor, outcomes, "written")
        await asyncio.sleep(0)
        told = statements_of(executor)
        for _ in range(3):
            assert read(executor, "written") is None
            await asyncio.sleep(0)
        executor.database.reading.set_exec_trace(None)
        go_on.set()
        await executor.idle()
        assert outcomes == {"written": None}
        assert told == ["BEGIN", "SELECT", "COMMIT"] * 3

    run(tmp_path, test)


def test_the_log_is_begun_anew_though_somebody_reads_before_each_write(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        log = tmp_path / "store.db-wal"
        longest = 0
        for number in range(300):
            read(executor, "asked")
            put(executor, {}, f"key{number}", b"x" * 100_000)
            await executor.idle()
            longest = max(longest, log.stat().st_size)
        assert longest < 12 << 20, "a checkpoint is made after 8 MB"

    run(tmp_path, test)


def test_a_snapshot_keeps_a_bounded_number_of_rows(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        told = statements_of(executor)
        for _ in range(2):
            for number in range(KEPT_ROWS + 10):
                executor.snapshot().once(READ_METADATA, str(number))
        assert told.count("SELECT") == KEPT_ROWS + 2 * 10
        executor.database.reading.set_exec_trace(None)

    run(tmp_path, test)


def test_who_writes_reads_each_time(tmp_path: Path) -> None:
    async def test(executor: GroupCommit) -> None:
        seen: list[Any] = []

        def unit(tx: Transaction) -> None:
            for value in (b"1", b"2"):
                seen.append(tx.once(READ_METADATA, "asked"))
                tx.run(WRITE_METADATA, "asked", value)
            seen.append(tx.once(READ_METADATA, "asked"))

        executor.write(unit, lambda _error: None)
        await executor.idle()
        assert seen == [None, (b"1",), (b"2",)]

    run(tmp_path, test)
