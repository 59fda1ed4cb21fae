"""Events for functions (InvocationType Event): kept in the store, run later, tried three times.

    keep      a row, sealed, on disk before the caller is answered 202
    run       in the order in which they are due, a few at a time
    done      the row goes when the function answered, or when its third attempt failed too

A server that dies in between runs the event again: an event is delivered at least once, as AWS's are ("Asynchronous
invocation", developer guide: two retries, a minute and two minutes later). Due moments are service time. What cannot run
because too many do is due again after a short while, and does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from holdfast.services.functions import Busy, Invoked, NotInvoked
from holdfast.store.statements import Statement
from holdfast.vault.registry import FUNCTION_EVENT

if TYPE_CHECKING:
    from holdfast.services.lambda_.identifiers import Reference
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault

AT_ONCE = 8
RETRIES = (60_000, 120_000)
"""Milliseconds after the first and the second failure."""
BUSY_AGAIN = 1_000
OLDEST = 6 * 3_600_000
"""Milliseconds after which an event that was never run is given up (MaximumEventAgeInSeconds)."""
LONGEST_WAIT = 5.0

INSERT_EVENT = Statement(
    "INSERT INTO lambda_event (event_id, account, region, name, qualifier, accepted, due, attempts, payload_sealed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING"
)
"""Whoever delivers at least once gives a repetition the id of the first."""
NEXT_EVENTS = Statement(
    "SELECT event_id, account, region, name, qualifier, accepted, due, attempts, payload_sealed FROM lambda_event"
    " ORDER BY due, event_id LIMIT ?"
)
POSTPONE_EVENT = Statement("UPDATE lambda_event SET due = ?, attempts = ? WHERE event_id = ?")
REMOVE_EVENT = Statement("DELETE FROM lambda_event WHERE event_id = ?")

Write = Callable[[Callable[["Transaction"], object]], Awaitable[None]]
Run = Callable[["Reference", bytes, str], Awaitable[Invoked]]


class FunctionEvents:
    """One per server; everything runs on the loop's thread."""

    def __init__(
        self, vault: Vault, snapshot: Callable[[], Transaction], write: Write, run: Run, now: Callable[[], int]
    ) -> None:
        """`now` is service time in milliseconds; `run` raises NotInvoked, `write` raises StoreError."""
        self._vault = vault
        self._snapshot = snapshot
        self._write = write
        self._run = run
        self._now = now
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._go_on())

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def close(self) -> None:
        """Stop; what runs is run again after the next start."""
        tasks = [*self._running.values(), *([self._work] if self._work else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def keep(self, where: Reference, payload: bytes, event_id: str) -> None:
        """Put an event on disk. Raises StoreError."""
        sealed = self._vault.seal(FUNCTION_EVENT, (event_id,), payload)
        now = self._now()

        def unit(transaction: Transaction) -> None:
            transaction.run(INSERT_EVENT, event_id, *where, now, now, 0, sealed)

        await self._write(unit)
        self.wake()

    async def _go_on(self) -> None:
        while True:
            self._wake.clear()
            delay = self._begin_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    def _begin_due(self) -> float:
        """Begin what is due; seconds until something else may be."""
        room = AT_ONCE - len(self._running)
        rows = self._snapshot().all(NEXT_EVENTS, AT_ONCE + 1)
        now = self._now()
        for event_id, account, region, name, qualifier, accepted, due, attempts, sealed in rows:
            if event_id in self._running:
                continue
            if due > now:
                return min(LONGEST_WAIT, max(0.001, (due - now) / 1000))
            if room <= 0:
                break
            room -= 1
            from holdfast.services.lambda_.identifiers import Reference

            where = Reference(account, region, name, qualifier)
            task = asyncio.get_running_loop().create_task(self._deliver(event_id, where, accepted, attempts, sealed))
            self._running[event_id] = task
            task.add_done_callback(lambda _, event_id=event_id: self._ended(event_id))
        return LONGEST_WAIT

    def _ended(self, event_id: str) -> None:
        del self._running[event_id]
        self.wake()

    async def _deliver(self, event_id: str, where: Reference, accepted: int, attempts: int, sealed: bytes) -> None:
        try:
            invoked = await self._run(where, self._vault.open(FUNCTION_EVENT, (event_id,), sealed), event_id)
        except Busy:
            if self._now() - accepted < OLDEST:
                await self._postpone(event_id, BUSY_AGAIN, attempts)
                return
        except NotInvoked:
            if attempts < len(RETRIES):
                await self._postpone(event_id, RETRIES[attempts], attempts + 1)
                return
        else:
            if invoked.error and attempts < len(RETRIES):
                await self._postpone(event_id, RETRIES[attempts], attempts + 1)
                return
        await self._write(lambda transaction: transaction.run(REMOVE_EVENT, event_id))

    async def _postpone(self, event_id: str, delay: int, attempts: int) -> None:
        due = self._now() + delay
        await self._write(lambda transaction: transaction.run(POSTPONE_EVENT, due, attempts, event_id))
