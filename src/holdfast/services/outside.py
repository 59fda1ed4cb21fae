"""The network, as a service sees it: few doors, which only effects may use (of a waiting operation, of a job).

`server/outside.py` stands behind them and decides what may be reached at all. Whatever fails raises an OutsideError,
whose text says why in our own words: nothing of what the other side sent, and no secret, is ever in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

LONGEST_ANSWER = 64 << 10
"""Bytes of an answer's body that `post` gives back; the rest is left unread."""


class OutsideError(Exception):
    """It could not be done. The text says why without repeating what came back."""


class Unreachable(OutsideError):
    """Nobody answered in time, or the address may not be reached from here. Trying again may help."""


class Forbidden(Unreachable):
    """The operator does not let this server reach the address that the name has now."""


class BadAnswer(OutsideError):
    """Somebody answered, but not with the document: another status, a redirect, too long, no trusted certificate."""


class Refused(OutsideError):
    """A queue service or a mail relay understood and says no."""

    def __init__(self, text: str, code: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.code = code
        """One of our words, those that AWS puts into dead-letter attributes: `NO_RESOURCE`, `NO_PERMISSIONS`,
        `THROTTLING`, `SDK_CLIENT_ERROR`, `INTERNAL_ERROR`."""
        self.permanent = permanent
        """Trying again cannot help."""


class NotConfigured(OutsideError):
    """The operator has set up nothing that could do this."""


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request to an address that somebody named. Its repr shows neither headers nor body nor the address: any of
    them may hold a credential."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS, repr=False)
    """Host, Content-Length, Connection and Transfer-Encoding are the client's and replace what stands here."""
    body: bytes = field(default=b"", repr=False)
    timeout: float = 15.0
    """Seconds for the whole exchange, from resolving the name to the end of the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By their names in lower case."""
    body: bytes = field(repr=False)
    """At most LONGEST_ANSWER of it."""
    retry_after: int = 0
    """Milliseconds from now, as Retry-After says (RFC 9110 §10.2.3), at most a day; 0 when it does not."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, text only."""

    to: str
    subject: str
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS, repr=False)
    """More of them: List-Unsubscribe, Message-ID."""
    sender_name: str = ""
    """Shown before the sender's address."""


@dataclass(frozen=True, slots=True)
class QueueAttribute:
    """An attribute of a message in a queue that is no plain text."""

    kind: str
    """SQS's data type: String, Number or Binary, each with a label or without (`Number.int`)."""
    value: str = field(repr=False)
    """Base64 where it is binary."""


class Outside(Protocol):
    """What reaches other hosts."""

    async def document(
        self, url: str, *, max_age: float, thumbprints: Sequence[str] = (), anew: bool = False
    ) -> tuple[bytes, bool]:
        """What stands at an address, and whether it was fetched just now; raises OutsideError.

        A copy younger than `max_age` seconds does. `anew` asks for a fresh one; that is not done again and again for
        the same address, so that nobody can make this server a flood. `thumbprints` are SHA-1 hashes, in hexadecimal, of
        certificates that are trusted for this address where no known authority vouches for it.
        """
        ...

    async def post(self, outgoing: Outgoing) -> Answer:
        """Send a request and wait for its answer; raises OutsideError when there is none.

        The answer is for the caller to judge: any status is one. No redirect is followed, no cookie kept.
        """
        ...

    async def enqueue(
        self,
        queue: str,
        body: str,
        attributes: Mapping[str, str | QueueAttribute] = MappingProxyType({}),
        *,
        group: str = "",
        deduplication: str = "",
    ) -> None:
        """Put a message into a queue of an SQS-compatible service: `queue` is its ARN, at the endpoint that the operator
        configured, or its URL. Raises OutsideError."""
        ...

    async def mail(self, letter: Letter) -> None:
        """Hand a mail to the relay that the operator configured. Raises OutsideError."""
        ...
