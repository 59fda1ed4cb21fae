"""Planted values, and the search for them.

A test that uses a value from `canary()` (or any text that begins with MARK) promises nothing else: whatever the whole suite
prints, logs or leaves in a data directory is searched for MARK in every spelling that a program could give it.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path

MARK = "c4n4ry"
_numbers = itertools.count(1)


def canary(label: str = "value") -> str:
    """A secret that no other test uses."""
    return f"{MARK}-{label}-{next(_numbers)}"


def spellings() -> list[bytes]:
    """MARK as text, UTF-16, hex, and in base64 at each of the three alignments."""
    raw = MARK.encode()
    found = [raw, MARK.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # Characters that share bits with the neighbours differ from case to case: leave them out.
        begin = -(-shift * 8 // 6)
        end = (shift + len(raw)) * 8 // 6
        found.append(encoded[begin:end])
        found.append(base64.urlsafe_b64encode(b"\0" * shift + raw)[begin:end])
    return list(dict.fromkeys(found))


SPELLINGS = spellings()


def places(content: bytes) -> Iterator[bytes]:
    """Surroundings of every canary in `content`."""
    for spelling in SPELLINGS:
        at = content.find(spelling)
        if at >= 0:
            yield content[max(0, at - 80) : at + 80]


def search_directory(directory: Path) -> list[str]:
    """Files below `directory` that hold a canary, with what surrounds it."""
    found: list[str] = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found.extend(f"{path.name}: {place!r}" for place in places(path.read_bytes()))
    return found
