"""The scene of EventBridge: a bus, its policy, rules on it and on the default bus, targets, a connection, an API
destination, and events, from their making to their end."""

from __future__ import annotations

import json
from typing import Any

from .house import ACCOUNT, REGION, House

TAGS = [{"Key": "team", "Value": "blue"}]
OTHER_TAGS = [{"Key": "stage", "Value": "test"}]
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/orders"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
DETAIL = {"service": ["S3"], "eventTypeCode": ["issue"], "userIdentity": {"principalId": ["AIDA"]}}
PATTERN = json.dumps({"source": ["app"], "detail-type": ["order"], "detail": DETAIL})


def events(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("events", operation, **members)

    call("CreateEventBus", Name="orders", Tags=TAGS)
    call("UpdateEventBus", Name="orders", Description="second")
    call("DescribeEventBus", Name="orders")
    call("ListEventBuses")
    call("PutPermission", EventBusName="orders", Action="events:PutEvents", Principal=ACCOUNT, StatementId="own")
    call("TestEventPattern", EventPattern=PATTERN, Event=json.dumps(dict.fromkeys(
        ("id", "account", "source", "time", "region", "resources", "detail-type"), "x")))  # fmt: skip
    for bus in ("default", "orders"):
        _rule(house, bus)
    call("RemovePermission", EventBusName="orders", StatementId="own")
    call("TagResource", ResourceARN=BUS, Tags=OTHER_TAGS)
    call("ListTagsForResource", ResourceARN=BUS)
    call("UntagResource", ResourceARN=BUS, TagKeys=["stage"])
    call("DeleteEventBus", Name="orders")
    _api_destination(house)


def _rule(house: House, bus: str) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("events", operation, EventBusName=bus, **members)

    arn = call("PutRule", Name="r", EventPattern=PATTERN, Tags=TAGS).RuleArn
    # A rule that is there has tags of its own.
    call("PutRule", Name="r", EventPattern=PATTERN, Tags=TAGS)
    call("PutTargets", Rule="r", Targets=[{"Id": "q", "Arn": QUEUE}])
    entry = {"Source": "app", "DetailType": "order", "Detail": "{}", "EventBusName": bus}
    assert house.call("events", "PutEvents", Entries=[entry]).FailedEntryCount == 0
    call("DescribeRule", Name="r")
    call("ListRules")
    call("ListRuleNamesByTarget", TargetArn=QUEUE)
    call("ListTargetsByRule", Rule="r")
    call("DisableRule", Name="r")
    call("EnableRule", Name="r")
    house.call("events", "TagResource", ResourceARN=arn, Tags=OTHER_TAGS)
    house.call("events", "ListTagsForResource", ResourceARN=arn)
    house.call("events", "UntagResource", ResourceARN=arn, TagKeys=["stage"])
    call("RemoveTargets", Rule="r", Ids=["q"])
    call("DeleteRule", Name="r")


def _api_destination(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("events", operation, Name="web", **members)

    parameters = {"BasicAuthParameters": {"Username": "u", "Password": "p"}}
    connection = call("CreateConnection", AuthorizationType="BASIC", AuthParameters=parameters).ConnectionArn
    call("UpdateConnection", Description="second")
    call("DescribeConnection")
    house.call("events", "ListConnections")
    call(
        "CreateApiDestination",
        ConnectionArn=connection,
        InvocationEndpoint="https://web.example/hook",
        HttpMethod="POST",
    )
    call("UpdateApiDestination", Description="second")
    call("DescribeApiDestination")
    house.call("events", "ListApiDestinations")
    call("DeleteApiDestination")
    call("DeauthorizeConnection")
    call("DeleteConnection")
