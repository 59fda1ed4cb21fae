"""Functions, as services may use them: one door. `server/functions.py` stands behind it.

Only the effect of a job or of a waiting operation may invoke; whether a service would be allowed to is asked inside the
transaction. Functions that Holdfast offers by itself (built-in rotation engines) are not reached through this door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from holdfast.services.arn import parse_arn

if TYPE_CHECKING:
    from holdfast.services.call import Call


class NotInvoked(Exception):
    """The function did not run: it is gone, its environment cannot start, too many run. The text says which and why."""


class Busy(NotInvoked):
    """Too many run at once."""

    def __init__(self, reason: str) -> None:
        """`reason` is AWS's word for it (TooManyRequestsException)."""
        super().__init__(f"too many functions run: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a function answered."""

    payload: bytes
    error: str
    """Empty, or `Unhandled`: then the payload is its error document (`errorMessage`, `errorType`)."""
    log: str
    """The end of what it wrote while it ran, at most 4 KiB, with its own credentials taken out."""
    request_id: str


class Target(Protocol):
    """A function's account, region, name, and the qualifier under which it is invoked (empty for `$LATEST`)."""

    @property
    def key(self) -> tuple[str, str, str]: ...

    @property
    def qualifier(self) -> str: ...

    def arn(self, partition: str) -> str: ...


class FunctionAt(NamedTuple):
    """A `Target` by its ARN."""

    account: str
    region: str
    name: str
    qualifier: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name

    def arn(self, partition: str) -> str:
        plain = f"arn:{partition}:lambda:{self.region}:{self.account}:function:{self.name}"
        return f"{plain}:{self.qualifier}" if self.qualifier else plain


def function_at(function_arn: str) -> FunctionAt | None:
    """What a function's ARN names; None when it is not one."""
    arn = parse_arn(function_arn)
    if arn is None or arn.service != "lambda":
        return None
    kind, _, named = arn.resource.partition(":")
    name, _, qualifier = named.partition(":")
    return FunctionAt(arn.account, arn.region, name, qualifier) if kind == "function" and name else None


class Functions(Protocol):
    """What invokes Lambda functions of this server."""

    def exists(self, call: Call, function_arn: str) -> bool:
        """Whether there is such a function (with the version or alias of a qualified ARN)."""
        ...

    def admits(self, call: Call, function_arn: str, service: str, source_arn: str, source_account: str) -> bool:
        """Whether the function's resource policy lets the service principal (`secretsmanager.amazonaws.com`) invoke it
        for this source."""
        ...

    async def invoke(
        self, function_arn: str, payload: bytes, *, service: str, source_arn: str, fence: str = ""
    ) -> Invoked:
        """Run the function and wait for its answer; raises NotInvoked.

        `fence` is `<subject> <attempt>`, split at the last blank: what the invocation works on (a secret's ARN), and
        which attempt at it this is. Credentials handed out for another attempt at the same subject are refused from now
        on. The policy is asked again, for this service and source: it may have changed since the transaction.
        """
        ...

    async def run(
        self, where: Target, payload: bytes, request_id: str, *, client_context: str = "", fence: str = ""
    ) -> Invoked:
        """As `invoke`, for a caller who was authorized already."""
        ...

    async def keep_event(self, where: Target, payload: bytes, request_id: str) -> None:
        """Have the function run later with an event; returns when the event is on disk."""
        ...

    def code_location(self, key: tuple[str, str, str], code_sha256: str) -> str | None:
        """An address at which the code can be fetched for ten minutes, by whoever knows it."""
        ...
