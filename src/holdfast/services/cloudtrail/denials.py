"""The table of denials: for each call that was denied, the chain of checks as it was decided (access/chain.py).

It stands beside the audit records and goes with them (jobs.py), but is no part of their chains: it explains, the record
proves. Request ids rise with time, so the primary key is the order of removal too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.access.chain import Denial, decode_denial, encode_denial
from holdfast.services.cloudtrail import records
from holdfast.store.statements import Statement
from holdfast.vault.randomness import moment_prefix

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

DENIAL = "cloudtrail.denial"
"""The kind of note by which a denied read leaves its chain."""

WRITE = Statement(
    "INSERT INTO access_denial (request_id, account, chain) VALUES (?, ?, ?) ON CONFLICT (request_id) DO NOTHING"
)
READ = Statement("SELECT account, chain FROM access_denial WHERE request_id = ?")
REMOVAL_BATCH = 1000
REMOVE_BEFORE = Statement(
    "DELETE FROM access_denial WHERE request_id IN"
    " (SELECT request_id FROM access_denial WHERE request_id < ? ORDER BY request_id LIMIT 1000)"
)


Kept = tuple[str, str]
"""What is kept of a denial: (account, chain). Made when the call is denied, so that writing a batch of them is quick."""


def kept(denial: Denial) -> Kept:
    """As `write_denial` takes it."""
    return denial.account, encode_denial(denial)


def write_denial(tx: Transaction, request_id: str, denial: Kept) -> None:
    """Keep a chain. The same request's second one is the first again (a batch that is written anew)."""
    tx.run(WRITE, request_id, *denial)


def read_denial(tx: Transaction, request_id: str, account: str) -> Denial | None:
    """The chain of a call of `account`, of any account when that is empty; None when none is kept."""
    row = tx.one(READ, request_id)
    if row is None or (account and row[0] != account):
        return None
    return decode_denial(row[1])


def records_of_request(tx: Transaction, request_id: str, account: str) -> list[dict[str, Any]]:
    """The audit records of a request in the order of its calls, of one account: the caller's when none is named."""
    found: list[dict[str, Any]] = []
    for _, line in records.read_request(tx, request_id):
        if line.account == (account or line.account):
            # The first one is the caller's own; others may be copies for the owners of what was called for.
            account = line.account
            found.append(msgspec.json.decode(line.text()))
    return found


def remove_denials(tx: Transaction, oldest_kept: int) -> bool:
    """Remove some of those from before a moment (milliseconds); whether there may be more."""
    return tx.run(REMOVE_BEFORE, moment_prefix(max(0, oldest_kept))) == REMOVAL_BATCH
