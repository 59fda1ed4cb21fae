"""Answers of pure functions, kept within bounds.

`functools.lru_cache` costs 1.5 us a call from compiled code: arguments are packed, hashed and moved to the front of a list.
A dictionary at the place of use costs a fifth of that. Full, it begins anew: whoever fills it costs others a second look,
and no memory.
"""

from __future__ import annotations

from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


def remember(known: dict[KeyT, ValueT], key: KeyT, value: ValueT, most: int) -> ValueT:
    """Keep `value` among at most `most` of them, and answer it. `known` holds nothing that can become wrong."""
    if len(known) >= most:
        known.clear()
    known[key] = value
    return value
