"""Writes in groups, reads in snapshots, both on the event loop; only COMMIT leaves it.

    loop     ──[BEGIN op op op]──────────────[ack ack ack][BEGIN op op …
    thread                      [COMMIT+fsync]

One fsync serves a whole group: measured 1.7 times a Python writer thread, with no lock around anything. A group takes
what is waiting until about 2 ms of work are done, so a long queue never makes the loop deaf.

Reads share a snapshot until something is written, for `SNAPSHOT_SECONDS` at most; while a group is being committed, a
snapshot lasts one loop iteration.
INVARIANT: no acknowledgement of a commit is handed out while a snapshot older than that commit is open, so a client
always reads what it was told is written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import apsw

from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.transaction import StoreError, Transaction

GROUP_SECONDS = 0.002
"""How much work a group takes on before it commits."""
SNAPSHOT_SECONDS = 0.05
"""How long a snapshot lasts when nothing is written. SQLite can begin its log anew only when nobody reads from it, and
waits for that no longer than `sqlite.PATIENCE`."""

Unit = Callable[[Transaction], None]
Done = Callable[[StoreError | None], None]


class Carried(Protocol):
    """Something in memory that must say what the open transaction says: the end of an audit chain.

    INVARIANT: when a unit is rolled back, `state` is again what it was before that unit; when a group is, what it was
    before the group. A state is never changed in place, so that keeping one costs a reference.
    """

    state: Any


class _Nothing:
    state: Any = None


class GroupCommit:
    """The SQLite executor."""

    def __init__(self, database: SqliteDatabase, monotonic: Callable[[], float], *, queue_limit: int = 10_000) -> None:
        self.database = database
        self._monotonic = monotonic
        self._queue: deque[tuple[Unit, Done]] = deque()
        self._queue_limit = queue_limit
        self._writing = SqliteTransaction(database.writing, writable=True)
        self._reading = SqliteTransaction(database.reading, writable=False)
        self._reading.read = {}
        self._snapshot_end: asyncio.Handle | None = None
        """When the snapshot that is open ends; None: there is none."""
        self._committing = False
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._idle: list[asyncio.Future[None]] = []
        self.carried: Carried = _Nothing()
        self._state_before: Any = None
        self.committed: Callable[[], None] = lambda: None
        """Called when a group is on disk, before anybody is told so."""
        self.groups = 0
        """Groups committed so far, for the metrics."""
        self.units = 0
        """Units committed so far."""

    # -- reads ------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Transaction:
        """What is committed now; valid until control goes back to the loop."""
        if self._snapshot_end is None:
            try:
                self._reading.execute("BEGIN")
            except apsw.Error as error:
                raise StoreError(str(error)) from error
            loop = self._running_loop()
            if self._committing:
                # The log may be waiting to begin anew (`SqliteDatabase.commit`).
                self._snapshot_end = loop.call_soon(self._end_snapshot)
            else:
                self._snapshot_end = loop.call_later(SNAPSHOT_SECONDS, self._end_snapshot)
        return self._reading

    def _end_snapshot(self) -> None:
        if self._snapshot_end is not None:
            self._snapshot_end.cancel()
            self._snapshot_end = None
            self._reading.read = {}
            self._reading.execute("COMMIT")

    # -- writes -----------------------------------------------------------------------------------------------------

    def write(self, unit: Unit, done: Done) -> bool:
        """Queue `unit`; `done(None)` comes after its group is on disk. False: the queue is full and nothing was queued.

        A unit takes back what it must by its own savepoints. One that raises fails alone; an error of the outer
        transaction fails the whole group: `done(StoreError)` for each, nothing written.
        """
        if len(self._queue) >= self._queue_limit:
            return False
        self._queue.append((unit, done))
        if not self._committing and not self._scheduled:
            self._scheduled = True
            self._running_loop().call_soon(self._run_group)
        return True

    @property
    def waiting(self) -> int:
        """Units queued and not yet begun."""
        return len(self._queue)

    def _run_group(self) -> None:
        self._scheduled = False
        if self._committing or not self._queue:
            return
        finished: list[Done] = []
        transaction = self._writing
        carried = self.carried
        self._state_before = carried.state
        try:
            self._end_snapshot()  # SQLite begins its log anew here, if nobody reads from it
            transaction.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            self._fail([self._queue.popleft()[1] for _ in range(len(self._queue))], error)
            return
        deadline = self._monotonic() + GROUP_SECONDS
        while self._queue:
            unit, done = self._queue.popleft()
            state = carried.state
            try:
                mark = transaction.savepoint()
                unit(transaction)
                transaction.release(mark)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, nothing of the unit may stay
                finished.append(done)
                if not self._take_back(transaction):
                    self._fail(finished, error)
                    return
                carried.state = state
                finished.pop()
                done(StoreError(type(error).__name__))
                if not isinstance(error, apsw.Error):
                    self._running_loop().call_exception_handler({"message": "a write unit failed", "exception": error})
            else:
                finished.append(done)
            if self._monotonic() >= deadline:
                break
        self._committing = True
        commit = self._running_loop().run_in_executor(self._committer, self._commit)
        commit.add_done_callback(lambda future: self._committed(future, finished))

    def _take_back(self, transaction: SqliteTransaction) -> bool:
        """Roll one unit back; False when SQLite already gave up the whole transaction (disk full, I/O error)."""
        if not self.database.writing.in_transaction:
            transaction.forget_savepoints()
            return False
        try:
            transaction.execute("ROLLBACK TO s1")
            transaction.execute("RELEASE s1")
        except apsw.Error:
            self._roll_back_all()
            return False
        transaction.forget_savepoints()
        return True

    def _roll_back_all(self) -> None:
        self.carried.state = self._state_before
        self._writing.forget_savepoints()
        if self.database.writing.in_transaction:
            self._writing.execute("ROLLBACK")

    def _commit(self) -> None:
        self.database.commit()

    def _committed(self, future: asyncio.Future[None], finished: list[Done]) -> None:
        self._committing = False
        error = future.exception()
        if error is not None:
            self._roll_back_all()
            self._fail(finished, error)
        else:
            self.groups += 1
            self.units += len(finished)
            self._end_snapshot()
            self.committed()
            for done in finished:
                done(None)
        self._next()

    def _fail(self, finished: list[Done], error: BaseException) -> None:
        self._roll_back_all()
        for done in finished:
            done(StoreError(f"{type(error).__name__}: {error}"))
        self._next()

    def _next(self) -> None:
        if self._queue and not self._committing and not self._scheduled:
            self._scheduled = True
            self._running_loop().call_soon(self._run_group)
        elif not self._queue and not self._committing:
            for future in self._idle:
                if not future.done():
                    future.set_result(None)
            self._idle.clear()

    # -- ends -------------------------------------------------------------------------------------------------------

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def idle(self) -> None:
        """Until every queued write is on disk."""
        while self._queue or self._committing or self._scheduled:
            future = self._running_loop().create_future()
            self._idle.append(future)
            await future

    async def close(self) -> None:
        """Finish what was queued, then close the file."""
        await self.idle()
        self._end_snapshot()
        self._committer.shutdown(wait=True)
        self.database.close()

    def immediately(self, unit: Callable[[Transaction], None]) -> None:
        """Run and commit one unit on this thread, before any loop runs: first start, migrations, maintenance."""
        self._state_before = self.carried.state
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            unit(self._writing)
        except BaseException:
            self._roll_back_all()
            raise
        self._commit()
