"""Rules, targets and events as their callers see them: what is kept, listed, refused, and in which words."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.testing import Account
from tests.services.lambda_.refusals import refused

PATTERN = json.dumps({"source": ["app"]})
ENVELOPE = {
    "id": "1", "account": "1", "source": "app", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
    "detail-type": "t",
}  # fmt: skip


@pytest.fixture
def events(holdfast: Account) -> Any:
    """A boto3 client of a fresh account."""
    return holdfast.client("events")


def body(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_put_describe_and_put_again(events: Any, holdfast: Account) -> None:
    arn = f"arn:aws:events:us-east-1:{holdfast.account}:rule/r"
    tags = [{"Key": "team", "Value": "blue"}]
    assert events.put_rule(Name="r", EventPattern=PATTERN, Description="d", Tags=tags)["RuleArn"] == arn
    shown = {"Name": "r", "Arn": arn, "EventPattern": PATTERN, "State": "ENABLED", "EventBusName": "default"}
    assert body(events.describe_rule(Name="r")) == {**shown, "Description": "d", "CreatedBy": holdfast.account}
    # What is not given is as for a new rule, but for tags.
    events.put_rule(Name="r", ScheduleExpression="rate(1 day)", State="DISABLED", Tags=[{"Key": "x", "Value": "y"}])
    assert body(events.describe_rule(Name="r")) == {
        "Name": "r", "Arn": arn, "ScheduleExpression": "rate(1 day)", "State": "DISABLED", "EventBusName": "default",
        "CreatedBy": holdfast.account,
    }  # fmt: skip
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
    events.enable_rule(Name="r")
    assert events.describe_rule(Name="r")["State"] == "ENABLED"
    events.disable_rule(Name="r")
    assert events.describe_rule(Name="r")["State"] == "DISABLED"


def test_listings_go_on_where_they_ended(events: Any, holdfast: Account) -> None:
    queue = f"arn:aws:sqs:us-east-1:{holdfast.account}:q"
    names = [f"rule-{n}" for n in range(5)]
    for name in [*names, "other"]:
        events.put_rule(Name=name, EventPattern=PATTERN)
        events.put_targets(Rule=name, Targets=[{"Id": str(n), "Arn": queue} for n in range(3)])
    first = events.list_rules(NamePrefix="rule-", Limit=3)
    second = events.list_rules(NamePrefix="rule-", Limit=3, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == names
    assert "NextToken" not in second
    found = events.list_rule_names_by_target(TargetArn=queue, Limit=4)
    more = events.list_rule_names_by_target(TargetArn=queue, NextToken=found["NextToken"])
    assert found["RuleNames"] + more["RuleNames"] == ["other", *names]
    page = events.list_targets_by_rule(Rule="other", Limit=2)
    rest = events.list_targets_by_rule(Rule="other", NextToken=page["NextToken"])
    assert [target["Id"] for target in page["Targets"] + rest["Targets"]] == ["0", "1", "2"]
    assert refused(events.list_rules, NextToken=page["NextToken"])[0] == "ValidationException"
    events.remove_targets(Rule="other", Ids=["0", "2", "9"])
    assert [target["Id"] for target in events.list_targets_by_rule(Rule="other")["Targets"]] == ["1"]


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        ({"ScheduleExpression": "rate(1 hours)"}, "ValidationException", "Parameter ScheduleExpression is not valid."),
        (
            {"ScheduleExpression": "rate(1 hour)", "EventBusName": "other"},
            "ValidationException",
            "ScheduleExpression is supported only on the default event bus.",
        ),
        ({"EventPattern": PATTERN, "EventBusName": "no"}, "ResourceNotFoundException", "Event bus no does not exist."),
        (
            {"EventPattern": '{"source": "app"}'},
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "source" must be an object or an array\n'
            ' at [Source: (String)"{"source": "app"}"; line: 1, column: 13]',
        ),
        (
            {"EventPattern": PATTERN, "RoleArn": "arn:aws:iam::123456789012:user/x"},
            "ValidationException",
            "Parameter RoleArn is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            {"EventPattern": PATTERN, "Tags": [{"Key": "aws:x", "Value": "y"}]},
            "ValidationException",
            "Tag keys starting with 'aws:' are reserved for system use.",
        ),
    ],
)
def test_rules_that_are_refused(events: Any, options: dict[str, Any], code: str, text: str) -> None:
    events.create_event_bus(Name="other")
    assert refused(events.put_rule, Name="r", **options) == (code, text, 400)


def test_names_are_held_to_the_model(events: Any) -> None:
    code, text, _ = refused(events.put_rule, Name="a b", EventPattern=PATTERN)
    assert code == "ValidationException"
    assert "at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern" in text


def test_what_is_not_there(events: Any, holdfast: Account) -> None:
    missing = ("ResourceNotFoundException", "Rule r does not exist on EventBus default.", 400)
    for operation in (events.describe_rule, events.enable_rule, events.disable_rule):
        assert refused(operation, Name="r") == missing
    assert refused(events.list_targets_by_rule, Rule="r") == missing
    assert refused(events.remove_targets, Rule="r", Ids=["x"]) == missing
    queue = f"arn:aws:sqs:us-east-1:{holdfast.account}:q"
    assert refused(events.put_targets, Rule="r", Targets=[{"Id": "x", "Arn": queue}]) == missing
    events.delete_rule(Name="r")
    code, text, _ = refused(
        events.create_archive, ArchiveName="a", EventSourceArn=f"{queue}/x".replace("sqs", "events")
    )
    assert (code, "CreateArchive" in text) == ("NotImplementedException", True)


def test_a_rule_with_targets_stays(events: Any, holdfast: Account) -> None:
    events.put_rule(Name="r", EventPattern=PATTERN)
    events.put_targets(Rule="r", Targets=[{"Id": "x", "Arn": f"arn:aws:sqs:us-east-1:{holdfast.account}:q"}])
    assert refused(events.delete_rule, Name="r") == (
        "ValidationException", "Rule can't be deleted since it has targets.", 400,
    )  # fmt: skip
    events.remove_targets(Rule="r", Ids=["x"])
    events.delete_rule(Name="r")
    assert events.list_rules()["Rules"] == []


def test_a_bus_has_three_hundred_rules_at_most(events: Any) -> None:
    events.create_event_bus(Name="b")

    def put_rule(name: str) -> None:
        events.put_rule(Name=name, EventBusName="b", EventPattern=PATTERN)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put_rule, [f"r{number}" for number in range(300)]))
    assert refused(events.put_rule, Name="more", EventBusName="b", EventPattern=PATTERN)[:2] == (
        "LimitExceededException", "The requested resource exceeds the maximum number allowed.",
    )  # fmt: skip
    # One that is there can be put again, and another bus has room.
    events.put_rule(Name="r0", EventBusName="b", EventPattern=PATTERN, State="DISABLED")
    events.put_rule(Name="more", EventPattern=PATTERN)
    events.delete_rule(Name="r1", EventBusName="b")
    events.put_rule(Name="more", EventBusName="b", EventPattern=PATTERN)


def test_every_entry_answers_for_itself(events: Any, holdfast: Account) -> None:
    good = {"Source": "app", "DetailType": "t", "Detail": '{"a": 1}'}

    def failure(**changes: Any) -> tuple[str, str]:
        entry = {key: value for key, value in {**good, **changes}.items() if value is not None}
        answer = events.put_events(Entries=[good, entry])
        assert answer["FailedEntryCount"] == 1
        assert answer["Entries"][0]["EventId"]
        return answer["Entries"][1]["ErrorCode"], answer["Entries"][1]["ErrorMessage"]

    for name in ("Source", "DetailType", "Detail"):
        text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
        assert failure(**{name: None}) == ("InvalidArgument", text)
        # Without an entry that has all of them nothing is taken.
        incomplete = [{**good, name: ""}, {"Detail": "{}"}]
        assert refused(events.put_events, Entries=incomplete) == ("ValidationException", text, 400)
    for source in ("aws.ec2", "AWS.x"):
        assert failure(Source=source) == ("NotAuthorizedForSource", "Not authorized for the source.")
    for detail in ("{", "[]", "5", '{"a": NaN}', '{"a": 1e999}', "[" * 5000, f'{{"a": {"[" * 300}{"]" * 300}}}'):
        assert failure(Detail=detail) == ("MalformedDetail", "Detail is malformed.")
    # Over in no time, though none of its quotes has an end: some 200,000 places to look for one.
    assert failure(Detail="[" * 201 + '"' + '\\"' * 100_000 + "\\")[0] == "MalformedDetail"
    elsewhere = f"arn:aws:events:eu-west-1:{holdfast.account}:event-bus/default"
    assert failure(EventBusName=elsewhere)[0] == "InvalidArgument"
    assert failure(DetailType="t" * 129)[0] == "InvalidArgument"
    assert events.put_events(Entries=[{**good, "DetailType": "t" * 128}])["FailedEntryCount"] == 0
    # A bus that is not there matches nothing.
    nowhere = events.put_events(Entries=[{**good, "EventBusName": "no"}])
    assert nowhere["FailedEntryCount"] == 0
    assert nowhere["Entries"][0]["EventId"]
    assert failure(Time=datetime(1960, 1, 1, tzinfo=UTC))[1].startswith("Parameter Time is not valid.")
    brackets = json.dumps({"text": "[" * 1000, "list": [[]] * 1000})
    assert events.put_events(Entries=[{**good, "Detail": brackets}])["FailedEntryCount"] == 0
    big = json.dumps({"a": "x" * 30_000})
    assert refused(events.put_events, Entries=[{**good, "Detail": big}] * 9) == (
        "ValidationException", "Total size of the entries in the request is over the limit.", 400,
    )  # fmt: skip
    assert events.put_events(Entries=[{**good, "Detail": big}] * 8)["FailedEntryCount"] == 0
    assert "less than or equal to 10" in refused(events.put_events, Entries=[good] * 11)[1]


def test_patterns_are_tested(events: Any) -> None:
    event = json.dumps(ENVELOPE)
    assert events.test_event_pattern(EventPattern=PATTERN, Event=event)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["b"]}', Event=event)["Result"] is False
    huge = json.dumps({**ENVELOPE, "detail": {"text": "x" * 262_144}})
    assert refused(events.test_event_pattern, EventPattern=PATTERN, Event=huge)[0] == "ValidationException"
    assert refused(events.test_event_pattern, EventPattern="{}", Event=event) == (
        "InvalidEventPatternException",
        "Event pattern is not valid. Reason: Empty objects are not allowed\n"
        ' at [Source: (String)"{}"; line: 1, column: 3]',
        400,
    )
    for name in ENVELOPE:
        short = json.dumps({key: value for key, value in ENVELOPE.items() if key != name})
        code, text, _ = refused(events.test_event_pattern, EventPattern=PATTERN, Event=short)
        assert (code, name in text) == ("ValidationException", True)
    for bad in ("{", "[]"):
        assert refused(events.test_event_pattern, EventPattern=PATTERN, Event=bad)[0] == "ValidationException"
