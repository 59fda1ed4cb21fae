"""The one worker that runs due jobs, and the walk of a movable clock from due moment to due moment.

It asks the store for the job that is due first, waits until service time reaches it, and runs it through a
function that the server hands in (`run`: one write transaction with everything a call has). Whoever schedules a job
wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from holdfast.work.clock import SystemClock
from holdfast.work.due import DueJob

LONGEST_WAIT = 30.0
"""Seconds; the machine's clock may be set while the worker waits."""


class Runner(Protocol):
    """What the worker needs of the server."""

    def next_job(self) -> DueJob | None:
        """The job that is due first."""
        ...

    async def run(self, job: DueJob) -> bool:
        """Run one job in its own transaction; whether it succeeded. Never raises for what the job did."""
        ...

    async def save_offset(self, offset: int) -> None:
        """Put the clock's offset on disk."""
        ...


@dataclass(slots=True)
class Walk:
    """What a walk of the clock did."""

    run: int = 0
    failed: int = 0


class Worker:
    """Runs due jobs one after another."""

    def __init__(self, runner: Runner, clock: SystemClock) -> None:
        self._runner = runner
        self._clock = clock
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self.run_total = 0
        self.failed_total = 0

    def wake(self) -> None:
        """Something was scheduled, or the clock moved."""
        self._wake.set()

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            job = self._runner.next_job()
            delay = LONGEST_WAIT if job is None else (job.due - self._clock.service()) / 1000
            if job is not None and delay <= 0:
                async with self._turn:
                    await self._run(job)
                continue
            await self._wait(min(delay, LONGEST_WAIT))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _run(self, job: DueJob) -> bool:
        succeeded = await self._runner.run(job)
        self.run_total += 1
        if not succeeded:
            self.failed_total += 1
        return succeeded

    async def advance(self, milliseconds: int) -> Walk:
        """Move service time forward, stopping at each due moment to do what is due then."""
        walk = Walk()
        async with self._turn:
            target = self._clock.service() + milliseconds
            while True:
                job = self._runner.next_job()
                if job is None or job.due > target:
                    break
                await self._move(job.due)
                walk.run += 1
                if not await self._run(job):
                    walk.failed += 1
            await self._move(target)
        self.wake()
        return walk

    async def _move(self, moment: int) -> None:
        ahead = moment - self._clock.service()
        if ahead <= 0:
            return
        # On disk first: after a crash service time must not have gone back.
        await self._runner.save_offset(self._clock.offset + ahead)
        self._clock.move_to(moment)


Advance = Callable[[int], Awaitable[Walk]]
