"""The worker that runs due jobs, and the walk of a movable clock from due moment to due moment.

It asks the store for the job that is due first, waits until service time reaches it, and begins it through the server
(`Runner.begin`: one write transaction with everything a call has). Jobs of the store run one after another; what the
others do outside runs beside them, so many at once as their lane admits. A lane that is full is passed by: a destination
that hangs keeps no rotation waiting, and rotations keep no event. No account has more of the lane of deliveries than its
share: one whose receivers hang, or take one event a second, keeps no other account's events waiting. Whoever schedules a
job wakes the worker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from holdfast.work.clock import SystemClock
from holdfast.work.due import DELIVERY, EFFECT, INVOCATION, LANES, NOBODY, DueJob

LONGEST_WAIT = 30.0
"""Seconds; the machine's clock may be set while the worker waits."""
TOGETHER = 16
"""Jobs that deliver, begun at once: a message may have hundreds of subscribers."""
PATIENCE = 10.0
"""Seconds of wall time for which a walk waits for an effect."""

Running = Callable[[], Coroutine[None, None, bool]]
"""Awaits a leased job's effects and writes their results; whether it succeeded. Never raises for what the job did."""


class Runner(Protocol):
    """What the worker needs of the server."""

    hurried: bool
    """While the clock is walked: nobody's reads need to be spared."""

    def next_job(self, lanes: Sequence[str], passed_over: Mapping[str, str]) -> DueJob | None:
        """The job of these lanes that is due first; in a lane of `passed_over` none of the account there."""
        ...

    def due_jobs(self, lane: str, limit: int, passed_over: str | None) -> list[DueJob]:
        """The jobs of a lane whose moment has come, so many at most, none of an account that is passed over."""
        ...

    async def begin(self, job: DueJob) -> bool | Running:
        """Run a job's transaction: whether it succeeded, or what is left to do. Never raises for what the job did."""
        ...

    async def save_offset(self, offset: int) -> None:
        """Put the clock's offset on disk."""
        ...


@dataclass(slots=True)
class Walk:
    """What a walk of the clock did."""

    run: int = 0
    failed: int = 0
    late: int = 0
    """Jobs that were still running when the walk stopped waiting for them."""


class Effect(NamedTuple):
    """One that is under way."""

    began: float
    """Monotonic."""
    lane: str
    account: str


LIMITS: Mapping[str, int] = MappingProxyType({EFFECT: 8, DELIVERY: 64, INVOCATION: 8})
"""How many jobs of a lane run at once; those of the store wait for nothing."""


def share_of(limit: int) -> int:
    """How many deliveries of one account run at once: three quarters of the lane. More than half, so that only one account
    can have all that it may."""
    return limit - limit // 4


class Worker:
    """Begins due jobs and keeps their effects."""

    def __init__(self, runner: Runner, clock: SystemClock, limits: Mapping[str, int] = LIMITS) -> None:
        self._runner = runner
        self._clock = clock
        self._limits = limits
        self._share = share_of(limits[DELIVERY])
        self._least = min(*limits.values(), self._share)
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._effects: dict[asyncio.Task[bool], Effect] = {}
        self.run_total = 0
        self.failed_total = 0

    def running(self, lane: str) -> int:
        """How many jobs of a lane are outside now."""
        return sum(1 for effect in self._effects.values() if effect.lane == lane)

    def wake(self) -> None:
        """Something was scheduled, or the clock moved."""
        self._wake.set()

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            job = self._next()
            delay = LONGEST_WAIT if job is None else (job.due - self._clock.service()) / 1000
            if job is not None and delay <= 0:
                async with self._turn:
                    await self._begin_all(job)
                continue
            await self._wait(min(delay, LONGEST_WAIT))

    async def stop(self, seconds: float) -> None:
        """Give effects some time to end; what does not is repeated after the next start."""
        if self._effects and seconds > 0:
            await asyncio.wait(self._effects, timeout=seconds)
        left = list(self._effects)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _next(self) -> DueJob | None:
        if len(self._effects) < self._least:
            return self._runner.next_job(LANES, NOBODY)
        limits = self._limits
        lanes = [lane for lane in LANES if lane not in limits or self.running(lane) < limits[lane]]
        account = self._served()
        return self._runner.next_job(lanes, NOBODY if account is None else {DELIVERY: account})

    def _deliveries(self) -> Counter[str]:
        """How many deliveries of each account run."""
        return Counter(effect.account for effect in self._effects.values() if effect.lane == DELIVERY)

    def _served(self) -> str | None:
        """The account that has its share of deliveries."""
        for account, number in self._deliveries().most_common(1):
            if number >= self._share:
                return account
        return None

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _begin_all(self, first: DueJob) -> None:
        """Begin a job that is due; one that delivers with others: their transactions share one wait for the disk."""
        if first.lane != DELIVERY:
            await self._begin(first)
            return
        room = min(self._limits[DELIVERY] - self.running(DELIVERY), TOGETHER)
        running = self._deliveries()
        jobs: list[DueJob] = []
        for job in (first, *self._runner.due_jobs(first.lane, room, self._served())):
            if (jobs and job.key == first.key) or running[job.account] >= self._share or len(jobs) == room:
                continue
            running[job.account] += 1
            jobs.append(job)
        await asyncio.gather(*(self._begin(job) for job in jobs))

    async def _begin(self, job: DueJob) -> None:
        begun = await self._runner.begin(job)
        if isinstance(begun, bool):
            self._count(begun)
            return
        task = asyncio.get_running_loop().create_task(begun())
        self._effects[task] = Effect(self._clock.monotonic(), job.lane, job.account)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        del self._effects[task]
        if not task.cancelled():
            self._count(task.exception() is None and task.result())
        self.wake()

    def _count(self, succeeded: bool) -> None:
        self.run_total += 1
        if not succeeded:
            self.failed_total += 1

    # -- the walk ---------------------------------------------------------------------------------------------------

    async def advance(self, milliseconds: int) -> Walk:
        """Move service time forward, stopping at each due moment until what began there has ended, or took too long."""
        late: set[asyncio.Task[bool]] = set()
        async with self._turn:
            run, failed = self.run_total, self.failed_total
            target = self._clock.service() + milliseconds
            self._runner.hurried = True
            try:
                await self._walk(target, late)
            finally:
                self._runner.hurried = False
            walk = Walk(self.run_total - run, self.failed_total - failed, len(late))
        self.wake()
        return walk

    async def jump(self, milliseconds: int) -> None:
        """Move service time forward and begin nothing: as time goes by while no server runs."""
        async with self._turn:
            await self._move(self._clock.service() + milliseconds)

    async def _walk(self, target: int, late: set[asyncio.Task[bool]]) -> None:
        while True:
            job = self._next()
            if job is not None and job.due <= self._clock.service():
                await self._begin_all(job)
            elif self._effects.keys() - late:
                await self._settle(late)
            elif job is None or job.due > target:
                break
            else:
                await self._move(job.due)
        await self._move(target)

    async def _settle(self, late: set[asyncio.Task[bool]]) -> None:
        """Until one more effect has ended, or has taken too long."""
        awaited = self._effects.keys() - late
        deadline = min(self._effects[task].began for task in awaited) + PATIENCE
        await asyncio.wait(
            awaited, timeout=max(0.0, deadline - self._clock.monotonic()), return_when=asyncio.FIRST_COMPLETED
        )
        now = self._clock.monotonic()
        late |= {task for task in awaited if not task.done() and self._effects[task].began + PATIENCE <= now}
        late &= self._effects.keys()

    async def _move(self, moment: int) -> None:
        ahead = moment - self._clock.service()
        if ahead <= 0:
            return
        # On disk first: after a crash service time must not have gone back.
        await self._runner.save_offset(self._clock.offset + ahead)
        self._clock.move_to(moment)


Advance = Callable[[int], Awaitable[Walk]]
