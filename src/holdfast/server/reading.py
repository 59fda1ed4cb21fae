"""A reader's pipeline: it answers what only reads, and hands everything else to the process that writes.

    handle(request, reply)
      route, authenticate   a read of ANSWERED with a valid signature? else forward
      decode, run, audit    as everybody's (server/pipeline.py)
      NeedsWrite, or a failure of ours: forward; nothing of the attempt was kept

What is forwarded begins anew there, with its own signature check, so nothing is believed because a reader said it.

INVARIANT: a read sees every write that was acknowledged before it arrived. The writer counts its commits in memory that
both see, before it acknowledges one; a snapshot from before the newest count is not used (`Snapshots`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from holdfast.api.base import ServiceError
from holdfast.server.exchange import Exchange
from holdfast.server.pipeline import OWN_PAGES, Pipeline
from holdfast.services.service import Mode
from holdfast.store.group_commit import GroupCommit
from holdfast.store.sqlite import SqliteDatabase
from holdfast.store.transaction import Transaction
from holdfast.wire.messages import Reply, Request

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.server.authenticate import Authenticator
    from holdfast.server.directory import Directory
    from holdfast.server.metrics import Metrics
    from holdfast.server.notebook import Notebook
    from holdfast.server.pipeline import Report
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.work.clock import Clock

READ: Final = Mode.READ
ANSWERED: Final = ("secretsmanager.", "AmazonSSM.", "TrentService.")
"""How X-Amz-Target begins for the services whose reads need nothing but the store: no other one is loaded here."""

Forward = Callable[[Request, Reply], None]


class Snapshots(GroupCommit):
    """The executor of a process that only reads. `commits` holds one number: how often the writer has committed."""

    def __init__(self, database: SqliteDatabase, monotonic: Callable[[], float], commits: memoryview) -> None:
        super().__init__(database, monotonic)
        self._commits: Any = commits
        self._seen = -1

    def snapshot(self) -> Transaction:
        newest: int = self._commits[0]
        if newest != self._seen:
            self._end_snapshot()
            self._seen = newest  # read before the snapshot begins: what is committed from now on counts as newer
        return super().snapshot()


class ReadingPipeline(Pipeline):
    """One per reader."""

    def __init__(
        self,
        *,
        directory: Directory,
        authenticator: Authenticator,
        executor: Snapshots,
        notebook: Notebook,
        audit: Audit,
        surroundings: ServerSurroundings,
        clock: Clock,
        metrics: Metrics,
        report: Report,
        forward: Forward,
    ) -> None:
        nothing: Any = None
        super().__init__(
            directory=directory,
            authenticator=authenticator,
            executor=executor,
            notebook=notebook,
            audit=audit,
            buses=nothing,
            surroundings=surroundings,
            clock=clock,
            metrics=metrics,
            own_page=nothing,
            wake_worker=nothing,
            signature_failures=nothing,
            report=report,
        )
        self._forward = forward

    def handle(self, request: Request, reply: Reply) -> None:
        """`wire.messages.Handle`."""
        if not request.headers.get("x-amz-target", "").startswith(ANSWERED) or request.target.startswith(OWN_PAGES):
            self._forward(request, reply)
            return
        exchange = self._accept(request, reply)
        try:
            self._route(exchange)
            served = exchange.service.operations.get(exchange.operation.name)
            if served is None or served.mode is not READ:
                self._pass_on(exchange)
                return
            snapshot = self._executor.snapshot()
            self._authenticate(exchange, snapshot)
        except Exception:  # noqa: BLE001 - whatever it is, it is met again there, answered and looked into
            self._pass_on(exchange)
            return
        try:
            self._run(exchange, snapshot, served)
        except ServiceError as error:
            self._answer(exchange, self._error(exchange, error))
        except Exception:  # noqa: BLE001 - as above
            self._pass_on(exchange)

    def _write(self, exchange: Exchange) -> None:
        self._pass_on(exchange)

    def _passes_on(self, error: Exception) -> bool:
        return True

    def _pass_on(self, exchange: Exchange) -> None:
        self.in_flight -= 1
        self._forward(exchange.request, exchange.reply)
