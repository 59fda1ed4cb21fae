"""SQL written once, for both engines.

A statement is a module constant of a `records.py`, so that the suite can prepare every one of them on PostgreSQL too.
What both understand is the rule: `?` parameters, `ON CONFLICT … DO UPDATE`, `RETURNING`, row values, no `LIKE`
(SQLite's ignores case), prefixes as ranges (`prefix_range`), and no parameter whose type PostgreSQL could not infer.
"""

from __future__ import annotations

import re

_LITERAL_OR_MARK = re.compile(r"'(?:[^']|'')*'|\?|%")


def _for_psycopg(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        found = match.group()
        if found == "?":
            return "%s"
        return found.replace("%", "%%")

    return _LITERAL_OR_MARK.sub(replace, text)


class Statement:
    """One SQL statement with positional `?` parameters."""

    __slots__ = ("_postgresql", "text")

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self._postgresql: str | None = None

    @property
    def postgresql(self) -> str:
        """The same statement in psycopg's parameter style."""
        if self._postgresql is None:
            self._postgresql = _for_psycopg(self.text)
        return self._postgresql

    def __repr__(self) -> str:
        return f"Statement({self.text!r})"


LAST_CHARACTER = "\U0010ffff"


def prefix_range(prefix: str) -> tuple[str, str]:
    """The half-open range `>= low AND < high` of all text that begins with `prefix`, in byte order of UTF-8.

    U+10FFFF is a noncharacter and the highest code point in both UTF-8 and code-point order, so no stored name can
    pass it.
    """
    return prefix, prefix + LAST_CHARACTER
