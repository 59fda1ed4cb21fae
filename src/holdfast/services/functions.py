"""Functions, as services other than Lambda may use them: one door. `server/` puts the Lambda service behind it.

Only the effect of a job or of a waiting operation may invoke; whether a service would be allowed to is asked inside the
transaction. Functions that Holdfast offers by itself (built-in rotation engines) are not reached through this door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdfast.services.call import Call


class NotInvoked(Exception):
    """The function did not run: it is gone, its environment cannot start, too many run. The text says which and why."""


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a function answered."""

    payload: bytes
    error: str
    """Empty, or `Unhandled`: then the payload is its error document (`errorMessage`, `errorType`)."""
    log: str
    """The end of what it wrote while it ran, at most 4 KiB, with its own credentials taken out."""
    request_id: str


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

        `fence` names what the invocation works on (a secret's ARN and attempt): credentials handed out for an older
        fence of the same subject are refused from now on.
        """
        ...
