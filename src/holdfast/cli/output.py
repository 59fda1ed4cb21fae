"""How commands print: data on stdout in the format asked for, and times as ISO 8601 in UTC."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime


def instant(timestamp: float) -> str:
    """Seconds since 1970 as `2026-11-01T09:30:00.250Z`: always UTC, always milliseconds."""
    milliseconds = round(timestamp * 1000)  # binary fractions are truncated otherwise: .250 must not print as .249
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def print_json(value: Mapping[str, object]) -> None:
    """One JSON object on stdout."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(rows: Mapping[str, object]) -> str:
    """Names and values in two columns, indented by two blanks."""
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}".rstrip() for name, value in rows.items())


def counted(number: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def strong(text: str) -> str:
    """Bold on a terminal; plain elsewhere and where NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return text
    return f"\033[1m{text}\033[0m"
