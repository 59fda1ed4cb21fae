"""Matching against a plain reference: every way to pick one member of each array, and every alternative, tried in turn.

The reference knows neither compiled matchers nor branches: it takes the pattern's JSON and an event without arrays. Arrays
of the events here hold scalars or objects, and not both. Fields of `$or` are no other fields of the pattern.
"""

from __future__ import annotations

import itertools
import json
import operator
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.services.matching.patterns import parse_pattern


class _Nothing:
    """There is no value."""


NOTHING = _Nothing()


def selections(value: Any) -> Iterator[Any]:
    """A value with one member in place of each array; NOTHING for an empty one."""
    if isinstance(value, list):
        if not value:
            yield NOTHING
        for member in value:
            yield from selections(member)
    elif isinstance(value, dict):
        for picked in itertools.product(*(list(selections(inner)) for inner in value.values())):
            yield dict(zip(value, picked, strict=True))
    else:
        yield value


def expected(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    return any(plain(pattern, each) for each in selections(event))


def plain(pattern: dict[str, Any], value: Any) -> bool:
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(plain(alternative, value) for alternative in wanted):
                return False
            continue
        found = value.get(name, NOTHING) if isinstance(value, dict) else NOTHING
        if isinstance(wanted, dict):
            if not plain(wanted, found):
                return False
        elif not any(one(matcher, NOTHING if isinstance(found, dict) else found) for matcher in wanted):
            return False
    return True


def same(one_value: Any, other: Any) -> bool:
    if isinstance(one_value, bool) or isinstance(other, bool):
        return one_value is other
    return type(one_value) is not _Nothing and one_value == other


def one(matcher: Any, value: Any) -> bool:
    if not isinstance(matcher, dict):
        return same(value, matcher)
    [(name, given_value)] = matcher.items()
    if name == "exists":
        return (value is not NOTHING) == given_value
    if value is NOTHING:
        return False
    if name == "anything-but":
        members = given_value if isinstance(given_value, list) else [given_value]
        if isinstance(given_value, dict):
            [(inner, texts)] = given_value.items()
            members = [{inner: text} for text in (texts if isinstance(texts, list) else [texts])]
        return not any(one(member, value) for member in members)
    if name == "numeric":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        pairs = zip(given_value[::2], given_value[1::2], strict=True)
        return all(COMPARISONS[sign](value, bound) for sign, bound in pairs)
    if not isinstance(value, str):
        return False
    if name == "cidr":
        try:
            return ip_address(value) in ip_network(given_value)
        except ValueError:
            return False
    folding = re.IGNORECASE if isinstance(given_value, dict) or name == "equals-ignore-case" else 0
    text = given_value["equals-ignore-case"] if isinstance(given_value, dict) else given_value
    escaped = re.escape(text)
    expression = {
        "prefix": f"{escaped}.*",
        "suffix": f".*{escaped}",
        "equals-ignore-case": escaped,
        "wildcard": ".*".join(re.escape(piece) for piece in text.split("*")),
    }[name]
    return re.fullmatch(expression, value, folding | re.DOTALL) is not None


COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
WORDS = st.sampled_from(["", "a", "A", "ab", "aB", "b.a"])
NUMBERS = st.sampled_from([0, 1, 2, 0.5, 1.0, -2.5])
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS | st.sampled_from(["10.0.0.1", "10.0.1.1", "2001:db8::1"])
NAMES = st.sampled_from(["a", "b"])


def _events(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(NAMES, inner, max_size=2)
    return objects | st.lists(SCALARS, max_size=3) | st.lists(objects, min_size=1, max_size=2)


EVENTS = st.dictionaries(
    st.sampled_from(["a", "b", "x", "y"]), st.recursive(SCALARS, _events, max_leaves=6), min_size=2, max_size=4
)
WILDCARDS = st.sampled_from(["a", "a*", "*a", "*", "a*b", "b*a", "b*.*a", "*b*"])
FOLDED = WORDS.map(lambda text: {"equals-ignore-case": text})


def named(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values.map(lambda value: {name: value})


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=2)


MATCHERS = (
    SCALARS
    | named("prefix", WORDS | FOLDED)
    | named("suffix", WORDS | FOLDED)
    | named("equals-ignore-case", WORDS)
    | named("wildcard", WILDCARDS)
    | named("exists", st.booleans())
    | named("cidr", st.sampled_from(["10.0.0.0/24", "10.0.0.0/8", "2001:db8::/32"]))
    | named("numeric", st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS).map(list))
    | named("numeric", st.sampled_from([[">", 0, "<=", 2], [">=", -1.5, "<", 1]]))
    | named("anything-but", one_or_more(WORDS) | one_or_more(NUMBERS))
    | named("anything-but", st.sampled_from(["prefix", "suffix", "equals-ignore-case"]).flatmap(
        lambda name: named(name, one_or_more(WORDS))))
    | named("anything-but", named("wildcard", one_or_more(WILDCARDS)))
)  # fmt: skip
LEAVES = st.lists(MATCHERS, min_size=1, max_size=3)
BRANCHES = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=2), max_leaves=4),
    min_size=1,
    max_size=2,
)
ALTERNATIVES = st.lists(
    st.dictionaries(st.sampled_from(["x", "y"]), LEAVES, min_size=1, max_size=2), min_size=2, max_size=3
)
PATTERNS = BRANCHES | st.tuples(BRANCHES, ALTERNATIVES).map(lambda parts: {**parts[0], "$or": parts[1]})


@settings(deadline=None, max_examples=600)
@given(PATTERNS, EVENTS)
def test_agrees_with_the_reference(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert parse_pattern(json.dumps(pattern)).matches(event) == expected(pattern, event)
