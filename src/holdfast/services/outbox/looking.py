"""Deliveries as people look at them: pages of a state, one alone, and those that are sent once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.services.outbox.records import DELIVERED, FAILED, WAITING
from holdfast.store.statements import Statement
from holdfast.vault.randomness import moment_of_id, time_ordered_id
from holdfast.work.due import DELIVERY, hasten

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

STATES = (FAILED, WAITING, DELIVERED)
"""In the order in which they are listed: what needs somebody first."""

_COLUMNS = (
    "delivery_id, kind, account, region, destination, carried, created, due, attempts, state, error_code, last_error"
)
_AFTER = "state = ? AND (due, delivery_id) > (?, ?) ORDER BY due, delivery_id LIMIT ?"
PAGE_OF_ALL = Statement(f"SELECT {_COLUMNS} FROM delivery WHERE {_AFTER}")  # noqa: S608 - constants
PAGE_OF_ACCOUNT = Statement(f"SELECT {_COLUMNS} FROM delivery WHERE account = ? AND {_AFTER}")  # noqa: S608 - constants
PAGE_OF_DESTINATION = Statement(
    f"SELECT {_COLUMNS} FROM delivery WHERE destination = ? AND (? = '' OR account = ?) AND {_AFTER}"  # noqa: S608
)
READ = Statement(f"SELECT {_COLUMNS} FROM delivery WHERE delivery_id = ?")  # noqa: S608 - constants
COUNT_WAITING = Statement(
    "SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 'waiting' LIMIT 100000) AS waiting"
)
COUNT_FAILED = Statement("SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 'failed' LIMIT 100000) AS failed")
AGAIN = Statement(
    "UPDATE delivery SET state = 'waiting', created = ?, due = ?, attempts = 0 WHERE delivery_id = ? AND state <> 'waiting'"
)
HURRY = Statement("UPDATE delivery SET due = ? WHERE delivery_id = ? AND state = 'waiting'")

Position = tuple[int, str]
"""When it is due or was over, and the id, of the last one that was listed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery without its body."""

    delivery_id: str
    kind: str
    account: str
    region: str
    destination: str
    carried: str
    created: int
    due: int
    """When it is tried next; of one that does not wait: when it was delivered or given up."""
    attempts: int
    state: str
    error_code: str
    last_error: str

    @property
    def put(self) -> int:
        """When it was put."""
        return moment_of_id(self.delivery_id) or self.created


def read(tx: Transaction, delivery_id: str) -> Shown | None:
    """A delivery by its id."""
    row = tx.one(READ, delivery_id)
    return None if row is None else Shown(*row)


def page(tx: Transaction, state: str, after: Position, account: str, destination: str, limit: int) -> list[Shown]:
    """Deliveries of a state after a position; of one account, or of all when it is empty, and so with the destination."""
    rows: list[tuple[Any, ...]]
    if destination:
        rows = tx.all(PAGE_OF_DESTINATION, destination, account, account, state, *after, limit)
    elif account:
        rows = tx.all(PAGE_OF_ACCOUNT, account, state, *after, limit)
    else:
        rows = tx.all(PAGE_OF_ALL, state, *after, limit)
    return [Shown(*row) for row in rows]


def send_again(call: Call, shown: Shown) -> None:
    """Have a delivery sent now, whatever became of it, with all its attempts."""
    if shown.state == WAITING:
        call.tx.run(HURRY, call.now, shown.delivery_id)
    else:
        call.tx.run(AGAIN, call.now, call.now, shown.delivery_id)
    key = (shown.kind, shown.account, shown.region, shown.destination)
    hasten(call.tx, key, call.now, time_ordered_id(call.randomness, call.now), DELIVERY)
    call.surroundings.job_scheduled()
