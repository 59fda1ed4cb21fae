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
from holdfast.services.matching.places import offset_of

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


LONG = json.dumps({"source": ["x" * 600], "detail": {}})


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        # As AWS answered: cloud-custodian 6507, aws-deployment-framework 455, buildkite/docs 896.
        ('{"source": ["aws.health"], "detail": {}}', "Empty objects are not allowed", 1, 40),
        (
            '{"detail-type":["CodeCommit Repository State Change"],"resources":"arn:aws:codecommit:eu-west-1:1:p"}',
            '"resources" must be an object or an array',
            1,
            68,
        ),
        (
            '{"source": ["a"],\n\n"detail": {\n  "pipeline": {\n      "slug": "s"\n}}}',
            '"slug" must be an object or an array',
            5,
            16,
        ),
        # As Event Ruler reads them.
        ("[]", "Filter is not an object", 1, 2),
        ("{}", "Empty objects are not allowed", 1, 3),
        ('{"a":12}', '"a" must be an object or an array', 1, 8),
        ('{"a": true }', '"a" must be an object or an array', 1, 11),
        ('{"a": [ ] }', "Empty arrays are not allowed", 1, 10),
        ('{"a": ["x", []]}', "Match value must be String, number, true, false, or null", 1, 14),
        ('{"a": [1, {"like": "x"}]}', "Unrecognized match type like", 1, 21),
        ('{"a": [1, {}]}', "Match expression name not found", 1, 13),
        ('{"a": [{"prefix": "x", "suffix": ["y"]}]}', "Only one key allowed in match expression", 1, 35),
        ('{"a": [{"prefix": ["x"]}]}', "prefix match pattern must be a string", 1, 20),
        ('{"a": [{"exists": 1}]}', "exists match pattern must be either true or false.", 1, 20),
        ('{"a": [{"numeric": [">", "1"]}]}', "Value of > must be numeric", 1, 27),
        ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator: ~", 1, 27),
        ('{"a": [{"numeric": [">", 2, "<", 1]}]}', "Bottom must be less than top", 1, 36),
        ('{"a": [{"anything-but": {"like": 1}}]}', "Unsupported anything-but pattern: like", 1, 35),
        (
            '{"a": [{"anything-but": ["x", null]}]}',
            "Inside anything but list, start|null|boolean is not supported.",
            1,
            35,
        ),
        ('{"$or": {}}', "It must be an Array followed with $or.", 1, 10),
        ('{"$or": [{"a": [1]}, 2]}', "Only JSON object is allowed in array of $or relationship.", 1, 23),
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship.", 1, 21),
        ('{"$or": [{"a": [1]}, {"b": 1}]}', '"b" must be an object or an array', 1, 29),
        ('{"a": {"x": [1]}, "a": {"y": 2}}', '"y" must be an object or an array', 1, 31),
        ('{"\U0001f511": 1}', '"\U0001f511" must be an object or an array', 1, 9),
        ('{"a": [1]\r\n"b": [2]}', "The pattern is not valid JSON", 2, 2),
        ("", "The pattern is not valid JSON", 1, 1),
    ],
)
def test_where_a_pattern_is_at_fault(text: str, reason: str, line: int, column: int) -> None:
    with pytest.raises(BadPattern) as caught:
        parse_pattern(text)
    assert str(caught.value) == f'{reason}\n at [Source: (String)"{text}"; line: {line}, column: {column}]'


def test_of_a_long_pattern_the_beginning_is_shown() -> None:
    with pytest.raises(BadPattern) as caught:
        parse_pattern(LONG)
    shown = f'(String)"{LONG[:500]}"[truncated {len(LONG) - 500} chars]; line: 1, column: {len(LONG)}]'
    assert str(caught.value) == f"Empty objects are not allowed\n at [Source: {shown}"


def test_where_aws_names_no_place() -> None:
    for form in ({"cidr": "10.0.0.0/99"}, {"wildcard": "a**b"}):
        with pytest.raises(BadPattern) as caught:
            parse_pattern(json.dumps({"a": [form]}))
        assert " at [" not in str(caught.value)


def test_a_place_is_found_however_deep_it_is() -> None:
    """What the parser just takes is read a second time for its place: the stack must not be the caller's concern."""
    for depth in (90, *range(900, 1000), 5000):
        with pytest.raises(BadPattern):
            parse_pattern(f'{{"a": [{"[" * depth}{"]" * depth}]}}')


def test_more_than_a_thousand_combinations() -> None:
    def alternatives(letter: str, many: int) -> dict[str, Any]:
        return {letter: {"$or": [{f"f{n}": ["x"]} for n in range(many)]}}

    parse_pattern(json.dumps({**alternatives("a", 10), **alternatives("b", 10), **alternatives("c", 10)}))
    with pytest.raises(BadPattern):
        parse_pattern(json.dumps({**alternatives("a", 10), **alternatives("b", 10), **alternatives("c", 11)}))


def test_the_last_of_two_equal_fields_counts() -> None:
    assert parse_pattern('{"source": ["x"], "source": ["aws.ec2"]}').matches(EVENT)


SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
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


@given(st.data())
def test_a_path_leads_to_its_value(data: st.DataObject) -> None:
    value: Any = data.draw(VALUES)
    text = json.dumps(value, indent=data.draw(st.sampled_from((None, 2))), ensure_ascii=False)
    path: list[str | int] = []
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        step: Any = data.draw(st.sampled_from([*value] if isinstance(value, dict) else range(len(value))))
        path.append(step)
        value = value[step]
    start, end = (offset_of(text, path, after=after) for after in (False, True))
    if isinstance(value, str | list | dict):
        assert json.JSONDecoder().raw_decode(text, start - 1) == (value, end)
    else:
        assert start == end
        assert text[:end].endswith(json.dumps(value))


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
    started = time.process_time()
    assert not pattern.matches({"detail": {"ip": values}})
    found = {"{n}": "249", "prefix": "249.1", "suffix": "1.249", "cidr": "10.249.1.1"}
    name = form if isinstance(form, str) else next(iter(form))
    assert pattern.matches({"detail": {"ip": [*values, found[name]]}})
    assert time.process_time() - started < 5
