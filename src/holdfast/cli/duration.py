"""Durations as people write them: `30d`, `4h`, `90s`, `1d12h`."""

from __future__ import annotations

import re

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
LONGEST = 3_153_600_000
"""A hundred years, as `AdvanceClock` has it."""

_FORM = re.compile("".join(f"(?:(?P<{unit}>[0-9]{{1,12}}){unit})?" for unit in UNITS))


def parse_duration(text: str) -> int:
    """Whole seconds. Units go from the largest to the smallest, each at most once; ValueError says what is expected."""
    found = _FORM.fullmatch(text)
    if not text or not found:
        raise ValueError("give a duration like 30d, 4h, 15m, 90s or 1d12h")
    total = sum(int(found[unit] or 0) * size for unit, size in UNITS.items())
    if total > LONGEST:
        raise ValueError("the clock moves at most 36500d at once")
    return total
