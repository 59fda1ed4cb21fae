"""The house as built: every room put together, in one place, by hand.

`House` is a server without its sockets: give `house.handle` a request and a reply and it answers. `server/server.py` puts
listeners, signals and the command line around it; the ASGI adapter and the benchmarks use it as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast import __version__, compiled
from holdfast.api import holdfast as api
from holdfast.rotation.engines import ABSENT, ENGINES
from holdfast.rotation.surroundings import RotationSurroundings
from holdfast.server.audit import Audit
from holdfast.server.audit_heads import HeadKeeper
from holdfast.server.audit_trail import AuditTrail
from holdfast.server.authenticate import Authenticator
from holdfast.server.default_buses import DefaultBuses
from holdfast.server.deliveries import DeliveryTally
from holdfast.server.directory import Directory
from holdfast.server.functions import CODE_PATH, FunctionHost
from holdfast.server.identities import Identities
from holdfast.server.job_runner import JobRunner
from holdfast.server.metrics import Metrics
from holdfast.server.notebook import Notebook
from holdfast.server.outside import Web
from holdfast.server.outside_settings import OutsideSettings
from holdfast.server.pipeline import Pipeline, Report
from holdfast.server.quotas import PARAMETERS_PER_REGION, Quotas
from holdfast.server.signature_failures import SignatureFailures
from holdfast.server.surroundings import ServerSurroundings
from holdfast.services.holdfast import records
from holdfast.services.outbox.looking import COUNT_FAILED, COUNT_WAITING
from holdfast.store.group_commit import GroupCommit
from holdfast.store.migrate import newest
from holdfast.store.transaction import Transaction
from holdfast.vault.randomness import Randomness
from holdfast.vault.vault import Vault
from holdfast.wire.messages import Request, Response
from holdfast.work.clock import SystemClock
from holdfast.work.due import COUNT, DELIVERY, EFFECT, INVOCATION, next_job
from holdfast.work.worker import Worker

if TYPE_CHECKING:
    from holdfast.server.readers import Readers

CERTIFICATE_PATH = "/SimpleNotificationService-"


class House:
    """All rooms of one server on one store."""

    def __init__(
        self,
        *,
        executor: GroupCommit,
        vault: Vault,
        clock: SystemClock,
        randomness: Randomness,
        movable_clock: bool,
        audit_window: float,
        report: Report,
        outside: OutsideSettings | None = None,
        quotas: bool = False,
        parameters_per_region: Mapping[str, int] = PARAMETERS_PER_REGION,
        rotation: RotationSurroundings | None = None,
        job_workers: int = 8,
        delivery_workers: int = 64,
    ) -> None:
        self.executor = executor
        self.clock = clock
        self.movable_clock = movable_clock
        self.endpoint = ""
        self.does_due_work = True
        """False on a store without a server: what falls due waits for the next one."""
        self.ready = False
        self.stopping = False
        self.home_account = ""
        self.home_region = ""
        self.data_directory: Path | None = None
        self.audit_retention_days = 0
        self.parameters_per_region = parameters_per_region
        self.readers: Readers | None = None
        self.listener_gauges: Callable[[], Iterable[tuple[str, str, float]]] = list
        self.directory = Directory()
        audit = Audit(self.directory, vault, randomness, clock.wall)
        executor.carried = audit
        self.heads = HeadKeeper(audit, executor, vault, clock.wall, report)
        audit.moved = self.heads.moved
        self.notebook = Notebook(executor, self.directory, audit, audit_window)
        self.audit_trail = AuditTrail(executor, self.notebook, self.heads, vault, randomness, clock.monotonic)
        identities = Identities()
        self.deliveries = DeliveryTally()
        self.web = Web(clock.monotonic, clock.wall, outside)
        self.surroundings = ServerSurroundings(
            vault,
            randomness,
            clock.wall,
            self.directory,
            self.notebook,
            identities,
            self.web,
            rotation or RotationSurroundings(ENGINES, ABSENT),
            self.deliveries,
        )
        self.surroundings.control = self
        self.functions = FunctionHost(
            executor,
            self.surroundings,
            clock,
            lambda: self.endpoint,
            lambda: self.data_directory,
            report,
        )
        self.surroundings.functions = self.functions
        buses = DefaultBuses(self.surroundings)
        self.notebook.tell = lambda tx, lines, pages: buses.take(tx, lines, (), pages)
        self.notebook.wake = self._wake_if_scheduled
        self.metrics = Metrics()
        self.metrics.gauges = self._gauges
        runner = JobRunner(
            executor,
            self.directory,
            self.notebook,
            audit,
            buses,
            self.surroundings,
            clock,
            report,
            self.metrics.answered,
        )
        self.worker = Worker(runner, clock, {EFFECT: job_workers, DELIVERY: delivery_workers, INVOCATION: job_workers})
        self.functions.wake_worker = self.worker.wake
        authenticator = Authenticator(
            vault, identities, clock.wall, lambda: self.home_account, lambda: self.home_region
        )
        failures = SignatureFailures(authenticator, executor, self.notebook, clock, lambda: self.endpoint, report)
        self.pipeline = Pipeline(
            directory=self.directory,
            authenticator=authenticator,
            executor=executor,
            notebook=self.notebook,
            audit=audit,
            buses=buses,
            surroundings=self.surroundings,
            clock=clock,
            metrics=self.metrics,
            own_page=self.own_page,
            wake_worker=self._wake_if_scheduled,
            signature_failures=failures,
            report=report,
            quotas=_quotas(clock.monotonic) if quotas else None,
        )
        self.handle = self.pipeline.handle
        self._started = clock.service()
        self._work: asyncio.Task[None] | None = None

    def _wake_if_scheduled(self) -> None:
        if self.surroundings.scheduled:
            self.surroundings.scheduled = False
            self.worker.wake()

    def start(self) -> None:
        """Begin due work; the loop must be running."""
        self.audit_trail.keep(self.audit_retention_days, self.home_account, self.clock.service(), self.worker.wake)
        self._work = asyncio.get_running_loop().create_task(self.worker.work())
        self.functions.start()
        self.ready = True

    async def stop(self, seconds: float = 0) -> None:
        """Stop due work, write what reads left, finish the queued writes, close the store.

        Effects of jobs get `seconds` to end; those that do not are repeated after the next start.
        """
        self.stopping = True
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self.worker.stop(seconds)
        await self.functions.close()
        await self.web.close()
        self.notebook.flush()
        await self.executor.idle()
        await self.heads.close()
        await self.executor.close()

    # -- own pages --------------------------------------------------------------------------------------------------

    def own_page(self, request: Request) -> Response:
        """Health, metrics and certificates: unsigned, and nothing in them that a user chose. A function's code, for who has
        its address."""
        path = request.target.partition("?")[0]
        if request.method not in ("GET", "HEAD"):
            return Response(405, b"method not allowed\n", [("Content-Type", "text/plain"), ("Allow", "GET, HEAD")])
        if path == "/_holdfast/health":
            ready = self.ready and not self.stopping and not self.notebook.failed
            body = msgspec.json.encode(
                {"status": "ready" if ready else "not ready", "version": __version__, "program": compiled.form()}
            )
            return Response(200 if ready else 503, body, [("Content-Type", "application/json")])
        if path == "/_holdfast/metrics":
            return Response(200, self.metrics.page(), [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
        if path.startswith(CERTIFICATE_PATH):
            pem = self._certificate(path.removeprefix(CERTIFICATE_PATH).removesuffix(".pem"))
            if pem is not None:
                return Response(200, pem, [("Content-Type", "application/x-pem-file")])
        if path.startswith(CODE_PATH):
            code = self.functions.code_of(path.removeprefix(CODE_PATH))
            if code is not None:
                return Response(200, code, [("Content-Type", "application/zip"), ("Cache-Control", "no-store")])
        return Response(404, b"no such page\n", [("Content-Type", "text/plain")])

    def _certificate(self, key_id: str) -> bytes | None:
        """Of the key that signs messages ("SigningCertURL"); None for a key that is none."""
        from holdfast.services.sns.records import read_certificate  # only where somebody asks

        return read_certificate(self.executor.snapshot(), key_id)

    def _gauges(self) -> Iterable[tuple[str, str, float]]:
        executor = self.executor
        yield "holdfast_requests_in_flight", "Requests accepted and not answered yet", self.pipeline.in_flight
        yield "holdfast_writes_waiting", "Writes queued and not begun", executor.waiting
        yield "holdfast_write_groups", "Groups of writes on disk since the start", executor.groups
        yield "holdfast_write_units", "Writes on disk since the start", executor.units
        yield "holdfast_audit_records_batched", "Audit records of reads on disk since the start", self.notebook.written
        yield "holdfast_audit_failed", "1 while audit records cannot be written", float(self.notebook.failed)
        yield (
            "holdfast_audit_heads_failed",
            "1 while heads of the audit chain cannot be sealed",
            float(self.heads.failed),
        )
        yield "holdfast_due_jobs_run", "Due jobs run since the start", self.worker.run_total
        yield "holdfast_job_effects_running", "Effects of due jobs that run now", self.worker.running(EFFECT)
        yield "holdfast_function_events_running", "Functions that run for events now", self.worker.running(INVOCATION)
        yield "holdfast_deliveries_running", "Destinations that are delivered to now", self.worker.running(DELIVERY)
        yield "holdfast_due_jobs_failed", "Due jobs that failed since the start", self.worker.failed_total
        yield "holdfast_clock_offset_seconds", "Service time ahead of wall time", self.clock.offset / 1000
        yield from self.deliveries.gauges()
        yield from self._deliveries_kept()
        yield from self.functions.gauges()
        yield from self.listener_gauges()
        if self.readers is not None:
            yield from self.readers.gauges()

    def _deliveries_kept(self) -> Iterable[tuple[str, str, float]]:
        tx = self.executor.snapshot()
        for name, text, statement in (
            ("holdfast_deliveries_waiting", "Deliveries that wait for an attempt, 100,000 at most", COUNT_WAITING),
            ("holdfast_deliveries_failed_kept", "Deliveries that were given up and are kept", COUNT_FAILED),
        ):
            row = tx.one(statement)
            yield name, text, row[0] if row else 0

    # -- services.holdfast.operations.Control -----------------------------------------------------------------------

    def status(self, tx: Transaction) -> api.GetStatusResponse:
        job = next_job(tx)
        count = tx.one(COUNT)
        return api.GetStatusResponse(
            Version=__version__,
            Accounts=[row[0] for row in tx.all(records.LIST_ACCOUNTS, "")],
            Store="sqlite",
            DataDirectory=None if self.data_directory is None else str(self.data_directory),
            SchemaVersion=newest(),
            StartedDate=self._started / 1000,
            Now=self.clock.service() / 1000,
            MovableClock=self.movable_clock,
            DueJobs=count[0] if count else 0,
            NextDueDate=None if job is None else job.due / 1000,
            Endpoint=self.endpoint,
            FunctionIsolation=self.functions.isolation,
            Program=compiled.form(),
            Readers=0 if self.readers is None else self.readers.running,
        )

    def clock_offset(self) -> int:
        return self.clock.offset

    def clock_movable(self) -> bool:
        return self.movable_clock

    def home(self, tx: Transaction) -> tuple[str, str, str]:
        return self.endpoint, self.home_region, self.home_account

    async def advance(self, milliseconds: int) -> api.AdvanceClockResponse:
        if not self.does_due_work:
            await self.worker.jump(milliseconds)
            return api.AdvanceClockResponse(Now=self.clock.service() / 1000)
        walk = await self.worker.advance(milliseconds)
        return api.AdvanceClockResponse(
            Now=self.clock.service() / 1000,
            JobsRun=walk.run,
            JobsFailed=walk.failed,
            JobsWaitedTooLong=walk.late,
        )


def _quotas(monotonic: Callable[[], float]) -> Quotas:
    # Only where rates are asked for: start-up pays for no service.
    from holdfast.services.ssm.service_settings import high_throughput

    return Quotas(monotonic, high_throughput)
