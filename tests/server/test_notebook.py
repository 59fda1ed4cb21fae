"""What reads leave, and who waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from holdfast.server.notebook import BATCH, LAG, LIMIT, Notebook
from holdfast.services.cloudtrail.pages import lines_of, whole
from holdfast.store.transaction import StoreError

if TYPE_CHECKING:
    from holdfast.server.notebook import Batch, Done
    from holdfast.services.cloudtrail.lines import Line

ROW = whole("123456789012", "eu-central-1", 1_800_000_000_000, "request", 0, b"{}")


class Slow:
    """Takes batches, and says that they are kept when it is told to."""

    def __init__(self) -> None:
        self.batches: list[tuple[Batch, Done]] = []

    def __call__(self, batch: Batch, done: Done) -> bool:
        self.batches.append((batch, done))
        return True

    def end(self, error: StoreError | None = None) -> None:
        batches, self.batches = self.batches, []
        for _, done in batches:
            done(error)


def book(window: float) -> tuple[Notebook, Slow]:
    nobody: Any = None
    made, slow = Notebook(nobody, nobody, nobody, window), Slow()
    made.keep = slow
    return made, slow


def test_reads_wait_for_their_records_once_the_disk_lags() -> None:
    async def run() -> None:
        notebook, slow = book(3600)
        for _ in range(LAG):
            assert not notebook.lags()
            notebook.add([ROW], [])
        assert [batch.count for batch, _ in slow.batches] == [BATCH] * (LAG // BATCH)
        assert notebook.lags()
        heard: list[StoreError | None] = []
        # The record of this one is in a batch that left already; that of the next one is not.
        notebook.when_written(heard.append)
        notebook.add([ROW], [])
        notebook.when_written(heard.append)
        slow.end()
        assert heard == [None]
        assert not notebook.lags()
        notebook.flush()
        slow.end()
        assert heard == [None, None]

    asyncio.run(run())


def test_who_waits_hears_of_a_failure_and_the_records_stay() -> None:
    async def run() -> None:
        notebook, slow = book(3600)
        heard: list[StoreError | None] = []
        notebook.add([ROW], [("kind", "key", 1)])
        notebook.when_written(heard.append)
        notebook.flush()
        slow.end(failure := StoreError("the disk is full"))
        assert heard == [failure]
        assert notebook.full()
        assert notebook.pending("kind", "key") == 1
        notebook.flush()
        assert [[page.count for page in batch.pages] for batch, _ in slow.batches] == [[1]]
        slow.end()
        assert heard == [failure]
        assert not notebook.full()

    asyncio.run(run())


def test_reads_are_refused_beyond_the_limit() -> None:
    async def run() -> None:
        notebook, slow = book(3600)
        for _ in range(LIMIT):
            assert not notebook.full()
            notebook.add([ROW], [])
        assert notebook.full()
        slow.end()
        assert not notebook.full()

    asyncio.run(run())


def test_without_a_window_each_read_is_a_batch() -> None:
    async def run() -> None:
        notebook, slow = book(0)
        heard: list[StoreError | None] = []
        assert notebook.lags()
        notebook.add([ROW], [])
        notebook.when_written(heard.append)
        assert len(slow.batches) == 1
        slow.end()
        assert heard == [None]

    asyncio.run(run())


def test_batches_that_failed_together_come_again_in_their_order() -> None:
    """A group of writes fails as one, and there may be several batches in it."""

    def numbered(number: int) -> Line:
        return whole("123456789012", "eu-central-1", 1_800_000_000_000, f"request-{number}", 0, b"{}")

    async def run() -> None:
        notebook, slow = book(3600)
        for number in (1, 3):
            notebook.add([numbered(number)], [("kind", "key", number)])
            notebook.add([numbered(number + 1)], [], apart=True)
            notebook.flush()
        slow.end(StoreError("the disk is full"))
        assert notebook.pending("kind", "key") == 3
        notebook.add([numbered(5)], [])
        notebook.add([numbered(6)], [], apart=True)
        notebook.flush()
        ((batch, _),) = slow.batches
        lines = [line for page in batch.pages for line in lines_of(page.account, page.region, page.content)]
        assert [line.request_id for line in lines] == ["request-1", "request-3", "request-5"]
        assert [line.request_id for line in batch.apart] == ["request-2", "request-4", "request-6"]
        assert batch.notes == {("kind", "key"): 3}
        assert batch.count == 6
        slow.end()
        notebook.flush()
        assert not slow.batches

    asyncio.run(run())
