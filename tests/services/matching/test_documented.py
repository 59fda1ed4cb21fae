"""The examples of EventBridge's user guide: "Creating event patterns", "Matching on multiple field values", "Comparison
operators", "Best practices when defining event patterns". Each pattern with events that it matches, and others that not."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from holdfast.services.matching.patterns import parse_pattern


class Example(NamedTuple):
    name: str
    pattern: dict[str, Any]
    matching: list[dict[str, Any]]
    others: list[dict[str, Any]]


def of_detail(name: str, field: str, matcher: Any, matching: list[Any], others: list[Any]) -> Example:
    """An example about one field of the detail. `...` stands for an event without it."""
    return Example(
        name, {"detail": {field: [matcher]}}, [_with(field, value) for value in matching],
        [_with(field, value) for value in others],
    )  # fmt: skip


def _with(field: str, value: Any) -> dict[str, Any]:
    return {"detail": {"other": 1} if value is ... else {field: value}}


EC2 = {
    "version": "0", "id": "1", "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
    "account": "111122223333", "time": "2017-12-22T18:43:48Z", "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1"],
    "detail": {"instance-id": "i-1", "state": "terminated"},
}  # fmt: skip
SCALING = {
    "source": "aws.autoscaling", "detail-type": "EC2 Instance Launch Successful", "resources": [],
    "detail": {"eventVersion": "", "responseElements": None},
}  # fmt: skip
MACIE = {
    "source": "aws.macie", "detail-type": "Macie Alert",
    "detail": {"name": "n", "tags": ["Custom_Alert", "Insider"], "risk-score": 80, "trigger": {"risk": 8}},
}  # fmt: skip
INSTANCE = "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"
GROUP = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:eb56d16b:autoScalingGroupName/ASGTerminate"


def changed(event: dict[str, Any], **detail: Any) -> dict[str, Any]:
    return {**event, "detail": {**event["detail"], **detail}}


EXAMPLES = [
    Example(
        "state change",
        {"source": ["aws.ec2"], "detail-type": [EC2["detail-type"]], "detail": {"state": ["terminated"]}},
        [EC2],
        [changed(EC2, state="running"), {**EC2, "source": "aws.s3"}, {**EC2, "detail": {}}],
    ),
    Example(
        "several sources",
        {"source": ["aws.ec2", "aws.fargate"]},
        [EC2, {**EC2, "source": "aws.fargate"}],
        [{**EC2, "source": "aws.ecs"}, {**EC2, "source": "AWS.EC2"}, {}],
    ),
    Example(
        "null",
        {"source": ["aws.autoscaling"], "detail": {"responseElements": [None]}},
        [SCALING],
        [changed(SCALING, responseElements=""), changed(SCALING, responseElements="null"), {**SCALING, "detail": {}}],
    ),
    of_detail("empty text", "eventVersion", "", [""], [None, " ", ...]),
    Example(
        "numbers at two depths",
        {"source": ["aws.macie"], "detail": {"risk-score": [80], "trigger": {"risk": [8]}}},
        [MACIE, changed(MACIE, trigger={"risk": 8, "more": 1})],
        [changed(MACIE, trigger={"risk": 9}), changed(MACIE, **{"risk-score": "80"}), changed(MACIE, trigger=8)],
    ),
    Example(
        "arrays intersect",
        {"resources": [INSTANCE, INSTANCE.replace("123456789012", "111122223333")]},
        [{"resources": [GROUP, INSTANCE]}, {"resources": [INSTANCE]}],
        [{"resources": [GROUP]}, {"resources": []}, {}],
    ),
    Example(
        "and",
        {"Location": ["New York"], "Day": ["Monday"]},
        [{"Location": "New York", "Day": "Monday"}],
        [{"Location": "New York", "Day": "Tuesday"}, {"Day": "Monday"}],
    ),
    Example(
        "or in one field",
        {"PaymentType": ["Credit", "Debit"]},
        [{"PaymentType": "Debit"}],
        [{"PaymentType": "Cash"}],
    ),
    Example(
        "or over fields",
        {"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]},
        [{"Location": "New York", "Day": "Friday"}, {"Day": "Monday"}],
        [{"Location": "Boston", "Day": "Friday"}, {}],
    ),
    of_detail(
        "anything but a text", "state", {"anything-but": "initializing"}, ["running", "", 1, None],
        ["initializing", ...],
    ),
    of_detail("anything but a number", "x-limit", {"anything-but": 123}, [124, "123"], [123, 123.0, ...]),
    of_detail(
        "anything but texts", "state", {"anything-but": ["stopped", "overloaded"]}, ["running"],
        ["stopped", "overloaded"],
    ),
    of_detail("anything but numbers", "x-limit", {"anything-but": [100, 200, 300]}, [101], [100, 200, 300]),
    of_detail(
        "anything but ignoring case", "state", {"anything-but": {"equals-ignore-case": "initializing"}},
        ["running"], ["INITIALIZING", "Initializing", "initializing", ...],
    ),
    of_detail(
        "anything but texts ignoring case", "state",
        {"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}, ["running"], ["STOPPED", "initializing"],
    ),
    of_detail(
        "anything but a prefix", "state", {"anything-but": {"prefix": "init"}}, ["running", "xinit"],
        ["init", "initial", ...],
    ),
    of_detail(
        "anything but prefixes", "state", {"anything-but": {"prefix": ["init", "error"]}}, ["running"],
        ["error 5", "init"],
    ),
    of_detail(
        "anything but a suffix", "FileName", {"anything-but": {"suffix": ".txt"}}, ["a.png", "txt"],
        ["a.txt", ".txt", ...],
    ),
    of_detail(
        "anything but suffixes", "FileName", {"anything-but": {"suffix": [".txt", ".rtf"]}}, ["a.png"], ["a.txt", "a.rtf"]
    ),
    of_detail(
        "anything but a wildcard", "FilePath", {"anything-but": {"wildcard": "*/lib/*"}},
        ["/bin/x", "lib/x"], ["/usr/lib/x", "/lib/", ...],
    ),
    of_detail(
        "anything but wildcards", "FilePath", {"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}},
        ["/etc/x"], ["/usr/lib/x", "/usr/bin/x"],
    ),
    Example(
        "prefix",
        {"time": [{"prefix": "2017-10-02"}]},
        [{"time": "2017-10-02T18:43:48Z"}],
        [{"time": "2017-10-03T18:43:48Z"}, {"time": 2017}, {}],
    ),
    Example("prefix of a region", {"Region": [{"prefix": "us-"}]}, [{"Region": "us-east-1"}], [{"Region": "eu-us-"}]),
    of_detail(
        "prefix ignoring case", "service", {"prefix": {"equals-ignore-case": "EventB"}},
        ["eventbridge", "EVENTBRIDGE"], ["event", "bridge"],
    ),
    of_detail("suffix", "FileName", {"suffix": ".png"}, ["a.png", ".png"], ["a.PNG", "a.png.txt", "png"]),
    of_detail("suffix ignoring case", "FileName", {"suffix": {"equals-ignore-case": ".png"}}, ["a.PNG", "a.png"], ["a.pn"]),
    of_detail("equals ignoring case", "Name", {"equals-ignore-case": "alice"}, ["Alice", "ALICE", "alice"], ["alice ", "ali"]),
    of_detail("exists", "ProductName", {"exists": True}, ["x", "", None, 0, False], [..., {"inner": 1}]),
    of_detail("does not exist", "c-count", {"exists": False}, [..., {"c1": 100}], [1, None, ""]),
    of_detail("numeric equality", "Price", {"numeric": ["=", 100]}, [100, 100.0, 1e2], [101, "100"]),
    Example(
        "numeric",
        {"detail": {
            "c-count": [{"numeric": [">", 0, "<=", 5]}],
            "d-count": [{"numeric": ["<", 10]}],
            "x-limit": [{"numeric": ["=", 3.018e2]}],
        }},
        [{"detail": {"c-count": 5, "d-count": -3, "x-limit": 301.8}}],
        [
            {"detail": {"c-count": 0, "d-count": 1, "x-limit": 301.8}},
            {"detail": {"c-count": 5, "d-count": 10, "x-limit": 301.8}},
            {"detail": {"c-count": 5, "d-count": 1, "x-limit": 301.9}},
            {"detail": {"c-count": 5, "d-count": 1}},
        ],
    ),
    of_detail(
        "addresses", "sourceIPAddress", {"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "9.255.255.255", "x"]
    ),
    of_detail("IPv6 addresses", "sourceIPAddress", {"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
    of_detail(
        "wildcard", "EventBusArn", {"wildcard": "arn:aws:events:us-east-1:*:event-bus/*"},
        ["arn:aws:events:us-east-1:1:event-bus/b", "arn:aws:events:us-east-1::event-bus/"],
        ["arn:aws:events:us-east-2:1:event-bus/b", "xarn:aws:events:us-east-1:1:event-bus/b"],
    ),
    of_detail(
        "wildcard for a file", "FilePath", {"wildcard": "dir/*.png"}, ["dir/a.png", "dir/.png", "dir/b/c.png"],
        ["dir/a.jpg"],
    ),
    of_detail(r"an escaped star", "text", {"wildcard": r"a\*b*"}, ["a*b", "a*bc"], ["axb", "ab"]),
    of_detail("an escaped backslash", "text", {"wildcard": "a\\\\b*"}, ["a\\b", "a\\bc"], ["ab", "a\\\\b"]),
    Example(
        "several matchers",
        {
            "time": [{"prefix": "2017-10-02"}],
            "detail": {
                "state": [{"anything-but": "initializing"}],
                "c-count": [{"numeric": [">", 0, "<=", 5]}],
                "d-count": [{"numeric": ["<", 10]}],
                "x-limit": [{"anything-but": [100, 200, 300]}],
            },
        },
        [{"time": "2017-10-02T00:00:00Z", "detail": {"state": "on", "c-count": 1, "d-count": 1, "x-limit": 1}}],
        [
            {"time": "2017-10-02T00:00:00Z", "detail": {"state": "initializing", "c-count": 1, "d-count": 1, "x-limit": 1}},
            {"time": "2017-10-02T00:00:00Z", "detail": {"state": "on", "c-count": 1, "d-count": 1, "x-limit": 100}},
            {"time": "2017-10-03T00:00:00Z", "detail": {"state": "on", "c-count": 1, "d-count": 1, "x-limit": 1}},
        ],
    ),
    Example(
        "or over matchers",
        {"detail": {"$or": [
            {"c-count": [{"numeric": [">", 0, "<=", 5]}]},
            {"d-count": [{"numeric": ["<", 10]}]},
            {"x-limit": [{"numeric": ["=", 3.018e2]}]},
        ]}},
        [{"detail": {"c-count": 5}}, {"detail": {"c-count": 9, "d-count": 9}}, {"detail": {"x-limit": 301.8}}],
        [{"detail": {"c-count": 9, "d-count": 10, "x-limit": 1}}, {"detail": {}}],
    ),
    Example(
        "or beside other fields",
        {"source": ["aws.cloudwatch"], "$or": [
            {"metricName": ["CPUUtilization", "ReadLatency"]},
            {"namespace": ["AWS/EC2", "AWS/ES"]},
        ]},
        [{"source": "aws.cloudwatch", "metricName": "ReadLatency"}, {"source": "aws.cloudwatch", "namespace": "AWS/ES"}],
        [{"source": "aws.other", "namespace": "AWS/ES"}, {"source": "aws.cloudwatch", "namespace": "AWS/S3"}],
    ),
    Example(
        "or inside or",
        {"source": ["aws.cloudwatch"], "$or": [
            {"metricType": ["MetricType"], "namespace": ["AWS/EC2"]},
            {"metricType": ["MetricType"], "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]},
        ]},
        [{"source": "aws.cloudwatch", "metricType": "MetricType", "spaceId": 1000}],
        [{"source": "aws.cloudwatch", "metricType": "MetricType", "spaceId": 1}, {"source": "aws.cloudwatch", "spaceId": 1000}],
    ),
    Example(
        "precise: names of calls",
        {"source": ["aws.s3"], "detail-type": ["AWS API Call via CloudTrail"],
         "detail": {"eventSource": ["s3.amazonaws.com"], "eventName": [{"prefix": "Put"}, {"suffix": "Policy"}]}},
        [{"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
          "detail": {"eventSource": "s3.amazonaws.com", "eventName": "DeleteBucketPolicy"}}],
        [{"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
          "detail": {"eventSource": "s3.amazonaws.com", "eventName": "GetObject"}}],
    ),
    Example(
        "what a source adds later does not matter",
        {"source": ["aws.mysource"], "detail": {"payload": [{"exists": True}], "state": ["done"]}},
        [{"source": "aws.mysource", "detail": {"payload": 1, "state": "done", "new": {"deep": []}}, "more": 1}],
        [{"source": "aws.mysource", "detail": {"state": "done"}}],
    ),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_documented(example: Example) -> None:
    pattern = parse_pattern(json.dumps(example.pattern))
    assert [event for event in example.matching if not pattern.matches(event)] == []
    assert [event for event in example.others if pattern.matches(event)] == []


def test_of_a_field_given_twice_the_last_counts() -> None:
    pattern = parse_pattern('{"source": ["a"], "source": ["b"]}')
    assert pattern.matches({"source": "b"})
    assert not pattern.matches({"source": "a"})
