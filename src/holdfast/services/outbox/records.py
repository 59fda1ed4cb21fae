"""The table of deliveries and its queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.outbox.deliveries import Delivery
from holdfast.store.statements import Statement
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import time_ordered_id
from holdfast.vault.registry import DELIVERY_BODY

if TYPE_CHECKING:
    from holdfast.services.call import Call

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"

INSERT = Statement(
    "INSERT INTO delivery (delivery_id, kind, account, region, destination, carried, created, due, attempts, state,"
    " error_code, last_error, body_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 'waiting', '', '', ?)"
)
DUE = Statement(
    "SELECT delivery_id, kind, account, region, destination, carried, created, attempts FROM delivery"
    " WHERE destination = ? AND state = 'waiting' AND kind = ? AND account = ? AND region = ? AND due <= ?"
    " ORDER BY due, delivery_id LIMIT ?"
)
BODY = Statement("SELECT body_sealed FROM delivery WHERE delivery_id = ?")
NEXT_DUE = Statement(
    "SELECT due FROM delivery WHERE destination = ? AND state = 'waiting' AND kind = ? AND account = ? AND region = ?"
    " ORDER BY due LIMIT 1"
)
NEWEST_DUE = Statement(
    "SELECT due FROM delivery WHERE destination = ? AND state = 'waiting' AND kind = ? AND account = ? AND region = ?"
    " AND attempts = 0 ORDER BY due DESC LIMIT 1"
)
OUTCOME = Statement(
    "UPDATE delivery SET state = ?, due = ?, attempts = ?, error_code = ?, last_error = ?"
    " WHERE delivery_id = ? AND state = 'waiting'"
)
REMOVE = Statement("DELETE FROM delivery WHERE delivery_id = ? AND state = 'waiting'")


def put(
    call: Call, kind: str, destination: str, carried: str, body: bytes, *, account: str = "", delay: int = 0
) -> str:
    """Send a body on its way, with this transaction or not at all; the delivery's id.

    `kind` is the job that delivers it and `destination` that job's subject; `account` owns the destination, and is the
    caller's own when not given. `carried` names what is carried for operators.
    """
    owner = account or call.account
    delivery_id = time_ordered_id(call.randomness, call.now)
    sealed = call.vault.seal(DELIVERY_BODY, (delivery_id,), body)
    due = call.now + delay
    call.tx.run(INSERT, delivery_id, kind, owner, call.region, destination, carried, call.now, due, sealed)
    call.hasten(kind, destination, due, account=owner)
    return delivery_id


def due_deliveries(call: Call, kind: str, destination: str, limit: int, most_bytes: int) -> list[tuple[Delivery, bool]]:
    """What is due at a destination, the oldest first, and whether its body opened; it is empty where it did not.

    No more once their bodies have so many bytes together: a batch is in memory while it is on its way.
    """
    found: list[tuple[Delivery, bool]] = []
    for row in call.tx.all(DUE, destination, kind, call.account, call.region, call.now, limit):
        body = body_of(call, row[0])
        found.append((_delivery(row, body or b""), body is not None))
        most_bytes -= len(body or b"")
        if most_bytes <= 0:
            break
    return found


def _delivery(row: tuple[Any, ...], body: bytes) -> Delivery:
    delivery_id, kind, account, region, destination, carried, created, attempts = row
    return Delivery(delivery_id, kind, account, region, destination, carried, body, created, attempts)


def body_of(call: Call, delivery_id: str) -> bytes | None:
    """What a delivery carries; None when it does not open, or is gone."""
    row = call.tx.one(BODY, delivery_id)
    try:
        return None if row is None else call.vault.open(DELIVERY_BODY, (delivery_id,), row[0])
    except DecryptError:
        return None


def next_due(call: Call, kind: str, destination: str) -> int | None:
    """When something is due at a destination; None when nothing waits for it."""
    row = call.tx.one(NEXT_DUE, destination, kind, call.account, call.region)
    return None if row is None else row[0]


def newest_due(call: Call, kind: str, destination: str, account: str) -> int | None:
    """When the last of what waits for its first attempt at a destination is due; None when nothing does."""
    row = call.tx.one(NEWEST_DUE, destination, kind, account, call.region)
    return None if row is None else row[0]
