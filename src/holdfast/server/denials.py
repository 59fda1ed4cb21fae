"""From what a denied call did to the chain of its checks, which is stored with the denial.

The checks stand in the order in which they were made: those of the operation itself, and where it called another service
on the caller's behalf, those of that service in their place.

INVARIANT: a call whose checks all passed costs a comparison or two here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.chain import Denial, check_of
from holdfast.services.call import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from holdfast.access.decision import Decision
    from holdfast.services.call import Call


def may_be_denied(call: Call) -> bool:
    """Whether a check may have been denied: the call failed, or went on without what it asked another service for.

    Who explains tries what its reader may read, and a refusal there is no denial of the reader's call.
    """
    for trace in call.traces:
        if isinstance(trace, Trace) and trace.error is not None:
            first = call.traces[0]
            return trace is first or not isinstance(first, Trace) or first.operation.service != "holdfast"
    return False


def denial_of(call: Call) -> Denial | None:
    """What is kept of a call, or of a job, which is a call without a trace of its own; None when no check was denied."""
    traces = [trace for trace in call.traces if isinstance(trace, Trace)]
    calls = [trace.call for trace in traces if trace.call is not call]
    checks = list(_in_order(call, calls))
    if all(decision.allowed for _, decision in checks):
        return None
    own = next((trace for trace in traces if trace.call is call), None)
    return Denial(
        account=call.account,
        region=call.region,
        principal=call.principal.arn,
        principal_id=call.principal.principal_id,
        role=call.identity.role_arn,
        failed=own is None or own.error is not None,
        checks=tuple(check_of(decision, made.identity, _via(made)) for made, decision in checks),
    )


def _in_order(call: Call, calls: Sequence[Call]) -> Iterator[tuple[Call, Decision]]:
    position = 0
    for child in calls:
        if child.parent is call:
            for decision in call.decisions[position : child.after]:
                yield call, decision
            position = child.after
            yield from _in_order(child, calls)
    for decision in call.decisions[position:]:
        yield call, decision


def _via(call: Call) -> str:
    return f"{call.via_service}.{call.region}.amazonaws.com" if call.via_service else ""
