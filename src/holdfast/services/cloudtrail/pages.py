"""Pages: the records of many reads in one row of the table and under one tag.

The records of reads come in batches (docs/adr/0005), and those of one batch are much alike. A page holds the records of one
account and Region, each part of them once, in a tenth of the space and at a fraction of the work::

    "P" 01 | u32 number of records | MessagePack [base, [part, …], [[later, request id, [number, marks, head, tail, …]], …]]

A call's records stand together: `later` is its time after `base`, in milliseconds, and each record of it is four numbers:
which record of its call it is (its event id follows from that, `lines.event_id_of`), its marks, and the places of its parts
in the list. The number -1 means that `head` is the whole record. The first bytes tell a page from a record, which begins
with "{". docs/reference/audit.md says it for others who read the table.

The row of a page has the time of its newest record, the sequence number of its last one (the others precede it without a
gap), all marks of its records and PAGE, and no request id.

INVARIANT: a page's records are no further apart than SPAN, in the order of their times. Lookups rely on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from holdfast.services.cloudtrail.lines import WHOLE, Line

SPAN: Final = 100
"""Milliseconds."""
MOST: Final = 1024
"""Records of a page."""
LARGEST: Final = 64 << 10
"""Bytes, about: a page is closed when its parts and calls pass it."""
PAGE: Final = -(1 << 63)
"""The mark that only pages have."""
MAGIC: Final = b"P\x01"
_HEADER: Final = 6
_CALL_BYTES: Final = 64

_encoder: Final = msgspec.msgpack.Encoder()
_encode: Final = _encoder.encode
_append: Final = _encoder.encode_into
_decode: Final = msgspec.msgpack.Decoder(tuple[int, list[bytes], list[tuple[int, str, list[int]]]]).decode


class Page:
    """A finished page: the columns of its row that are its own, and how many records it holds."""

    __slots__ = ("account", "content", "count", "event_time", "marks", "region")

    def __init__(self, account: str, region: str, event_time: int, marks: int, count: int, content: bytes) -> None:
        self.account = account
        self.region = region
        self.event_time = event_time
        self.marks = marks
        self.count = count
        self.content = content


class _Open:
    """A page that takes on records.

    What it holds is what it will be written from: under load, memory that each record took until its batch leaves would be
    other memory for each, and none of it in the processor's cache.
    """

    __slots__ = (
        "account",
        "base",
        "calls",
        "calls_number",
        "count",
        "marks",
        "newest",
        "parts",
        "records",
        "region",
        "request_id",
        "size",
    )

    def __init__(self, first: Line) -> None:
        self.account = first.account
        self.region = first.region
        self.base = first.now
        self.newest = first.now - 1  # so that the first record begins a call, whatever its request id is
        self.marks = 0
        self.count = 0
        self.size = 0
        self.parts: dict[bytes, int] = {}
        self.calls = bytearray()
        """MessagePack of the calls before the newest one."""
        self.calls_number = 0
        self.records: list[int] = []
        """Of the newest call, four numbers each."""
        self.request_id: str = ""

    def takes(self, line: Line) -> bool:
        return self.newest <= line.now <= self.base + SPAN and self.count < MOST and self.size < LARGEST

    def add(self, line: Line) -> None:
        if line.request_id != self.request_id or line.now != self.newest:
            self._end_call()
            self.request_id = line.request_id
            self.newest = line.now
            self.size += _CALL_BYTES
        self.marks |= line.marks
        self.count += 1
        self.records += (line.number, line.marks, self._part(line.head), self._part(line.tail))

    def _end_call(self) -> None:
        if self.records:
            _append((self.newest - self.base, self.request_id, self.records), self.calls, -1)
            self.calls_number += 1
            self.records = []

    def _part(self, part: bytes) -> int:
        place = self.parts.get(part)
        if place is None:
            place = self.parts[part] = len(self.parts)
            self.size += len(part)
        return place

    def close(self) -> Page:
        self._end_call()
        content = b"".join(
            (
                MAGIC,
                self.count.to_bytes(4, "big"),
                _array(3),
                _encode(self.base),
                _encode(list(self.parts)),
                _array(self.calls_number),
                self.calls,
            )
        )
        return Page(self.account, self.region, self.newest, self.marks | PAGE, self.count, content)


def _array(length: int) -> bytes:
    """How an array of no more than MOST begins ("array format family", MessagePack specification)."""
    return bytes((0x90 | length,)) if length < 16 else b"\xdc" + length.to_bytes(2, "big")


class Collected:
    """Records that come one after the other, as pages: those of each account and Region in their order."""

    __slots__ = ("_closed", "_opened", "count")

    def __init__(self) -> None:
        self._closed: list[Page] = []
        self._opened: dict[tuple[str, str], _Open] = {}
        self.count = 0
        """How many records it holds."""

    def add(self, lines: Sequence[Line]) -> None:
        """Take on records. What they were made of is free then."""
        for line in lines:
            place = (line.account, line.region)
            page = self._opened.get(place)
            if page is None or not page.takes(line):
                if page is not None:
                    self._closed.append(page.close())
                page = self._opened[place] = _Open(line)
            page.add(line)
        self.count += len(lines)

    def take(self) -> list[Page]:
        """All of them, after which it holds none."""
        pages = self._closed + [page.close() for page in self._opened.values()]
        self._closed, self._opened, self.count = [], {}, 0
        return pages


def pages_of(lines: Sequence[Line]) -> list[Page]:
    """All of these records."""
    collected = Collected()
    collected.add(lines)
    return collected.take()


def is_page(content: bytes) -> bool:
    """Whether a row of the table holds a page."""
    return content[:2] == MAGIC


def count_of(beginning: bytes) -> int:
    """How many records a row holds, by its first bytes."""
    return int.from_bytes(beginning[2:_HEADER], "big") if beginning[:2] == MAGIC else 1


def lines_of(account: str, region: str, content: bytes) -> list[Line]:
    """The records of a page. ValueError for what `pages_of` did not make."""
    return [line for _, line in marked_lines_of(account, region, content, 0)]


def marked_lines_of(account: str, region: str, content: bytes, marks: int) -> list[tuple[int, Line]]:
    """Those of a page's records that have all of `marks`, each with its place on the page, from 0.

    A lookup goes through many pages for a few records, so nothing is made of the others. ValueError as of `lines_of`.
    """
    try:
        base, parts, calls = _decode(content[_HEADER:])
        found: list[tuple[int, Line]] = []
        place = 0
        for later, request_id, numbers in calls:
            for at in range(0, len(numbers), 4):
                if numbers[at + 1] & marks == marks:
                    number, its_marks, head, tail = numbers[at : at + 4]
                    line = Line(account, region, base + later, request_id, number, its_marks, parts[head], parts[tail])
                    found.append((place, line))
                place += 1
    except (msgspec.DecodeError, IndexError, ValueError) as error:
        raise ValueError(f"no page: {error}") from None
    return found


def whole(account: str, region: str, now: int, request_id: str, marks: int, text: bytes) -> Line:
    """A record that has no parts."""
    return Line(account, region, now, request_id, WHOLE, marks, text, b"")
