"""A record on its way to the store, in parts: what all calls of one caller to one operation share, and what is its own.

The parts are put together only where somebody wants the text. Two records are made for every call that reads a secret, and
most of them are written as pages (`pages.py`), which hold each part once: so this is one of the compiled modules.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from holdfast.remember import remember
from holdfast.vault.randomness import moment_prefix

WHOLE: Final = -1
"""The number of a line whose `head` is the record's whole text."""
_NUMBERS: Final = tuple(f"{number:04x}" for number in range(32))


class Line:
    """One record of a call.

    `now` is the event time in milliseconds. `number` says which of its call's records it is: the event id is made of it.
    `head` and `tail` are JSON up to the time of the event and after its id.
    """

    __slots__ = ("account", "head", "marks", "now", "number", "region", "request_id", "tail")

    def __init__(
        self,
        account: str,
        region: str,
        now: int,
        request_id: str,
        number: int,
        marks: int,
        head: bytes,
        tail: bytes,
    ) -> None:
        self.account = account
        self.region = region
        self.now = now
        self.request_id = request_id
        self.number = number
        self.marks = marks
        self.head = head
        self.tail = tail

    def text(self) -> bytes:
        """The record."""
        number = self.number
        if number == WHOLE:
            return self.head
        event_id = event_id_of(self.now, self.request_id, number)
        parts = (
            self.head,
            _members_of(self.now // 1000),
            self.request_id.encode(),
            b'","eventID":"',
            event_id.encode(),
            b'"',
            self.tail,
        )
        return b"".join(parts)


def event_id_of(now: int, request_id: str, number: int) -> str:
    """The id of a call's record: the records of one call differ in the last digits, the rest is the moment and the request
    id's chance."""
    digits = _NUMBERS[number] if number < len(_NUMBERS) else f"{number:04x}"
    return moment_prefix(now) + request_id[15:32] + digits


def second(seconds: int) -> str:
    """A moment as records show it: whole seconds, ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_seconds: Final[dict[int, bytes]] = {}


def _members_of(seconds: int) -> bytes:
    return _seconds.get(seconds) or remember(_seconds, seconds, _second(seconds), 64)


def _second(seconds: int) -> bytes:
    """The members from the time to the request id, of all records of one second."""
    return f',"eventTime":"{second(seconds)}","requestID":"'.encode()
