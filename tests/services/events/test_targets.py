"""Functions and other buses as targets, schedules, retries that end, and what becomes of what cannot be delivered."""

from __future__ import annotations

import json
from typing import Any

from holdfast.testing import Account, Server
from tests.services.events.conftest import Receiver, destination, put, role, rule, until
from tests.services.lambda_.conftest import EVERYTHING
from tests.services.lambda_.conftest import create as create_function
from tests.services.lambda_.conftest import role as function_role
from tests.services.lambda_.refusals import refused

KEEP = """
import json, boto3
def handler(event, context):
    boto3.client("ssm").put_parameter(Name="/got", Value=json.dumps(event), Type="String", Overwrite=True)
"""


def hook(account: Account, receiver: Receiver, name: str = "d", **target: Any) -> dict[str, Any]:
    """A target that calls the receiver."""
    try:
        arn = account.client("iam").get_role(RoleName="caller")["Role"]["Arn"]
    except account.client("iam").exceptions.NoSuchEntityException:
        arn = role(account)
    return {"Id": name, "Arn": destination(account, f"{receiver.url}/{name}", name), "RoleArn": arn, **target}


def test_a_function_whose_policy_admits_the_rule(account: Account, receiver: Receiver) -> None:
    function = create_function(account, KEEP, Role=function_role(account, "writer", EVERYTHING), Timeout=30)
    arn = function["FunctionArn"]
    rule_arn = rule(account, {"Id": "f", "Arn": arn, "InputPath": "$.detail"}, hook(account, receiver))
    functions, parameters = account.client("lambda"), account.client("ssm")
    put(account, {"n": 1})
    receiver.next()  # by then the function's delivery has failed: nothing lets EventBridge in
    functions.add_permission(
        FunctionName="f",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )
    put(account, {"n": 2})

    def got() -> Any:
        try:
            return json.loads(parameters.get_parameter(Name="/got")["Parameter"]["Value"])
        except parameters.exceptions.ParameterNotFound:
            return None

    until(lambda: got() is not None)
    assert got() == {"n": 2}


def test_another_bus_and_no_third_one(account: Account, receiver: Receiver) -> None:
    events = account.client("events")
    second = events.create_event_bus(Name="second")["EventBusArn"]
    third = events.create_event_bus(Name="third")["EventBusArn"]
    rule(account, {"Id": "b", "Arn": second, "RoleArn": role(account, "sender", "events:PutEvents")})
    rule(account, hook(account, receiver, "s"), {"Id": "b", "Arn": third}, EventBusName="second")
    rule(account, hook(account, receiver, "t"), EventBusName="third")
    event_id = put(account)
    got = receiver.next()
    assert (got.path, got.json["id"]) == ("/s", event_id)
    direct = put(account, EventBusName="third")
    got = receiver.next()
    assert (got.path, got.json["id"]) == ("/t", direct)
    assert receiver.nothing()


def test_a_bus_of_another_account_admits_by_its_policy(
    account: Account, receiver: Receiver, delivering: Server
) -> None:
    other = delivering.create_account()
    bus = f"arn:aws:events:us-east-1:{other.account}:event-bus/default"
    rule(other, hook(other, receiver))
    entry = {"Source": "app", "DetailType": "test", "Detail": "{}", "EventBusName": bus}
    assert refused(account.client("events").put_events, Entries=[entry])[0] == "AccessDeniedException"
    other.client("events").put_permission(Action="events:PutEvents", Principal=account.account, StatementId="them")
    event_id = put(account, EventBusName=bus)
    got = receiver.next().json
    assert (got["id"], got["account"]) == (event_id, account.account)
    rule(account, {"Id": "b", "Arn": bus}, EventPattern=json.dumps({"detail-type": ["on"]}))
    event_id = put(account, DetailType="on")
    assert receiver.next().json["id"] == event_id
    other.close()


def test_a_schedule_fires_once_for_each_moment(account: Account, receiver: Receiver, delivering: Server) -> None:
    arn = rule(account, hook(account, receiver), ScheduleExpression="rate(5 minutes)")
    delivering.advance(minutes=4)
    assert receiver.nothing()
    delivering.advance(minutes=1)
    first = receiver.next().json
    assert {key: first[key] for key in ("detail-type", "source", "detail", "resources")} == {
        "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "resources": [arn],
    }  # fmt: skip
    delivering.advance(minutes=10)
    times = {receiver.next().json["time"], receiver.next().json["time"], first["time"]}
    assert len(times) == 3
    account.client("events").disable_rule(Name="r")
    delivering.advance(minutes=10)
    account.client("events").put_rule(Name="r", ScheduleExpression="cron(30 12 ? * * *)")
    delivering.advance(days=1)
    assert receiver.next().json["time"].endswith("T12:30:00Z")
    assert receiver.nothing()
    account.client("events").disable_rule(Name="r")


def test_input_in_its_three_forms(account: Account, receiver: Receiver) -> None:
    template = '{"rule": <aws.events.rule-name>, "what": "<kind> of <n>", "all": <whole>}'
    paths = {"kind": "$.detail-type", "n": "$.detail.n", "whole": "$.detail"}
    rule(
        account,
        hook(account, receiver, "constant", Input='{"a": [1]}'),
        hook(account, receiver, "path", InputPath="$.detail.n"),
        hook(account, receiver, "template", InputTransformer={"InputPathsMap": paths, "InputTemplate": template}),
    )
    put(account, {"n": 7})
    got = {request.path: request.json for request in (receiver.next(), receiver.next(), receiver.next())}
    assert got == {
        "/constant": {"a": [1]}, "/path": 7, "/template": {"rule": "r", "what": "test of 7", "all": {"n": 7}},
    }  # fmt: skip


def test_targets_that_are_refused(account: Account) -> None:
    events = account.client("events")
    rule(account)
    queue = f"arn:aws:sqs:us-east-1:{account.account}:q"
    bus = f"arn:aws:events:us-east-1:{account.account}:event-bus/b"
    for target, code, text in (
        ({"Arn": "arn:aws:kinesis:us-east-1:1:stream/s"}, "NotImplementedException", "kinesis"),
        ({"Arn": "nothing"}, "ValidationException", "Provided Arn is not in correct format."),
        ({"Arn": queue, "Input": "{"}, "ValidationException", "JSON syntax error in input for target t."),
        ({"Arn": queue, "Input": "{}", "InputPath": "$.x"}, "ValidationException", "Only one of Input"),
        ({"Arn": queue, "InputPath": "x"}, "ValidationException", "Invalid InputPath"),
        ({"Arn": queue, "InputTransformer": {"InputTemplate": "<a>"}}, "ValidationException", "Unknown variable a"),
        ({"Arn": bus, "Input": "{}"}, "ValidationException", "event bus"),
        ({"Arn": queue + ".fifo"}, "ValidationException", "SqsParameters"),
        ({"Arn": queue, "EcsParameters": {"TaskDefinitionArn": "a"}}, "NotImplementedException", "EcsParameters"),
        ({"Arn": queue, "DeadLetterConfig": {"Arn": queue + ".fifo"}}, "ValidationException", "DeadLetterConfig"),
    ):
        found = refused(events.put_targets, Rule="r", Targets=[{"Id": "t", **target}])
        assert found[0] == code, found
        assert text in found[1]
    events.put_targets(Rule="r", Targets=[{"Id": str(n), "Arn": queue} for n in range(5)])
    assert refused(events.put_targets, Rule="r", Targets=[{"Id": "6", "Arn": queue}]) == (
        "LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400,
    )  # fmt: skip
