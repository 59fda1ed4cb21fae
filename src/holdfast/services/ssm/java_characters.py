"""The characters that Java's regular expressions name, written out for RE2.

Java's predefined classes are ASCII (java.util.regex.Pattern, "Predefined character classes"); RE2's differ from them in
a few characters, so all are written as ranges of code points. What is not known here is refused, never guessed.
"""

from __future__ import annotations

import re

Ranges = tuple[tuple[int, int], ...]

SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))
VERTICAL: Ranges = ((0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029))
HORIZONTAL: Ranges = (
    (0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200A), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
LINE_TERMINATORS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x85, 0x85), (0x2028, 0x2029))
POSIX: dict[str, Ranges] = {
    "Lower": ((0x61, 0x7A),),
    "Upper": ((0x41, 0x5A),),
    "ASCII": ((0x00, 0x7F),),
    "Alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "Digit": ((0x30, 0x39),),
    "Alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "Punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "Graph": ((0x21, 0x7E),),
    "Print": ((0x20, 0x7E),),
    "Blank": ((0x09, 0x09), (0x20, 0x20)),
    "Cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "XDigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "Space": SPACE,
}
CLASSES: dict[str, Ranges] = {
    "s": SPACE,
    "v": VERTICAL,
    "h": HORIZONTAL,
    "d": POSIX["Digit"],
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
}
CONTROLS = {"t": 0x09, "n": 0x0A, "r": 0x0D, "f": 0x0C, "a": 0x07, "e": 0x1B}
CATEGORY = re.compile(r"(?:Is|gc=|general_category=)?(L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfo])")
SCRIPT = re.compile(r"(?:Is|sc=|script=)([A-Z][a-z]+(?:_[A-Z][a-z]+)*)")
BINARY_PROPERTIES = frozenset(
    ("Alphabetic", "Ideographic", "Letter", "Lowercase", "Uppercase", "Titlecase", "Punctuation", "Control", "Digit",
     "White_Space", "Hex_Digit", "Join_Control", "Noncharacter_Code_Point", "Assigned")
)  # fmt: skip
LAST = 0x10FFFF


class BadPattern(Exception):
    """Not a regular expression in Java either. The text says why."""


class UnsupportedPattern(BadPattern):
    """A regular expression in Java, with a part that cannot be matched in linear time or that we do not translate."""


def class_text(ranges: Ranges) -> str:
    """The inside of a class in RE2's syntax."""
    return "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges)


def complement(ranges: Ranges) -> Ranges:
    """All other characters; `ranges` are in order and apart."""
    found: list[tuple[int, int]] = []
    begin = 0
    for low, high in ranges:
        if begin < low:
            found.append((begin, low - 1))
        begin = high + 1
    if begin <= LAST:
        found.append((begin, LAST))
    return tuple(found)


def literal(code: int) -> str:
    """One character, whatever it is."""
    if 0xD800 <= code <= 0xDFFF:
        raise UnsupportedPattern("half of a surrogate pair")
    if code > LAST:
        raise BadPattern("a character beyond U+10FFFF")
    return f"\\x{{{code:x}}}"


def property_text(name: str, *, negated: bool) -> str:
    """The inside of a class for `\\p{name}`: POSIX classes, Unicode categories and scripts."""
    if name in POSIX:
        return class_text(complement(POSIX[name]) if negated else POSIX[name])
    if found := CATEGORY.fullmatch(name):
        return f"\\{'P' if negated else 'p'}{{{found[1]}}}"
    if (found := SCRIPT.fullmatch(name)) and found[1] not in BINARY_PROPERTIES:
        return f"\\{'P' if negated else 'p'}{{{found[1]}}}"
    raise UnsupportedPattern("a character property that is not known here")
