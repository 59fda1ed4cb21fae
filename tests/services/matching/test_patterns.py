"""Event patterns: the examples of EventBridge's documentation, what is not a pattern, and the laws of matching."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.services.matching.matchers import BadPattern, matches_pieces
from holdfast.services.matching.patterns import parse_pattern

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "12345678-1234-1234-1234-111122223333",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2021-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {
        "instance-id": "i-abcd1111",
        "state": "pending",
        "count": 5,
        "ratio": 0.5,
        "flag": True,
        "nothing": None,
        "empty": "",
        "list": [],
        "source-ip": "10.0.0.123",
        "file": "dir/picture.png",
        "rows": [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
        "nested": [["x"], ["y", ["z"]]],
        "object": {"inner": 1},
    },
}


def matches(pattern: Any, event: dict[str, Any] = EVENT) -> bool:
    return parse_pattern(json.dumps(pattern)).matches(event)


MATCHING: list[Any] = [
    {"source": ["aws.ec2"]},
    {"source": ["aws.s3", "aws.ec2"]},
    {"detail-type": ["EC2 Instance State-change Notification"], "detail": {"state": ["pending"]}},
    {"resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]},
    {"time": [{"prefix": "2021-11-11"}]},
    {"source": [{"prefix": {"equals-ignore-case": "AWS."}}]},
    {"detail": {"file": [{"suffix": ".png"}]}},
    {"detail": {"file": [{"suffix": {"equals-ignore-case": ".PNG"}}]}},
    {"detail": {"state": [{"equals-ignore-case": "PENDING"}]}},
    {"detail": {"state": [{"anything-but": "running"}]}},
    {"detail": {"state": [{"anything-but": ["running", "stopped"]}]}},
    {"detail": {"count": [{"anything-but": [100, 200]}]}},
    {"detail": {"state": [{"anything-but": {"prefix": "init"}}]}},
    {"detail": {"state": [{"anything-but": {"prefix": ["init", "run"]}}]}},
    {"detail": {"file": [{"anything-but": {"suffix": ".txt"}}]}},
    {"detail": {"state": [{"anything-but": {"equals-ignore-case": ["Running", "STOPPED"]}}]}},
    {"detail": {"file": [{"anything-but": {"wildcard": "*/lib/*"}}]}},
    {"detail": {"count": [{"numeric": [">", 0, "<=", 5]}]}},
    {"detail": {"count": [{"numeric": ["=", 5.0]}]}},
    {"detail": {"count": [5.0]}},
    {"detail": {"ratio": [{"numeric": ["<", 1]}]}},
    {"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}},
    {"detail": {"state": [{"exists": True}]}},
    {"detail": {"absent": [{"exists": False}]}},
    {"detail": {"absent": {"deeper": [{"exists": False}]}}},
    {"detail": {"object": [{"exists": False}]}},
    {"detail": {"list": [{"exists": False}]}},
    {"detail": {"nothing": [None]}},
    {"detail": {"nothing": [{"exists": True}]}},
    {"detail": {"empty": [""]}},
    {"detail": {"flag": [True]}},
    {"detail": {"file": [{"wildcard": "dir/*.png"}]}},
    {"detail": {"file": [{"wildcard": "*"}]}},
    {"detail": {"rows": {"name": ["b"], "size": [2]}}},
    {"detail": {"nested": ["z"]}},
    {"detail": {"$or": [{"count": [{"numeric": [">", 9]}]}, {"state": ["pending"]}]}},
    {"$or": [{"source": ["aws.s3"]}, {"detail": {"$or": [{"state": ["x"]}, {"flag": [True]}]}}]},
]
OTHERS: list[Any] = [
    {"source": ["AWS.ec2"]},
    {"source": ["aws.ec2"], "detail": {"state": ["running"]}},
    {"detail": {"state": [None]}},
    {"detail": {"nothing": [""]}},
    {"detail": {"empty": [None]}},
    {"detail": {"flag": [1]}},
    {"detail": {"flag": ["true"]}},
    {"detail": {"count": ["5"]}},
    {"detail": {"count": [{"prefix": "5"}]}},
    {"detail": {"absent": [{"anything-but": "x"}]}},
    {"detail": {"state": [{"anything-but": ["pending", "x"]}]}},
    {"detail": {"state": [{"anything-but": {"wildcard": "p*g"}}]}},
    {"detail": {"count": [{"numeric": [">", 5]}]}},
    {"detail": {"source-ip": [{"cidr": "10.0.1.0/24"}]}},
    {"detail": {"file": [{"cidr": "10.0.1.0/24"}]}},
    {"detail": {"state": [{"exists": False}]}},
    {"detail": {"object": [{"exists": True}]}},
    {"detail": {"rows": {"name": ["a"], "size": [2]}}},
    {"detail": {"state": {"deeper": ["x"]}}},
    {"detail": {"$or": [{"count": [6]}, {"state": ["x"]}]}},
    {"source": ["aws.ec2"], "$or": [{"region": ["eu-west-1"]}, {"account": ["1"]}]},
]


@pytest.mark.parametrize("pattern", MATCHING, ids=json.dumps)
def test_matches(pattern: Any) -> None:
    assert matches(pattern)


@pytest.mark.parametrize("pattern", OTHERS, ids=json.dumps)
def test_does_not_match(pattern: Any) -> None:
    assert not matches(pattern)


INVALID: list[str] = [
    "",
    "[]",
    "{}",
    '{"source": "aws.ec2"}',
    '{"source": []}',
    '{"source": {}}',
    '{"source": [["aws.ec2"]]}',
    '{"source": [NaN]}',
    '{"source": [{"like": "x"}]}',
    '{"source": [{"prefix": "a", "suffix": "b"}]}',
    '{"source": [{}]}',
    '{"source": [{"prefix": 5}]}',
    '{"source": [{"prefix": {"suffix": "x"}}]}',
    '{"source": [{"exists": "yes"}]}',
    '{"source": [{"cidr": "10.0.0.0/40"}]}',
    '{"source": [{"cidr": "nowhere"}]}',
    '{"source": [{"numeric": []}]}',
    '{"source": [{"numeric": [">"]}]}',
    '{"source": [{"numeric": ["~", 1]}]}',
    '{"source": [{"numeric": [">", "1"]}]}',
    '{"source": [{"numeric": [">", 5, "<", 5]}]}',
    '{"source": [{"numeric": ["<", 5, ">", 1]}]}',
    '{"source": [{"numeric": [">", 1, "<", 5, "=", 3]}]}',
    '{"source": [{"numeric": ["=", 6e9]}]}',
    '{"source": [{"anything-but": 6000000000}]}',
    '{"source": [{"anything-but": [1, 6000000000]}]}',
    '{"source": [{"wildcard": "a**b"}]}',
    '{"source": [{"wildcard": "a\\\\b"}]}',
    '{"source": [{"wildcard": "a\\\\"}]}',
    '{"source": [{"anything-but": []}]}',
    '{"source": [{"anything-but": ["a", 1]}]}',
    '{"source": [{"anything-but": [true]}]}',
    '{"source": [{"anything-but": {"prefix": []}}]}',
    '{"source": [{"anything-but": {"numeric": ["=", 1]}}]}',
    '{"$or": [{"source": ["a"]}]}',
    '{"$or": [{"source": ["a"]}, 5]}',
    '{"$or": [{"source": ["a"]}, {}]}',
    '{"$or": {"source": ["a"]}}',
    "[" * 20_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
]


def test_a_number_that_stands_for_itself_has_no_range() -> None:
    pattern = {"detail": {"account": [123456789012], "at": [1794000000000.0]}}
    assert matches(pattern, {"detail": {"account": 123456789012, "at": 1794000000000}})
    assert not matches(pattern, {"detail": {"account": 123456789013, "at": 1794000000000}})


@pytest.mark.parametrize("text", INVALID, ids=lambda text: text[:60])
def test_invalid(text: str) -> None:
    with pytest.raises(BadPattern):
        parse_pattern(text)


def test_more_than_a_thousand_combinations() -> None:
    def alternatives(letter: str, many: int) -> dict[str, Any]:
        return {letter: {"$or": [{f"f{n}": ["x"]} for n in range(many)]}}

    parse_pattern(json.dumps({**alternatives("a", 10), **alternatives("b", 10), **alternatives("c", 10)}))
    with pytest.raises(BadPattern):
        parse_pattern(json.dumps({**alternatives("a", 10), **alternatives("b", 10), **alternatives("c", 11)}))


def test_the_last_of_two_equal_fields_counts() -> None:
    assert parse_pattern('{"source": ["x"], "source": ["aws.ec2"]}').matches(EVENT)


SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=4)
EVENTS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_size=4,
)
LEAVES = st.lists(SCALARS, min_size=1, max_size=3)
PATTERNS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2)),
    min_size=1,
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(PATTERNS, EVENTS)
def test_or_is_what_it_says(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    other = {"zz": [{"exists": True}]}
    assert matches({"$or": [pattern, other]}, event) == matches(pattern, event)


@given(PATTERNS, PATTERNS, EVENTS)
def test_fields_are_all_needed(one: dict[str, Any], two: dict[str, Any], event: dict[str, Any]) -> None:
    if set(one) & set(two):
        return
    assert matches({**one, **two}, event) == (matches(one, event) and matches(two, event))


@given(SCALARS, SCALARS)
def test_anything_but_is_the_opposite_of_equal(value: Any, refused: Any) -> None:
    if refused is None or isinstance(refused, bool):
        return
    event = {"a": value}
    assert matches({"a": [{"anything-but": refused}]}, event) != matches({"a": [refused]}, event)


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), st.text("ab", max_size=12))
def test_wildcards_agree_with_trying_everything(pieces: list[str], value: str) -> None:
    def anywhere(rest: list[str], text: str) -> bool:
        if len(rest) == 1:
            return text.endswith(rest[0])
        return any(
            text.startswith(rest[0], start) and anywhere(rest[1:], text[start + len(rest[0]) :])
            for start in range(len(text) + 1)
        )

    first, *others = pieces
    expected = value == first if not others else value.startswith(first) and anywhere(others, value[len(first) :])
    assert matches_pieces(value, pieces) == expected


@pytest.mark.parametrize("form", ["{n}", {"prefix": "{n}"}, {"suffix": "{n}"}, {"cidr": "10.{n}.0.0/16"}], ids=str)
def test_a_leaf_with_many_and_an_event_with_many(form: Any) -> None:
    """Over in a moment: what they are together is not tried pair by pair, and an address is read once."""
    forms = [json.loads(json.dumps(form).replace("{n}", str(n))) for n in range(100, 250)]
    pattern = parse_pattern(json.dumps({"detail": {"ip": forms}}))
    values = [f"92.168.{n // 250}.{n % 90}" for n in range(15_000)]
    started = time.perf_counter()
    assert not pattern.matches({"detail": {"ip": values}})
    found = {"{n}": "249", "prefix": "249.1", "suffix": "1.249", "cidr": "10.249.1.1"}
    name = form if isinstance(form, str) else next(iter(form))
    assert pattern.matches({"detail": {"ip": [*values, found[name]]}})
    assert time.perf_counter() - started < 5
