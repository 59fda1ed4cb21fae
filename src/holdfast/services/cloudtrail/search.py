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
from holdfast.services.cloudtrail.records import AFTER_ALL, BEFORE_ALL, Position
from holdfast.vault.randomness import moment_of_id

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

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
    """A search in one account and region. `step` until `done`; `position` continues it later."""

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
        self._until = start if newest_first else end
        self.position = position or (_before(end) if newest_first else (start - 1, LATEST))
        self.done = start > end

    def step(self, tx: Transaction, limit: int) -> list[Found]:
        """At most `limit` more records, from one stretch of the index."""
        if self.done:
            return []
        stretch = records.scan(
            tx,
            self.account,
            self.region,
            self.position,
            self._until,
            self._marks,
            limit,
            newest_first=self._newest_first,
        )
        if stretch.end is None:
            self.done = True
        else:
            self.position = stretch.end
        return [found for place in stretch.found if (found := self._read(tx, place)) is not None]

    def _read(self, tx: Transaction, place: Position) -> Found | None:
        text = records.read_record(tx, place[1])
        if text is None:
            return None
        content: dict[str, Any] = msgspec.json.decode(text)
        if not all(fits(content, *criterion) for criterion in self._criteria):
            return None
        return Found(place, self.account, self.region, text, content)


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
        for moment, sequence, account, region, text in tx.all(records.FIND_REQUEST, self._request_id):
            content: dict[str, Any] = msgspec.json.decode(text)
            here = self._place[0] in ("", account) and self._place[1] in ("", region)
            if here and self._times[0] <= moment <= self._times[1] and all(fits(content, *c) for c in self._criteria):
                yield Found((moment, sequence), account, region, text, content)


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
        for sequence, account, region, _, _, text in rows:
            self.last = sequence
            if self._account in ("", account):
                self.found.append((sequence, account, region, text))
                if len(self.found) == self._limit:
                    return True
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
        for sequence, account, region, _, _, text in rows:
            self.last = max(self.last, sequence)
            self._before = sequence
            if self._account in ("", account):
                self._newest_first.append((sequence, account, region, text))
                if len(self._newest_first) == self._limit:
                    return True
        return len(rows) < records.READ_BATCH
