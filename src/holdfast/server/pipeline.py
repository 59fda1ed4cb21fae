"""A request's whole life, top to bottom.

    handle(request, reply)
      1  own pages      /_holdfast/health, /_holdfast/metrics, certificates of signed messages
      2  route          which protocol, service and operation does the request's shape name?
      3  authenticate   whose signature is this? (server/authenticate.py)
         admit          within the account's rates? only with the setting `quotas` (server/quotas.py)
      4  decode         bytes -> the operation's typed input, constraints checked
      5  run            the operation, inside one transaction:
                          read     in the snapshot that reads share
                          write    in the next group of writes, in its own savepoint
                          waiting  authorize in a snapshot, then await the effect with no transaction open; the effect's
                                   answer, or a second half that runs in a snapshot of its own (`SecondHalf`)
      6  encode         typed output, or AWS's error; never without a recorded decision
      7  audit          a write's record in its own transaction, a read's with the next batch; so is why it was denied, and
                       what the default buses of the accounts concerned are told of it (server/default_buses.py)
      8  reply          for a write: when its group is on disk

An unsigned operation has no caller in step 3: its second half establishes and authorizes one. What fails before that is
answered and leaves no record, like a request whose signature is wrong. Nor has a link that nobody signed (`Served.linked`):
it reads first, and is a write only once what it carries has proven who may.

An operation that fails is rolled back to its savepoint; its audit records are then written in the same outer transaction.
An error of the outer transaction itself (disk full, I/O) answers 503 to the whole group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from holdfast.api.base import (
    InternalFailure,
    Operation,
    ServiceError,
    ServiceUnavailable,
    ThrottlingException,
    UnknownOperationException,
)
from holdfast.remember import remember
from holdfast.server.denials import denial_of, may_be_denied
from holdfast.server.exchange import Exchange, check_decided, forget, unavailable
from holdfast.services.call import Call, NeedsWrite, Source, Trace
from holdfast.services.cloudtrail.denials import DENIAL, kept, write_denial
from holdfast.services.service import Mode, SecondHalf, Served, Service
from holdfast.store.sqlite import is_store_failure
from holdfast.store.transaction import StoreError, Transaction
from holdfast.vault.randomness import time_ordered_id
from holdfast.wire.messages import Reply, Request, Response
from holdfast.wire.protocols import UNKNOWN_SERVICE, ServiceProtocols, WireProtocol, identify, unknown_operation
from holdfast.wire.sigv4_errors import SignatureError
from holdfast.wire.sigv4_parse import signed_service
from holdfast.wire.validation import Validator, validator

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.server.authenticate import Authenticator
    from holdfast.server.default_buses import DefaultBuses
    from holdfast.server.directory import Directory
    from holdfast.server.metrics import Metrics
    from holdfast.server.notebook import Notebook
    from holdfast.server.quotas import Quotas
    from holdfast.server.signature_failures import SignatureFailures
    from holdfast.server.surroundings import ServerSurroundings
    from holdfast.store.group_commit import GroupCommit
    from holdfast.work.clock import Clock

OWN_PAGES: Final = ("/_holdfast/", "/SimpleNotificationService-")
WRITE: Final = Mode.WRITE
WAITING: Final = Mode.WAITING
SOURCES = 1024
"""Clients, by address and what they say of themselves, that are kept from call to call."""
OwnPage = Callable[[Request], Response]
Report = Callable[[str, BaseException], None]
"""Tell the log that a call failed for a reason of ours: (request id, exception)."""


class Pipeline:
    """Runs requests through the steps above. One per server."""

    def __init__(
        self,
        *,
        directory: Directory,
        authenticator: Authenticator,
        executor: GroupCommit,
        notebook: Notebook,
        audit: Audit,
        buses: DefaultBuses,
        surroundings: ServerSurroundings,
        clock: Clock,
        metrics: Metrics,
        own_page: OwnPage,
        wake_worker: Callable[[], None],
        signature_failures: SignatureFailures,
        report: Report,
        quotas: Quotas | None = None,
    ) -> None:
        self._directory = directory
        self._authenticator = authenticator
        self._executor = executor
        self._notebook = notebook
        self._audit = audit
        self._buses = buses
        self._surroundings = surroundings
        self._clock = clock
        self._metrics = metrics
        self._own_page = own_page
        self._wake_worker = wake_worker
        self._signature_failures = signature_failures
        self._report = report
        self._quotas = quotas
        self._protocols: dict[str, ServiceProtocols] = {}
        self._validators: dict[Operation[Any, Any], Validator] = {}
        self._routes: dict[str, tuple[WireProtocol, Service, Operation[Any, Any]]] = {}
        """X-Amz-Target -> what it names; only what there is gets in, so it cannot grow beyond the models."""
        self._sources: dict[tuple[str, str, str, bool, tuple[str, str] | None], Source] = {}
        self._waiting: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        """Requests that were accepted and are not answered yet."""

    def handle(self, request: Request, reply: Reply) -> None:
        """`wire.messages.Handle`."""
        if request.target.startswith(OWN_PAGES):
            reply(self._own_page(request))
            return
        exchange = self._accept(request, reply)
        try:
            self._route(exchange)
            snapshot = self._executor.snapshot()
            self._run(exchange, snapshot, self._authenticate(exchange, snapshot))
        except SignatureError as error:
            self._answer(exchange, self._error(exchange, error))
            self._signature_failures.look_into(
                exchange.request_id, request, error, exchange.operation, exchange.service.api.metadata.signing_name
            )
        except ServiceError as error:
            self._answer(exchange, self._error(exchange, error))
        except StoreError as error:
            self._report(exchange.request_id, error)
            self._answer(exchange, self._error(exchange, unavailable()))
        except Exception as error:  # noqa: BLE001 - the client must get an answer, and nothing of ours in it
            self._report(exchange.request_id, error)
            self._answer(exchange, self._error(exchange, InternalFailure("The request processing has failed.")))

    def _accept(self, request: Request, reply: Reply) -> Exchange:
        clock = self._clock
        moment = clock.service()
        request_id = time_ordered_id(self._surroundings.randomness, moment)
        self.in_flight += 1
        return Exchange(request, reply, request_id, moment, clock.monotonic())

    # -- 2, 3: which operation, whose call ------------------------------------------------------------------------------

    def _route(self, exchange: Exchange) -> None:
        named = exchange.request.headers.get("x-amz-target", "")
        known = self._routes.get(named)
        if known is not None:
            exchange.protocol, exchange.service, exchange.operation = known
            return
        target = identify(exchange.request)
        if target is None:
            self._route_by_path(exchange)
            return
        exchange.protocol = UNKNOWN_SERVICE.select(target)
        entry = (
            self._directory.by_query_version(target.version, target.operation)
            if target.protocol == "query"
            else self._directory.by_target_prefix(target.prefix)
        )
        if entry is None:
            raise unknown_operation(target)
        service = exchange.service = self._directory.service(entry.name)
        protocols = self._protocols.get(entry.name)
        if protocols is None:
            protocols = self._protocols[entry.name] = ServiceProtocols.of(service.api.metadata)
        exchange.protocol = protocols.select(target)
        operation = service.api.operations.get(target.operation) or service.api.absent.get(target.operation)
        if operation is None:
            raise unknown_operation(target)
        exchange.operation = operation
        if named:
            self._routes[named] = exchange.protocol, service, operation

    def _route_by_path(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.target.partition("?")[0] in {"", "/"}:
            raise UnknownOperationException
        exchange.protocol = UNKNOWN_SERVICE.rest
        operation = self._directory.by_path(request.method, request.target, signed_service(request))
        if operation is None:
            raise UnknownOperationException
        exchange.service = self._directory.service(operation.service)
        exchange.operation = operation

    def _authenticate(self, exchange: Exchange, snapshot: Transaction) -> Served | None:
        request = exchange.request
        headers = request.headers
        origin = request.peer, headers.get("user-agent", ""), headers.get("host", ""), request.secure, request.tls
        source = self._sources.get(origin)
        if source is None:
            source = remember(self._sources, origin, Source(*origin), SOURCES)
        exchange.source = source
        served = exchange.service.operations.get(exchange.operation.name)
        exchange.caller = self._authenticator.authenticate(request, exchange.service.api.metadata, snapshot, served)
        return served

    def _admit(self, quotas: Quotas, exchange: Exchange, snapshot: Transaction) -> None:
        """Raise ThrottlingException for a call beyond its rate. It has changed nothing, so a client may send it again."""
        account, operation = exchange.caller.identity.principal.account, exchange.operation
        if not quotas.admit(operation.service, operation.name, account, exchange.caller.region, snapshot):
            raise ThrottlingException("Rate exceeded")

    def _validator(self, exchange: Exchange) -> Validator:
        found = self._validators.get(exchange.operation)
        if found is None:
            found = self._validators[exchange.operation] = validator(exchange.operation.input, exchange.served.exempt)
        return found

    # -- 5: run ---------------------------------------------------------------------------------------------------------

    def _run(self, exchange: Exchange, snapshot: Transaction, served: Served | None) -> None:
        """Decode what a known caller asks, and do it."""
        try:
            if self._quotas is not None:
                self._admit(self._quotas, exchange, snapshot)
            exchange.served = served or self._directory.served(exchange.operation)
            exchange.value = exchange.protocol.decode(exchange.operation, exchange.request)
            self._validator(exchange)(exchange.value)
        except ServiceError as error:
            self._answer_undecoded(exchange, snapshot, error)
            return
        if exchange.served.mode is WRITE:
            self._write(exchange)
        else:
            self._read(exchange, snapshot)

    def _call(self, exchange: Exchange, transaction: Transaction, now: int) -> tuple[Call, Trace]:
        caller = exchange.caller
        identity = caller.identity
        # By position, as in `Call.on_behalf`.
        call = Call(
            self._surroundings,
            transaction,
            identity.principal,
            caller.region,
            now,
            exchange.request_id,
            exchange.source,
            identity,
        )
        note = caller.note(call.now)
        if note is not None:
            call.notes.append(note)
        trace = Trace(call, exchange.operation, exchange.value)
        call.traces.append(trace)
        return call, trace

    def _read(self, exchange: Exchange, snapshot: Transaction) -> None:
        if self._notebook.full():
            raise ServiceUnavailable("Audit records cannot be written; reads are refused until they can.")
        call, trace = self._call(exchange, snapshot, exchange.moment)
        try:
            output = exchange.served.function(call, exchange.value)
            if not exchange.served.unsigned:
                check_decided(call)
            if exchange.served.mode is WAITING:
                self._wait(exchange, call, trace, output)
                return
            trace.output = output
            response = exchange.protocol.encode(exchange.operation, output, exchange.request_id)
        except NeedsWrite:
            self._write(exchange)
            return
        except ServiceError as error:
            trace.error = error
            response = self._error(exchange, error)
        except Exception as error:
            if self._passes_on(error):
                raise
            self._report(exchange.request_id, error)
            trace.output = None
            trace.error = InternalFailure("The request processing has failed.")
            response = self._error(exchange, trace.error)
        self._leave(exchange, call, response)

    def _passes_on(self, error: Exception) -> bool:
        """Whether a read that failed for a reason of ours is left to `handle`, and on no record yet."""
        return is_store_failure(error)

    def _leave(self, exchange: Exchange, call: Call, response: Response, *, waited: bool = False) -> None:
        """Audit a read and answer it: at once, or when its record is on disk if the window is closed or the disk lags."""
        if not call.account:  # nobody was identified
            self._answer(exchange, response)
            return
        denial = denial_of(call) if may_be_denied(call) else None
        if denial is not None:
            call.notes.append((DENIAL, call.request_id, kept(denial)))
        self._notebook.add(self._audit.lines(call.traces), call.notes, apart=waited)
        forget(call)
        if self._notebook.lags():
            self._answer_when_written(exchange, response)
        else:
            self._answer(exchange, response)

    def _answer_when_written(self, exchange: Exchange, response: Response) -> None:
        def written(error: StoreError | None) -> None:
            self._answer(exchange, response if error is None else self._error(exchange, unavailable()))

        self._notebook.when_written(written)

    def _wait(self, exchange: Exchange, call: Call, trace: Trace, effect: Callable[[], Any]) -> None:
        async def wait() -> None:
            nonlocal call, trace
            try:
                output = await effect()
                while isinstance(output, SecondHalf):
                    await asyncio.sleep(0)
                    call, trace = self._call(exchange, self._executor.snapshot(), self._clock.service())
                    output = output.function(call)
                check_decided(call)
                trace.output = output
                response = exchange.protocol.encode(exchange.operation, output, exchange.request_id)
            except ServiceError as error:
                trace.error = error
                response = self._error(exchange, error)
            except Exception as error:  # noqa: BLE001 - as in handle
                self._report(exchange.request_id, error)
                trace.error = InternalFailure("The request processing has failed.")
                response = self._error(exchange, trace.error)
            self._leave(exchange, call, response, waited=True)

        task = asyncio.get_running_loop().create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def _write(self, exchange: Exchange) -> None:
        response: list[Response] = []

        def unit(transaction: Transaction) -> None:
            response[:] = [self._run_write(exchange, transaction)]

        def done(error: StoreError | None) -> None:
            if error is not None:
                self._report(exchange.request_id, error)
                self._answer(exchange, self._error(exchange, unavailable()))
                return
            self._wake_worker()
            self._answer(exchange, response[0])

        if not self._executor.write(unit, done):
            raise ServiceUnavailable("Too many writes are waiting. Please retry.")

    def _run_write(self, exchange: Exchange, transaction: Transaction) -> Response:
        """One write inside the group's transaction; what it wrote stays only if it succeeded, its records always."""
        call, trace = self._call(exchange, transaction, self._clock.service())
        mark = transaction.savepoint()
        try:
            call.identify(self._authenticator.still_valid(exchange.caller, transaction))
            output = exchange.served.function(call, exchange.value)
            check_decided(call)
            trace.output = output
            response = exchange.protocol.encode(exchange.operation, output, exchange.request_id)
            transaction.release(mark)
        except ServiceError as error:
            transaction.rollback(mark)
            trace.error = error
            response = self._error(exchange, error)
        except Exception as error:
            if is_store_failure(error):
                raise
            transaction.rollback(mark)
            self._report(exchange.request_id, error)
            trace.error = InternalFailure("The request processing has failed.")
            response = self._error(exchange, trace.error)
        else:
            notes = {(kind, key): value for kind, key, value in call.notes}
            if notes:
                self._notebook.write_notes(transaction, notes)
        if not call.account:  # nobody was identified
            forget(call)
            return response
        denial = denial_of(call) if may_be_denied(call) else None
        if denial is not None:
            write_denial(transaction, call.request_id, kept(denial))
        lines = self._audit.lines(call.traces)
        self._audit.append(transaction, lines)
        if trace.error is None:
            self._buses.take(transaction, lines, call.emitted)
        else:
            # The rest was taken back. A call that failed has one record: no owner gets a copy.
            self._buses.take(transaction, lines[:1])
        forget(call)
        return response

    # -- 6, 8: answers --------------------------------------------------------------------------------------------------

    def _answer_undecoded(self, exchange: Exchange, snapshot: Transaction, error: ServiceError) -> None:
        call, trace = self._call(exchange, snapshot, exchange.moment)
        trace.error = error
        self._leave(exchange, call, self._error(exchange, error))

    def _error(self, exchange: Exchange, error: ServiceError) -> Response:
        exchange.error_code = error.code
        return exchange.protocol.encode_error(error, exchange.request_id)

    def _answer(self, exchange: Exchange, response: Response) -> None:
        self.in_flight -= 1
        self._metrics.count(exchange.operation, exchange.error_code, self._clock.monotonic() - exchange.began)
        exchange.reply(response)
