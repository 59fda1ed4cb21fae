"""Explain: why a request was denied, from what was stored with the denial; or that it was allowed, from the audit record.

Nothing is evaluated again: policies may have changed since. A record of the own account only, except for the operator.
Of a call that was allowed only its audit records are kept (docs/adr/0013), so its checks are shown without statements.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from holdfast.access.chain import Check, Denial
from holdfast.access.decision import Outcome
from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.services.holdfast.readers import Reader
from holdfast.services.service import SecondHalf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from holdfast.access.chain import StoredGap
    from holdfast.access.decision import MatchedStatement
    from holdfast.access.matched import NearMiss
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

FAILED = "failed"
"""No check denied the call; it failed for another reason, or its checks were not stored."""


class KnownRequests(Protocol):
    """What is kept of single requests (`services/holdfast/audit_operations.Trail` has it)."""

    def denial(self, tx: Transaction, request_id: str, account: str) -> Denial | None:
        """The checks of a call that was denied, of any account when that is empty."""
        ...

    def records(self, tx: Transaction, request_id: str, account: str) -> list[dict[str, Any]]:
        """The audit records of a request, its own first; of one account."""
        ...


def explain(call: Call, value: api.ExplainRequest) -> Callable[[], Awaitable[SecondHalf]]:
    """Why a request was denied; that it was allowed. Raises RequestNotFoundException.

    Reads leave what is known of them with the next batch, so that is written first.
    """
    call.authorize("holdfast:Explain", "*")
    trail = call.surroundings.control.audit_trail

    async def effect() -> SecondHalf:
        await trail.flush()
        return SecondHalf(lambda again: explained(again, value))

    return effect


def explained(call: Call, value: api.ExplainRequest) -> api.ExplainResponse:
    """The answer, once everything is on disk."""
    call.authorize("holdfast:Explain", "*")
    request_id = value.RequestId or ""
    trail: KnownRequests = call.surroundings.control.audit_trail
    account = "" if call.principal.kind is PrincipalKind.OPERATOR else call.account
    denial = trail.denial(call.tx, request_id, account)
    records = trail.records(call.tx, request_id, account if denial is None else denial.account)
    if denial is not None:
        return _denied(call, request_id, denial, records)
    if records:
        return _not_denied(request_id, records)
    where = f" in account {account}" if account else ""
    raise api.RequestNotFoundException(
        f"No call with the request id {request_id} is on record{where}. It may be older than the records that are kept."
    )


def _denied(call: Call, request_id: str, denial: Denial, records: Sequence[dict[str, Any]]) -> api.ExplainResponse:
    own = (call.principal.account, call.principal.principal_id) == (denial.account, denial.principal_id)
    reader = Reader(call, denial.account, denial.role or denial.principal, own=own)
    shown = show(reader, denial.checks, failed=denial.failed)
    error = records[0] if records else {}
    return api.ExplainResponse(
        RequestId=request_id,
        Account=denial.account,
        Outcome=str(shown.outcome),
        Chain=shown.chain,
        Gap=shown.gap,
        Answered=None if denial.failed else True,
        Redacted=reader.redacted or None,
        ErrorCode=error.get("errorCode"),
    )


def _not_denied(request_id: str, records: Sequence[dict[str, Any]]) -> api.ExplainResponse:
    first = records[0]
    failed = first.get("errorCode")
    return api.ExplainResponse(
        RequestId=request_id,
        Account=first.get("recipientAccountId"),
        Outcome=FAILED if failed else str(Outcome.ALLOW),
        Chain=[] if failed else [_recorded(record) for record in records if not record.get("errorCode")],
        ErrorCode=failed,
        ErrorMessage=first.get("errorMessage"),
    )


def _recorded(record: dict[str, Any]) -> api.ExplainedCheck:
    """An allowed call as its audit record tells it: the operation's name, which nearly always is the action's."""
    service = str(record.get("eventSource", "")).partition(".")[0]
    identity: dict[str, Any] = record.get("userIdentity") or {}
    resources: list[dict[str, str]] = record.get("resources") or []
    invoked_by = identity.get("invokedBy", "")
    return api.ExplainedCheck(
        Action=f"{service}:{record.get('eventName')}",
        Resource=resources[0].get("ARN", "*") if resources else "*",
        Principal=identity.get("arn") or invoked_by or identity.get("principalId"),
        Outcome=str(Outcome.ALLOW),
        Via=invoked_by or None,
        Matched=[],
    )


# -- showing ------------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A chain as its reader sees it."""

    outcome: Outcome
    chain: list[api.ExplainedCheck]
    gap: api.ExplainedGap | None


def show(reader: Reader, checks: Sequence[Check], *, failed: bool = True) -> Shown:
    """A chain, its outcome and the one decisive gap, without what the reader may not see."""
    told = [reader.told(check) for check in checks]
    chain = [show_check(reader, check) for check in told]
    denied = [check for check in told if not check.allowed]
    if not denied:
        return Shown(Outcome.ALLOW, chain, None)
    # A call ends with the check that denies it; one that went on names the first.
    decisive = denied[-1] if failed else denied[0]
    return Shown(decisive.outcome, chain, _gap(reader, decisive))


def show_check(reader: Reader, check: Check) -> api.ExplainedCheck:
    """One check of a chain."""
    return api.ExplainedCheck(
        Action=check.action,
        Resource=check.resource,
        Principal=check.principal,
        Outcome=str(check.outcome),
        Via=check.via or None,
        Matched=[_statement(each) for each in reader.statements(check)],
        NearMisses=[_near_miss(each) for each in reader.near_misses(check)] or None,
    )


def _gap(reader: Reader, check: Check) -> api.ExplainedGap:
    gap = api.ExplainedGap(Action=check.action, Resource=check.resource)
    for position, each in enumerate(check.gaps):
        if not reader.place(check, each):
            continue
        place = _place(reader, check, each)
        if position:
            gap.Further = [*(gap.Further or ()), place]
        else:
            gap.Where, gap.Statement, gap.Remove = place.Where, place.Statement, place.Remove
    return gap


def _place(reader: Reader, check: Check, gap: StoredGap) -> api.ExplainedPlace:
    remove = reader.removable(check, gap)
    return api.ExplainedPlace(
        Where=gap.where,
        Statement=None if gap.statement is None else json.dumps(gap.statement, ensure_ascii=False),
        Remove=None if remove is None else _statement(remove),
    )


def _near_miss(near: NearMiss) -> api.NearMiss:
    return api.NearMiss(
        Statement=_statement(near.statement),
        Unmet=[api.UnmetCondition(Operator=u.operator, Key=u.key, Present=u.present) for u in near.unmet],
    )


def _statement(matched: MatchedStatement) -> api.MatchedPolicyStatement:
    return api.MatchedPolicyStatement(
        Policy=matched.policy, Sid=matched.sid, Index=matched.index, Effect=matched.effect, Kind=str(matched.kind)
    )
