"""Fences: temporary credentials that end when a newer attempt at the same work begins.

A session may say that it belongs to one attempt at a subject (the rotation of a secret). The store holds which attempt has
the subject now; a session that names another is refused, on every node and after every restart. So a function that was
taken for dead and wakes up again can change nothing any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

READ_FENCE = Statement("SELECT attempt FROM session_fence WHERE subject = ?")
WRITE_FENCE = Statement(
    "INSERT INTO session_fence (subject, attempt) VALUES (?, ?)"
    " ON CONFLICT (subject) DO UPDATE SET attempt = excluded.attempt"
)


def holds(tx: Transaction, subject: str, attempt: str) -> bool:
    """Whether an attempt has its subject still."""
    row = tx.one(READ_FENCE, subject)
    return row is None or row[0] == attempt


def take(tx: Transaction, subject: str, attempt: str) -> None:
    """Give a subject to an attempt; credentials of all others end."""
    tx.run(WRITE_FENCE, subject, attempt)
