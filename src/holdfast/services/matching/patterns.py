"""Event patterns: a JSON text -> a Pattern that says whether an event matches (EventBridge user guide, "Creating Amazon
EventBridge event patterns").

    {"source": ["aws.ssm"], "detail": {"operation": ["Update"], "name": [{"prefix": "/prod/"}]}}

Every field of the pattern must match, `$or` needs one of its alternatives, a leaf one of its matchers; fields that the
pattern does not name do not count. A field of the event that holds an array matches when one of its members does, and
the fields of one object in an array must match together.

INVARIANT: matching ends: it visits each pair of a pattern's field and an event's value at most once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from holdfast.services.matching.matchers import ABSENT, BadPattern, Matcher, matchers
from holdfast.services.matching.places import described, offset_of

LONGEST = 4096
"""Characters of a rule's pattern (EventBridge quotas)."""
MOST_COMBINATIONS = 1000
"""Of all `$or` of a pattern."""
DEEPEST = 100
OR = "$or"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One of these."""

    matchers: tuple[Matcher, ...]

    def matches(self, value: Any) -> bool:
        if isinstance(value, dict):
            # Only leaf fields have a value; an object is no match for anything but `exists: false`.
            value = ABSENT
        if isinstance(value, list):
            members = list(_flat(cast("list[Any]", value)))
            scalars = [member for member in members if not isinstance(member, dict)]
            return any(self.matches(member) for member in scalars) if scalars else self.matches(ABSENT)
        return any(matches(value) for matches in self.matchers)


@dataclass(frozen=True, slots=True)
class Branch:
    """All of these fields, and of each `$or` one alternative."""

    fields: tuple[tuple[str, Leaf | Branch], ...]
    alternatives: tuple[tuple[Branch, ...], ...] = ()

    def matches(self, value: Any) -> bool:
        if isinstance(value, list):
            members = _flat(cast("list[Any]", value))
            objects = [cast("dict[str, Any]", member) for member in members if isinstance(member, dict)]
            return any(self.matches(member) for member in objects) if objects else self.matches({})
        # What is below a scalar is absent.
        held: Mapping[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        return all(node.matches(held.get(name, ABSENT)) for name, node in self.fields) and all(
            any(branch.matches(held) for branch in branches) for branches in self.alternatives
        )


def _flat(members: Sequence[Any]) -> Iterator[Any]:
    for member in members:
        if isinstance(member, list):
            yield from _flat(cast("list[Any]", member))
        else:
            yield member


@dataclass(frozen=True, slots=True)
class Pattern:
    """A valid pattern."""

    root: Branch

    def matches(self, event: Mapping[str, Any]) -> bool:
        return self.root.matches(event)


def parse_pattern(text: str) -> Pattern:
    """A pattern from its JSON text; raises BadPattern. Of a field that is given twice the last one counts."""
    try:
        return _parsed(text)
    except BadPattern as error:
        if not error.placed:
            raise
        try:
            place = described(text, offset_of(text, error.path, after=error.after))
        except RecursionError:
            # It was read just so, with less of the stack in use.
            place = ""
        raise BadPattern(f"{error}{place}", placed=False) from None


def _parsed(text: str) -> Pattern:
    try:
        given = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise BadPattern("The pattern is nested too deeply", placed=False) from error
    except json.JSONDecodeError as error:
        place = described(text, min(error.pos + 1, len(text)))
        raise BadPattern(f"The pattern is not valid JSON{place}", placed=False) from error
    except ValueError as error:
        raise BadPattern("The pattern is not valid JSON", placed=False) from error
    if not isinstance(given, dict):
        raise BadPattern("Filter is not an object")
    root = _branch(cast("dict[str, Any]", given), 0)
    if _combinations(root) > MOST_COMBINATIONS:
        raise BadPattern(f"The combination of all $or expressions exceeds {MOST_COMBINATIONS}", placed=False)
    return Pattern(root)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _branch(given: dict[str, Any], depth: int) -> Branch:
    if depth > DEEPEST:
        raise BadPattern("The pattern is nested too deeply", placed=False)
    if not given:
        raise BadPattern("Empty objects are not allowed", after=True)
    fields: list[tuple[str, Leaf | Branch]] = []
    alternatives: list[tuple[Branch, ...]] = []
    for name, value in given.items():
        try:
            if name == OR:
                alternatives.append(_alternatives(value, depth))
            else:
                fields.append((name, _node(name, value, depth)))
        except BadPattern as error:
            raise error.inside(name) from None
    return Branch(tuple(fields), tuple(alternatives))


def _alternatives(value: Any, depth: int) -> tuple[Branch, ...]:
    if not isinstance(value, list):
        raise BadPattern("It must be an Array followed with $or.")
    branches: list[Branch] = []
    for position, member in enumerate(cast("list[Any]", value)):
        if not isinstance(member, dict):
            raise BadPattern("Only JSON object is allowed in array of $or relationship.", position)
        try:
            branches.append(_branch(cast("dict[str, Any]", member), depth + 1))
        except BadPattern as error:
            raise error.inside(position) from None
    if len(branches) < 2:
        raise BadPattern("There must have at least 2 Objects in $or relationship.", after=True)
    return tuple(branches)


def _node(name: str, value: Any, depth: int) -> Leaf | Branch:
    if isinstance(value, dict):
        return _branch(cast("dict[str, Any]", value), depth + 1)
    if not isinstance(value, list):
        raise BadPattern(f'"{name}" must be an object or an array')
    if not value:
        raise BadPattern("Empty arrays are not allowed", after=True)
    return Leaf(matchers(cast("list[Any]", value)))


def _combinations(branch: Branch) -> int:
    """How many patterns without `$or` this one stands for."""
    product = 1
    for branches in branch.alternatives:
        product *= sum(_combinations(alternative) for alternative in branches)
    for _, node in branch.fields:
        if isinstance(node, Branch):
            product *= _combinations(node)
    return product
