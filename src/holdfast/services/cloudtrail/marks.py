"""Marks: 63 bits of each record that say what it can be looked up by, held in the index beside its time.

A lookup passes over every record that lacks a bit of what it wants, without reading it; those that have all bits are
read and compared, so marks can cost time but never an answer. Sixty nanoseconds an entry instead of microseconds a
record, and no index for each attribute, which every call would pay for.

    bits 0-55   names: three bits for each value of EventName, Username, AccessKeyId, ResourceName, ErrorCode
    bits 56-62  kinds: one bit for each value of EventSource, ResourceType, ReadOnly

The bits of a value come from the CRC-32 of `attribute=value` and never change: they are in the store. All 64 bits set
(-1) means that nobody looked.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache

NAMES = frozenset({"EventName", "Username", "AccessKeyId", "ResourceName", "ErrorCode"})
KINDS = frozenset({"EventSource", "ResourceType", "ReadOnly"})

_NAME_BITS = 56
_KIND_BITS = 7

Term = tuple[str, str]
"""(attribute, value)."""


@lru_cache(maxsize=4096)
def marks_of(attribute: str, value: str) -> int:
    """The bits of one value; none for an attribute that has no marks."""
    number = zlib.crc32(f"{attribute}={value}".encode("utf-8", "surrogatepass"))
    if attribute in KINDS:
        return 1 << (_NAME_BITS + number % _KIND_BITS)
    if attribute not in NAMES:
        return 0
    marks = 0
    for _ in range(3):
        number, bit = divmod(number, _NAME_BITS)
        marks |= 1 << bit
    return marks


def marks_of_all(terms: Iterable[Term]) -> int:
    """The bits of a whole record."""
    marks = 0
    for attribute, value in terms:
        marks |= marks_of(attribute, value)
    return marks
