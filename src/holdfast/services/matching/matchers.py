"""What may stand in a leaf of an event pattern: one value of an event against one matcher (EventBridge user guide,
"Comparison operators for use in event patterns in Amazon EventBridge").

A matcher is a function from a JSON value, or from ABSENT, to a bool. Building one raises BadPattern for anything the
guide does not have, so that a rule that was taken matches what its author wrote.

Threat: wildcards are hostile input on both sides; matching one costs at most value length times pattern length.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from holdfast.services.matching.places import Step

LARGEST: Final = 5_000_000_000
"""Numbers of `numeric` and `anything-but` are between minus and plus this (user guide, "Numeric matching"); a number that
stands for itself need not be, or none could ask for an account or a time."""


class BadPattern(ValueError):
    """The reason why a pattern is not valid, as it follows `Event pattern is not valid. Reason: `.

    `path` leads to the value that is at fault, from the value in which it was found; whoever looks into a value adds the step
    (`inside`). AWS tells its place (`places.py`), or with `after` that of its end, unless this was found later (not `placed`).
    """

    def __init__(self, reason: str, *path: Step, after: bool = False, placed: bool = True) -> None:
        super().__init__(reason)
        self.path: list[Step] = [*path]
        self.after = after
        self.placed = placed

    def inside(self, *steps: Step) -> BadPattern:
        self.path[:0] = steps
        return self


class Absent:
    """The field is not in the event, or holds an object."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
Matcher = Callable[[Any], bool]


def matcher(form: Any) -> Matcher:
    """The matcher that one member of a leaf's array stands for."""
    if isinstance(form, dict):
        name, given = _only(cast("dict[str, Any]", form))
        build = BUILDERS.get(name)
        if build is None:
            raise BadPattern(f"Unrecognized match type {name}", name)
        try:
            return build(given)
        except BadPattern as error:
            raise error.inside(name) from None
    if isinstance(form, list):
        raise BadPattern("Match value must be String, number, true, false, or null")
    return equal(form)


def _only(rule: dict[str, Any]) -> tuple[str, Any]:
    """The one member of a match expression."""
    if len(rule) > 1:
        raise BadPattern("Only one key allowed in match expression", [*rule][1])
    if not rule:
        raise BadPattern("Match expression name not found", after=True)
    [member] = rule.items()
    return member


def matchers(forms: Sequence[Any]) -> tuple[Matcher, ...]:
    """The matchers of a leaf. Its texts, numbers, prefixes and suffixes are one matcher each, however many they are: a leaf may
    have hundreds, and an event's array tens of thousands of values."""
    texts: set[str] = set()
    folded: set[str] = set()
    numbers: set[float] = set()
    affixes: dict[str, list[str]] = {"prefix": [], "suffix": []}
    others: list[Matcher] = []
    for position, form in enumerate(forms):
        rule = cast("dict[str, Any]", form) if isinstance(form, dict) else {}
        name, given = next(iter(rule.items())) if len(rule) == 1 else ("", None)
        if isinstance(form, str):
            texts.add(form)
        elif is_number(form):
            numbers.add(cast("float", form))
        elif name == "equals-ignore-case" and isinstance(given, str):
            folded.add(given.lower())
        elif name in affixes and isinstance(given, str):
            affixes[name].append(given)
        else:
            try:
                others.append(matcher(form))
            except BadPattern as error:
                raise error.inside(position) from None
    if texts:
        others.append(lambda value: isinstance(value, str) and value in texts)
    if numbers:
        others.append(lambda value: is_number(value) and value in numbers)
    if folded:
        others.append(lambda value: isinstance(value, str) and value.lower() in folded)
    if prefixes := tuple(affixes["prefix"]):
        others.append(lambda value: isinstance(value, str) and value.startswith(prefixes))
    if suffixes := tuple(affixes["suffix"]):
        others.append(lambda value: isinstance(value, str) and value.endswith(suffixes))
    return tuple(others)


def equal(expected: Any) -> Matcher:
    """A JSON scalar. Numbers are equal by value, true is not 1."""
    if is_number(expected):
        return lambda value: is_number(value) and value == expected
    kind: type[Any] = type(expected)  # pyright: ignore[reportUnknownVariableType]
    return lambda value: type(value) is kind and value == expected


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_range(number: float, *, after: bool = False) -> None:
    if not -LARGEST <= number <= LARGEST:
        raise BadPattern("Value must be between -5.0e9 and +5.0e9, inclusive", after=after)


def _text(form: Any, name: str, *path: Step) -> str:
    if not isinstance(form, str):
        raise BadPattern(f"{name} match pattern must be a string", *path)
    return form


# -- texts --------------------------------------------------------------------------------------------------------------


def _affix(name: str, test: Callable[[str, str], bool]) -> Callable[[Any], Matcher]:
    def build(form: Any) -> Matcher:
        if isinstance(form, dict):
            inner = cast("dict[str, Any]", form)
            if list(inner) != ["equals-ignore-case"]:
                raise BadPattern(f"Unsupported {name} pattern: only equals-ignore-case may stand in it")
            folded = _text(inner["equals-ignore-case"], name, "equals-ignore-case").lower()
            return lambda value: isinstance(value, str) and test(value.lower(), folded)
        expected = _text(form, name)
        return lambda value: isinstance(value, str) and test(value, expected)

    return build


prefix = _affix("prefix", str.startswith)
suffix = _affix("suffix", str.endswith)


def equals_ignore_case(form: Any) -> Matcher:
    folded = _text(form, "equals-ignore-case").lower()
    return lambda value: isinstance(value, str) and value.lower() == folded


def wildcard(form: Any) -> Matcher:
    r"""`*` stands for any characters, none included; `\*` and `\\` for themselves."""
    pieces = _pieces(_text(form, "wildcard"))
    return lambda value: isinstance(value, str) and matches_pieces(value, pieces)


def _pieces(text: str) -> list[str]:
    """The literal parts between the stars."""
    pieces = [""]
    position, starred = 0, False
    while position < len(text):
        character = text[position]
        if character == "*":
            if starred:
                raise BadPattern(f"Consecutive wildcard characters at pos {position}", placed=False)
            pieces.append("")
            starred = True
        else:
            if character == "\\":
                position += 1
                character = text[position : position + 1]
                if character not in ("*", "\\") or not character:
                    raise BadPattern(f"Invalid escape character at pos {position - 1}", placed=False)
            pieces[-1] += character
            starred = False
        position += 1
    return pieces


def matches_pieces(value: str, pieces: Sequence[str]) -> bool:
    """Whether the pieces stand in the value in this order, the first at its start, the last at its end.

    Taking each piece where it is found first is right, since what lies between may be anything.
    """
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    position, end = len(first), len(value) - len(last)
    for piece in middle:
        found = value.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


# -- numbers, addresses, presence -----------------------------------------------------------------------------------------

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def numeric(form: Any) -> Matcher:
    """`["=", 5]`, `["<", 5]` or a range `[">", 0, "<=", 5]`, the lower bound first."""
    if not isinstance(form, list) or not form:
        raise BadPattern("Value of numeric must be an array.")
    parts = cast("list[Any]", form)
    if len(parts) > 4:
        raise BadPattern("Too many elements in numeric expression", 4)
    if len(parts) not in (2, 4):
        raise BadPattern("Missing numeric operand", after=True)
    tests: list[tuple[Callable[[float, float], bool], float]] = []
    for position in range(0, len(parts), 2):
        operator, bound = parts[position : position + 2]
        compare = _COMPARISONS.get(operator) if isinstance(operator, str) else None
        if compare is None:
            # AWS has read the bound of the first operator, but not of the second one.
            raise BadPattern(f"Unrecognized numeric range operator: {operator}", position or 1)
        if not is_number(bound):
            raise BadPattern(f"Value of {operator} must be numeric", position + 1)
        _require_range(bound, after=True)
        tests.append((compare, bound))
    if len(parts) == 4:
        if parts[0] not in (">", ">=") or parts[2] not in ("<", "<="):
            raise BadPattern("A numeric range needs a lower bound, then an upper bound", after=True)
        if parts[1] >= parts[3]:
            raise BadPattern("Bottom must be less than top", after=True)
    compare, bound = tests[0]
    if len(tests) == 1:
        return lambda value: is_number(value) and compare(value, bound)
    below, top = tests[1]
    return lambda value: is_number(value) and compare(value, bound) and below(value, top)


def cidr(form: Any) -> Matcher:
    """Addresses of a block, IPv4 or IPv6; an address alone is a block of one."""
    try:
        network = ipaddress.ip_network(_text(form, "CIDR"), strict=False)
    except ValueError as error:
        raise BadPattern(f"Malformed CIDR, one '/' required: {form}", placed=False) from error

    version, mask, base = network.version, int(network.netmask), int(network.network_address)

    def matches(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        found = _address(value)
        return found is not None and found[0] == version and found[1] & mask == base

    return matches


@lru_cache(maxsize=64)
def _address(text: str) -> tuple[int, int] | None:
    """Version and number of an address. Kept for a moment: a leaf with many blocks asks for the same one each time."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.version, int(address)


def exists(form: Any) -> Matcher:
    if not isinstance(form, bool):
        raise BadPattern("exists match pattern must be either true or false.")
    return lambda value: (value is not ABSENT) is form


# -- anything but ---------------------------------------------------------------------------------------------------------


def anything_but(form: Any) -> Matcher:
    """Whatever is there and is none of these: scalars, or one of the text matchers with one text or several."""
    if isinstance(form, dict):
        refused = _texts_of(cast("dict[str, Any]", form))
    elif isinstance(form, list):
        members = cast("list[Any]", form)
        refused = [equal(_scalar(member, position)) for position, member in enumerate(members)]
        _require_one_kind(members)
    else:
        refused = [equal(_scalar(form))]
    return lambda value: value is not ABSENT and not any(refuses(value) for refuses in refused)


def _texts_of(rule: dict[str, Any]) -> list[Matcher]:
    name, given = _only(rule)
    build = _IN_ANYTHING_BUT.get(name)
    if build is None:
        raise BadPattern(f"Unsupported anything-but pattern: {name}", name)
    if not isinstance(given, list):
        return [build(_text(given, name, name))]
    members = cast("list[Any]", given)
    if not members:
        raise BadPattern("Empty arrays are not allowed", name, after=True)
    return [build(_text(member, name, name, position)) for position, member in enumerate(members)]


def _scalar(form: Any, *path: Step) -> Any:
    if form is None or isinstance(form, bool | dict | list):
        raise BadPattern("Inside anything but list, start|null|boolean is not supported.", *path)
    if is_number(form):
        try:
            _require_range(form)
        except BadPattern as error:
            raise error.inside(*path) from None
    return form


def _require_one_kind(members: list[Any]) -> None:
    if not members:
        raise BadPattern("Empty arrays are not allowed", after=True)
    if len({isinstance(member, str) for member in members}) > 1:
        raise BadPattern(
            "Inside anything but list, either all values are number or string, mixed type is not supported",
            after=True,
        )


_IN_ANYTHING_BUT: dict[str, Callable[[Any], Matcher]] = {
    "prefix": prefix,
    "suffix": suffix,
    "equals-ignore-case": equals_ignore_case,
    "wildcard": wildcard,
}
BUILDERS: dict[str, Callable[[Any], Matcher]] = {
    **_IN_ANYTHING_BUT,
    "anything-but": anything_but,
    "numeric": numeric,
    "cidr": cidr,
    "exists": exists,
}
