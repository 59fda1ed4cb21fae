"""The table of deliveries and its queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.store.statements import Statement
from holdfast.vault.randomness import time_ordered_id
from holdfast.vault.registry import DELIVERY_BODY

if TYPE_CHECKING:
    from holdfast.services.call import Call

INSERT = Statement(
    "INSERT INTO delivery (delivery_id, kind, account, region, destination, carried, created, due, attempts, state,"
    " error_code, last_error, body_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 'waiting', '', '', ?)"
)


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
