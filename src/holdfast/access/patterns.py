"""Wildcards and policy variables: from a policy's text to a matcher.

`*` stands for any characters and none, `?` for one, both across `/` and `:`. In policies of version 2012-10-17 `${key}`
stands for a value of the request, `${key, 'default'}` with a value for its absence, and `${*}`, `${?}`, `${$}` for the
characters themselves (IAM user guide, "Variables and tags"). A value that comes from the request is taken literally: a
tag `*` opens nothing. A variable without a value matches nothing ("Policy variables with no value").

Threat: patterns written to burn time (`*a*a*a*b`). A pattern is cut at its stars into runs of fixed length, which are
found from left to right and never tried again: no pattern costs more than its length times the text's, in C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from holdfast.access.keys import Reader, reader_of

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.access.request import AccessRequest


class Wild(Enum):
    """The two wildcards."""

    ANY = "*"
    ONE = "?"


class Variable:
    """A `${…}` that is read from the request."""

    __slots__ = ("default", "reader")

    def __init__(self, reader: Reader, default: str | None) -> None:
        self.reader = reader
        self.default = default

    def resolve(self, identity: Identity, request: AccessRequest) -> str | None:
        """Its value; without one, the default or None.

        A multivalued key cannot be a variable, and an empty value is none: `secret:${aws:PrincipalTag/team}*` must not
        become `secret:*` for whoever has an empty tag.
        """
        value = self.reader(identity, request)
        return value if value and isinstance(value, str) else self.default


Token: TypeAlias = "str | Wild | Variable"  # noqa: S105 - a part of a pattern
Match: TypeAlias = "Callable[[str, Identity, AccessRequest], bool]"

# Ends at the next brace of either kind, so that each character is looked at once.
_VARIABLE = re.compile(r"\$\{([^{}]+)\}")
_WILDCARD = re.compile(r"[*?]")


def _variable(content: str) -> Token | None:
    """What stands between the braces; None when it is no variable and so stands for itself."""
    if content in ("*", "?", "$"):
        return content
    key, comma, rest = content.partition(",")
    key, default = key.strip(), rest.strip()
    if not key or (comma and not (len(default) > 1 and default[0] == default[-1] == "'")):
        return None
    return Variable(reader_of(key), default[1:-1] if comma else None)


def variables_in(text: str) -> list[str]:
    """The keys of the variables in a pattern."""
    return [
        found[1].partition(",")[0].strip()
        for found in _VARIABLE.finditer(text)
        if isinstance(_variable(found[1]), Variable)
    ]


def hide_colons(text: str) -> str:
    """The pattern, as long as before, with other characters for the colons inside of its variables."""
    return _VARIABLE.sub(lambda found: found[0] if _variable(found[1]) is None else found[0].replace(":", "_"), text)


def tokens_of(text: str, *, wildcards: bool = True, variables: bool = True) -> tuple[Token, ...]:
    """Cut a pattern into literals, wildcards and variables."""
    tokens: list[Token] = []
    position = 0
    for found in _VARIABLE.finditer(text) if variables else ():
        token = _variable(found[1])
        if token is not None:
            _literal(text[position : found.start()], wildcards, tokens)
            tokens.append(token)
            position = found.end()
    _literal(text[position:], wildcards, tokens)
    return _joined(tokens)


def _literal(text: str, wildcards: bool, tokens: list[Token]) -> None:
    position = 0
    for found in _WILDCARD.finditer(text) if wildcards else ():
        if found.start() > position:
            tokens.append(text[position : found.start()])
        tokens.append(Wild(found[0]))
        position = found.end()
    if position < len(text):
        tokens.append(text[position:])


def _joined(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Neighbouring literals as one, and repeated stars as one."""
    joined: list[Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if isinstance(token, str) and isinstance(last, str):
            joined[-1] = last + token
        elif token is not Wild.ANY or last is not Wild.ANY:
            joined.append(token)
    return tuple(joined)


class _Run:
    """The tokens between two stars: literals, and places where any one character fits."""

    __slots__ = ("length", "literal", "regex", "tokens")

    def __init__(self, tokens: Sequence[str | Wild]) -> None:
        self.tokens = tokens
        self.length = sum(len(token) if isinstance(token, str) else 1 for token in tokens)
        self.literal = "".join(t for t in tokens if isinstance(t, str)) if Wild.ONE not in tokens else None
        self.regex: re.Pattern[str] | None = None

    def _fixed(self) -> re.Pattern[str]:
        # Atoms of fixed length and no repetition: nothing to backtrack into. Made when first needed.
        if self.regex is None:
            text = "".join(re.escape(token) if isinstance(token, str) else "." for token in self.tokens)
            self.regex = re.compile(text, re.DOTALL)
        return self.regex

    def find(self, text: str, start: int, end: int) -> int:
        if self.literal is not None:
            return text.find(self.literal, start, end)
        found = self._fixed().search(text, start, end)
        return found.start() if found else -1

    def fits(self, text: str, start: int) -> bool:
        if self.literal is not None:
            return text.startswith(self.literal, start)
        return self._fixed().match(text, start) is not None


def _runs(tokens: Sequence[str | Wild]) -> list[_Run]:
    runs: list[list[str | Wild]] = [[]]
    for token in tokens:
        if token is Wild.ANY:
            runs.append([])
        else:
            runs[-1].append(token)
    return [_Run(run) for run in runs]


def _matches_runs(runs: Sequence[_Run], text: str) -> bool:
    first, last = runs[0], runs[-1]
    if len(runs) == 1:
        return len(text) == first.length and first.fits(text, 0)
    end = len(text) - last.length
    if end < first.length or not first.fits(text, 0) or not last.fits(text, end):
        return False
    position = first.length
    for run in runs[1:-1]:
        # Leftmost is best: what is found earlier leaves more room for the rest.
        found = run.find(text, position, end)
        if found < 0:
            return False
        position = found + run.length
    return True


class Pattern:
    """One compiled pattern. `exact` or `prefix` is what an index can use."""

    __slots__ = ("_tokens", "exact", "match", "prefix")

    def __init__(self, text: str, *, variables: bool) -> None:
        tokens = tokens_of(text, variables=variables)
        self._tokens = tokens
        self.prefix = tokens[0] if tokens and isinstance(tokens[0], str) else ""
        """What every matching text starts with."""
        self.exact: str | None = None
        """The only text that matches, or None."""
        if not tokens or (len(tokens) == 1 and isinstance(tokens[0], str)):
            self.exact = self.prefix
        self.match: Match = _match_of(tokens)
        """Whether a text matches, for an identity and its request."""

    @property
    def anything(self) -> bool:
        return self.match is match_anything

    @property
    def variable(self) -> bool:
        """Whether what it matches depends on the request."""
        return any(isinstance(token, Variable) for token in self._tokens)

    def could_match(self, text: str, identity: Identity, request: AccessRequest) -> bool:
        """Whether a text matches when a variable without a value stands for anything."""
        if self.exact is not None:
            return text == self.exact
        resolved = resolve(self._tokens, identity, request, without_value=Wild.ANY)
        return resolved is not None and _matches_runs(_runs(resolved), text)


def match_anything(text: str, identity: Identity, request: AccessRequest) -> bool:
    """The matcher of `*`."""
    return True


def _match_of(tokens: tuple[Token, ...]) -> Match:
    if tokens == (Wild.ANY,):
        return match_anything
    fixed = [token for token in tokens if not isinstance(token, Variable)]
    if len(fixed) != len(tokens):
        return _variable_match(tokens)
    if not fixed or (len(fixed) == 1 and isinstance(fixed[0], str)):
        exact = str(fixed[0]) if fixed else ""
        return lambda text, identity, request: text == exact
    if len(fixed) == 2 and isinstance(fixed[0], str) and fixed[1] is Wild.ANY:
        prefix = fixed[0]
        return lambda text, identity, request: text.startswith(prefix)
    runs = _runs(fixed)
    return lambda text, identity, request: _matches_runs(runs, text)


def _variable_match(tokens: tuple[Token, ...]) -> Match:
    prefix = tokens[0] if isinstance(tokens[0], str) else ""

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        if not text.startswith(prefix):
            return False
        resolved = resolve(tokens, identity, request)
        return resolved is not None and _matches_runs(_runs(resolved), text)

    return match


def resolve(
    tokens: Sequence[Token], identity: Identity, request: AccessRequest, without_value: Wild | None = None
) -> list[str | Wild] | None:
    """The tokens with their variables replaced; None when one has no value and nothing stands for it."""
    resolved: list[str | Wild] = []
    for token in tokens:
        if isinstance(token, Variable):
            value = token.resolve(identity, request)
            if value is None and without_value is None:
                return None
            resolved.append(value or without_value or "")
        else:
            resolved.append(token)
    return resolved
