"""A topic as a target: its policy decides, and what it refuses is seen."""

from __future__ import annotations

import json
from typing import Any

from holdfast.testing import Account
from tests.services.events.conftest import Receiver, put, rule
from tests.services.events.test_queues import attributes, queue


def policy(topic: str, rule_arn: str) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_topics_policy_decides(account: Account, receiver: Receiver) -> None:
    sns = account.client("sns")
    dead = Receiver()
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sns.confirm_subscription(TopicArn=topic, Token=receiver.next().json["Token"])
    arn = rule(account, {"Id": "t", "Arn": topic, "DeadLetterConfig": {"Arn": queue(dead)}})
    put(account, {"n": 1})
    # The policy that a topic is made with is for its own account only.
    assert attributes(dead.next().json)["ERROR_CODE"] == "NO_PERMISSIONS"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(topic, arn))
    event_id = put(account, {"n": 2})
    message = receiver.next().json
    assert message["Type"] == "Notification"
    assert "Subject" not in message
    event = json.loads(message["Message"])
    assert (event["id"], event["detail"]) == (event_id, {"n": 2})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(topic, f"{arn}-other"))
    put(account, {"n": 3})
    assert attributes(dead.next().json)["ERROR_CODE"] == "NO_PERMISSIONS"
    sns.delete_topic(TopicArn=topic)
    put(account, {"n": 4})
    assert attributes(dead.next().json)["ERROR_CODE"] in ("NO_RESOURCE", "NO_PERMISSIONS")
    assert receiver.nothing()
    dead.close()
