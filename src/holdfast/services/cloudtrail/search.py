"""Looking for records: one walk over the index in time order, for LookupEvents and for `holdfast audit search`.

A step reads a bounded stretch (records.SCAN) of one account's and region's entries, so a server can put steps between its
other work. What fits is decided on the record itself; marks only spare reading the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.attributes import fits, terms_of_lookup
from holdfast.services.cloudtrail.marks import marks_of_all
from holdfast.services.cloudtrail.pages import PAGE, SPAN
from holdfast.services.cloudtrail.records import AFTER_ALL, BEFORE_ALL, Position
from holdfast.vault.randomness import moment_of_id

if TYPE_CHECKING:
    from holdfast.services.cloudtrail.lines import Line
    from holdfast.services.cloudtrail.records import Stretch
    from holdfast.store.transaction import Transaction

AT_ONCE = 1000
"""Records, or rows of the index, that one step looks at."""
ROWS = 200
"""Rows that one step reads at least, while nothing is found: most pages that may hold a wanted record hold none."""
LOOKED_AT = 4096
"""Records on pages that one step looks at, about: a millisecond."""
PAGES = 4
"""Pages of the SPAN before the beginning that one step looks through."""
EARLIEST = 0
LATEST = (1 << 62) - 1
Criterion = tuple[str, str]
"""(attribute, value): an attribute of LookupEvents, or ErrorCode, RequestId, AccountId."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record."""

    position: Position
    account: str
    region: str
    text: bytes
    content: dict[str, Any]


class Walk:
    """A search in one account and region. `step` until `done`; `position` continues it later.

    A page stands in the index with the time of its newest record. So what a page holds waits in `_ready` until no page that
    is still to come can hold anything before it: newest first, that is what is not older than the entry looked at last;
    oldest first, what is older by more than SPAN. And where a walk newest first begins at a moment, the pages of the SPAN
    after it are looked through before.
    """

    def __init__(
        self,
        account: str,
        region: str,
        criteria: Sequence[Criterion] = (),
        *,
        start: int = EARLIEST,
        end: int = LATEST,
        newest_first: bool = True,
        position: Position | None = None,
    ) -> None:
        """`start` and `end` are event times in milliseconds, both included."""
        self.account = account
        self.region = region
        self._criteria = criteria
        self._newest_first = newest_first
        self._marks = marks_of_all(term for criterion in criteria for term in terms_of_lookup(*criterion))
        for attribute, value in criteria:
            if attribute == "EventId":
                # An event id says when its record was made: there is one millisecond to look at.
                moment = moment_of_id(value)
                start, end = (LATEST, EARLIEST) if moment is None else (max(start, moment), min(end, moment))
        self._times = (start, end)
        self._begin = self.position = position or (_before(end) if newest_first else (start - 1, LATEST))
        """Everything from where it began up to `position` was given out or does not fit."""
        self._before_begin = newest_first and self._begin < AFTER_ALL
        self._edge = (self._begin[0] + SPAN, LATEST) if self._before_begin else self._begin
        """What the index holds up to here was looked at."""
        self._ready: list[tuple[int, int, Line]] = []
        """(time, sequence, record), both negative newest first."""
        self._exhausted = start > end
        self.done = self._exhausted

    def step(self, tx: Transaction, limit: int) -> list[Found]:
        """At most `limit` more records, from a stretch of the index; `position` moves on, so that a walk of single steps,
        each begun where the last one ended, ends too."""
        while self._before_begin:
            self._look_before(tx)
        while not self._exhausted and not self._may_give():
            self._look(tx, limit)
            if self._newest_first or self._passed() > self.position:
                break
        found: list[Found] = []
        examined = 0
        while self._may_give():
            if len(found) >= limit or examined >= AT_ONCE:
                return found
            moment, sequence, line = heapq.heappop(self._ready)
            self.position = (abs(moment), abs(sequence))
            examined += 1
            text = line.text()
            content: dict[str, Any] = msgspec.json.decode(text)
            if all(fits(content, *criterion) for criterion in self._criteria):
                found.append(Found(self.position, self.account, self.region, text, content))
        self.done = self._exhausted
        if not self.done:
            passed = self._passed()
            self.position = min(self.position, passed) if self._newest_first else max(self.position, passed)
        return found

    def _passed(self) -> Position:
        """Nothing up to here can turn up any more."""
        return self._edge if self._newest_first else (self._edge[0] - SPAN - 1, LATEST)

    def _may_give(self) -> bool:
        """Whether the next record is known: nothing that would come before it can turn up any more."""
        if not self._ready or self._exhausted:
            return bool(self._ready)
        moment, sequence, _ = self._ready[0]
        if self._newest_first:
            return (-moment, -sequence) >= self._edge
        return moment + SPAN < self._edge[0]

    def _look_before(self, tx: Transaction) -> None:
        """Of the pages that end after the beginning, what lies before it."""
        stretch = self._scan(tx, self._begin[0], self._marks | PAGE, PAGES)
        places = [place for place in stretch.found if place >= self._begin]
        taken = self._take(tx, places, AT_ONCE)
        if taken < len(places):
            self._edge = places[taken - 1]
        elif stretch.end is None or stretch.end < self._begin:
            self._before_begin = False
            self._edge = self._begin
        else:
            self._edge = stretch.end

    def _look(self, tx: Transaction, limit: int) -> None:
        start, end = self._times
        until = start if self._newest_first else end + SPAN
        stretch = self._scan(tx, until, self._marks, min(max(limit, ROWS), AT_ONCE))
        taken = self._take(tx, stretch.found, limit)
        if taken < len(stretch.found):
            self._edge = stretch.found[taken - 1]
        elif stretch.end is None:
            self._exhausted = True
        else:
            self._edge = stretch.end

    def _scan(self, tx: Transaction, until: int, marks: int, limit: int) -> Stretch:
        newest_first = self._newest_first
        return records.scan(tx, self.account, self.region, self._edge, until, marks, limit, newest_first=newest_first)

    def _take(self, tx: Transaction, found: Sequence[Position], limit: int) -> int:
        """Make the records of rows ready, until `limit` are or many were looked at; of how many rows."""
        sign = -1 if self._newest_first else 1
        looked_at = made_ready = 0
        for taken, (moment, sequence) in enumerate(found, 1):
            count, marked = records.read_row(tx, sequence, self.account, self.region, moment, self._marks)
            for numbered in marked:
                if self._is_wanted(numbered.position):
                    heapq.heappush(self._ready, (sign * numbered.line.now, sign * numbered.sequence, numbered.line))
                    made_ready += 1
            looked_at += count
            if made_ready >= limit or looked_at >= LOOKED_AT or len(self._ready) >= AT_ONCE:
                return taken
        return len(found)

    def _is_wanted(self, position: Position) -> bool:
        start, end = self._times
        further = position < self._begin if self._newest_first else position > self._begin
        return further and start <= position[0] <= end


def _before(end: int) -> Position:
    return AFTER_ALL if end >= LATEST else (end + 1, 0)


class Search:
    """A search over several accounts and regions, oldest first, merged by time."""

    def __init__(
        self,
        places: Iterable[tuple[str, str]],
        criteria: Sequence[Criterion],
        *,
        start: int = EARLIEST,
        end: int = LATEST,
        position: Position = BEFORE_ALL,
    ) -> None:
        after = max(position, (start - 1, LATEST))
        self._walks = [
            Walk(account, region, criteria, start=start, end=end, newest_first=False, position=after)
            for account, region in places
        ]
        self.least_steps = len(self._walks) + 1
        """So many steps bring any search on: a page of fewer could have to be asked for again and again."""
        self._ready: list[tuple[Position, int, Found]] = []
        self.position = after
        """Everything up to here was given out or did not fit."""

    def step(self, tx: Transaction, limit: int) -> Iterator[Found]:
        """Let the walk that is furthest behind go on, then give out what no walk can precede any more."""
        behind = min((walk for walk in self._walks if not walk.done), key=lambda walk: walk.position, default=None)
        if behind is not None:
            for found in behind.step(tx, limit):
                heapq.heappush(self._ready, (found.position, found.position[1], found))
        edge = min((walk.position for walk in self._walks if not walk.done), default=AFTER_ALL)
        given = 0
        while self._ready and self._ready[0][0] <= edge and given < limit:
            self.position, _, found = heapq.heappop(self._ready)
            given += 1
            yield found
        if edge < AFTER_ALL and (not self._ready or self._ready[0][0] > edge):
            self.position = max(self.position, edge)

    @property
    def done(self) -> bool:
        """Whether everything was given out."""
        return not self._ready and all(walk.done for walk in self._walks)


class RequestSearch:
    """Every record of one request: found by its id, which has an index of its own."""

    def __init__(
        self, request_id: str, place: tuple[str, str], criteria: Sequence[Criterion], start: int, end: int
    ) -> None:
        self._request_id = request_id
        self._place = place
        self._criteria = criteria
        self._times = (start, end)
        self.position = BEFORE_ALL
        self.least_steps = 1
        self.done = False

    def step(self, tx: Transaction, limit: int) -> Iterator[Found]:
        """All of them: a request has few."""
        self.done = True
        for numbered in records.read_request(tx, self._request_id):
            line, text = numbered.line, numbered.line.text()
            content: dict[str, Any] = msgspec.json.decode(text)
            here = self._place[0] in ("", line.account) and self._place[1] in ("", line.region)
            in_time = self._times[0] <= line.now <= self._times[1]
            if here and in_time and all(fits(content, *criterion) for criterion in self._criteria):
                yield Found(numbered.position, line.account, line.region, text, content)


def open_search(
    tx: Transaction,
    place: tuple[str, str],
    criteria: Sequence[Criterion],
    times: tuple[int | None, int | None],
    position: Position | None = None,
) -> Search | RequestSearch:
    """The search for records of `place` (account, region; empty: any) that fit all criteria; `times` are both included."""
    start = EARLIEST if times[0] is None else times[0]
    end = LATEST if times[1] is None else times[1]
    for attribute, value in criteria:
        if attribute == "RequestId":
            return RequestSearch(value, place, criteria, start, end)
    account, region = place
    where = (
        [place]
        if account and region
        else [found for found in records.places(tx) if account in ("", found[0]) and region in ("", found[1])]
    )
    return Search(where, criteria, start=start, end=end, position=position or BEFORE_ALL)


Written = tuple[int, str, str, bytes]
"""(sequence, account, region, record)."""


class After:
    """Records in the order of writing, from a sequence number on."""

    def __init__(self, after: int, account: str, limit: int) -> None:
        """`account`: only of this one; empty for all."""
        self.last = after
        self.more = True
        self.found: list[Written] = []
        self._account = account
        self._limit = limit

    def step(self, tx: Transaction) -> bool:
        """Read on; whether that was all that is there or asked for."""
        rows = tx.all(records.READ_AFTER, self.last)
        for last, account, region in rows:
            if self._account in ("", account):
                for sequence, line in records.read_row(tx, last, account, region, 0)[1]:
                    if sequence > self.last:
                        self.last = sequence
                        self.found.append((sequence, account, region, line.text()))
                        if len(self.found) == self._limit:
                            return True
            self.last = last
        self.more = len(rows) == records.READ_BATCH
        return not self.more


class Newest:
    """The newest records, in the order of writing."""

    def __init__(self, account: str, limit: int) -> None:
        self.last = 0
        self.more = False
        self._newest_first: list[Written] = []
        self._before = LATEST
        self._account = account
        self._limit = limit

    @property
    def found(self) -> list[Written]:
        return self._newest_first[::-1]

    def step(self, tx: Transaction) -> bool:
        """Read further back; whether that was enough."""
        rows = tx.all(records.READ_NEWEST, self._before)
        for last, account, region in rows:
            self.last = max(self.last, last)
            self._before = last
            if self._account in ("", account):
                for sequence, line in reversed(records.read_row(tx, last, account, region, 0)[1]):
                    self._newest_first.append((sequence, account, region, line.text()))
                    if len(self._newest_first) == self._limit:
                        return True
        return len(rows) < records.READ_BATCH
