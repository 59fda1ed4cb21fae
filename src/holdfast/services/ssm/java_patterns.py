"""AllowedPattern: a caller's Java regular expression, matched against a caller's value in bounded time.

Both are hostile. Every engine with Java's features backtracks, and `(a+)+$` would stop the server; so the pattern is
read here and written out for RE2, whose time is linear in the value, and whose memory (MEMORY) bounds its program.

What RE2 means otherwise than Java is translated: `.` and `\\s`, POSIX and horizontal-space classes, `\\Q...\\E`, octal
and `\\u` escapes, repetitions above 1000. Look-aheads at the beginning (`^(?=.*\\d)(?!.*x).{8,}$`, as password rules
have them) are matched one by one, which is what they mean there. What has no faithful translation raises
UnsupportedPattern, which says what it was: back-references, look-behind, other look-aheads, possessive quantifiers,
atomic groups, unions and intersections of classes, the flags d, m, x and U.

Known differences: `(?i)` folds the case of all letters, Java's of ASCII ones; `$` and `\\Z` are the very end of the
value, Java's may also stand before a last line terminator that the pattern goes on to match; `\\b` knows ASCII letters,
as in Java since 19. (java.util.regex.Pattern, Java SE 21; RE2's syntax page.)
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from holdfast.services.ssm.java_characters import (
    CLASSES,
    CONTROLS,
    LAST,
    LINE_TERMINATORS,
    VERTICAL,
    BadPattern,
    UnsupportedPattern,
    class_text,
    complement,
    literal,
    property_text,
)

__all__ = ["BadPattern", "JavaPattern", "UnsupportedPattern", "compile_pattern"]

MEMORY = 2 << 20
"""Bytes that RE2 may use for a pattern, all its parts together; measured: compiling and matching take 50 ms at most."""
MAXIMUM_CONDITIONS = 16
MAXIMUM_NESTING = 50
MAXIMUM_REPEAT = 4096
"""No value is longer, so repeating this often is repeating without a limit."""
RE2_REPEAT = 1000
MAXIMUM_WRITTEN = 100_000
"""Characters of a repetition as written out for RE2: nested ones would grow exponentially."""

OCTAL = re.compile(r"0([0-3]?[0-7]{1,2})")
HEXADECIMAL = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})|u([0-9a-fA-F]{4})")
LOW_SURROGATE = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
REPEAT = re.compile(r"\{([0-9]{1,9})(,([0-9]{0,9}))?\}")
FLAGS = re.compile(r"\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
GROUP_NAME = re.compile(r"\(\?<([a-zA-Z][a-zA-Z0-9]*)>")
LEADING_ANCHOR = re.compile(r"(?:\^|\\A)(?![*+?{])")
TOO_LARGE = "repetitions that make it too large"


class JavaPattern(NamedTuple):
    """A pattern ready to match."""

    body: Any
    """RE2's object."""
    conditions: tuple[tuple[Any, bool], ...]
    """Look-aheads at the beginning: RE2's object, and whether it must match."""

    def matches(self, value: str) -> bool:
        """Whether the whole value matches, as Java's `Pattern.matches`."""
        return self.body.fullmatch(value) is not None and all(
            (condition.match(value) is not None) is wanted for condition, wanted in self.conditions
        )


@lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> JavaPattern:
    """Raises BadPattern or UnsupportedPattern, whose text does not hold the pattern."""
    # Loaded with the first pattern: few parameters have one.
    re2: Any = import_module("re2")
    reader = Reader(pattern)
    body = reader.whole()
    options = re2.Options()
    options.max_mem = MEMORY // (1 + len(reader.conditions))
    options.log_errors = False
    options.never_capture = True
    try:
        return JavaPattern(
            re2.compile(body, options),
            tuple((re2.compile(text, options), wanted) for text, wanted in reader.conditions),
        )
    except re2.error as error:
        said = str(error)
        if "too large" in said or "repetition size" in said:
            raise UnsupportedPattern(TOO_LARGE) from None
        raise UnsupportedPattern("a part that is not known here") from None


class Reader:
    """Reads a Java pattern once, from left to right, and writes RE2's."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.nesting = 0
        self.group_names: set[str] = set()
        self.insensitive = False
        self.dot_matches_all = False
        self.conditions: list[tuple[str, bool]] = []

    def whole(self) -> str:
        """The pattern without its leading look-aheads, which are in `conditions`."""
        anchors = self._leading()
        body = self._alternatives()
        if self.position < len(self.pattern):
            raise BadPattern("a closing parenthesis without an opening one")
        if self.conditions and "|" in body and self._top_level_alternative(body):
            raise UnsupportedPattern("a look-ahead in one of several alternatives")
        return anchors + body

    def _top_level_alternative(self, body: str) -> bool:
        # Every literal is written as \x{..}, so each of these characters in the body is syntax.
        depth = 0
        for character in body:
            depth += (character == "(") - (character == ")")
            if character == "|" and depth == 0:
                return True
        return False

    def _leading(self) -> str:
        """Anchors, flags and look-aheads at the very beginning."""
        text = ""
        while True:
            if anchor := LEADING_ANCHOR.match(self.pattern, self.position):
                self.position = anchor.end()
                text += "^"
            elif (look := self._take("(?=")) or self._take("(?!"):
                if len(self.conditions) == MAXIMUM_CONDITIONS:
                    raise UnsupportedPattern("too many look-aheads")
                inner = self._group()
                self.conditions.append((f"(?{'i' if self.insensitive else '-i'}:{inner})", look))
            elif (flags := FLAGS.match(self.pattern, self.position)) and flags[3] == ")":
                text += self._flags(flags)
            else:
                return text

    def _take(self, text: str) -> bool:
        if self.pattern.startswith(text, self.position):
            self.position += len(text)
            return True
        return False

    # -- structure ---------------------------------------------------------------------------------------------------

    def _group(self) -> str:
        """What stands up to the closing parenthesis, which is read too. Flags set inside end there."""
        self.nesting += 1
        if self.nesting > MAXIMUM_NESTING:
            raise UnsupportedPattern("groups nested too deeply")
        flags = self.insensitive, self.dot_matches_all
        inner = self._alternatives()
        self.insensitive, self.dot_matches_all = flags
        if not self._take(")"):
            raise BadPattern("an opening parenthesis without a closing one")
        self.nesting -= 1
        return inner

    def _alternatives(self) -> str:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return "|".join(parts)

    def _sequence(self) -> str:
        parts: list[str] = []
        while self.position < len(self.pattern) and self.pattern[self.position] not in "|)":
            atom = self._atom()
            parts.append(self._repeated(atom) if atom else "")
        return "".join(parts)

    def _repeated(self, atom: str) -> str:
        """An atom with its quantifier. Laziness changes which match is found, not whether there is one."""
        start = self.position
        if self._take("*"):
            text = f"{atom}*"
        elif self._take("+"):
            text = f"{atom}+"
        elif self._take("?"):
            text = f"{atom}?"
        elif found := REPEAT.match(self.pattern, start):
            self.position = found.end()
            low = int(found[1])
            high = low if found[2] is None else int(found[3]) if found[3] else None
            if high is not None and high < low:
                raise BadPattern("a repetition whose end is before its beginning")
            text = repeat(atom, low, high)
        else:
            return atom
        if self._take("+"):
            raise UnsupportedPattern("a possessive quantifier")
        self._take("?")
        if self.pattern[self.position : self.position + 1] in {"*", "+", "?", "{"}:
            raise BadPattern("a quantifier after a quantifier")
        return f"(?:{text})"

    def _atom(self) -> str:
        """One thing that a quantifier may follow; empty for flags."""
        character = self.pattern[self.position]
        if character == "(":
            return self._parenthesis()
        self.position += 1
        match character:
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                return f"[{class_text(((0, LAST),) if self.dot_matches_all else complement(LINE_TERMINATORS))}]"
            case "^" | "$":
                return character
            case "*" | "+" | "?" | "{":
                raise BadPattern(f"a {character} with nothing to repeat")
            case _:
                return literal(ord(character))

    def _parenthesis(self) -> str:
        if self._take("(?:"):
            return f"(?:{self._group()})"
        if name := GROUP_NAME.match(self.pattern, self.position):
            if name[1] in self.group_names:
                raise BadPattern("a group name that is there twice")
            self.group_names.add(name[1])
            self.position = name.end()
            return f"(?:{self._group()})"
        if not self.pattern.startswith("(?", self.position):
            self.position += 1
            return f"(?:{self._group()})"
        for beginning, name in (
            ("(?=", "a look-ahead that is not at its beginning"),
            ("(?!", "a look-ahead that is not at its beginning"),
            ("(?<=", "a look-behind"),
            ("(?<!", "a look-behind"),
            ("(?>", "an atomic group"),
        ):
            if self.pattern.startswith(beginning, self.position):
                raise UnsupportedPattern(name)
        flags = FLAGS.match(self.pattern, self.position)
        if flags is None:
            raise BadPattern("an unknown kind of group")
        if flags[3] == ")":
            return self._flags(flags)
        before = self.insensitive, self.dot_matches_all
        opened = self._flags(flags)
        inner = self._group()
        self.insensitive, self.dot_matches_all = before
        return f"{opened}{inner})"

    def _flags(self, found: re.Match[str]) -> str:
        """Read flags; RE2's spelling of them. `s` is followed by `_atom`, `u` is what RE2 does anyway."""
        self.position = found.end()
        for on, letters in ((True, found[1]), (False, found[2] or "")):
            for letter in letters:
                if letter not in "isudmxU":
                    raise BadPattern("an unknown flag")
                if letter not in "isu":
                    raise UnsupportedPattern(f"the flag {letter}")
                if letter == "i":
                    self.insensitive = on
                elif letter == "s":
                    self.dot_matches_all = on
        return f"(?{'i' if self.insensitive else '-i'}{found[3]}"

    # -- escapes and classes -----------------------------------------------------------------------------------------

    def _escape(self) -> str:
        """After a backslash, outside a class."""
        letter = self.pattern[self.position : self.position + 1]
        if letter == "Q":
            return self._quoted()
        if letter in {"b", "B", "A", "z", "Z"}:
            self.position += 1
            return "$" if letter in {"z", "Z"} else "^" if letter == "A" else f"\\{letter}"
        if letter == "R":
            self.position += 1
            return f"(?:\\r\\n|[{class_text(VERTICAL)}])"
        if letter == "k" or letter in "123456789":
            raise UnsupportedPattern("a back-reference") if letter else BadPattern("a backslash at its end")
        if letter in {"G", "X", "N"}:
            raise UnsupportedPattern(f"\\{letter}")
        code = self._character()
        return literal(code) if code is not None else f"[{self._shorthand()}]"

    def _quoted(self) -> str:
        """`\\Q...\\E`; a quantifier after it repeats its last character only."""
        end = self.pattern.find("\\E", self.position)
        text = self.pattern[self.position + 1 : end if end >= 0 else len(self.pattern)]
        self.position = end + 2 if end >= 0 else len(self.pattern)
        parts = [literal(ord(character)) for character in text]
        if not parts:
            return ""
        return "".join([*parts[:-1], self._repeated(parts[-1])])

    def _character(self) -> int | None:
        """The character that an escape stands for; None, and nothing read, when it stands for a class."""
        letter = self.pattern[self.position : self.position + 1]
        if not letter:
            raise BadPattern("a backslash at its end")
        if letter in CONTROLS:
            self.position += 1
            return CONTROLS[letter]
        if letter == "c" and self.position + 1 < len(self.pattern):
            self.position += 2
            return ord(self.pattern[self.position - 1]) ^ 64
        if octal := OCTAL.match(self.pattern, self.position):
            self.position = octal.end()
            return int(octal[1], 8)
        if found := HEXADECIMAL.match(self.pattern, self.position):
            self.position = found.end()
            return self._paired(int(found[1] or found[2] or found[3], 16))
        if letter.isascii() and letter.isalnum():
            if letter in "dDwWsShHvVpP":
                return None
            raise BadPattern("an unknown escape")
        self.position += 1
        return ord(letter)

    def _paired(self, code: int) -> int:
        """The character of two surrogates that are written one after the other."""
        if 0xD800 <= code <= 0xDBFF and (low := LOW_SURROGATE.match(self.pattern, self.position)):
            self.position = low.end()
            return 0x10000 + ((code - 0xD800) << 10) + (int(low[1], 16) - 0xDC00)
        return code

    def _shorthand(self) -> str:
        """A class named by an escape, as the inside of a class."""
        letter = self.pattern[self.position]
        self.position += 1
        if letter in "pP":
            return self._property(negated=letter == "P")
        ranges = CLASSES[letter.lower()]
        return class_text(complement(ranges) if letter.isupper() else ranges)

    def _property(self, *, negated: bool) -> str:
        if self._take("{"):
            end = self.pattern.find("}", self.position)
            name = self.pattern[self.position : end]
            if end < 0 or not name:
                raise BadPattern("an unfinished property")
            self.position = end + 1
        else:
            name = self.pattern[self.position : self.position + 1]
            self.position += 1
        return property_text(name, negated=negated)

    def _class(self) -> str:
        """After `[`: a class without unions and intersections."""
        negated = self._take("^")
        items: list[str] = []
        while True:
            if self.position >= len(self.pattern):
                raise BadPattern("an unclosed character class")
            if self.pattern[self.position] == "]" and items:
                self.position += 1
                return f"[{'^' if negated else ''}{''.join(items)}]"
            items.append(self._class_item())

    def _class_item(self) -> str:
        low = self._class_character()
        if isinstance(low, str):
            return low
        following = self.pattern[self.position + 1 : self.position + 2]
        if self.pattern[self.position : self.position + 1] != "-" or following in {"]", "", "["}:
            return literal(low)
        self.position += 1
        high = self._class_character()
        if isinstance(high, str) or high < low:
            raise BadPattern("an illegal character range")
        return f"{literal(low)}-{literal(high)}"

    def _class_character(self) -> int | str:
        """A character inside a class, or the text of a class named by an escape."""
        character = self.pattern[self.position]
        if character == "[" or self.pattern.startswith("&&", self.position):
            raise UnsupportedPattern("a union or intersection of character classes")
        self.position += 1
        if character != "\\":
            return ord(character)
        if self.pattern.startswith("Q", self.position):
            raise UnsupportedPattern("a quotation inside a character class")
        code = self._character()
        return self._shorthand() if code is None else code


def repeat(atom: str, low: int, high: int | None) -> str:
    """`atom{low,high}` with no single repetition beyond RE2's limit. `high` None is no limit."""
    if low > MAXIMUM_REPEAT:
        raise UnsupportedPattern(TOO_LARGE)
    if high is not None and high >= MAXIMUM_REPEAT:
        high = None
    if low <= RE2_REPEAT and (high is None or high <= RE2_REPEAT):
        return f"{atom}{{{low},{'' if high is None else high}}}"
    parts = [f"{atom}{{{count}}}" for count in _chunks(low)]
    parts += [f"{atom}*"] if high is None else [f"{atom}{{0,{count}}}" for count in _chunks(high - low)]
    text = "".join(parts)
    if len(text) > MAXIMUM_WRITTEN:
        raise UnsupportedPattern(TOO_LARGE)
    return text


def _chunks(count: int) -> list[int]:
    return [RE2_REPEAT] * (count // RE2_REPEAT) + [count % RE2_REPEAT] * (count % RE2_REPEAT > 0)
