"""Due work: durable jobs in the store, written in the transaction that causes them, run in service time.

A job is a row (kind, account, region, subject) with a due moment; scheduling it again replaces it. The worker runs each
job as one write transaction in which the row is removed too, so what it does to the store happens exactly once: after a
crash the row is either still there with nothing done, or gone with everything done.

A job that must reach outside ends that transaction with an effect, and its row is leased instead of removed:

    waiting ──first half──► running ──effect, no transaction open──► second half: row removed, result written
       ▲                       │
       └── backoff with jitter ┘ ──too many attempts──► dead, until somebody retries it

After a crash the effect is repeated (at least once), and its result is written once. `identity` stays the same over
every attempt of one row, so whoever receives the effect can tell a repetition.

INVARIANT: at most one effect of a subject runs at a time: a row that is replaced or removed meanwhile waits for it, and
its result is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from holdfast.store.transaction import Transaction
    from holdfast.vault.randomness import Randomness

STORE = "store"
EFFECT = "effect"
DELIVERY = "delivery"
INVOCATION = "invocation"
NOBODY: Mapping[str, str] = MappingProxyType({})
LANES = (STORE, EFFECT, DELIVERY, INVOCATION)
"""Jobs of all but the first may reach outside, and only so many of each run at once."""
WAITING, RUNNING, DEAD = "waiting", "running", "dead"

_COLUMNS = "kind, account, region, subject, due, payload, attempts, last_error, identity, lane, state"

SCHEDULE = Statement(
    """
    INSERT INTO due_job (kind, account, region, subject, due, payload, attempts, last_error, identity, lane)
    VALUES (?, ?, ?, ?, ?, ?, 0, '', ?, ?)
    ON CONFLICT (kind, account, region, subject) DO UPDATE SET
      due = excluded.due, payload = excluded.payload, attempts = 0, last_error = '', identity = excluded.identity,
      lane = excluded.lane, state = CASE WHEN due_job.state = 'running' THEN 'running' ELSE 'waiting' END
    """
)
"""A row whose effect runs stays leased, under another identity: it is released when that effect ends."""
HASTEN = Statement(
    """
    INSERT INTO due_job (kind, account, region, subject, due, payload, attempts, last_error, identity, lane)
    VALUES (?, ?, ?, ?, ?, '{}', 0, '', ?, ?)
    ON CONFLICT (kind, account, region, subject) DO UPDATE SET due = excluded.due
      WHERE due_job.state = 'waiting' AND due_job.due > excluded.due
    """
)
"""A row whose effect runs is left alone: its second half looks for what came meanwhile."""
WRITE = Statement(
    """
    INSERT INTO due_job
      (kind, account, region, subject, due, payload, attempts, last_error, identity, lane, state, owner, lease)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, account, region, subject) DO UPDATE SET
      due = excluded.due, payload = excluded.payload, attempts = excluded.attempts, last_error = excluded.last_error,
      identity = excluded.identity, lane = excluded.lane, state = excluded.state, owner = excluded.owner,
      lease = excluded.lease
    """
)
CANCEL = Statement("DELETE FROM due_job WHERE kind = ? AND account = ? AND region = ? AND subject = ?")
NEXT = Statement(
    f"SELECT {_COLUMNS} FROM due_job WHERE state = 'waiting' AND lane = ?"  # noqa: S608 - a constant of this module
    " ORDER BY due, kind, account, region, subject LIMIT 1"
)
NEXT_BUT = Statement(
    f"SELECT {_COLUMNS} FROM due_job WHERE state = 'waiting' AND lane = ? AND account <> ?"  # noqa: S608 - a constant
    " ORDER BY due, kind, account, region, subject LIMIT 1"
)
DUE_NOW = Statement(
    f"SELECT {_COLUMNS} FROM due_job WHERE state = 'waiting' AND lane = ? AND due <= ?"  # noqa: S608 - a constant
    " ORDER BY due, kind, account, region, subject LIMIT ?"
)
DUE_NOW_BUT = Statement(
    f"SELECT {_COLUMNS} FROM due_job WHERE state = 'waiting' AND lane = ? AND account <> ? AND due <= ?"  # noqa: S608
    " ORDER BY due, kind, account, region, subject LIMIT ?"
)
READ = Statement(
    f"SELECT {_COLUMNS} FROM due_job"  # noqa: S608 - a constant of this module
    " WHERE kind = ? AND account = ? AND region = ? AND subject = ?"
)
RENEW = Statement(
    "UPDATE due_job SET lease = ? WHERE kind = ? AND account = ? AND region = ? AND subject = ?"
    " AND identity = ? AND state = 'running'"
)
RELEASE = Statement(
    "UPDATE due_job SET state = 'waiting', owner = '', lease = 0"
    " WHERE kind = ? AND account = ? AND region = ? AND subject = ? AND state = 'running'"
)
RELEASE_ALL = Statement("UPDATE due_job SET state = 'waiting', owner = '', lease = 0 WHERE state = 'running'")
"""At the start: on SQLite the directory lock proves that no other owner lives."""
COUNT_DUE = Statement("SELECT COUNT(*) FROM (SELECT 1 FROM due_job WHERE due <= ? LIMIT 1000) AS due_now")
COUNT = Statement("SELECT COUNT(*) FROM (SELECT 1 FROM due_job LIMIT 100000) AS jobs")

FIRST_DELAY = 60_000
LONGEST_DELAY = 3_600_000

Key = tuple[str, str, str, str]
"""Kind, account, region, subject."""


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
    last_error: str = ""
    identity: str = ""
    lane: str = STORE
    state: str = WAITING

    @property
    def key(self) -> Key:
        return self.kind, self.account, self.region, self.subject


@dataclass(frozen=True, slots=True)
class Retry:
    """How a job that may have an effect is tried again when it, or its transaction, fails."""

    attempts: int = 20
    """How many there are; after the last one the job is dead. 0: it never is."""
    first_delay: int = 10_000
    """Milliseconds before the second attempt; doubled for each further one."""
    longest_delay: int = LONGEST_DELAY


def encode_payload(payload: dict[str, Any] | None) -> str:
    """JSON text of a payload. Payloads hold ids and labels, never values."""
    return msgspec.json.encode(payload or {}).decode()


def schedule(
    transaction: Transaction, key: Key, due: int, payload: dict[str, Any] | None, identity: str, lane: str = STORE
) -> None:
    """Write a job; one with the same key is replaced, whatever became of it."""
    transaction.run(SCHEDULE, *key, due, encode_payload(payload), identity, lane)


def hasten(transaction: Transaction, key: Key, due: int, identity: str, lane: str) -> None:
    """Have a job run at `due` or before: one that is there already is kept, and only ever brought forward."""
    transaction.run(HASTEN, *key, due, identity, lane)


def write_job(transaction: Transaction, job: DueJob, owner: str = "", lease: int = 0) -> None:
    """Write a row as it is."""
    payload = encode_payload(job.payload)
    state = job.attempts, job.last_error, job.identity, job.lane, job.state
    transaction.run(WRITE, *job.key, job.due, payload, *state, owner, lease)


def job_of_row(row: tuple[Any, ...] | None) -> DueJob | None:
    """A job from the columns of READ; None for no row."""
    if row is None:
        return None
    kind, account, region, subject, due, payload, *rest = row
    return DueJob(kind, account, region, subject, due, msgspec.json.decode(payload), *rest)


def next_job(
    transaction: Transaction, lanes: Sequence[str] = LANES, passed_over: Mapping[str, str] = NOBODY
) -> DueJob | None:
    """The waiting job of some lanes that is due first, whether its moment has come or not; in a lane of `passed_over` not
    those of the account there."""
    found: list[DueJob] = []
    for lane in lanes:
        but = passed_over.get(lane)
        row = transaction.one(NEXT, lane) if but is None else transaction.one(NEXT_BUT, lane, but)
        job = job_of_row(row)
        if job is not None:
            found.append(job)
    return min(found, key=lambda each: (each.due, each.key), default=None)


def due_jobs(transaction: Transaction, lane: str, now: int, limit: int, passed_over: str | None = None) -> list[DueJob]:
    """The waiting jobs of a lane whose moment has come, the one that is due first first, without those of an account."""
    if passed_over is None:
        rows = transaction.all(DUE_NOW, lane, now, limit)
    else:
        rows = transaction.all(DUE_NOW_BUT, lane, passed_over, now, limit)
    return [job for row in rows if (job := job_of_row(row)) is not None]


def read_job(transaction: Transaction, key: Key) -> DueJob | None:
    """A job as it stands now; None when somebody took it back."""
    return job_of_row(transaction.one(READ, *key))


def retry_delay(attempts: int) -> int:
    """Milliseconds until a job of the store that failed `attempts` times is due again: a minute, doubled, an hour at
    most."""
    return min(LONGEST_DELAY, FIRST_DELAY << min(attempts - 1, 10))


def backoff(retry: Retry, attempts: int, randomness: Randomness) -> int:
    """Milliseconds until an effect that failed `attempts` times is tried again, between half the delay and all of it:
    what failed together must not come back together."""
    delay = min(retry.longest_delay, retry.first_delay << min(attempts - 1, 30))
    return delay - randomness.below(delay // 2 + 1)
