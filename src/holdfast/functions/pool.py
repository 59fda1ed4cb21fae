"""The environments that live: used again while they are warm, bounded in number, ended when idle or outdated.

INVARIANT: an environment runs one invocation at a time, and only those of its plan's name: the revision of the function,
the role's credentials and the fence are in it, so nothing of an older one is ever used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any

from holdfast.functions.environment import Environment, Invocation, Outcome, Plan

if TYPE_CHECKING:
    from holdfast.functions.runtime_api import RuntimeApi

SWEEP_SECONDS = 5.0


class Full(Exception):
    """As many environments are busy as may be."""


class Pool:
    """One per server; everything runs on the loop's thread."""

    def __init__(
        self,
        api: RuntimeApi,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        *,
        most: int,
        idle_seconds: float,
        longest_life: float,
    ) -> None:
        self._api = api
        self._monotonic = monotonic
        self._wall = wall
        self._most = most
        self._idle_seconds = idle_seconds
        self._longest_life = longest_life
        self._living: dict[Environment, tuple[str, Hashable]] = {}
        """Environment -> its token, and the function it belongs to."""
        self._starting = 0
        self._timer: asyncio.TimerHandle | None = None
        self.buried: Callable[[Environment], Awaitable[None]]
        """What is left to do when an environment has ended."""
        self._funerals: set[asyncio.Task[None]] = set()
        self.started_total = 0
        self.invocations_total = 0

    def busy(self, counts: Callable[[Any], bool]) -> int:
        """Invocations that run now of the functions that `counts`."""
        return sum(1 for environment, (_, of) in self._living.items() if environment.busy and counts(of))

    def __len__(self) -> int:
        return len(self._living)

    async def run(
        self,
        name: Hashable,
        function: Hashable,
        plan: Callable[[], Awaitable[tuple[Plan, str]]],
        invocation: Invocation,
    ) -> Outcome:
        """Run an invocation in a warm environment of this name, or in a new one made from `plan` (and its token).

        Raises Full, and whatever `plan` raises.
        """
        environment = self._warm(name, function)
        if environment is None:
            self._make_room()
            self._starting += 1
            try:
                made, token = await plan()
                environment = self._start(made, token, function)
            finally:
                self._starting -= 1
        self.invocations_total += 1
        return await environment.invoke(invocation)

    def _warm(self, name: Hashable, function: Hashable) -> Environment | None:
        """An idle environment of this name, the one used last; idle ones of the function under other names are outdated."""
        now = self._monotonic()
        best: Environment | None = None
        for environment, (_, of) in tuple(self._living.items()):
            if of != function or environment.busy or environment.dead:
                continue
            if environment.plan.name != name or now - environment.born > self._longest_life:
                environment.kill()
            elif best is None or environment.idle_since > best.idle_since:
                best = environment
        return best

    def _make_room(self) -> None:
        if len(self._living) + self._starting < self._most:
            return
        idle = [environment for environment in self._living if not environment.busy]
        if not idle:
            raise Full
        min(idle, key=lambda environment: environment.idle_since).kill()

    def _start(self, plan: Plan, token: str, function: Hashable) -> Environment:
        environment = Environment(plan, self._monotonic, self._wall, self._died)
        self._living[environment] = token, function
        self._api.environments[token] = environment
        self.started_total += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        return environment

    def _died(self, environment: Environment) -> None:
        token, _ = self._living.pop(environment)
        del self._api.environments[token]
        task = asyncio.get_running_loop().create_task(self._bury(environment))
        self._funerals.add(task)
        task.add_done_callback(self._funerals.discard)

    async def _bury(self, environment: Environment) -> None:
        await environment.process.gone()
        await self.buried(environment)

    def _sweep(self) -> None:
        self._timer = None
        now = self._monotonic()
        for environment in tuple(self._living):
            if not environment.busy and now - environment.idle_since > self._idle_seconds:
                environment.kill()
        if self._living:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    async def close(self) -> None:
        """End every environment; returns when nothing is left."""
        if self._timer is not None:
            self._timer.cancel()
        for environment in tuple(self._living):
            environment.kill()
        await asyncio.gather(*self._funerals, return_exceptions=True)
