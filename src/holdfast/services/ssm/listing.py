"""Bounded scans: a page reads a bounded number of rows, however many parameters there are.

A scan follows an order that an index serves and reads from its position on, in small portions, until the page is
full, the order ends, or its allowance of rows is spent. In the last case the page is short, or even empty, and has a
NextToken ("Request results are returned on a best-effort basis", API reference, DescribeParameters); clients loop until
there is none.

A position is a place in that order, never a count: what is written between two pages neither hides nor repeats a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from holdfast.services.ssm.filters import Range, after

PORTION = 100
"""Rows read at once after the first portion."""
METADATA_ALLOWANCE = 1_000
"""Rows read for one page of DescribeParameters."""
VALUE_ALLOWANCE = 250
"""Rows read for one page of GetParametersByPath: they carry values."""

RowT = TypeVar("RowT")
PositionT = TypeVar("PositionT")


class Place(NamedTuple):
    """A position in a list of ranges: which range, and the first path in it that was not read."""

    range: int
    low: str


def scan(
    read: Callable[[PositionT, int], list[tuple[PositionT, RowT]]],
    start: PositionT,
    wanted: Callable[[RowT], bool],
    limit: int,
    allowance: int,
) -> tuple[list[RowT], PositionT | None]:
    """Up to `limit` wanted rows, and where the next page begins; None when there is no more.

    `read(position, count)` gives up to `count` rows from a position on, each with the position after it; fewer only at
    the end of the order.
    """
    found: list[RowT] = []
    position = start
    full_at = start
    count = min(limit + 1, allowance)
    while True:
        rows = read(position, count)
        for position, row in rows:
            if wanted(row):
                if len(found) == limit:
                    return found, full_at
                found.append(row)
                full_at = position
        allowance -= len(rows)
        if len(rows) < count:
            return found, None
        if allowance <= 0:
            return found, position
        count = min(PORTION, allowance)


def ranges_reader(
    ranges: list[Range], read: Callable[[Range, str, int], list[RowT]], path_of: Callable[[RowT], str]
) -> Callable[[Place, int], list[tuple[Place, RowT]]]:
    """A reader for `scan` that goes through ranges in their order.

    `read(range, low, count)` gives rows of one range from the path `low` on.
    """

    def read_from(place: Place, count: int) -> list[tuple[Place, RowT]]:
        rows: list[tuple[Place, RowT]] = []
        for number in range(place.range, len(ranges)):
            low = place.low if number == place.range else ranges[number].low
            part = read(ranges[number], low, count - len(rows))
            rows.extend((Place(number, after(path_of(row))), row) for row in part)
            if len(rows) == count:
                break
        return rows

    return read_from


def first_place(ranges: list[Range]) -> Place:
    """Where the first page begins."""
    return Place(0, ranges[0].low)


def place_of(position: list[Any]) -> Place:
    """A place from a page token, which is authenticated: what is in it was written here."""
    return Place(*position)
