"""Due jobs as people look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.store.statements import Statement
from holdfast.work.due import DueJob, job_of_row

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

_COLUMNS = "kind, account, region, subject, due, payload, attempts, last_error, identity, lane, state"
BY_IDENTITY = Statement(f"SELECT {_COLUMNS} FROM due_job WHERE identity = ? LIMIT 1")  # noqa: S608 - a constant
LIST = Statement(
    f"""
    SELECT {_COLUMNS} FROM due_job
    WHERE (state, due, identity) > (?, ?, ?) AND state <= ? AND (? = '' OR account = ?)
    ORDER BY state, due, identity LIMIT ?
    """  # noqa: S608 - the parts are constants of this module
)

Position = tuple[str, int, str]
"""State, due moment and identity of the last job that was listed."""


def read(tx: Transaction, identity: str) -> DueJob | None:
    """A job by its id."""
    return job_of_row(tx.one(BY_IDENTITY, identity))


def listed(tx: Transaction, after: Position, last_state: str, account: str, limit: int) -> list[DueJob]:
    """Jobs after a position, up to those of a state; of one account, or of all when it is empty."""
    rows = tx.all(LIST, *after, last_state, account, account, limit)
    return [job for row in rows if (job := job_of_row(row)) is not None]
