"""What reads leave behind: audit records and notes, merged in memory, written with the next batch, the records as pages
(services/cloudtrail/pages.py); what they tell of is an event then.

The window is bounded: a batch is written after `window` seconds, or as soon as it holds `BATCH` records. A crash of the
process loses at most the reads of one window (never a write's record: that is in the write's own transaction). A window
of 0 closes it: the read is answered when its record is on disk. So is every read while the disk lags behind.

Fail closed: while a batch cannot be written, reads are refused, so nothing is read that no record tells of beyond
`LIMIT` records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.services.cloudtrail.pages import Collected, Page

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.server.directory import Directory
    from holdfast.services.cloudtrail.lines import Line
    from holdfast.store.group_commit import GroupCommit
    from holdfast.store.transaction import StoreError, Transaction

BATCH = 1024
LIMIT = 20_000
LAG = 8 * BATCH
"""Records on their way to the disk: with more, a read waits for its own, so that whoever reads faster than the disk writes
is slowed down before anybody is refused."""

Notes = dict[tuple[str, Any], Any]
"""(kind, key) -> value."""
Done = Callable[["StoreError | None"], None]


class Batch:
    """What goes to the disk together."""

    __slots__ = ("apart", "count", "notes", "pages")

    def __init__(self, pages: list[Page], apart: list[Line], notes: Notes, count: int) -> None:
        self.pages = pages
        self.apart = apart
        """Records with rows of their own."""
        self.notes = notes
        self.count = count
        """How many records it holds."""


Keep = Callable[[Batch, Done], bool]
"""Put a batch on disk, and say when it is there; False when it cannot even be queued. Batches are kept in order."""


class Notebook:
    """Pending records and notes of reads."""

    def __init__(self, executor: GroupCommit, directory: Directory, audit: Audit, window: float) -> None:
        self._executor = executor
        self._audit = audit
        self._directory = directory
        self.window = window
        self._collected = Collected()
        self._apart: list[Line] = []
        """Lines that no page may hold."""
        self._notes: Notes = {}
        # What batches held that could not be written, in the order of the batches: it goes before the rest.
        self._pages: list[Page] = []
        self._in_pages = 0
        self._apart_before: list[Line] = []
        self._notes_before: Notes = {}
        self._writing_notes: Notes = {}
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight = 0
        self._waiting: list[Done] = []
        """Who wants to hear how the next batch ends."""
        self._kinds: dict[str, Callable[..., None]] = {}
        self.tell: Callable[[Transaction, list[Line], list[Page]], None] = lambda _transaction, _lines, _pages: None
        """Called in the transaction that wrote records."""
        self.wake: Callable[[], None] = lambda: None
        """Called when a batch is on disk: it may have scheduled something."""
        self.keep: Keep = self._keep
        """Where batches go: into this process's own store, or from a reader to the process that writes (server/reader.py)."""
        self.failed = False
        """The newest batch could not be written; reads are refused until one can."""
        self.written = 0

    def full(self) -> bool:
        """Whether a read must be refused now."""
        return self.failed or self._held() + self._in_flight >= LIMIT

    def lags(self) -> bool:
        """Whether a read is answered only when its record is on disk."""
        return self.window == 0 or self._in_flight >= LAG

    def when_written(self, done: Done) -> None:
        """Have `done` hear how the batch ends that holds what was added last."""
        if self.window > 0 and self._held():
            self._waiting.append(done)
        else:  # at once; or a full batch has left with it, and what is queued now ends after that
            self.flush(done)

    def _held(self) -> int:
        return self._collected.count + len(self._apart) + self._in_pages + len(self._apart_before)

    def add(self, lines: list[Line], notes: list[tuple[str, Any, Any]], *, apart: bool = False) -> None:
        """Remember what a read leaves. `apart`: each record gets a row of its own, as it must where the call began long
        before the record's time, for a page is found by the moment in the call's id."""
        if apart:
            self._apart += lines
        else:
            self._collected.add(lines)
        for kind, key, value in notes:
            self._notes[(kind, key)] = value
        if self._collected.count >= BATCH:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.window, self.flush)

    def pending(self, kind: str, key: Any) -> Any:
        """A note that is not on disk yet."""
        for notes in (self._notes, self._writing_notes, self._notes_before):
            found = notes.get((kind, key))
            if found is not None:
                return found
        return None

    def write_notes(self, transaction: Transaction, notes: Notes) -> None:
        """Write notes by their services' own functions."""
        for (kind, key), value in notes.items():
            self._writer(kind)(transaction, key, value)

    def _writer(self, kind: str) -> Callable[..., None]:
        writer = self._kinds.get(kind)
        if writer is None:
            writer = self._kinds[kind] = self._directory.service(kind.partition(".")[0]).notes[kind]
        return writer

    def flush(self, done: Done | None = None) -> None:
        """Queue everything pending as one write; `done` hears how it ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, notes = self._held(), {**self._notes_before, **self._notes}
        if not held and not notes:
            if done is None:
                return
            if not self._in_flight:
                done(None)
                return
        batch = Batch(self._pages + self._collected.take(), self._apart_before + self._apart, notes, held)
        self._apart, self._notes = [], {}
        self._pages, self._in_pages, self._apart_before, self._notes_before = [], 0, [], {}
        waiting, self._waiting = self._waiting, []
        self._writing_notes = {**self._writing_notes, **notes}
        self._in_flight += held

        def written(error: StoreError | None) -> None:
            self._in_flight -= held
            if held or notes:
                self.failed = error is not None
            for key, value in notes.items():
                if self._writing_notes.get(key) is value:
                    del self._writing_notes[key]
            if error is not None:
                self._take_back(batch)
            for each in waiting:
                each(error)
            if done is not None:
                done(error)

        if not self.keep(batch, written):
            from holdfast.store.transaction import StoreError

            written(StoreError("the write queue is full"))

    def _take_back(self, batch: Batch) -> None:
        self._pages += batch.pages
        self._in_pages += batch.count - len(batch.apart)
        self._apart_before += batch.apart
        self._notes_before.update(batch.notes)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(self.window, 0.5), self.flush)

    def _keep(self, batch: Batch, done: Done) -> bool:
        def write(transaction: Transaction) -> None:
            self._audit.append_pages(transaction, batch.pages)
            self._audit.append(transaction, batch.apart)
            self.write_notes(transaction, batch.notes)
            self.tell(transaction, batch.apart, batch.pages)

        def written(error: StoreError | None) -> None:
            if error is None:
                self.written += batch.count
                self.wake()
            done(error)

        return self._executor.write(write, written)
