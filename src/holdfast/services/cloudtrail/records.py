# ruff: noqa: S608 - statements are put together from constants of this module
"""The table of audit records, whose rows are only ever added, and the sealed statements about their chains.

A row is a record or a page of records (pages.py), whose sequence number is that of its last record.

Lookups read the index `audit_record_by_time` only: a bounded stretch of it (`SCAN`), from which the marks leave the few
records that may be wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.services.cloudtrail.lines import Line
from holdfast.services.cloudtrail.pages import SPAN, count_of, is_page, marked_lines_of, whole
from holdfast.store.statements import Statement
from holdfast.vault.randomness import moment_of_id

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

APPEND = Statement(
    "INSERT INTO audit_record (sequence, account, region, event_time, request_id, marks, record, chain, position, tag)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""A tag covers chain, position, previous tag and the columns from account to record, in this order."""

FIND_REQUEST = Statement(
    "SELECT sequence, account, region, event_time, record FROM audit_record"
    " WHERE request_id = ? ORDER BY sequence LIMIT 1000"
)
PAGES_BETWEEN = Statement(
    "SELECT sequence FROM audit_record"
    " WHERE account = ? AND region = ? AND event_time >= ? AND event_time <= ? AND marks < 0 ORDER BY event_time, sequence"
)
READ_BATCH = 500
READ_AFTER = Statement(
    f"SELECT sequence, account, region FROM audit_record WHERE sequence > ? ORDER BY sequence LIMIT {READ_BATCH}"
)
READ_NEWEST = Statement(
    f"SELECT sequence, account, region FROM audit_record WHERE sequence < ? ORDER BY sequence DESC LIMIT {READ_BATCH}"
)
READ_CHAINED = Statement(
    "SELECT sequence, chain, position, tag, account, region, event_time, request_id, marks, record FROM audit_record"
    " WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT 40"
)
"""Of so few rows, because a page may have a hundred kilobytes."""
READ_RECORD = Statement("SELECT record FROM audit_record WHERE sequence = ?")
NEWEST_LINK = Statement("SELECT chain, position, tag, sequence FROM audit_record ORDER BY sequence DESC LIMIT 1")
BOUNDS = Statement("SELECT COALESCE(MIN(sequence), 1), COALESCE(MAX(sequence), 0) FROM audit_record")
UNCHAINED = Statement("SELECT COUNT(*), COALESCE(MAX(sequence), 0) FROM audit_record WHERE chain IS NULL")
OLDEST_BATCH = 40
OLDEST = Statement(
    "SELECT sequence, chain, position, tag, event_time, substr(record, 1, 6) FROM audit_record"
    f" WHERE sequence > ? ORDER BY sequence LIMIT {OLDEST_BATCH}"
)
"""Of so few rows, because a page is read whole for its first bytes."""
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

ANY = -1
"""Marks of which nobody knows: all of them."""
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


class Numbered(NamedTuple):
    """A record in its place in the table."""

    sequence: int
    line: Line

    @property
    def position(self) -> Position:
        return self.line.now, self.sequence


def read_row(
    tx: Transaction, sequence: int, account: str, region: str, event_time: int, marks: int = 0
) -> tuple[int, list[Numbered]]:
    """How many records one row holds, and these in the order of writing, of a page those with all of `marks`; none when
    retention has removed it meanwhile.

    A record that is a row has no request id and no marks here: whoever found it has looked at those.
    """
    row = tx.one(READ_RECORD, sequence)
    if row is None:
        return 0, []
    content: bytes = row[0]
    count = count_of(content)
    if not is_page(content):
        return count, [Numbered(sequence, whole(account, region, event_time, "", ANY, content))]
    first = sequence - count + 1
    return count, [Numbered(first + place, line) for place, line in marked_lines_of(account, region, content, marks)]


def read_request(tx: Transaction, request_id: str) -> list[Numbered]:
    """The records of one request, in the order of writing: rows of their own, and those in pages, which are found by the
    moment in the id."""
    found = [
        Numbered(sequence, whole(account, region, event_time, request_id, ANY, text))
        for sequence, account, region, event_time, text in tx.all(FIND_REQUEST, request_id)
    ]
    moment = moment_of_id(request_id)
    if moment is not None:
        for account, region in places(tx):
            for (sequence,) in tx.all(PAGES_BETWEEN, account, region, moment, moment + SPAN):
                _, row = read_row(tx, sequence, account, region, moment)
                found += [numbered for numbered in row if numbered.line.request_id == request_id]
    return sorted(found, key=lambda numbered: numbered.sequence)


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
