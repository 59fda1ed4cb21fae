"""The models' Java regular expressions, as Python's.

AWS matches the whole value (`Pattern.matcher(value).matches()`), with Java's meaning of the parts:

- `\\w`, `\\d`, `\\s` are ASCII only (java.util.regex.Pattern, "Predefined character classes"): the ASCII flag.
- `.` stops at `\\n`, `\\r`, U+0085, U+2028 and U+2029 ("Line terminators"); Python's stops at `\\n` alone.
- `\\p{L}` and its like name Unicode categories, which Python's `re` does not know: written out as ranges.
- `[\\w-/]` holds a literal hyphen; a pair of escaped surrogates is one character.

What has no faithful translation is refused when it is compiled (`tests/wire/test_validation.py` compiles every
pattern of every generated module), never guessed. The same test feeds hostile values to each, since a pattern that
backtracks exponentially would let one request stop the server. Those that do are written otherwise: LINEAR.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

CLASS_ESCAPES = frozenset("wWdDsS")
LINE_TERMINATORS = "\\n\\r\\u0085\\u2028\\u2029"
ASSIGNED = (range(0x32400), range(0xE0100, 0xE01F0))
"""Where letters, marks, numbers, punctuation, symbols and separators are."""
CATEGORY = re.compile(r"\\p\{([LMNPSZ][a-z]?)\}")
SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")

LINEAR = {
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
    r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": r"\t*[^\x00-\x1F:\x7F][^\x00-\x08\x0A-\x1F:\x7F]*",
}
"""Patterns of the models that take exponential time, and what holds for the same values in linear time. In both a blank can
be read in two ways, since the class in the middle holds it too: what remains is one of that class after tabs alone."""


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern for `fullmatch`. Raises ValueError or re.error for what cannot be translated."""
    return re.compile(translate(LINEAR.get(pattern, pattern)), re.ASCII)


def translate(pattern: str) -> str:
    """Python's spelling of a Java pattern."""
    out: list[str] = []
    position, inside = 0, False
    all_characters = "(?s)" in pattern
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            text, position = escape(pattern, position, inside)
            out.append(text)
            continue
        if inside:
            if character == "[" or pattern.startswith("&&", position):
                raise ValueError(f"{pattern!r} combines character classes, which Python cannot")
            inside = character != "]"
            # Escaped, since Python warns that it may give these a meaning of their own when doubled.
            out.append(f"\\{character}" if character in "&|~" else character)
        elif character == "[":
            inside = True
            out.append(character)
        elif character == "." and not all_characters:
            out.append(f"[^{LINE_TERMINATORS}]")
        elif pattern.startswith("(?<", position) and pattern[position + 3 : position + 4] not in {"=", "!"}:
            out.append("(?P<")
            position += 2
        else:
            out.append(character)
        position += 1
    return "".join(out)


def escape(pattern: str, position: int, inside: bool) -> tuple[str, int]:
    """Python's spelling of the escape at `position`, and where the rest begins."""
    if pattern.startswith("\\p", position):
        category = CATEGORY.match(pattern, position)
        if category is None:
            raise ValueError(f"{pattern!r} names a character property that has no translation")
        ranges = category_ranges(category[1])
        return (ranges if inside else f"[{ranges}]"), category.end()
    if pair := SURROGATES.match(pattern, position):
        high, low = int(pair[1], 16), int(pair[2], 16)
        return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}", pair.end()
    text = pattern[position : position + 2]
    position += 2
    if inside and text[1:] in CLASS_ESCAPES and pattern[position : position + 1] == "-":
        return f"{text}\\-", position + 1
    return text, position


@cache
def category_ranges(category: str) -> str:
    """The characters of a Unicode general category (`Lu`) or of its group (`L`), as the inside of a class."""
    ranges: list[list[int]] = []
    of = unicodedata.category
    for block in ASSIGNED:
        for code in block:
            if of(chr(code)).startswith(category):
                if ranges and ranges[-1][1] == code - 1:
                    ranges[-1][1] = code
                else:
                    ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
