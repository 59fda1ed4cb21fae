"""The network, as a service sees it: one door, which only the awaited effect of a waiting operation may use.

`server/outside.py` stands behind it and decides what may be reached at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class OutsideError(Exception):
    """A document could not be had. The text says why without repeating what came back."""


class Unreachable(OutsideError):
    """Nobody answered in time, or the address may not be reached from here. Trying again may help."""


class BadAnswer(OutsideError):
    """Somebody answered, but not with the document: another status, a redirect, too long, no trusted certificate."""


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
