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
    from holdfast.services.call import Call, ServiceEvent


def was_denied(call: Call) -> bool:
    """Whether a check may have been denied: the call failed, or went on without what it asked another service for.

    Who explains tries what its reader may read, and a refusal is no denial of the reader's call.
    """
    traces = call.traces
    first = traces[0]
    if not isinstance(first, Trace) or first.error is not None:
        return True
    return (
        len(traces) > 1
        and first.operation.service != "holdfast"
        and any(isinstance(trace, Trace) and trace.error is not None for trace in traces)
    )


def denial_of(traces: Sequence[Trace | ServiceEvent]) -> Denial | None:
    """What is kept of a call; None when no check was denied."""
    calls = [trace.call for trace in traces if isinstance(trace, Trace)]
    if not any(not decision.allowed for call in calls for decision in call.decisions):
        return None
    first = calls[0] if calls[0].parent is None else calls[0].parent
    trace = traces[0]
    checks = tuple(
        check_of(decision, call.identity, _via(call))
        for root in dict.fromkeys(call for call in calls if call.parent is None or call.parent not in calls)
        for call, decision in _in_order(root, calls)
    )
    return Denial(
        account=first.account,
        region=first.region,
        principal=first.principal.arn,
        principal_id=first.principal.principal_id,
        role=first.identity.role_arn,
        failed=not isinstance(trace, Trace) or trace.error is not None,
        checks=checks,
    )


def _in_order(call: Call, calls: Sequence[Call]) -> Iterator[tuple[Call, Decision]]:
    position = 0
    for child in calls:
        if child.parent is call:
            for decision in call.decisions[position : child.after]:
                yield call, decision
            position = max(position, child.after)
            yield from _in_order(child, calls)
    for decision in call.decisions[position:]:
        yield call, decision


def _via(call: Call) -> str:
    return f"{call.via_service}.{call.region}.amazonaws.com" if call.via_service else ""
