"""Runs one due job: the pipeline's last steps for work that nobody called.

The job acts as a service-linked role of the account it belongs to (`AWSServiceRoleForHoldfast…`), in one write transaction
in which its row is removed too. What it does on behalf is authorized and audited like any call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from holdfast.access.principal import service_role
from holdfast.server.denials import denial_of
from holdfast.services.call import Call, ServiceEvent, Source
from holdfast.services.cloudtrail.denials import kept, write_denial
from holdfast.services.holdfast.records import WRITE_METADATA
from holdfast.store.sqlite import is_store_failure
from holdfast.vault.randomness import time_ordered_id
from holdfast.work.due import CANCEL, SCHEDULE, DueJob, encode_payload, next_job, read_job, retry_delay

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.server.directory import Directory
    from holdfast.server.notebook import Notebook
    from holdfast.server.pipeline import Report
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.store.group_commit import GroupCommit, Unit
    from holdfast.store.transaction import StoreError, Transaction
    from holdfast.work.clock import SystemClock

CLOCK_OFFSET = "clock_offset"
"""Milliseconds, as text, in store_metadata; read at start-up by server/opening.py."""


class JobRunner:
    """`work.worker.Runner` on a store."""

    def __init__(
        self,
        executor: GroupCommit,
        directory: Directory,
        notebook: Notebook,
        audit: Audit,
        surroundings: ServerSurroundings,
        clock: SystemClock,
        report: Report,
    ) -> None:
        self._executor = executor
        self._directory = directory
        self._notebook = notebook
        self._audit = audit
        self._surroundings = surroundings
        self._clock = clock
        self._report = report

    def next_job(self) -> DueJob | None:
        return next_job(self._executor.snapshot())

    async def save_offset(self, offset: int) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run(WRITE_METADATA, CLOCK_OFFSET, str(offset).encode())

        error = await self._write(unit)
        if error is not None:
            raise error

    async def run(self, job: DueJob) -> bool:
        succeeded = False

        def unit(transaction: Transaction) -> None:
            nonlocal succeeded
            succeeded = self._run(job, transaction)

        error = await self._write(unit)
        if error is not None:
            self._report(f"job {job.kind}", error)
            # The store is in trouble: the row is as it was, so do not spin on it.
            await asyncio.sleep(1)
        return succeeded and error is None

    def _run(self, job: DueJob, transaction: Transaction) -> bool:
        current = read_job(transaction, job.key)
        if current is None or current.due > self._clock.service():
            return True
        service_name = job.kind.partition(".")[0]
        now = self._clock.service()
        request_id = time_ordered_id(self._surroundings.randomness, now)
        principal = service_role(
            job.account, f"{service_name}.holdfast", f"AWSServiceRoleForHoldfast{service_name.capitalize()}"
        )
        call = Call(
            self._surroundings,
            transaction,
            principal=principal,
            region=job.region,
            now=now,
            request_id=request_id,
            source=Source(),
        )
        mark = transaction.savepoint()
        try:
            transaction.run(CANCEL, *job.key)
            self._directory.service(service_name).jobs[job.kind](call, current.subject, current.payload)
            self._notebook.write_notes(transaction, {(kind, key): value for kind, key, value in call.notes})
            transaction.release(mark)
        except Exception as error:
            if is_store_failure(error):
                raise
            transaction.rollback(mark)
            self._report(f"job {job.kind} {request_id}", error)
            _record_failure(call, job)
            attempts = current.attempts + 1
            due = self._clock.service() + retry_delay(attempts)
            payload = encode_payload(current.payload)
            transaction.run(SCHEDULE, *job.key, due, payload, attempts, type(error).__name__)
            return False
        finally:
            denial = denial_of(call)
            if denial is not None:
                write_denial(transaction, request_id, kept(denial))
            self._audit.append(transaction, self._audit.rows(call.traces))
        return True

    async def _write(self, unit: Unit) -> StoreError | None:
        future: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        while not self._executor.write(unit, future.set_result):
            await self._executor.idle()
        return await future


def _record_failure(call: Call, job: DueJob) -> None:
    """What a job had done is taken back: its service events say so, and one at least says that it failed."""
    events = [trace for trace in call.traces if isinstance(trace, ServiceEvent)]
    if not events:
        service, _, name = job.kind.partition(".")
        call.service_event(service, "".join(word.capitalize() for word in name.split("-")))
        events = [trace for trace in call.traces[-1:] if isinstance(trace, ServiceEvent)]
    for event in events:
        event.error_code = "InternalFailure"
