"""What a service is to the rest of the house: its model, its operations and its due jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from holdfast.access.decision import EMPTY_CONTEXT, Context
from holdfast.api.base import Api, NotImplementedException, Operation, Shape
from holdfast.work.due import Retry

if TYPE_CHECKING:
    from holdfast.access.evaluate import ResourceKind
    from holdfast.access.grounds import GrantStatement
    from holdfast.access.policy import CompiledPolicy
    from holdfast.services.call import Call

OperationFunction = Callable[..., Any]
"""`operation(call, input) -> output`, synchronous, inside one transaction."""

JobEffect = Callable[[str], Awaitable["SecondHalf | None"]]
"""What a job does outside, awaited with no transaction open. It gets the job's identity, the same for every repetition,
and may be repeated after a crash. Its `SecondHalf` runs in a write transaction and may return the next effect."""

JobFunction = Callable[["Call", str, dict[str, Any]], JobEffect | None]
"""`job(call, subject, payload)`, inside one write transaction, in the account and region that scheduled it. Only the kinds
of `Service.effects` may return an effect."""


class JobFailed(Exception):
    """An effect failed and is to be tried again. The text is kept with the job: it holds no value of anybody's."""


Exemptions = Mapping[str, Collection[Literal["required", "minimum", "maximum", "pattern", "enum"]]]
NOTHING_EXEMPT: Exemptions = MappingProxyType({})


class Mode(StrEnum):
    """How an operation runs."""

    READ = "read"
    """In a snapshot, at once. It may leave notes, and may turn into a write by `call.needs_write()`."""
    WRITE = "write"
    """In a group of writes; answered when the group is on disk."""
    WAITING = "waiting"
    """Must wait for the outside: in a snapshot it authorizes and returns an asynchronous effect, whose result is the answer
    or a `SecondHalf`. No transaction is open while it waits."""


@dataclass(frozen=True, slots=True)
class SecondHalf:
    """What an effect answers when the answer needs the store again: `function(call) -> output` runs in a new snapshot, a
    job's in a new write transaction, in which the job's row is gone unless the function schedules it again.

    It may answer with another one: a long walk goes step by step, and other calls are served between its steps. Only the
    last step's call is the one that is audited.

    Nothing read before the effect may be relied on there: it may have changed while the effect waited.
    """

    function: Callable[[Call], Any]


def not_implemented(operation: Operation[Any, Any]) -> NotImplementedException:
    """The answer of an operation that is in AWS's model and not here."""
    return NotImplementedException(f"Holdfast does not implement {operation.service.rstrip('_')}:{operation.name} yet.")


@dataclass(frozen=True, slots=True)
class Served:
    """One row of a service's operation table."""

    function: OperationFunction
    mode: Mode
    exempt: Exemptions = field(default_factory=lambda: NOTHING_EXEMPT)
    """Member -> rules of its model that the operation checks itself, because AWS answers them with another error, e.g.
    `{"RecoveryWindowInDays": ("minimum", "maximum")}`."""
    unsigned: bool = False
    """AWS takes it without a signature: whoever calls is proven by what the effect finds out (`Call.identify`)."""
    linked: bool = False
    """AWS takes it without a signature too, because it is a link that somebody was sent: what is in it proves that."""
    absent: bool = False
    """Not here: see `absent_unsigned`."""


def read(function: OperationFunction, *, exempt: Exemptions = NOTHING_EXEMPT) -> Served:
    """An operation that changes nothing."""
    return Served(function, Mode.READ, exempt)


def write(function: OperationFunction, *, exempt: Exemptions = NOTHING_EXEMPT) -> Served:
    """An operation that changes something, or may."""
    return Served(function, Mode.WRITE, exempt)


def waiting(function: OperationFunction, *, exempt: Exemptions = NOTHING_EXEMPT) -> Served:
    """An operation that must wait for the outside before it can answer."""
    return Served(function, Mode.WAITING, exempt)


def unsigned(function: OperationFunction, *, exempt: Exemptions = NOTHING_EXEMPT) -> Served:
    """A waiting operation whose caller is known only after its effect; what it decides, its second half decides."""
    return Served(function, Mode.WAITING, exempt, unsigned=True)


def linked(function: OperationFunction) -> Served:
    """An operation that is also a link in a message. Unsigned, its caller is nobody: it says itself where it happens and why
    it may (`Call.identify`, `Call.without_authorization`). It changes something only after `Call.needs_write`."""
    return Served(function, Mode.READ, linked=True)


def absent_unsigned(operation: Operation[Any, Any]) -> Served:
    """An operation that is not here and that AWS takes without a signature: its row keeps the answer that names it from
    being one about the missing signature."""

    def refuse(call: Call, value: Shape) -> NoReturn:
        raise not_implemented(operation)

    return Served(refuse, Mode.WAITING, unsigned=True, absent=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """A check that a service makes on the caller's behalf once the caller was let at a resource."""

    action: str
    resource: str
    via: str
    """The service that asks: `secretsmanager`."""
    context: Context


@dataclass(frozen=True, slots=True)
class Guard:
    """What decides about a resource beside the caller's own policies, for questions before the fact."""

    resource: str
    """The ARN that is authorized, whatever name was given."""
    owner: str
    policy: CompiledPolicy | None = None
    kind: ResourceKind = "resource"
    grants: Sequence[GrantStatement] = ()
    context: Context = field(default_factory=lambda: EMPTY_CONTEXT)
    """The condition keys that the resource itself gives."""
    then: tuple[Asked, ...] = ()
    refuses_root: bool = False
    """Root users may not, whatever policies say."""


GuardFunction = Callable[["Call", str, str], Guard]
"""`guard(call, action, resource)`: reads only, and decides nothing. The call's region is the resource's."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the pipeline sees it. Operations of the model that the table lacks answer by name that they are absent."""

    api: Api
    operations: Mapping[str, Served]
    jobs: Mapping[str, JobFunction] = field(default_factory=dict[str, JobFunction])
    """Kind of due job -> what it does."""
    effects: Mapping[str, Retry] = field(default_factory=dict[str, Retry])
    """Kinds of due job that may return an effect -> how a failed one is tried again."""
    deliveries: Collection[str] = ()
    """Those of `effects` that deliver: they run in a lane of their own, so that a destination that hangs keeps no other
    work waiting."""
    invocations: Collection[str] = ()
    """Those of `effects` that run a function for an event: a lane of their own, too."""
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    """Kind of due job -> the service-linked role that it acts as, `AWSServiceRoleForHoldfast<Service>` when not given."""
    own: Mapping[str, OperationFunction] = field(default_factory=dict[str, OperationFunction])
    """What our own operations (`Holdfast.ShowRotation`, …) ask of this service, by the operation's name."""
    notes: Mapping[str, Callable[..., None]] = field(default_factory=dict[str, Callable[..., None]])
    """Kind of note (`call.note`) -> the function (transaction, key, value) that writes it with the next batch."""
    guard: GuardFunction | None = None
    """For services whose resources have policies, tags or keys of their own; None where only the caller's count."""
