"""A store that another process writes: nothing can be written there, and no snapshot is older than an acknowledgement."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from holdfast.server.reading import Snapshots
from holdfast.store import sqlite
from holdfast.store.group_commit import GroupCommit
from holdfast.store.sqlite import SqliteDatabase
from holdfast.store.statements import Statement
from holdfast.store.transaction import ReadOnlyTransaction, StoreError, Transaction

MAKE = "CREATE TABLE thing (number INTEGER PRIMARY KEY)"
ADD = Statement("INSERT INTO thing (number) VALUES (?)")
ALL = Statement("SELECT number FROM thing ORDER BY number")


def add(number: int) -> Callable[[Transaction], None]:
    def unit(tx: Transaction) -> None:
        tx.run(ADD, number)

    return unit


def test_a_reader_sees_what_was_committed_when_it_was_counted(tmp_path: Path) -> None:
    commits = memoryview(bytearray(8)).cast("Q")

    async def run() -> None:
        writer = GroupCommit(SqliteDatabase(tmp_path / "store.db"), time.monotonic)
        writer.database.execute(MAKE)
        reader = Snapshots(SqliteDatabase(tmp_path / "store.db", read_only=True), time.monotonic, commits)
        assert reader.snapshot().all(ALL) == []
        writer.immediately(add(1))
        # Nobody was told of it yet: the snapshot stays, as it must within one call and may until its time is over.
        assert reader.snapshot().all(ALL) == []
        commits[0] += 1
        assert reader.snapshot().all(ALL) == [(1,)]
        await asyncio.sleep(0)
        writer.immediately(add(2))
        assert reader.snapshot().all(ALL) == [(1,)]
        commits[0] += 1
        assert reader.snapshot().all(ALL) == [(1,), (2,)]
        await reader.close()
        await writer.close()

    asyncio.run(run())


def test_commits_are_counted_before_anybody_is_told(tmp_path: Path) -> None:
    happened: list[str] = []

    async def run() -> None:
        writer = GroupCommit(SqliteDatabase(tmp_path / "store.db"), time.monotonic)
        writer.database.execute(MAKE)
        writer.committed = lambda: happened.append("committed")
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(_: StoreError | None) -> None:
            happened.append("told")
            told.set_result(None)

        writer.write(add(1), done)
        await told
        await writer.close()

    asyncio.run(run())
    assert happened == ["committed", "told"]


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db")
    database.execute(MAKE)
    reading = SqliteDatabase(tmp_path / "store.db", read_only=True)
    with pytest.raises(apsw.ReadOnlyError):
        reading.execute("INSERT INTO thing (number) VALUES (1)")

    async def run() -> None:
        reader = Snapshots(reading, time.monotonic, memoryview(bytearray(8)).cast("Q"))
        with pytest.raises(ReadOnlyTransaction):
            reader.snapshot().run(ADD, 1)
        await reader.close()

    asyncio.run(run())
    database.close()


def test_the_log_is_begun_anew_even_if_somebody_always_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONGEST_LOG", 4 << 20)
    path, log = tmp_path / "store.db", tmp_path / "store.db-wal"
    database = SqliteDatabase(path)
    database.execute("CREATE TABLE thing (content BLOB)")
    begun, over = threading.Event(), threading.Event()

    def read() -> None:
        """One snapshot begins before the other one ends."""
        connections = [SqliteDatabase(path, read_only=True).reading for _ in range(2)]
        connections[1].execute("BEGIN; SELECT count(*) FROM thing").fetchall()
        while not over.is_set():
            for number in (0, 1):
                connections[number].execute("BEGIN; SELECT count(*) FROM thing").fetchall()
                connections[1 - number].execute("COMMIT")
                begun.set()
        for connection in connections:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    begun.wait()
    longest = 0
    for _ in range(150):
        database.begin()
        database.writing.execute("INSERT INTO thing (content) VALUES (randomblob(200000))")
        database.commit()
        longest = max(longest, log.stat().st_size)
    over.set()
    reader.join()
    database.close()
    assert longest < 16 << 20
