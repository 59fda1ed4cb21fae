"""Reading secrets in order, a bounded number of rows at a time.

Every order has its index and is read by keyset: a page costs the same at the end of 100,000 secrets as at the start of
ten. Filters are asked row by row; a call reads SCAN_LIMIT rows at most and then answers what it found, with a token.
A name filter narrows the reading to a range of the primary key; in another order than by name that is done while the
range holds SCAN_LIMIT secrets at most, sorted in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import Any, NamedTuple

from holdfast.services.secretsmanager.filters import Attributes, Filter, name_range
from holdfast.services.secretsmanager.identifiers import NAME_FOLLOWS
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.stored_tags import decode_tags
from holdfast.store.statements import LAST_CHARACTER, Statement
from holdfast.store.transaction import Transaction

SCAN_LIMIT = 1000
"""Rows that one call reads at most."""
CHUNK = 200
FURTHEST = 2**63 - 1

_COLUMNS = ", ".join(field for field in Secret._fields if field != "policy")


def _by_date(column: str, order: str) -> Statement:
    compare = "<" if order == "DESC" else ">"
    return Statement(
        f"""
        SELECT {_COLUMNS} FROM secret WHERE account = ? AND region = ? AND ({column}, name) {compare} (?, ?)
        ORDER BY {column} {order}, name {order} LIMIT ?
        """  # noqa: S608 - the parts are constants of this module
    )


def _by_name(order: str) -> Statement:
    return Statement(
        f"""
        SELECT {_COLUMNS} FROM secret WHERE account = ? AND region = ? AND name >= ? AND name < ?
        ORDER BY name {order} LIMIT ?
        """  # noqa: S608 - the parts are constants of this module
    )


COLUMN_OF = {
    "created-date": "created",
    "last-accessed-date": "last_accessed",
    "last-changed-date": "last_changed",
}
BY_DATE = {
    (sort_by, order): _by_date(column, order.upper())
    for sort_by, column in COLUMN_OF.items()
    for order in ("asc", "desc")
}
BY_NAME = {order: _by_name(order.upper()) for order in ("asc", "desc")}
COUNT_RANGE = Statement(
    """
    SELECT COUNT(*) FROM (
      SELECT 1 FROM secret WHERE account = ? AND region = ? AND name >= ? AND name < ? LIMIT ?
    ) AS found
    """
)

Position = tuple[int | str, str]
"""Sort value and name of the last secret that was looked at."""


class Query(NamedTuple):
    """What a listing asks for."""

    account: str
    region: str
    filters: Sequence[Filter]
    deleted: bool
    """Whether secrets that are scheduled for deletion are listed too."""
    sort_by: str
    order: str
    limit: int

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    def position(self, secret: Secret) -> Position:
        column = COLUMN_OF.get(self.sort_by)
        return (secret.name if column is None else getattr(secret, column)), secret.name

    def matches(self, secret: Secret) -> bool:
        if secret.deletion_date and not self.deleted:
            return False
        if not self.filters:
            return True
        attributes = Attributes(secret.name, secret.description, decode_tags(secret.tags))
        return all(each.matches(attributes) for each in self.filters)


class Page(NamedTuple):
    """What a listing found, and where to go on; None when all was looked at."""

    secrets: list[Secret]
    position: Position | None


def read_page(tx: Transaction, query: Query, after: Position | None) -> Page:
    """The next page after a position, or the first."""
    names = name_range(query.filters)
    if names is not None and query.sort_by != "name":
        count = tx.one(COUNT_RANGE, query.account, query.region, *names, SCAN_LIMIT + 1)
        if count is not None and count[0] <= SCAN_LIMIT:
            return _sorted_page(tx, query, after, names)
    return _scanned_page(tx, query, after, names)


def _sorted_page(tx: Transaction, query: Query, after: Position | None, names: tuple[str, str]) -> Page:
    rows = tx.all(BY_NAME["asc"], query.account, query.region, *names, SCAN_LIMIT)
    secrets = [secret for secret in starmap(Secret, rows) if query.matches(secret)]
    secrets.sort(key=query.position, reverse=query.descending)
    if after is not None:
        secrets = [s for s in secrets if (query.position(s) < after if query.descending else query.position(s) > after)]
    page = secrets[: query.limit]
    return Page(page, query.position(page[-1]) if len(secrets) > len(page) else None)


def _scanned_page(tx: Transaction, query: Query, after: Position | None, names: tuple[str, str] | None) -> Page:
    found: list[Secret] = []
    position = after
    budget = SCAN_LIMIT
    chunk = CHUNK if query.filters else query.limit + 1
    while True:
        rows = _read(tx, query, position, names, min(chunk, budget))
        for row in rows:
            secret = Secret(*row)
            if len(found) == query.limit:
                return Page(found, position)
            if query.matches(secret):
                found.append(secret)
            position = query.position(secret)
        if len(rows) < min(chunk, budget):
            return Page(found, None)
        budget -= len(rows)
        if budget == 0:
            return Page(found, position)


def _read(
    tx: Transaction, query: Query, after: Position | None, names: tuple[str, str] | None, limit: int
) -> list[tuple[Any, ...]]:
    if query.sort_by == "name":
        low, high = names or ("", LAST_CHARACTER)
        if after is not None and query.descending:
            high = min(high, after[1])
        elif after is not None:
            low = max(low, after[1] + NAME_FOLLOWS)
        return tx.all(BY_NAME[query.order], query.account, query.region, low, high, limit)
    # No date lies before 0, and the first name of a date follows the empty one.
    start = after or ((FURTHEST, "") if query.descending else (-1, ""))
    return tx.all(BY_DATE[query.sort_by, query.order], query.account, query.region, *start, limit)
