"""Functions as this server runs them: from a row of the Lambda service to an environment, its credentials and its answer.

    run(where, payload)
      snapshot    the version that is meant, its revision, the function's own concurrency
      fence       an attempt that is new takes its subject, on disk, before anything runs for it
      pool        a warm environment of this revision (and attempt), or a new one (`function_plans.py`)
      function    with no transaction open

Nothing is started for functions before one is invoked, but for the probe of the isolation, soon after the start.

Threat: code that anybody with lambda:CreateFunction may bring. What it can reach is decided by `functions/isolation.py`, what
it may call by its role's policies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.access.principal import service_principal
from holdfast.server.function_plans import BadEntry, Plans, Premises, new_token
from holdfast.services.call import Call, Source
from holdfast.services.functions import Busy, Invoked, NotInvoked
from holdfast.services.sts.fences import holds, take
from holdfast.vault.errors import DecryptError

if TYPE_CHECKING:
    from holdfast.functions.isolation import Isolation
    from holdfast.functions.pool import Pool
    from holdfast.functions.workspace import Workspace
    from holdfast.server.listener import Listener
    from holdfast.server.pipeline import Report
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.services.functions import Target
    from holdfast.store.group_commit import GroupCommit
    from holdfast.store.transaction import StoreError, Transaction
    from holdfast.work.clock import SystemClock

PROBE_DELAY = 0.25
"""Seconds after the start: the first answers come first."""
LONGEST_LIFE = 5 * 3600.0
"""Seconds after which a warm environment is not used again: its credentials would end in an invocation."""
CODE_SECONDS = 600
CODE_SCOPE = b"function code"
CODE_PATH = "/_holdfast/code/"


class FunctionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is set about functions."""

    environments: int = 32
    idle_seconds: float = 300.0
    ca_bundle: Path | None = None
    certificate: Path | None = None
    """The server's own, with TLS."""


class FunctionHost:
    """`services.functions.Functions`. One per server; everything runs on the loop's thread."""

    def __init__(
        self,
        executor: GroupCommit,
        surroundings: ServerSurroundings,
        clock: SystemClock,
        endpoint: Callable[[], str],
        data_directory: Callable[[], Path | None],
        report: Report,
    ) -> None:
        self._executor = executor
        self._surroundings = surroundings
        self._clock = clock
        self._endpoint = endpoint
        self._data_directory = data_directory
        self._report = report
        self.settings = FunctionSettings()
        self._starting: asyncio.Task[Pool] | None = None
        self._probing: asyncio.TimerHandle | None = None
        self._isolation: Isolation | None = None
        self._workspace: Workspace | None = None
        self._listener: Listener | None = None
        self._plans: Plans | None = None
        self._pool: Pool | None = None
        self.wake_worker: Callable[[], None] = _nobody

    # -- beginning and end --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Find out soon how functions can be isolated."""
        self._probing = asyncio.get_running_loop().call_later(PROBE_DELAY, self._begin)

    def _begin(self) -> asyncio.Task[Pool]:
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._make())
            self._starting.add_done_callback(self._began)
        return self._starting

    def _began(self, task: asyncio.Task[Pool]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report("functions", error)
            self._starting = None

    async def _make(self) -> Pool:
        from holdfast.functions.isolation import probe
        from holdfast.functions.pool import Pool
        from holdfast.functions.runtime_api import BODY_BYTES, RuntimeApi
        from holdfast.functions.workspace import Workspace
        from holdfast.server.http_limits import Limits
        from holdfast.server.listener import Listener

        workspace = self._workspace = self._workspace or Workspace(lambda: new_token(self._surroundings))
        directory = self._data_directory()
        hidden = () if directory is None else (directory,)
        self._isolation = await probe(hidden, workspace.support / "holdfast_runtime.py", workspace.root)
        api = RuntimeApi()
        self._listener = Listener(
            api.handle,
            limits=Limits(body_bytes=BODY_BYTES, idle_seconds=1800, connections=4 * self.settings.environments + 64),
            wall=self._clock.wall,
            monotonic=self._clock.monotonic,
            on_error=lambda error: self._report("runtime API", error),
        )
        port = await self._listener.listen_tcp("127.0.0.1", 0)
        self._plans = Plans(
            self._surroundings,
            self._executor,
            self._clock,
            self._call,
            Premises(workspace, self._isolation, port, self._endpoint, self.settings),
        )
        pool = self._pool = Pool(
            api,
            self._clock.monotonic,
            self._clock.wall,
            most=self.settings.environments,
            idle_seconds=self.settings.idle_seconds,
            longest_life=LONGEST_LIFE,
        )
        pool.buried = self._plans.buried
        return pool

    async def close(self) -> None:
        """End every function."""
        if self._probing is not None:
            self._probing.cancel()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        if self._listener is not None:
            await self._listener.drain(0)
        if self._workspace is not None:
            await asyncio.to_thread(self._workspace.close)

    @property
    def isolation(self) -> str:
        """How functions are isolated, for `holdfast status`."""
        found = self._isolation
        if found is None:
            return "not probed yet"
        return f"{found.mode} ({found.why})" if found.why else found.mode

    def gauges(self) -> tuple[tuple[str, str, float], ...]:
        pool = self._pool
        return (
            ("holdfast_function_environments", "Environments of functions alive", 0 if pool is None else len(pool)),
            (
                "holdfast_function_cold_starts_total",
                "Environments of functions started",
                0 if pool is None else pool.started_total,
            ),
            (
                "holdfast_function_invocations_total",
                "Invocations of functions",
                0 if pool is None else pool.invocations_total,
            ),
        )

    # -- services.functions.Functions ---------------------------------------------------------------------------------

    def exists(self, call: Call, function_arn: str) -> bool:
        from holdfast.services.lambda_.finding import exists

        return exists(call, function_arn)

    def admits(self, call: Call, function_arn: str, service: str, source_arn: str, source_account: str) -> bool:
        from holdfast.services.lambda_.finding import admits

        return admits(call, function_arn, service, source_arn, source_account)

    async def invoke(
        self, function_arn: str, payload: bytes, *, service: str, source_arn: str, fence: str = ""
    ) -> Invoked:
        from holdfast.services.arn import parse_arn
        from holdfast.services.lambda_.identifiers import parse_function_arn

        where = parse_function_arn(function_arn)
        source = parse_arn(source_arn)
        if where is None or source is None:
            raise NotInvoked(f"{function_arn} is not the ARN of a function")
        call = self._call(self._executor.snapshot(), service, where.region)
        if not self.exists(call, function_arn):
            raise NotInvoked(f"Function not found: {function_arn}")
        if not self.admits(call, function_arn, service, source_arn, source.account):
            raise NotInvoked(f"the policy of {function_arn} does not let {service} invoke it for {source_arn}")
        return await self.run(where, payload, call.request_id, fence=fence)

    async def run(
        self, where: Target, payload: bytes, request_id: str, *, client_context: str = "", fence: str = ""
    ) -> Invoked:
        from holdfast.functions.environment import Invocation
        from holdfast.functions.pool import Full
        from holdfast.services.lambda_ import records

        pool = self._pool or await asyncio.shield(self._begin())
        plans = self._plans
        assert plans is not None
        held = split_fence(fence)
        if fence and not self._is_held(held):
            await self._take(held)
        transaction = self._executor.snapshot()
        arn = where.arn(self._surroundings.partition)
        version = records.resolve(transaction, where)  # pyright: ignore[reportArgumentType]: the only Target there is
        function = records.read_function(transaction, where.key)
        if version is None or function is None:
            raise NotInvoked(f"Function not found: {arn}")
        if 0 <= function.reserved_concurrency <= pool.busy(lambda of: of[:3] == where.key):
            raise Busy("ReservedFunctionConcurrentInvocationLimitExceeded")
        invocation = Invocation(request_id, arn, payload, client_context, _trace_id(request_id))
        of = (*where.key, version.version, held[0])
        try:
            outcome = await pool.run(
                (*of, version.revision_id, held[1]), of, lambda: plans.plan(version, held, of), invocation
            )
        except Full:
            raise Busy("ConcurrentInvocationLimitExceeded") from None
        except BadEntry as error:
            return Invoked(error.document(request_id), "Unhandled", "", request_id)
        except OSError as error:
            raise NotInvoked(f"the environment of {arn} cannot be started: {error.strerror or error}") from None
        return Invoked(outcome.payload, outcome.error, outcome.log, request_id)

    # -- fences -------------------------------------------------------------------------------------------------------

    def _is_held(self, held: tuple[str, str]) -> bool:
        from holdfast.services.sts.fences import READ_FENCE

        snapshot = self._executor.snapshot()
        return snapshot.one(READ_FENCE, held[0]) is not None and holds(snapshot, *held)

    async def _take(self, held: tuple[str, str]) -> None:
        await self._write(lambda transaction: take(transaction, *held))

    async def _write(self, unit: Callable[[Transaction], object]) -> None:
        """Raises StoreError."""
        future: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()

        def write(transaction: Transaction) -> None:
            unit(transaction)

        while not self._executor.write(write, future.set_result):
            await self._executor.idle()
        error = await future
        if error is not None:
            raise error

    # -- calls in the name of a service ---------------------------------------------------------------------------------

    def _call(self, transaction: Transaction, service: str, region: str) -> Call:
        now = self._clock.service()
        return Call(
            self._surroundings,
            transaction,
            principal=service_principal(service),
            region=region,
            now=now,
            request_id=self._surroundings.randomness.uuid4(),
            source=Source(),
        )

    # -- events -------------------------------------------------------------------------------------------------------

    async def keep_event(self, where: Target, payload: bytes, request_id: str) -> None:
        from holdfast.services.lambda_.event_jobs import keep_event
        from holdfast.services.lambda_.finding import LAMBDA

        region = where.key[1]
        await self._write(
            lambda transaction: keep_event(self._call(transaction, LAMBDA.service, region), where, payload, request_id)
        )
        self.wake_worker()

    # -- code ---------------------------------------------------------------------------------------------------------

    def code_location(self, key: tuple[str, str, str], code_sha256: str) -> str | None:
        expires = int(self._clock.wall()) + CODE_SECONDS
        token = self._surroundings.vault.seal_token(CODE_SCOPE, msgspec.json.encode([*key, code_sha256, expires]))
        return f"{self._endpoint()}{CODE_PATH}{token}"

    def code_of(self, token: str) -> bytes | None:
        """The zip behind an address that `code_location` gave; None when there is none, or no more."""
        from holdfast.services.lambda_ import records
        from holdfast.vault.registry import FUNCTION_CODE

        try:
            opened = self._surroundings.vault.open_token(CODE_SCOPE, token)
            account, region, name, sha256, expires = msgspec.json.decode(opened, type=tuple[str, str, str, str, int])
        except (DecryptError, msgspec.DecodeError, UnicodeError):
            return None
        if self._clock.wall() >= expires:
            return None
        row = self._executor.snapshot().one(records.READ_CODE, account, region, name, sha256)
        return (
            None
            if row is None
            else self._surroundings.vault.open(FUNCTION_CODE, (account, region, name, sha256), row[0])
        )


def _nobody() -> None: ...


def split_fence(fence: str) -> tuple[str, str]:
    """The subject and the attempt."""
    subject, _, attempt = fence.rpartition(" ")
    return subject, attempt


def _trace_id(request_id: str) -> str:
    digits = request_id.replace("-", "")
    return f"Root=1-{digits[:8]}-{digits[8:32]};Parent={digits[:16]};Sampled=0"
