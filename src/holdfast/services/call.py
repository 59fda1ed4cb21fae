"""The call: everything an operation may touch.

An operation is a synchronous function `operation(call, input) -> output` inside one transaction. It reads and writes
through `call.tx`, asks `call.authorize` before it reveals anything, reaches other services through `call.on_behalf`
(authorized as the caller, audited like any call), and leaves outside work to `call.schedule`. Time and randomness are
`call.now` and `call.randomness`; nothing else is at hand, so nothing else can happen.

Threat: an operation that forgets to authorize. The pipeline refuses to encode the answer of a call without a recorded
decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from msgspec.structs import replace

from holdfast.access.decision import EMPTY_CONTEXT, Context, Decision, Outcome, denial_text
from holdfast.access.evaluate import ResourceKind, evaluate
from holdfast.access.grounds import GrantStatement, Identity
from holdfast.access.principal import service_principal
from holdfast.access.request import AccessRequest
from holdfast.api.base import AccessDeniedException, Operation, ServiceError, Shape
from holdfast.services.emitted import Emitted
from holdfast.services.service import Mode
from holdfast.vault.randomness import time_ordered_id
from holdfast.work.due import CANCEL, DELIVERY, EFFECT, INVOCATION, STORE, hasten, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.access.policy import CompiledPolicy
    from holdfast.access.principal import Principal
    from holdfast.rotation.surroundings import RotationSurroundings
    from holdfast.services.functions import Functions
    from holdfast.services.holdfast.operations import Control
    from holdfast.services.outbox.deliveries import Tally
    from holdfast.services.outside import Outside
    from holdfast.services.principals import Principals
    from holdfast.services.service import Served, Service
    from holdfast.store.transaction import Transaction
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault

ALLOW: Final = Outcome.ALLOW
WRITE: Final = Mode.WRITE

InputT = TypeVar("InputT", bound=Shape)
OutputT = TypeVar("OutputT", bound=Shape)


class NeedsWrite(Exception):
    """A read found that it must create something; the pipeline runs the call again as a write."""


class Surroundings(Protocol):
    """What all calls of a server share."""

    vault: Vault
    randomness: Randomness
    partition: str
    control: Control
    wall: Callable[[], float]
    """Wall time, seconds since 1970: for what ends by the clients' clocks, not by service time."""
    principals: Principals
    outside: Outside
    functions: Functions
    rotation: RotationSurroundings
    deliveries: Tally

    def served(self, operation: Operation[Any, Any]) -> Served: ...

    def service(self, name: str) -> Service: ...

    def pending_note(self, kind: str, key: Any) -> Any: ...

    def job_scheduled(self) -> None: ...


class Source:
    """Where a call came from, for conditions and the audit record."""

    __slots__ = ("address", "host", "secure", "tls", "user_agent")

    def __init__(
        self,
        address: str = "",
        user_agent: str = "",
        host: str = "",
        secure: bool = False,
        tls: tuple[str, str] | None = None,
    ) -> None:
        self.address = address
        self.user_agent = user_agent
        self.host = host
        self.secure = secure
        self.tls = tls


class Trace:
    """What one call did, for its audit record: the call itself first, then each on-behalf call in order."""

    __slots__ = ("call", "error", "input", "operation", "output")

    def __init__(self, call: Call, operation: Operation[Any, Any], value: Shape | None) -> None:
        self.call = call
        self.operation = operation
        self.input = value
        self.output: Shape | None = None
        self.error: ServiceError | None = None


class ServiceEvent:
    """Something that a service did by itself, with nobody calling: a key deleted when its waiting period was over."""

    __slots__ = (
        "account",
        "call",
        "details",
        "error_code",
        "error_message",
        "name",
        "request_id",
        "resource",
        "service",
    )

    def __init__(self, call: Call, service: str, name: str, resource: str, details: dict[str, str]) -> None:
        self.call = call
        self.account = call.account
        self.service = service
        self.name = name
        self.resource = resource
        self.details = details
        self.error_code = ""
        self.error_message = ""
        self.request_id = call.request_id


class Call:
    """One call, or one call that a service makes on a caller's behalf."""

    __slots__ = (
        "account",
        "after",
        "decisions",
        "emitted",
        "identity",
        "job_kind",
        "notes",
        "now",
        "parent",
        "partition",
        "principal",
        "randomness",
        "region",
        "request_id",
        "source",
        "standing",
        "surroundings",
        "traces",
        "tx",
        "vault",
        "via_service",
    )

    def __init__(
        self,
        surroundings: Surroundings,
        tx: Transaction,
        principal: Principal,
        region: str,
        now: int,
        request_id: str,
        source: Source,
        identity: Identity | None = None,
        parent: Call | None = None,
        via_service: str = "",
    ) -> None:
        self.surroundings = surroundings
        # From the parent where there is one: `surroundings` may be anything with these attributes, which compiled code
        # must look up by name.
        self.vault: Vault = surroundings.vault if parent is None else parent.vault
        self.randomness: Randomness = surroundings.randomness if parent is None else parent.randomness
        self.partition: str = surroundings.partition if parent is None else parent.partition
        self.tx = tx
        self.principal = principal
        self.identity = identity or Identity(principal)
        """The principal with everything that speaks for it or limits it; without policies when none is given."""
        self.account = principal.account
        """The caller's own account: where names without an account are looked up."""
        self.region = region
        self.now = now
        """Service time, milliseconds since 1970. The same moment for the whole call."""
        self.request_id = request_id
        self.source = source
        self.parent = parent
        self.via_service = via_service
        """Name of the service that makes this call for the caller (`secretsmanager`); empty on a direct call."""
        self.decisions: list[Decision] = []
        self.after = 0 if parent is None else len(parent.decisions)
        """How many checks of the calling operation came before this call; the rest came after it."""
        self.traces: list[Trace | ServiceEvent] = [] if parent is None else parent.traces
        self.notes: list[tuple[str, Any, Any]] = [] if parent is None else parent.notes
        self.emitted: list[Emitted] = [] if parent is None else parent.emitted
        self.job_kind = ""
        """The kind of due job that this call runs; empty on everybody else's calls."""
        self.standing: Context = EMPTY_CONTEXT if parent is None else parent.standing
        """Condition keys of every check of this call: for whom a service acts (aws:SourceArn)."""

    def identify(self, identity: Identity, account: str = "") -> None:
        """Go on as `identity`, as this transaction knows it; `account` for callers who belong to none."""
        self.identity = identity
        self.principal = identity.principal
        self.account = account or identity.principal.account

    def acting_as(self, principal: Principal) -> Call:
        """A call of somebody else in the same transaction, on the same records: of a service-linked role that looks at
        something whose content the caller does not get to see."""
        other = Call(
            self.surroundings,
            self.tx,
            principal=principal,
            region=self.region,
            now=self.now,
            request_id=self.request_id,
            source=Source(),
        )
        other.traces, other.notes, other.emitted = self.traces, self.notes, self.emitted
        return other

    def as_service(self, service: str, source_arn: str, source_account: str) -> Call:
        """A call of a service principal (`events.amazonaws.com`) on its own behalf, for its resource `source_arn`: nothing
        but the policy of the resource it is about lets it do anything ("Cross-service confused deputy prevention", IAM
        user guide)."""
        other = self.acting_as(service_principal(service))
        other.account = source_account
        other.standing = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_account}
        return other

    # -- the circumstances that global condition keys are read from (access/request.py) -----------------------------

    @property
    def source_ip(self) -> str:
        return self.source.address

    @property
    def user_agent(self) -> str:
        return self.source.user_agent

    @property
    def secure(self) -> bool:
        return self.source.secure

    @property
    def called_via(self) -> tuple[str, ...]:
        """The services that make this call for the caller, the first one first."""
        if self.parent is None:
            return ()
        return (*self.parent.called_via, f"{self.via_service}.amazonaws.com")

    # -- access -----------------------------------------------------------------------------------------------------

    def check(
        self,
        action: str,
        resource: str,
        context: Context = EMPTY_CONTEXT,
        *,
        owner: str = "",
        resource_policy: CompiledPolicy | None = None,
        resource_kind: ResourceKind = "resource",
        grants: Sequence[GrantStatement] = (),
    ) -> Decision:
        """Decide and record, without raising: for operations that answer a denial in their own words.

        `owner` is the account that owns the resource, the caller's own when not given. `context` holds the service's
        condition keys of this request; the global ones are added by the evaluation. `resource_policy` is the policy of the
        resource, `resource_kind` says whether one is needed (a key's, a role's trust policy).
        """
        if self.standing:
            context = {**self.standing, **context}
        request = AccessRequest(action, resource, owner or self.account, context, self)
        decision = evaluate(
            self.identity, request, resource_policy=resource_policy, resource_kind=resource_kind, grants=grants
        )
        if request.owner != self.account and not decision.allowed:
            # What another account's policy says is its owner's business: as if the resource had none.
            told = evaluate(self.identity, request, resource_kind=resource_kind)
            decision = replace(decision, told=told)
        self.decisions.append(decision)
        return decision

    def authorize(
        self,
        action: str,
        resource: str,
        context: Context = EMPTY_CONTEXT,
        *,
        owner: str = "",
        resource_policy: CompiledPolicy | None = None,
    ) -> None:
        """Raise AccessDeniedException unless the caller may do `action` to `resource`."""
        decision = self.check(action, resource, context, owner=owner, resource_policy=resource_policy)
        if not decision.allowed:
            raise AccessDeniedException(denial_text(decision))

    def conceal(self, told: Decision) -> None:
        """Say what the caller may learn of the newest decision, a denial at a resource of another account."""
        self.decisions[-1] = replace(self.decisions[-1], told=told)

    def without_authorization(self, action: str) -> None:
        """Record that AWS asks nobody for this action (sts:GetCallerIdentity)."""
        self.decisions.append(Decision(Outcome.ALLOW, action, "*", self.principal.arn))

    # -- other services ---------------------------------------------------------------------------------------------

    def on_behalf(self, operation: Operation[InputT, OutputT], value: InputT, *, by: str) -> OutputT:
        """Call another service as the caller, in the same transaction.

        `by` is the calling service's name, from which `kms:ViaService` is made. The call is authorized and audited as
        the caller's. Raises the other service's ServiceError; whatever it wrote is taken back then.
        """
        served = self.surroundings.served(operation)
        if served.mode is WRITE:
            self.needs_write()
        # By position: Python makes a dictionary of what a class is called with by name, a microsecond and more.
        child = Call(
            self.surroundings,
            self.tx,
            self.principal,
            self.region,
            self.now,
            self.request_id,
            self.source,
            self.identity,
            self,
            by,
        )
        child.account = self.account  # a service principal's own is none
        trace = Trace(child, operation, value)
        self.traces.append(trace)
        # What only reads has nothing to take back, and a savepoint costs two statements.
        mark = self.tx.savepoint() if served.mode is WRITE else 0
        emitted = len(self.emitted)
        try:
            output: OutputT = served.function(child, value)
        except ServiceError as error:
            trace.error = error
            if mark:
                self.tx.rollback(mark)
                del self.emitted[emitted:]
            raise
        for decision in child.decisions:
            if decision.outcome is ALLOW:
                break
        else:
            raise RuntimeError(f"{operation.service}:{operation.name} answered without a decision that allows it")
        if mark:
            self.tx.release(mark)
        trace.output = output
        return output

    # -- what stays behind ------------------------------------------------------------------------------------------

    def needs_write(self) -> None:
        """Go on only in a write: a read that must create something starts over as one."""
        if not self.tx.writable:
            raise NeedsWrite

    def note(self, kind: str, key: Any, value: Any) -> None:
        """Leave a note that is merged in memory and written with the next batch (last access, last use).

        The newest value for a key wins. The service's table says how a kind is written.
        """
        self.notes.append((kind, key, value))

    def pending_note(self, kind: str, key: Any) -> Any:
        """A note that is not written yet, so that a read sees what was noted a moment ago; None when there is none."""
        return self.surroundings.pending_note(kind, key)

    def service_event(
        self,
        service: str,
        name: str,
        resource: str = "",
        details: dict[str, str] | None = None,
        *,
        account: str = "",
        request_id: str = "",
        error_message: str = "",
    ) -> None:
        """Put on record what a service did, as CloudTrail's service event `name` of `service` about the ARN `resource`.

        It is on record in `account`, which is the caller's own unless what it was done to belongs to another.
        `details` and `error_message` stand in the record readable to whoever may read the account's records.
        """
        event = ServiceEvent(self, service, name, resource, details or {})
        event.account = account or self.account
        event.request_id = request_id or self.request_id
        event.error_message = error_message
        self.traces.append(event)

    def emit(
        self, source: str, detail_type: str, resources: tuple[str, ...], detail: dict[str, Any], *, account: str = ""
    ) -> None:
        """Send an event to the default bus of the account that owns the resources, in AWS's shape.

        It leaves with this transaction or not at all. `detail` holds names, labels and states, never values.
        """
        event_id = self.randomness.uuid4()
        owner = account or self.account
        self.needs_write()
        self.emitted.append(Emitted(event_id, owner, self.region, source, detail_type, self.now, resources, detail))

    def schedule(
        self, kind: str, subject: str, due: int, payload: dict[str, Any] | None = None, *, account: str = ""
    ) -> None:
        """Have the job `kind` run for `subject` at `due` (service time, ms); an earlier schedule is replaced.

        It runs in `account`, which is the caller's own unless the subject belongs to another.
        """
        self.surroundings.job_scheduled()
        key = (kind, account or self.account, self.region, subject)
        schedule(self.tx, key, due, payload, time_ordered_id(self.randomness, self.now), self._lane(kind))

    def hasten(self, kind: str, subject: str, due: int, *, account: str = "") -> None:
        """Have the job `kind` run for `subject` at `due` or before; an earlier moment stands, and so does a job that runs:
        its second half must look for what came meanwhile."""
        self.surroundings.job_scheduled()
        key = (kind, account or self.account, self.region, subject)
        hasten(self.tx, key, due, time_ordered_id(self.randomness, self.now), self._lane(kind))

    def _lane(self, kind: str) -> str:
        service = self.surroundings.service(kind.partition(".")[0])
        if kind in service.deliveries:
            return DELIVERY
        if kind in service.invocations:
            return INVOCATION
        return EFFECT if kind in service.effects else STORE

    def cancel(self, kind: str, subject: str, *, account: str = "") -> None:
        """Take a scheduled job back; none is fine."""
        self.tx.run(CANCEL, kind, account or self.account, self.region, subject)
