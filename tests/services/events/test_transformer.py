"""What targets get: paths, variables in and outside quotes, EventBridge's own variables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.services.events.transformer import (
    LARGEST,
    MISSING,
    BadPath,
    TooLarge,
    at_path,
    is_variable_name,
    problem_of,
    transform,
    unknown_variables,
)

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "number": 7, "tags": {"a": "b"}, "say": 'a "b"'},
}


def filled(template: str, **paths: str) -> str:
    return transform(
        template,
        {name.replace("_", "-"): path for name, path in paths.items()},
        EVENT,
        rule_arn="arn:aws:events:us-east-1:123456789012:rule/r",
        rule_name="r",
        ingested="2015-11-11T21:29:55Z",
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", EVENT),
        ("$.source", "aws.ec2"),
        ("$.detail-type", "EC2 Instance State-change Notification"),
        ("$.detail.tags", {"a": "b"}),
        ("$.resources[0]", EVENT["resources"][0]),
        ("$['detail']['state']", "RUNNING"),
        ("$.resources[1]", MISSING),
        ("$.detail.state.deeper", MISSING),
        ("$.nothing", MISSING),
    ],
)
def test_paths(path: str, found: Any) -> None:
    assert at_path(EVENT, path) == found


@pytest.mark.parametrize("path", ["", "detail", "$detail", "$.", "$.a[", "$.a[-1]", "$.a[*]", "$..a"])
def test_bad_paths(path: str) -> None:
    with pytest.raises(BadPath):
        at_path(EVENT, path)


def test_text_inside_quotes() -> None:
    assert (
        filled('"instance <instance> is in <state>"', instance="$.detail.instance-id", state="$.detail.state")
        == '"instance i-0123456789 is in RUNNING"'
    )


def test_json_outside_quotes() -> None:
    shown = filled(
        '{"state": <state>, "number": <number>, "tags": <tags>, "all": "<number> and <tags>"}',
        state="$.detail.state",
        number="$.detail.number",
        tags="$.detail.tags",
    )
    assert shown == '{"state": "RUNNING", "number": 7, "tags": {"a":"b"}, "all": "7 and {"a":"b"}"}'


def test_what_is_missing() -> None:
    assert json.loads(filled('{"a": <gone>, "b": "x<gone>y"}', gone="$.detail.gone")) == {"a": "", "b": "xy"}


def test_own_variables() -> None:
    shown = json.loads(
        filled(
            '{"rule": <aws.events.rule-name>, "arn": "<aws.events.rule-arn>", "at": <aws.events.event.ingestion-time>,'
            ' "event": <aws.events.event>, "whole": <aws.events.event.json>}'
        )
    )
    assert shown["rule"] == "r"
    assert shown["arn"].endswith(":rule/r")
    assert shown["at"] == "2015-11-11T21:29:55Z"
    assert shown["event"] == {key: value for key, value in EVENT.items() if key != "detail"}
    assert shown["whole"] == EVENT


def test_names() -> None:
    assert is_variable_name("instance-id_2")
    assert not is_variable_name("aws.x")
    assert not is_variable_name("AWS.events.event")
    assert unknown_variables("<a> <b> <aws.events.event>", {"a": "$.x"}) == ["b"]


DOCUMENTED = [
    ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
    (r'"instance \"<instance>\" is in <state>"', r'"instance \"i-0123456789\" is in RUNNING"'),
    ('{ "instance" : <instance>, "state": <state> }', '{ "instance" : "i-0123456789", "state": "RUNNING" }'),
    (
        r'{ "instance" : <instance>, "state": "<state>", "instanceStatus": "instance \"<instance>\" is in <state>" }',
        r'{ "instance" : "i-0123456789", "state": "RUNNING", "instanceStatus": "instance \"i-0123456789\" is in RUNNING" }',
    ),
    (
        '{ "instance" : <instance>, "state": [ 9, <state>, true ], "Transformed" : "Yes" }',
        '{ "instance" : "i-0123456789", "state": [ 9, "RUNNING", true ], "Transformed" : "Yes" }',
    ),
    (
        '{ "ruleArn" : <aws.events.rule-arn>, "ruleName" : <aws.events.rule-name> }',
        '{ "ruleArn" : "arn:aws:events:us-east-1:123456789012:rule/r", "ruleName" : "r" }',
    ),
    ('"<aws.events.rule-name> triggered"', '"r triggered"'),
    ('"first <instance>"\n"second <state>"', '"first i-0123456789"\n"second RUNNING"'),
    ("<state>", '"RUNNING"'),
]
"""The user guide's examples ("Amazon EventBridge input transformation")."""


@pytest.mark.parametrize(("template", "expected"), DOCUMENTED)
def test_documented(template: str, expected: str) -> None:
    paths = {"instance": "$.detail.instance-id", "state": "$.detail.state", "timestamp": "$.time"}
    assert problem_of(template, paths) == ""
    assert filled(template, **paths) == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("<nothing>", "Unknown variable nothing"),
        ("", "It is neither JSON nor quoted text"),
        ("instance <state>", "It is neither JSON nor quoted text"),
        ('{"a": <state>', "It is neither JSON nor quoted text"),
        ('{"a": <state>} {"b": 1}', "It is neither JSON nor quoted text"),
        ('"a" 5', "It is neither JSON nor quoted text"),
    ],
)
def test_templates_that_are_refused(template: str, problem: str) -> None:
    assert problem_of(template, {"state": "$.detail.state"}) == problem


def test_a_template_is_not_filled_without_end() -> None:
    whole = "".join("<aws.events.event.json>" for _ in range(300))
    event = {"detail": {"text": "x" * 200_000}}

    def fill(template: str) -> str:
        return transform(template, {}, event, rule_arn="", rule_name="", ingested="")

    assert len(fill("<aws.events.event.json>" * 5)) < LARGEST
    with pytest.raises(TooLarge):
        fill(whole)
