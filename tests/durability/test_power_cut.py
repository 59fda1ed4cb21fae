"""The power is cut at random moments: what was acknowledged is on disk, and the store is whole.

Also the proof that the test can fail: with synchronous=OFF the same cuts lose acknowledged writes.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from pathlib import Path

import apsw
import pytest

from holdfast.services.holdfast.records import INSERT_ACCOUNT, LIST_ACCOUNTS
from holdfast.store.group_commit import GroupCommit
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction, Synchronous
from holdfast.store.transaction import StoreError, Transaction
from tests.durability.power import Disk

CUTS = int(os.environ.get("HOLDFAST_CHAOS_CUTS", "60"))


class Cutter(threading.Thread):
    """Takes images of the disk at random moments, while the store works on other threads."""

    def __init__(self, disk: Disk, directory: Path, acknowledged: list[str], chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._disk = disk
        self._directory = directory
        self._acknowledged = acknowledged
        self._chance = chance
        self.promises: list[tuple[Path, int]] = []
        self.done = threading.Event()

    def run(self) -> None:
        for number in range(CUTS):
            time.sleep(self._chance.random() * 0.004)
            # First what was promised, then the cut: a write acknowledged in between may be there or not.
            promised = len(self._acknowledged)
            directory = self._directory / str(number)
            directory.mkdir()
            self._disk.image(directory)
            self.promises.append((directory, promised))
        self.done.set()


async def _write(executor: GroupCommit, acknowledged: list[str], until: threading.Event) -> None:
    number = 0

    def unit(name: str) -> None:
        def write(tx: Transaction) -> None:
            tx.run(INSERT_ACCOUNT, name, 1)

        def done(error: StoreError | None) -> None:
            assert error is None
            acknowledged.append(name)

        assert executor.write(write, done)

    while not until.is_set():
        for _ in range(8):
            unit(f"{number:08}")
            number += 1
        await executor.idle()
    await executor.close()


def _cut_and_count(tmp_path: Path, seed: int, synchronous: Synchronous) -> tuple[int, int, int]:
    """(cuts, acknowledged writes promised at the last cut, acknowledged writes lost over all cuts)."""
    chance = random.Random(seed)
    disk = Disk(f"power-{synchronous}-{seed}", chance)
    home = tmp_path / "home"
    home.mkdir()
    database = SqliteDatabase(home / "store.db", synchronous=synchronous, vfs=disk.name)
    with database.writing:
        migrate(SqliteTransaction(database.writing, writable=True), database.execute)
    database.writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in disk.files.values():  # the cuts begin after the first start
        for change in file.pending:
            file.apply(file.content, change)
        file.pending.clear()
    acknowledged: list[str] = []
    cutter = Cutter(disk, tmp_path, acknowledged, chance)
    cutter.start()
    asyncio.run(_write(GroupCommit(database, time.monotonic), acknowledged, cutter.done))
    cutter.join()
    lost = 0
    for directory, promised in cutter.promises:
        try:
            found = _names(directory / "store.db")
        except apsw.Error:
            assert synchronous == "OFF", f"{directory.name}: the store is damaged"
            lost += promised
            continue
        missing = set(acknowledged[:promised]) - found
        assert synchronous == "OFF" or not missing, f"{directory.name}: {len(missing)} of {promised} lost"
        lost += len(missing)
    return len(cutter.promises), cutter.promises[-1][1], lost


def _names(path: Path) -> set[str]:
    connection = apsw.Connection(str(path))
    try:
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise apsw.CorruptError("integrity_check")
        tx = SqliteTransaction(connection, writable=False)
        found: set[str] = set()
        last = ""
        while rows := tx.all(LIST_ACCOUNTS, last):
            found.update(row[0] for row in rows)
            last = rows[-1][0]
        return found
    finally:
        connection.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    cuts, promised, lost = _cut_and_count(tmp_path, seed, "FULL")
    print(f"\n{cuts} power cuts, {promised} acknowledged writes at the last, {lost} lost")
    assert promised > cuts
    assert lost == 0


def test_the_cuts_would_show_a_store_that_does_not_sync(tmp_path: Path) -> None:
    _, promised, lost = _cut_and_count(tmp_path, 3, "OFF")
    assert promised > 0
    assert lost > 0
