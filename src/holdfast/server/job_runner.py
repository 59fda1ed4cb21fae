"""Runs due jobs: the pipeline's last steps for work that nobody called.

    begin   one write transaction: the row is removed, the job's function runs as a service-linked role of the account.
            It may end with an effect: then the row is leased instead, in the same transaction.
    drive   the effect is awaited with no transaction open, its lease renewed; its second half runs in a write
            transaction of its own, in which the row is removed, and may end with the next effect.

Jobs with effects, deliveries too, take a share of the loop and no more: a thousand rotations in one minute must not make
everybody's reads wait. What a job does on behalf is authorized and audited like any call. A row that was replaced or
removed while its effect ran gets none of the result. When the store cannot be written, the result is kept and tried again:
an effect that happened must be recorded before anything else happens to its subject.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.principal import service_role
from holdfast.server.denials import denial_of
from holdfast.services.call import Call, ServiceEvent, Source
from holdfast.services.cloudtrail.denials import kept, write_denial
from holdfast.services.holdfast.records import WRITE_METADATA
from holdfast.services.service import JobEffect, JobFailed, SecondHalf
from holdfast.store.sqlite import is_store_failure
from holdfast.vault.randomness import time_ordered_id
from holdfast.work.due import (
    CANCEL,
    DEAD,
    DELIVERY,
    EFFECT,
    RELEASE,
    RENEW,
    RUNNING,
    STORE,
    WAITING,
    DueJob,
    Key,
    backoff,
    due_jobs,
    next_job,
    read_job,
    retry_delay,
    write_job,
)
from holdfast.work.pace import Pace

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.server.default_buses import DefaultBuses
    from holdfast.server.directory import Directory
    from holdfast.server.notebook import Notebook
    from holdfast.server.pipeline import Report
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.store.group_commit import GroupCommit, Unit
    from holdfast.store.transaction import StoreError, Transaction
    from holdfast.work.clock import SystemClock
    from holdfast.work.worker import Running

CLOCK_OFFSET = "clock_offset"
"""Milliseconds, as text, in store_metadata; read at start-up by server/opening.py."""
LEASE = 60.0
"""Seconds for which a lease holds, and a third of which it is renewed after."""


class Failed(NamedTuple):
    """An effect that did not do what it should."""

    error: str


Body = Callable[[Call], JobEffect | None]
"""What runs in a job's transaction: its function, or a second half."""


class JobRunner:
    """`work.worker.Runner` on a store."""

    def __init__(
        self,
        executor: GroupCommit,
        directory: Directory,
        notebook: Notebook,
        audit: Audit,
        buses: DefaultBuses,
        surroundings: ServerSurroundings,
        clock: SystemClock,
        report: Report,
        answered: Callable[[], int] = lambda: 0,
    ) -> None:
        """`answered` counts the calls that were answered so far."""
        self._executor = executor
        self._directory = directory
        self._notebook = notebook
        self._audit = audit
        self._buses = buses
        self._surroundings = surroundings
        self._clock = clock
        self._report = report
        self._owner = surroundings.randomness.uuid4()
        self._active: set[Key] = set()
        """Subjects whose effect runs in this process."""
        self.hurried = False
        self._answered = answered
        self._pace = Pace()

    def next_job(self, lanes: Sequence[str], passed_over: Mapping[str, str]) -> DueJob | None:
        return next_job(self._executor.snapshot(), lanes, passed_over)

    def due_jobs(self, lane: str, limit: int, passed_over: str | None) -> list[DueJob]:
        return due_jobs(self._executor.snapshot(), lane, self._clock.service(), limit, passed_over)

    async def save_offset(self, offset: int) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run(WRITE_METADATA, CLOCK_OFFSET, str(offset).encode())

        error = await self._write(unit)
        if error is not None:
            raise error

    # -- the first transaction ------------------------------------------------------------------------------------------

    async def begin(self, job: DueJob) -> bool | Running:
        outcome: bool | Running = True
        begun = False

        def unit(transaction: Transaction) -> None:
            nonlocal outcome, begun
            outcome = self._begin(job, transaction)
            begun = not isinstance(outcome, bool)

        error = await self._write(unit if job.lane == STORE else await self._share(unit))
        if error is not None:
            if begun:
                self._active.discard(job.key)
            self._report(f"job {job.kind}", error)
            # The store is in trouble: the row is as it was, so do not spin on it.
            await asyncio.sleep(1)
            return False
        return outcome

    def _begin(self, job: DueJob, transaction: Transaction) -> bool | Running:
        current = read_job(transaction, job.key)
        if current is None or current.state != WAITING or current.due > self._clock.service():
            return True
        if job.key in self._active:
            # Replaced while its effect runs: `_finish` of that one releases it.
            write_job(transaction, replace(current, state=RUNNING), self._owner)
            return True
        function = self._directory.service(job.kind.partition(".")[0]).jobs[job.kind]
        failed = self._retry_store_job if current.lane == STORE else self._retry_effect
        effect = self._attempt(
            current, transaction, lambda call: function(call, current.subject, current.payload), failed
        )
        if isinstance(effect, bool):
            return effect
        self._active.add(job.key)
        return partial(self._drive, current, effect)

    def _attempt(
        self, job: DueJob, transaction: Transaction, body: Body, failed: Callable[[Transaction, DueJob, str], None]
    ) -> bool | JobEffect:
        """Run one of a job's transactions: the row goes, or is leased when an effect follows."""
        call = self._call(job, transaction)
        mark = transaction.savepoint()
        try:
            transaction.run(CANCEL, *job.key)
            effect = body(call)
            if effect is not None:
                write_job(transaction, replace(job, state=RUNNING), self._owner, self._lease())
            self._notebook.write_notes(transaction, {(kind, key): value for kind, key, value in call.notes})
            transaction.release(mark)
        except Exception as error:
            if is_store_failure(error):
                raise
            transaction.rollback(mark)
            self._report(f"job {job.kind} {call.request_id}", error)
            _record_failure(call, job)
            failed(transaction, job, type(error).__name__)
            return False
        finally:
            denial = denial_of(call)
            if denial is not None:
                write_denial(transaction, call.request_id, kept(denial))
            lines = self._audit.lines(call.traces)
            self._audit.append(transaction, lines)
        # What a delivery asks of others must not become the next event.
        self._buses.take(transaction, () if job.lane == DELIVERY else lines, call.emitted)
        return True if effect is None else effect

    def _call(self, job: DueJob, transaction: Transaction) -> Call:
        name = job.kind.partition(".")[0]
        now = self._clock.service()
        role = self._directory.service(name).roles.get(job.kind, f"AWSServiceRoleForHoldfast{name.capitalize()}")
        call = Call(
            self._surroundings,
            transaction,
            principal=service_role(job.account, f"{name}.holdfast", role),
            region=job.region,
            now=now,
            request_id=time_ordered_id(self._surroundings.randomness, now),
            source=Source(),
        )
        call.job_kind = job.kind
        return call

    def _retry_store_job(self, transaction: Transaction, job: DueJob, error: str) -> None:
        attempts = job.attempts + 1
        due = self._clock.service() + retry_delay(attempts)
        write_job(transaction, replace(job, due=due, attempts=attempts, last_error=error, state=WAITING))

    def _retry_effect(self, transaction: Transaction, job: DueJob, error: str) -> None:
        retry = self._directory.service(job.kind.partition(".")[0]).effects[job.kind]
        attempts = job.attempts + 1
        due = self._clock.service() + backoff(retry, attempts, self._surroundings.randomness)
        state = DEAD if 0 < retry.attempts <= attempts else WAITING
        write_job(transaction, replace(job, due=due, attempts=attempts, last_error=error, state=state))

    # -- effects --------------------------------------------------------------------------------------------------------

    async def _drive(self, job: DueJob, effect: JobEffect) -> bool:
        """A leased job's effects, one after another, each result on disk before the next begins."""
        try:
            while True:
                result = await self._await(job, effect)
                after = await self._finish(job, result)
                if isinstance(after, bool):
                    return after
                effect = after
        finally:
            self._active.discard(job.key)

    async def _await(self, job: DueJob, effect: JobEffect) -> SecondHalf | Failed | None:
        async def run() -> SecondHalf | None:
            return await effect(job.identity)

        task = asyncio.get_running_loop().create_task(run())
        began = self._clock.monotonic()
        try:
            while not (await asyncio.wait({task}, timeout=LEASE / 3))[0]:
                await self._write(lambda tx: _ignore(tx.run(RENEW, self._lease(), *job.key, job.identity)))
            return task.result()
        except JobFailed as error:
            return Failed(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the job must go on
            self._report(f"effect {job.kind} {job.identity}", error)
            return Failed(type(error).__name__)
        finally:
            task.cancel()
            if job.lane == EFFECT:  # the others wait for another host, or for a function that has limits of its own
                self._pace.effect(began, self._clock.monotonic(), self._answered())

    async def _finish(self, job: DueJob, result: SecondHalf | Failed | None) -> bool | JobEffect:
        outcome: bool | JobEffect = False

        def unit(transaction: Transaction) -> None:
            nonlocal outcome
            outcome = self._write_result(job, result, transaction)
            if isinstance(outcome, bool):
                # Here and not later: in the same group somebody may begin what was scheduled anew.
                self._active.discard(job.key)

        shared = await self._share(unit)
        while (error := await self._write(shared)) is not None:
            self._active.add(job.key)
            self._report(f"job {job.kind} {job.identity}", error)
            await asyncio.sleep(1)
        return outcome

    def _write_result(
        self, job: DueJob, result: SecondHalf | Failed | None, transaction: Transaction
    ) -> bool | JobEffect:
        current = read_job(transaction, job.key)
        if current is None or current.identity != job.identity or current.state != RUNNING:
            transaction.run(RELEASE, *job.key)
            return True
        if isinstance(result, Failed):
            self._retry_effect(transaction, current, result.error)
            return False
        if result is None:
            transaction.run(CANCEL, *job.key)
            return True
        return self._attempt(current, transaction, result.function, self._retry_effect)

    async def _share(self, unit: Unit) -> Unit:
        """Wait until this unit's turn has come; what it costs puts off the next ones."""
        monotonic = self._clock.monotonic
        while not self.hurried and (wait := self._pace.free_at - monotonic()) > 0:  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(wait)

        def timed(transaction: Transaction) -> None:
            began = monotonic()
            unit(transaction)
            self._pace.transaction(began, monotonic())

        return timed

    def _lease(self) -> int:
        return int((self._clock.monotonic() + LEASE) * 1000)

    async def _write(self, unit: Unit) -> StoreError | None:
        future: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()

        def done(error: StoreError | None) -> None:
            if not future.done():
                future.set_result(error)

        while not self._executor.write(unit, done):
            await self._executor.idle()
        return await future


def _ignore(_count: int) -> None: ...


def _record_failure(call: Call, job: DueJob) -> None:
    """What a job had done is taken back: its service events say so, and one at least says that it failed."""
    events = [trace for trace in call.traces if isinstance(trace, ServiceEvent)]
    if not events:
        service, _, name = job.kind.partition(".")
        call.service_event(service, "".join(word.capitalize() for word in name.split("-")))
        events = [trace for trace in call.traces[-1:] if isinstance(trace, ServiceEvent)]
    for event in events:
        event.error_code = "InternalFailure"
