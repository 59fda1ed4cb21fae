"""Messages on their way to web hooks: asked for confirmation, signed, tried again, given up, and ended."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.receiver import Receiver

from .conftest import confirmed, notification


def test_a_confirmation_names_a_link_that_needs_no_signature(sns: Any, receiver: Receiver) -> None:
    topic = sns.create_topic(Name="orders")["TopicArn"]
    asked = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{receiver.url}/hook")
    assert asked["SubscriptionArn"] == "pending confirmation"
    receiver.wait_for(len)
    (received,) = receiver.received
    body = json.loads(received.body)
    assert received.path == "/hook"
    assert received.headers["x-amz-sns-message-type"] == body["Type"] == "SubscriptionConfirmation"
    assert received.headers["x-amz-sns-message-id"] == body["MessageId"]
    assert received.headers["x-amz-sns-topic-arn"] == body["TopicArn"] == topic
    assert "x-amz-sns-subscription-arn" not in received.headers
    assert received.headers["content-type"] == "text/plain; charset=UTF-8"
    assert received.headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert (
        sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == "PendingConfirmation"
    )
    with urllib.request.urlopen(body["SubscribeURL"]) as answer:
        assert answer.status == 200
        assert b"<ConfirmSubscriptionResult><SubscriptionArn>arn:aws:sns:" in answer.read()
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"].startswith(f"{topic}:")
    attributes = sns.get_subscription_attributes(SubscriptionArn=listed["SubscriptionArn"])["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")


def test_a_notification(sns: Any, receiver: Receiver) -> None:
    topic = sns.create_topic(Name="orders")["TopicArn"]
    arn = confirmed(sns, receiver, topic)
    published = sns.publish(
        TopicArn=topic,
        Message="grüße",
        Subject="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}},
    )
    received = notification(receiver)
    body = json.loads(received.body)
    assert received.headers["x-amz-sns-subscription-arn"] == arn
    assert body["MessageId"] == received.headers["x-amz-sns-message-id"] == published["MessageId"]
    assert (body["Message"], body["Subject"], body["SignatureVersion"]) == ("grüße", "hello", "1")
    assert body["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert body["UnsubscribeURL"].endswith(f"/?Action=Unsubscribe&SubscriptionArn={arn}")
    assert [*body] == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
