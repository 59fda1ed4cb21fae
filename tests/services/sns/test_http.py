"""Messages on their way to web hooks: asked for confirmation, signed, tried again, given up, and ended."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from holdfast.testing import Account
from tests.receiver import Receiver

from .conftest import confirmed, notification, of_type


def test_a_confirmation_names_a_link_that_needs_no_signature(sns: Any, topic: str, receiver: Receiver) -> None:
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


def test_a_notification(sns: Any, topic: str, receiver: Receiver) -> None:
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


def test_a_raw_message(sns: Any, topic: str, receiver: Receiver) -> None:
    confirmed(sns, receiver, topic, Attributes={"RawMessageDelivery": "true"})
    body = json.dumps({"default": "for all", "http": "for http", "https": "for https"})
    sns.publish(TopicArn=topic, Message=body, MessageStructure="json", Subject="not there")
    received = notification(receiver)
    assert received.body == b"for http"
    assert received.headers["x-amz-sns-rawdelivery"] == "true"


def test_the_content_type_of_a_delivery_policy(sns: Any, topic: str, receiver: Receiver) -> None:
    policy = {"requestPolicy": {"headerContentType": "application/json; charset=UTF-8"}}
    confirmed(sns, receiver, topic, Attributes={"DeliveryPolicy": json.dumps(policy)})
    sns.publish(TopicArn=topic, Message="x")
    assert notification(receiver).headers["content-type"] == "application/json; charset=UTF-8"


def test_credentials_of_an_endpoint_go_into_a_header(sns: Any, topic: str, receiver: Receiver) -> None:
    endpoint = receiver.url.replace("//", "//user:p%40ss@") + "/hook?key=1"
    confirmed(sns, receiver, topic, Endpoint=endpoint)
    assert receiver.received[0].path == "/hook?key=1"
    assert receiver.received[0].headers["authorization"] == f"Basic {base64.b64encode(b'user:p@ss').decode()}"


def test_a_filter_policy_picks_messages(sns: Any, topic: str, receiver: Receiver) -> None:
    by_attribute = {
        "FilterPolicy": json.dumps({"kind": ["order", {"prefix": "re"}], "price": [{"numeric": [">", 10]}]})
    }
    confirmed(sns, receiver, topic, Attributes=by_attribute, Endpoint=f"{receiver.url}/attributes")
    by_body = {
        "FilterPolicy": json.dumps({"order": {"total": [{"numeric": [">", 10]}]}}),
        "FilterPolicyScope": "MessageBody",
    }
    confirmed(sns, receiver, topic, Attributes=by_body, Endpoint=f"{receiver.url}/body")

    def publish(message: str, kind: str, price: str) -> None:
        attributes = {
            "kind": {"DataType": "String", "StringValue": kind},
            "price": {"DataType": "Number", "StringValue": price},
        }
        sns.publish(TopicArn=topic, Message=message, MessageAttributes=attributes)

    publish("nothing", "other", "20")
    publish("cheap", "order", "5")
    publish('{"order": {"total": 11}}', "other", "5")
    publish("last", "return", "11")
    notification(receiver, 2)
    found = {each.path: json.loads(each.body)["Message"] for each in of_type(receiver.received, "Notification")}
    assert found == {"/attributes": "last", "/body": '{"order": {"total": 11}}'}
    assert len(of_type(receiver.received, "Notification")) == 2


def test_a_goodbye_can_be_taken_back(sns: Any, topic: str, receiver: Receiver) -> None:
    arn = confirmed(sns, receiver, topic)
    sns.publish(TopicArn=topic, Message="first")
    link = json.loads(notification(receiver).body)["UnsubscribeURL"]
    with urllib.request.urlopen(link) as answer:
        assert b"<UnsubscribeResponse" in answer.read()
    receiver.wait_for(lambda received: of_type(received, "UnsubscribeConfirmation"))
    (goodbye,) = of_type(receiver.received, "UnsubscribeConfirmation")
    body = json.loads(goodbye.body)
    assert body["Message"].startswith(f"You have chosen to deactivate subscription {arn}.\n")
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsDeleted"]) == ("0", "1")
    urllib.request.urlopen(link).close()
    urllib.request.urlopen(body["SubscribeURL"]).close()
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == arn


def test_a_subscription_confirmed_with_a_signature_is_ended_with_one(sns: Any, topic: str, receiver: Receiver) -> None:
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    receiver.wait_for(len)
    asked = json.loads(receiver.received[0].body)
    unsigned = f"{asked['SubscribeURL']}&AuthenticateOnUnsubscribe=true"
    assert _refused(unsigned) == (403, "AuthorizationError")
    members = {"TopicArn": topic, "Token": asked["Token"], "AuthenticateOnUnsubscribe": "true"}
    arn = sns.confirm_subscription(**members)["SubscriptionArn"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["ConfirmationWasAuthenticated"] == "true"
    base = asked["SubscribeURL"].partition("?")[0]
    assert _refused(f"{base}?Action=Unsubscribe&SubscriptionArn={arn}") == (403, "AuthorizationError")
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def _refused(url: str) -> tuple[int, str]:
    """Status and code of a link that must not work."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    with caught.value as answer:
        return answer.status or 0, answer.read().decode().partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("Action=ConfirmSubscription&TopicArn={topic}&Token=forged", 400, "InvalidParameter"),
        ("Action=ConfirmSubscription&TopicArn=orders&Token=forged", 400, "InvalidParameter"),
        ("Action=ConfirmSubscription&TopicArn={topic}", 400, "ValidationError"),
        ("Action=Unsubscribe&SubscriptionArn={topic}", 400, "InvalidParameter"),
        ("Action=Publish&TopicArn={topic}&Message=x&Version=2010-03-31", 403, "MissingAuthenticationToken"),
        ("Action=Publish&TopicArn={topic}&Message=x", 400, "InvalidAction"),
    ],
)
def test_links_that_do_not_work(account: Account, topic: str, query: str, status: int, code: str) -> None:
    assert _refused(f"{account.endpoint_url}/?{query.format(topic=topic)}") == (status, code)


def test_who_visited_a_link_is_on_record_with_the_topics_owner(empty_account: Account, receiver: Receiver) -> None:
    sns = empty_account.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    receiver.wait_for(len)
    urllib.request.urlopen(json.loads(receiver.received[0].body)["SubscribeURL"]).close()
    (event,) = empty_account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ConfirmSubscription"}]
    )["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["userIdentity"] == {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    assert record["requestParameters"] == {"topicArn": topic, "token": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    assert record["readOnly"] is False


def test_the_group_of_a_message_reaches_queues_and_nothing_else(sns: Any, topic: str, receiver: Receiver) -> None:
    confirmed(sns, receiver, topic)
    queue = Receiver()
    queue.answer = lambda _: (200, {}, b'{"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274"}')
    for name, raw in (("q", "false"), ("raw", "true")):
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"{queue.url}/123456789012/{name}",
            Attributes={"RawMessageDelivery": raw},
        )
    sns.publish(TopicArn=topic, Message="hello", MessageGroupId="tenant-7")
    assert b"tenant-7" not in notification(receiver).body
    queue.wait_for(lambda received: len(received) == 2)
    assert {json.loads(each.body)["MessageGroupId"] for each in queue.received} == {"tenant-7"}
    sns.publish(TopicArn=topic, Message="hello")
    queue.wait_for(lambda received: len(received) == 4)
    assert all("MessageGroupId" not in json.loads(each.body) for each in queue.received[2:])
    queue.close()
