"""Queues as targets and as dead-letter queues, at a real HTTP service that speaks SendMessage."""

from __future__ import annotations

import json
from typing import Any

from holdfast.testing import Account, Server
from tests.services.events.conftest import Receiver, destination, put, role, rule


def queue(receiver: Receiver, name: str = "q") -> str:
    return f"{receiver.url}/123456789012/{name}"


def test_the_event_is_the_message(account: Account, receiver: Receiver) -> None:
    rule(
        account,
        {"Id": "q", "Arn": queue(receiver)},
        {"Id": "f", "Arn": queue(receiver, "q.fifo"), "SqsParameters": {"MessageGroupId": "g"}, "Input": '{"a":1}'},
    )
    event_id = put(account, {"n": 1})
    got: dict[str, Any] = {}
    for request in (receiver.next(), receiver.next()):
        assert request.headers["x-amz-target"] == "AmazonSQS.SendMessage"
        got[request.json["QueueUrl"].rpartition("/")[2]] = request.json
    event = json.loads(got["q"]["MessageBody"])
    assert (event["id"], event["detail"]) == (event_id, {"n": 1})
    assert "MessageGroupId" not in got["q"]
    assert (got["q.fifo"]["MessageBody"], got["q.fifo"]["MessageGroupId"]) == ('{"a":1}', "g")
    assert got["q.fifo"]["MessageDeduplicationId"]


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}


def failing(account: Account, receiver: Receiver, dead: Receiver, **policy: int) -> tuple[str, str]:
    """A rule whose target fails, with a dead-letter queue; the ARNs of the rule and of the target."""
    arn = destination(account, receiver.url)
    rule_arn = rule(
        account,
        {
            "Id": "t",
            "Arn": arn,
            "RoleArn": role(account),
            "Input": '{"transformed":true}',
            "DeadLetterConfig": {"Arn": queue(dead, "dead")},
            **({"RetryPolicy": policy} if policy else {}),
        },
    )
    return rule_arn, arn


def test_what_is_final_goes_to_the_dead_letter_queue_at_once(account: Account, receiver: Receiver) -> None:
    dead = Receiver()
    rule_arn, target = failing(account, receiver, dead)
    receiver.replies.put((404, {}, b"nobody"))
    event_id = put(account)
    receiver.next()
    message = dead.next().json
    assert json.loads(message["MessageBody"])["id"] == event_id
    assert attributes(message) == {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target,
        "ERROR_CODE": "404",
        "ERROR_MESSAGE": "the endpoint answered with status 404",
        "RETRY_ATTEMPTS": "0",
    }
    dead.close()


def test_retries_end_with_attempts_or_age(account: Account, receiver: Receiver, delivering: Server) -> None:
    dead = Receiver()
    failing(account, receiver, dead, MaximumRetryAttempts=2)
    for _ in range(4):
        receiver.replies.put((500, {}, b""))
    put(account)
    for _ in range(2):
        receiver.next()
        delivering.advance(minutes=1)
    receiver.next()
    found = attributes(dead.next().json)
    assert (found["EXHAUSTED_RETRY_CONDITION"], found["RETRY_ATTEMPTS"]) == ("MaximumRetryAttempts", "2")
    account.client("events").put_targets(
        Rule="r",
        Targets=[{
            **account.client("events").list_targets_by_rule(Rule="r")["Targets"][0],
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60},
        }],
    )  # fmt: skip
    receiver.special = lambda request: (500, {}, b"")
    put(account)
    delivering.advance(minutes=3)
    assert attributes(dead.next().json)["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    dead.close()


def test_no_permission_is_seen_in_the_dead_letter_queue(account: Account, receiver: Receiver) -> None:
    dead = Receiver()
    function = f"arn:aws:lambda:us-east-1:{account.account}:function:none"
    rule(account, {"Id": "f", "Arn": function, "DeadLetterConfig": {"Arn": queue(dead)}})
    put(account)
    assert attributes(dead.next().json)["ERROR_CODE"] == "NO_PERMISSIONS"
    events = account.client("events")
    bus = f"arn:aws:events:us-east-1:{account.account}:event-bus/gone"
    events.put_targets(Rule="r", Targets=[{"Id": "f", "Arn": bus, "DeadLetterConfig": {"Arn": queue(dead)}}])
    put(account)
    assert attributes(dead.next().json)["ERROR_CODE"] == "NO_RESOURCE"
    dead.close()


def test_an_event_of_which_a_target_asks_too_much_goes_there_too(account: Account, receiver: Receiver) -> None:
    dead = Receiver()
    letters = {"DeadLetterConfig": {"Arn": queue(dead)}}
    template = {"InputTemplate": "[" + ",".join(["<aws.events.event.json>"] * 300) + "]"}
    arn = destination(account, receiver.url)
    parameters = {"HeaderParameters": {f"X-{n}": "$.detail.text" for n in range(100)}}
    rule(
        account,
        {"Id": "q", "Arn": queue(receiver), "InputTransformer": template, **letters},
        {"Id": "d", "Arn": arn, "RoleArn": role(account), "HttpParameters": parameters, **letters},
    )
    put(account, {"text": "x" * 20_000})
    found = [attributes(dead.next().json) for _ in range(2)]
    assert {each["TARGET_ARN"] for each in found} == {arn, queue(receiver)}
    assert {each["ERROR_MESSAGE"] for each in found} == {"what the target asks for of the event is too large"}
    assert receiver.nothing()
    dead.close()
