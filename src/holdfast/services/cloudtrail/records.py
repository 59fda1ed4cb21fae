# ruff: noqa: S608 - statements are put together from constants of this module
"""The table of audit records, whose rows are only ever added, and the sealed statements about their chains.

Lookups read the index `audit_record_by_time` only: a bounded stretch of it (`SCAN`), from which the marks leave the few
records that may be wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

_APPEND = (
    "INSERT INTO audit_record (account, region, event_time, request_id, marks, record, chain, position, tag) VALUES"
)
_LINK = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
APPEND = Statement(f"{_APPEND} {_LINK}")
FIELDS = 6
"""The first columns of APPEND, in this order, are what a record's tag covers beside chain, position and previous tag."""
MANY = 32
APPEND_MANY = Statement(f"{_APPEND} {', '.join([_LINK] * MANY)}")
"""MANY records at once: a fifth less than one by one."""

READ_BY_REQUEST = Statement(
    "SELECT record FROM audit_record WHERE sequence > ? AND request_id = ? ORDER BY sequence LIMIT 100"
)
FIND_REQUEST = Statement(
    "SELECT event_time, sequence, account, region, record FROM audit_record"
    " WHERE request_id = ? ORDER BY sequence LIMIT 1000"
)
READ_BATCH = 1000
READ_AFTER = Statement(
    "SELECT sequence, account, region, event_time, request_id, record FROM audit_record"
    f" WHERE sequence > ? ORDER BY sequence LIMIT {READ_BATCH}"
)
READ_NEWEST = Statement(
    "SELECT sequence, account, region, event_time, request_id, record FROM audit_record"
    f" WHERE sequence < ? ORDER BY sequence DESC LIMIT {READ_BATCH}"
)
READ_CHAINED = Statement(
    "SELECT sequence, chain, position, tag, account, region, event_time, request_id, marks, record FROM audit_record"
    " WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT 500"
)
READ_RECORD = Statement("SELECT record FROM audit_record WHERE sequence = ?")
NEWEST_LINK = Statement("SELECT chain, position, tag FROM audit_record ORDER BY sequence DESC LIMIT 1")
BOUNDS = Statement("SELECT COALESCE(MIN(sequence), 0), COALESCE(MAX(sequence), 0) FROM audit_record")
UNCHAINED = Statement("SELECT COUNT(*), COALESCE(MAX(sequence), 0) FROM audit_record WHERE chain IS NULL")
RETENTION_BATCH = 1000
OLDEST = Statement(
    f"SELECT sequence, chain, position, tag, event_time FROM audit_record ORDER BY sequence LIMIT {RETENTION_BATCH}"
)
REMOVE_THROUGH = Statement("DELETE FROM audit_record WHERE sequence <= ?")

WRITE_STATEMENT = Statement(
    "INSERT INTO audit_head (chain, kind, statement_sealed) VALUES (?, ?, ?)"
    " ON CONFLICT (chain, kind) DO UPDATE SET statement_sealed = excluded.statement_sealed"
)
READ_STATEMENT = Statement("SELECT statement_sealed FROM audit_head WHERE chain = ? AND kind = ?")
READ_STATEMENTS = Statement(
    "SELECT chain, kind, statement_sealed FROM audit_head WHERE (chain, kind) > (?, ?) ORDER BY chain, kind LIMIT 1000"
)
NEXT_PLACE = Statement(
    "SELECT account, region FROM audit_record WHERE (account, region) > (?, ?) ORDER BY account, region LIMIT 1"
)

SCAN = 4000
"""Entries of the index that one query reads at most: a millisecond or less."""
_NEWEST = f"""
    SELECT event_time, sequence, marks FROM audit_record
    WHERE account = ? AND region = ? AND event_time >= ? AND (event_time, sequence) < (?, ?)
    ORDER BY event_time DESC, sequence DESC LIMIT {SCAN}
"""
_OLDEST = f"""
    SELECT event_time, sequence, marks FROM audit_record
    WHERE account = ? AND region = ? AND event_time <= ? AND (event_time, sequence) > (?, ?)
    ORDER BY event_time, sequence LIMIT {SCAN}
"""
_MARKED = "WHERE (marks & ?) = ?"
SCAN_NEWEST = Statement(
    f"SELECT event_time, sequence FROM ({_NEWEST}) AS scanned {_MARKED} ORDER BY event_time DESC, sequence DESC LIMIT ?"
)
SCAN_OLDEST = Statement(
    f"SELECT event_time, sequence FROM ({_OLDEST}) AS scanned {_MARKED} ORDER BY event_time, sequence LIMIT ?"
)
END_OF_NEWEST = Statement(
    f"SELECT event_time, sequence FROM ({_NEWEST}) AS scanned ORDER BY event_time, sequence LIMIT 1"
)
END_OF_OLDEST = Statement(
    f"SELECT event_time, sequence FROM ({_OLDEST}) AS scanned ORDER BY event_time DESC, sequence DESC LIMIT 1"
)

Position = tuple[int, int]
"""(event time, sequence): a place in the index of one account and region."""
BEFORE_ALL: Position = (-1, 0)
AFTER_ALL: Position = ((1 << 63) - 1, 0)


class Stretch(NamedTuple):
    """What one look at the index gave."""

    found: list[Position]
    """Records whose marks fit, in the order asked for."""
    end: Position | None
    """Everything up to here was looked at; None when there is nothing further."""


def scan(
    tx: Transaction,
    account: str,
    region: str,
    after: Position,
    until: int,
    marks: int,
    limit: int,
    *,
    newest_first: bool,
) -> Stretch:
    """Look at most SCAN entries further than `after`, for at most `limit` records that have all of `marks`.

    `until` is the last event time wanted, in the direction of the scan.
    """
    statement, end = (SCAN_NEWEST, END_OF_NEWEST) if newest_first else (SCAN_OLDEST, END_OF_OLDEST)
    place = (account, region, until, *after)
    found: list[Any] = tx.all(statement, *place, marks, marks, limit)
    if len(found) >= limit:
        return Stretch(found, found[-1])
    last: Any = tx.one(end, *place)
    return Stretch(found, last)


def read_record(tx: Transaction, sequence: int) -> bytes | None:
    """One record; None when retention has removed it meanwhile."""
    row = tx.one(READ_RECORD, sequence)
    return None if row is None else row[0]


def read_statements(tx: Transaction) -> list[tuple[int, str, bytes]]:
    """Every sealed statement, as it stands in the table."""
    found: list[tuple[int, str, bytes]] = []
    chain, kind = -1, ""
    while rows := tx.all(READ_STATEMENTS, chain, kind):
        found += [(row[0], row[1], row[2]) for row in rows]
        chain, kind, _ = rows[-1]
    return found


def places(tx: Transaction) -> list[tuple[str, str]]:
    """Every account and region that has a record."""
    found: list[tuple[str, str]] = []
    account = region = ""
    while row := tx.one(NEXT_PLACE, account, region):
        account, region = row
        found.append((account, region))
    return found
