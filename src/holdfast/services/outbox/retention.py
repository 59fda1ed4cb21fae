"""How long deliveries are kept once they are over: the delivered ones to be looked at, the others to be sent again.

A job of the store removes what is too old, a batch a time. It is due when the first one will be, rounded up: a job for
each would be as much work as the deliveries were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.outbox.records import DELIVERED, FAILED
from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.services.call import Call

REMOVE_OLD = "holdfast.remove-old-deliveries"
BATCH = 1000
ROUNDED = 600_000
"""Milliseconds."""

OLDEST = Statement("SELECT due FROM delivery WHERE state = ? ORDER BY due LIMIT 1")
REMOVE_BATCH = Statement(
    "DELETE FROM delivery WHERE delivery_id IN"
    " (SELECT delivery_id FROM delivery WHERE state = ? AND due <= ? ORDER BY due, delivery_id LIMIT ?)"
)


def remove_later(call: Call, state: str) -> None:
    """Deliveries came to an end in this transaction: have them removed when their time has come."""
    kept = _kept(call)[state]
    if kept:
        call.hasten(REMOVE_OLD, "", _rounded(call.now + kept))


def remove_old(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """The job: removes what is too old, in every account; comes again at once while there is more."""
    next_due: list[int] = []
    for state, kept in _kept(call).items():
        if not kept:
            continue
        removed = call.tx.run(REMOVE_BATCH, state, call.now - kept, BATCH)
        oldest = call.tx.one(OLDEST, state)
        if oldest is not None:
            next_due.append(call.now if removed == BATCH else _rounded(oldest[0] + kept))
    if next_due:
        call.hasten(REMOVE_OLD, subject, min(next_due))


def _kept(call: Call) -> dict[str, int]:
    deliveries = call.surroundings.deliveries
    return {DELIVERED: deliveries.delivered_kept, FAILED: deliveries.failed_kept}


def _rounded(moment: int) -> int:
    return -(-moment // ROUNDED) * ROUNDED
