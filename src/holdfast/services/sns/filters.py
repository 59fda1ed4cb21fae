"""Filter policies: which messages a subscription gets (developer guide, "Amazon SNS message filtering"); pure.

    MessageAttributes   {"kind": ["order", {"prefix": "re"}], "price": [{"numeric": [">", 100]}]}
    MessageBody         the same, nested like the body, which must be a JSON object

The matchers are those of event patterns. An attribute of type String is a text, of Number a number, of String.Array each
of its members; one of type Binary is not there.

INVARIANT: a policy that is not understood is refused when it is given; a body that is not JSON matches no policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from holdfast.services.matching.matchers import BadPattern
from holdfast.services.matching.patterns import OR, Pattern, parse_pattern

ATTRIBUTES: Final = "MessageAttributes"
BODY: Final = "MessageBody"
SCOPES: Final = (ATTRIBUTES, BODY)
MOST_KEYS = 5
MOST_COMBINATIONS = 150
LONGEST = 256 << 10
"""Bytes (developer guide, "Filter policy constraints")."""
LARGEST = 1_000_000_000
_BLANKS = str.maketrans("", "", " \t\r\n")
PER_TOPIC, PER_ACCOUNT = 200, 10_000


class Attribute(NamedTuple):
    """A message attribute: its data type, and its value as text (base64 for Binary)."""

    kind: str
    value: str


def check(text: str, scope: str) -> None:
    """Raise BadPattern for a text that is no filter policy of this scope."""
    if len(text.encode()) > LONGEST:
        raise BadPattern(f"Filter policy is larger than {LONGEST} bytes")
    if not normalized(text):
        return
    parse_pattern(text)
    leaves = list(_leaves(json.loads(text), 1))
    if scope == ATTRIBUTES and any(depth > 1 for depth, _ in leaves):
        raise BadPattern("Filter policy scope MessageAttributes does not support nested filter policy")
    if len(leaves) > MOST_KEYS:
        raise BadPattern(f"Filter policy can not have more than {MOST_KEYS} keys")
    combinations = 1
    for depth, values in leaves:
        # "multiply the number of values in each array, and the levels of nesting" (payload-based filtering).
        combinations *= depth * len(values)
        for value in values:
            _check_numbers(value)
    if combinations > MOST_COMBINATIONS:
        raise BadPattern("Filter policy is too complex")


def normalized(text: str) -> str:
    """The text to keep: empty for no policy, which an empty object asks for too."""
    return "" if text.translate(_BLANKS) == "{}" else text


def _leaves(given: Mapping[str, Any], depth: int) -> Iterator[tuple[int, list[Any]]]:
    """How deep each key with values is, and its values. What stands in `$or` is no deeper for it."""
    for name, value in given.items():
        if name == OR and isinstance(value, list):
            for alternative in cast("list[dict[str, Any]]", value):
                yield from _leaves(alternative, depth)
        elif isinstance(value, dict):
            yield from _leaves(cast("dict[str, Any]", value), depth + 1)
        else:
            yield depth, cast("list[Any]", value)


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            _check_numbers(inner)
    elif isinstance(value, list):
        for member in cast("list[Any]", value):
            _check_numbers(member)
    elif isinstance(value, int | float) and not isinstance(value, bool) and not -LARGEST <= value <= LARGEST:
        raise BadPattern("Value must be between -1.0e9 and 1.0e9, inclusive")


@lru_cache(maxsize=4096)
def _pattern(text: str) -> Pattern:
    return parse_pattern(text)


class Candidate:
    """A message, looked at as often as there are policies and taken apart once."""

    __slots__ = ("_attributes", "_body", "_message", "_parsed")

    def __init__(self, message: str, attributes: Mapping[str, Attribute]) -> None:
        self._message = message
        self._attributes = _event(attributes)
        self._body: dict[str, Any] | None = None
        self._parsed = False

    def passes(self, policy: str, scope: str) -> bool:
        """Whether a subscription with this policy, which may be none, gets the message."""
        if not policy:
            return True
        if scope != BODY:
            return _pattern(policy).matches(self._attributes)
        body = self._object()
        return body is not None and _pattern(policy).matches(body)

    def _object(self) -> dict[str, Any] | None:
        if not self._parsed:
            self._parsed = True
            try:
                found = json.loads(self._message)
            except (ValueError, RecursionError):
                found = None
            self._body = cast("dict[str, Any]", found) if isinstance(found, dict) else None
        return self._body


def _event(attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind = attribute.kind.partition(".")[0]
        if attribute.kind == "String.Array":
            event[name] = json.loads(attribute.value)
        elif kind == "Number":
            event[name] = float(attribute.value)
        elif kind == "String":
            event[name] = attribute.value
    return event
