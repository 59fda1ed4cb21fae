"""Where in a pattern's text the fault is, as AWS says it: `at [Source: (String)"…"; line: 1, column: 40]`.

AWS reads patterns as a stream of tokens (JsonRuleCompiler of its open-source Event Ruler, over Jackson), and names the place
to which it has read: behind the bracket that opens a structure or the quotation mark that opens a text, behind a number or
word, and behind the closing bracket of what should not have been empty.

Only a pattern that is refused is read for this, a second time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

SHOWN = 500
"""Characters of a text that Jackson shows."""
_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^\s,\]}]*")
_LINE = re.compile(r"\r\n|\r|\n")
_decoder = json.JSONDecoder()

Step = str | int


def described(text: str, offset: int) -> str:
    """What AWS adds to the reason, when it has read to an offset of a text."""
    lines = _LINE.split(text[:offset])
    # Jackson counts Java's characters.
    column = len(lines[-1].encode("utf-16-le", "surrogatepass")) // 2 + 1
    more = f"[truncated {len(text) - SHOWN} chars]" if len(text) > SHOWN else ""
    return f'\n at [Source: (String)"{text[:SHOWN]}"{more}; line: {len(lines)}, column: {column}]'


def offset_of(text: str, path: Sequence[Step], *, after: bool) -> int:
    """To where a valid JSON text is read when a value's first token was; with `after`, when the whole value was.

    `path` leads to the value: names of fields, of which the last one counts where it is there twice, and positions in arrays.
    """
    start = _value_at(text, 0)
    for step in path:
        start = _members(text, start)[step]
    if after:
        return _decoder.raw_decode(text, start)[1]
    if text[start] in '"[{':
        return start + 1
    found = _WORD.match(text, start)
    assert found is not None
    return found.end()


def _members(text: str, start: int) -> dict[Step, int]:
    """Where each value begins that the object or array at `start` holds."""
    closing, named = ("}", True) if text[start] == "{" else ("]", False)
    found: dict[Step, int] = {}
    at = _value_at(text, start + 1)
    while text[at] != closing:
        step: Any = len(found)
        if named:
            step, at = _decoder.raw_decode(text, at)
            at = _value_at(text, _value_at(text, at) + 1)
        found[step] = at
        at = _value_at(text, _decoder.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _value_at(text, at + 1)
    return found


def _value_at(text: str, at: int) -> int:
    """Behind white space."""
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()
