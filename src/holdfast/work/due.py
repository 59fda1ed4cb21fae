"""Due work: durable jobs in the store, written in the transaction that causes them, run by one worker in service time.

A job is a row (kind, account, region, subject) with a due moment; scheduling it again replaces it. The worker runs each
job as one write transaction in which the row is removed too, so a job's effect happens exactly once: after a crash the
row is either still there with nothing done, or gone with everything done. A job that fails keeps its row, with the
error's type as a reason, and is due again after a growing delay (service time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

SCHEDULE = Statement(
    """
    INSERT INTO due_job (kind, account, region, subject, due, payload, attempts, last_error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, account, region, subject) DO UPDATE SET
      due = excluded.due, payload = excluded.payload, attempts = excluded.attempts, last_error = excluded.last_error
    """
)
CANCEL = Statement("DELETE FROM due_job WHERE kind = ? AND account = ? AND region = ? AND subject = ?")
NEXT = Statement(
    "SELECT kind, account, region, subject, due, payload, attempts FROM due_job"
    " ORDER BY due, kind, account, region, subject LIMIT 1"
)
READ = Statement(
    "SELECT kind, account, region, subject, due, payload, attempts FROM due_job"
    " WHERE kind = ? AND account = ? AND region = ? AND subject = ?"
)
COUNT_DUE = Statement("SELECT COUNT(*) FROM (SELECT 1 FROM due_job WHERE due <= ? LIMIT 1000) AS due_now")
COUNT = Statement("SELECT COUNT(*) FROM (SELECT 1 FROM due_job LIMIT 100000) AS jobs")

FIRST_DELAY = 60_000
LONGEST_DELAY = 3_600_000


@dataclass(frozen=True, slots=True)
class DueJob:
    """One row."""

    kind: str
    account: str
    region: str
    subject: str
    due: int
    payload: dict[str, Any]
    attempts: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.account, self.region, self.subject


def encode_payload(payload: dict[str, Any] | None) -> str:
    """JSON text of a payload. Payloads hold ids and labels, never values."""
    return msgspec.json.encode(payload or {}).decode()


def _job(row: tuple[Any, ...] | None) -> DueJob | None:
    if row is None:
        return None
    kind, account, region, subject, due, payload, attempts = row
    return DueJob(kind, account, region, subject, due, msgspec.json.decode(payload), attempts)


def next_job(transaction: Transaction) -> DueJob | None:
    """The job that is due first, whether its moment has come or not."""
    return _job(transaction.one(NEXT))


def read_job(transaction: Transaction, key: tuple[str, str, str, str]) -> DueJob | None:
    """A job as it stands now; None when somebody took it back."""
    return _job(transaction.one(READ, *key))


def retry_delay(attempts: int) -> int:
    """Milliseconds until a job that failed `attempts` times is due again: a minute, doubled, an hour at most."""
    return min(LONGEST_DELAY, FIRST_DELAY << min(attempts - 1, 10))
