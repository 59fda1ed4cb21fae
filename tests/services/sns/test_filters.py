"""Filter policies as rules: the documentation's examples, their limits, and the laws of matching."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.matching.matchers import BadPattern
from holdfast.services.sns.filters import ATTRIBUTES, BODY, Attribute, Candidate, check, normalized


def passes(policy: dict[str, Any], attributes: dict[str, Attribute]) -> bool:
    text = json.dumps(policy)
    check(text, ATTRIBUTES)
    return Candidate("not looked at", attributes).passes(text, ATTRIBUTES)


def string(value: str) -> Attribute:
    return Attribute("String", value)


@pytest.mark.parametrize(
    ("matchers", "matching", "other"),
    [
        (["rugby"], string("rugby"), string("Rugby")),
        (
            ["rugby", "tennis"],
            Attribute("String.Array", '["football", "tennis"]'),
            Attribute("String.Array", '["golf"]'),
        ),
        ([{"anything-but": ["rugby", "tennis"]}], string("baseball"), string("rugby")),
        ([{"anything-but": {"prefix": "order-"}}], string("data-entry"), string("order-number")),
        ([{"anything-but": {"suffix": "ball"}}], string("tennis"), string("baseball")),
        ([{"anything-but": {"wildcard": "*ball"}}], string("rugby"), string("baseball")),
        ([{"equals-ignore-case": "tennis"}], string("TENNIS"), string("golf")),
        ([{"prefix": "bas"}], string("baseball"), string("rugby")),
        ([{"suffix": "ball"}], string("baseball"), string("rugby")),
        ([{"wildcard": "*ball"}], string("baseball"), string("rugby")),
        ([{"cidr": "10.0.0.0/24"}], string("10.0.0.255"), string("10.1.1.0")),
        ([{"exists": True}], string(""), None),
        ([{"exists": False}], None, string("x")),
        ([100], Attribute("Number", "100.0"), Attribute("Number", "101")),
        ([100], Attribute("Number", "1e2"), string("100")),
        ([{"anything-but": [100, 500]}], Attribute("Number", "101"), Attribute("Number", "500")),
        ([{"numeric": ["=", 301.5]}], Attribute("Number", "3.015e2"), Attribute("Number", "301")),
        ([{"numeric": [">", 0, "<=", 150]}], Attribute("Number.int", "150"), Attribute("Number", "0")),
        ([True, None], Attribute("String.Array", "[null]"), Attribute("String.Array", '["true"]')),
    ],
)
def test_operators(matchers: list[Any], matching: Attribute | None, other: Attribute | None) -> None:
    def attributes(value: Attribute | None) -> dict[str, Attribute]:
        return {} if value is None else {"key": value}

    assert passes({"key": matchers}, attributes(matching))
    assert not passes({"key": matchers}, attributes(other))


def test_all_keys_must_match_and_others_do_not_count() -> None:
    policy = {"store": ["a"], "event": ["placed"]}
    assert passes(policy, {"store": string("a"), "event": string("placed"), "more": string("x")})
    assert not passes(policy, {"store": string("a")})


def test_a_binary_attribute_is_not_there() -> None:
    assert not passes({"key": [{"exists": True}]}, {"key": Attribute("Binary", "AAE=")})


def test_or() -> None:
    policy = {"source": ["aws.s3"], "$or": [{"metric": ["cpu"]}, {"namespace": ["es"]}]}
    assert passes(policy, {"source": string("aws.s3"), "namespace": string("es")})
    assert not passes(policy, {"source": string("aws.s3"), "namespace": string("ec2")})


def test_bodies() -> None:
    policy = json.dumps({"person": {"address": {"city": ["Berlin"]}, "age": [{"numeric": [">", 17]}]}})
    check(policy, BODY)

    def passes_body(message: str) -> bool:
        return Candidate(message, {}).passes(policy, BODY)

    assert passes_body('{"person": {"address": {"city": "Berlin"}, "age": 18}, "more": 1}')
    assert not passes_body('{"person": {"address": {"city": "Berlin"}, "age": 17}}')
    for message in ("no JSON", "[]", '"text"', "[" * 100_000):
        assert not passes_body(message)


@pytest.mark.parametrize(
    ("policy", "scope", "reason"),
    [
        ("{", ATTRIBUTES, "The pattern is not valid JSON"),
        ('{"a": "b"}', ATTRIBUTES, '"a" must be an object or an array'),
        ('{"a": []}', ATTRIBUTES, "Empty arrays are not allowed"),
        ('{"a": [{"sounds-like": "b"}]}', ATTRIBUTES, "Unrecognized match type sounds-like"),
        ('{"a": [1000000001]}', ATTRIBUTES, "Value must be between -1.0e9 and 1.0e9, inclusive"),
        (
            '{"a": {"b": ["c"]}}',
            ATTRIBUTES,
            "Filter policy scope MessageAttributes does not support nested filter policy",
        ),
        (json.dumps({key: ["x"] for key in "abcdef"}), BODY, "Filter policy can not have more than 5 keys"),
        # 4 values three levels deep, 3 values two levels deep and 3 one level deep: 12 x 6 x 3 = 216.
        (
            '{"a": {"b": {"c": [1, 2, 3, 4]}, "d": [1, 2, 3]}, "e": [1, 2, 3]}',
            BODY,
            "Filter policy is too complex",
        ),
    ],
)
def test_policies_that_are_refused(policy: str, scope: str, reason: str) -> None:
    with pytest.raises(BadPattern, match=f"^{reason.replace('(', '.')}"):
        check(policy, scope)


def test_the_limits_themselves_are_taken() -> None:
    check(json.dumps({key: ["x"] for key in "abcde"}), ATTRIBUTES)
    check(json.dumps({"a": list(range(15)), "b": list(range(10))}), ATTRIBUTES)
    check('{"a": {"b": {"c": [1, 2]}, "d": [1, 2, 3]}, "e": [1, 2, 3, 4]}', BODY)


TEXTS = st.text("ab", max_size=3)


@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
def test_anything_but_is_the_opposite_of_these(values: list[str], value: str) -> None:
    attributes = {"key": string(value)}
    assert passes({"key": values}, attributes) != passes({"key": [{"anything-but": values}]}, attributes)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_numbers_compare_by_value(bound: int, value: int) -> None:
    attributes = {"key": Attribute("Number", f"{value}.00")}
    assert passes({"key": [{"numeric": [">=", bound]}]}, attributes) == (value >= bound)
    assert passes({"key": [bound]}, attributes) == (value == bound)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "$or", "prefix", "numeric", "exists", "anything-but"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text(max_size=10), JSON)
def test_any_text_is_taken_or_refused_and_what_is_taken_can_be_asked(text: str, body: Any) -> None:
    candidate = Candidate(json.dumps(body), {"a": string("x"), "b": Attribute("Number", "1")})
    for scope in (ATTRIBUTES, BODY):
        try:
            check(text, scope)
        except BadPattern:
            continue
        assert candidate.passes(normalized(text), scope) in (True, False)


@pytest.mark.parametrize("text", ["", "{}", " {\n} "])
def test_an_empty_policy_is_none(text: str) -> None:
    check(text, ATTRIBUTES)
    assert normalized(text) == ""
