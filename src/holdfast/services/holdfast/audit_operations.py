"""The audit trail beyond LookupEvents: read it in the order of writing, search all of it, verify its chains.

The operator sees every account's records, anybody else (actions holdfast:ReadAudit, holdfast:SearchAudit) those of the own
account. Verification is the operator's: it reads everything. All three wait until what was recorded is on disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.holdfast.explanations import KnownRequests
from holdfast.services.holdfast.operations import operator_only
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

MOST = 1000
CRITERIA = (
    "EventId", "EventName", "EventSource", "Username", "AccessKeyId", "ResourceName", "ResourceType", "ErrorCode",
    "RequestId",
)  # fmt: skip


class Trail(KnownRequests, Protocol):
    """What the server does for these operations."""

    def snapshot(self) -> Transaction: ...

    async def flush(self) -> None: ...

    def records_removed(self) -> None: ...

    async def read(self, after: int | None, account: str, limit: int) -> api.ReadAuditResponse:
        """Records written after a sequence number; the newest ones without one. All accounts' for an empty account."""
        ...

    async def search(
        self,
        place: tuple[str, str],
        criteria: Sequence[tuple[str, str]],
        times: tuple[int | None, int | None],
        position: tuple[int, int] | None,
        limit: int,
    ) -> tuple[list[api.AuditRecord], tuple[int, int] | None]:
        """Records by event time, oldest first, and where to go on; `place` is (account, region), empty for any."""
        ...

    async def verified(self, token: str, heads: str) -> api.VerifyAuditResponse:
        """Go on with a verification for a while; `heads` is a copy of the file of heads that was kept elsewhere."""
        ...


def _account(call: Call, asked: str | None) -> str:
    """The account whose records the caller may see: any for the operator, empty meaning all."""
    if call.principal.kind is PrincipalKind.OPERATOR:
        return asked or ""
    if asked not in (None, call.account):
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to read the audit records of account {asked}"
        )
    return call.account


def read_audit(call: Call, value: api.ReadAuditRequest) -> Callable[[], Awaitable[api.ReadAuditResponse]]:
    """Records in the order in which they were written: the newest, or those after a sequence number."""
    call.authorize("holdfast:ReadAudit", "*")
    account = _account(call, value.Account)
    trail = call.surroundings.control.audit_trail

    async def effect() -> api.ReadAuditResponse:
        await trail.flush()
        return await trail.read(value.After, account, value.MaxResults or MOST)

    return effect


def search_audit(call: Call, value: api.SearchAuditRequest) -> Callable[[], Awaitable[api.SearchAuditResponse]]:
    """Records that fit everything asked for, oldest first."""
    call.authorize("holdfast:SearchAudit", "*")
    place = (_account(call, value.Account), value.Region or "")
    criteria = [(name, text) for name in CRITERIA if (text := getattr(value, name)) is not None]
    if value.ReadOnly is not None:
        criteria.append(("ReadOnly", "true" if value.ReadOnly else "false"))
    times = (_milliseconds(value.StartTime), _milliseconds(value.EndTime))
    if times[0] is not None and times[1] is not None and times[0] > times[1]:
        raise ValidationException("StartTime must not be after EndTime.")
    question = [list(place), criteria, list(times)]
    position = None
    if value.NextToken is not None:
        try:
            moment, sequence = position_of(call, "SearchAudit", question, value.NextToken)
            position = (moment, sequence)
        except BadToken:
            raise api.InvalidAuditTokenException(
                "The token is not valid, or was made for a search with other members."
            ) from None
    trail = call.surroundings.control.audit_trail

    async def effect() -> api.SearchAuditResponse:
        await trail.flush()
        records, go_on = await trail.search(place, criteria, times, position, value.MaxResults or MOST)
        token = None if go_on is None else next_token(call, "SearchAudit", question, list(go_on))
        return api.SearchAuditResponse(Records=records, NextToken=token)

    return effect


def _milliseconds(moment: float | None) -> int | None:
    return None if moment is None else int(min(max(moment, 0), 1e14) * 1000)


def verify_audit(call: Call, value: api.VerifyAuditRequest) -> Callable[[], Awaitable[api.VerifyAuditResponse]]:
    """Walk every chain; call again with the token until it is done. Heads counts in the first call."""
    operator_only(call, "holdfast:VerifyAudit")
    trail = call.surroundings.control.audit_trail
    return lambda: trail.verified(value.Token or "", value.Heads or "")
