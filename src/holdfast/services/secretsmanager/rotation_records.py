"""Rotations under way and what every attempt did, in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.services.secretsmanager.records import Secret
    from holdfast.store.transaction import Transaction

KEPT_ATTEMPTS = 100
"""A secret."""
PAGE = 1000
"""Rows of LIST_ROTATING."""

READ_UNDERWAY = Statement(
    "SELECT token, test, rotation_token, attempt, failures, window_end FROM secret_rotation"
    " WHERE account = ? AND region = ? AND name = ?"
)
WRITE_UNDERWAY = Statement(
    """
    INSERT INTO secret_rotation (account, region, name, token, test, rotation_token, attempt, failures, window_end)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, region, name) DO UPDATE SET
      token = excluded.token, test = excluded.test, rotation_token = excluded.rotation_token,
      attempt = excluded.attempt, failures = excluded.failures, window_end = excluded.window_end
    """
)
DELETE_UNDERWAY = Statement("DELETE FROM secret_rotation WHERE account = ? AND region = ? AND name = ?")
_ATTEMPT_COLUMNS = (
    "attempt, token, test, function_arn, started, ended, outcome, steps, labels_before, labels_after, next_retry"
)
WRITE_ATTEMPT = Statement(
    f"""
    INSERT INTO secret_rotation_attempt (account, region, name, {_ATTEMPT_COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, region, name, attempt) DO UPDATE SET
      ended = excluded.ended, outcome = excluded.outcome, steps = excluded.steps,
      labels_after = excluded.labels_after, next_retry = excluded.next_retry
    """  # noqa: S608 - the parts are constants of this module
)
READ_ATTEMPT = Statement(
    f"SELECT {_ATTEMPT_COLUMNS} FROM secret_rotation_attempt"  # noqa: S608 - as above
    " WHERE account = ? AND region = ? AND name = ? AND attempt = ?"
)
LIST_ATTEMPTS = Statement(
    f"SELECT {_ATTEMPT_COLUMNS} FROM secret_rotation_attempt"  # noqa: S608 - as above
    " WHERE account = ? AND region = ? AND name = ? ORDER BY attempt DESC LIMIT ?"
)
TRIM_ATTEMPTS = Statement(
    "DELETE FROM secret_rotation_attempt WHERE account = ? AND region = ? AND name = ? AND attempt <= ?"
)
DELETE_ATTEMPTS = Statement("DELETE FROM secret_rotation_attempt WHERE account = ? AND region = ? AND name = ?")
LIST_ROTATING = Statement(
    """
    SELECT name, suffix, rotation FROM secret
    WHERE account = ? AND region = ? AND name > ? AND rotation <> '' AND deletion_date = 0 ORDER BY name LIMIT 1000
    """
)


class Underway(NamedTuple):
    """A rotation that is not finished. Times are ms of service time."""

    token: str
    """The version that it fills."""
    test: int
    rotation_token: str
    """SHA-256, hexadecimal, of the RotationToken of the newest attempt."""
    attempt: int
    """The newest attempt's number; 0 before the first."""
    failures: int
    window_end: int


class Attempt(NamedTuple):
    """One row of the timeline; `ended` and `next_retry` are 0 for none."""

    attempt: int
    token: str
    test: int
    function_arn: str
    started: int
    ended: int
    outcome: str
    steps: str
    labels_before: str
    labels_after: str
    next_retry: int


def read_underway(tx: Transaction, secret: Secret) -> Underway | None:
    row = tx.one(READ_UNDERWAY, *secret.key)
    return None if row is None else Underway._make(row)


def write_underway(tx: Transaction, secret: Secret, underway: Underway) -> None:
    tx.run(WRITE_UNDERWAY, *secret.key, *underway)


def delete_underway(tx: Transaction, secret: Secret) -> None:
    tx.run(DELETE_UNDERWAY, *secret.key)


def write_attempt(tx: Transaction, secret: Secret, attempt: Attempt) -> None:
    """A new attempt, or what changed of one; the oldest go when there are too many."""
    tx.run(WRITE_ATTEMPT, *secret.key, *attempt)
    if attempt.attempt > KEPT_ATTEMPTS:
        tx.run(TRIM_ATTEMPTS, *secret.key, attempt.attempt - KEPT_ATTEMPTS)


def read_attempt(tx: Transaction, secret: Secret, number: int) -> Attempt | None:
    row = tx.one(READ_ATTEMPT, *secret.key, number)
    return None if row is None else Attempt._make(row)


def list_attempts(tx: Transaction, secret: Secret, limit: int = KEPT_ATTEMPTS) -> list[Attempt]:
    """The newest attempts, the newest first."""
    return [Attempt._make(row) for row in tx.all(LIST_ATTEMPTS, *secret.key, limit)]
