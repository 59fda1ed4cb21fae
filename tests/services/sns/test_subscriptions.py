"""Subscriptions: protocols and endpoints, attributes, confirmation, listings, and AWS's words for what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account

from .conftest import refusal

QUEUE = "arn:aws:sqs:us-east-1:{account}:orders"


@pytest.mark.parametrize(
    ("protocol", "endpoint", "code", "text"),
    [
        (
            "pigeon",
            "x",
            "InvalidParameter",
            "Invalid parameter: Amazon SNS does not support this protocol string: pigeon",
        ),
        ("sms", "+15550100", "NotImplemented", "Holdfast does not implement the protocol sms of sns:Subscribe yet."),
        ("firehose", "x", "NotImplemented", "Holdfast does not implement the protocol firehose of sns:Subscribe yet."),
        (
            "http",
            "https://example.com",
            "InvalidParameter",
            "Invalid parameter: Endpoint must match the specified protocol",
        ),
        ("https", "https://", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("email", "nobody", "InvalidParameter", "Invalid parameter: Email address"),
        ("email", "a@b\r\nBcc: c@d", "InvalidParameter", "Invalid parameter: Endpoint"),
        ("sqs", "orders", "InvalidParameter", "Invalid parameter: SQS endpoint ARN"),
        (
            "lambda",
            "arn:aws:sqs:us-east-1:123456789012:q",
            "InvalidParameter",
            "Invalid parameter: Lambda endpoint ARN",
        ),
    ],
)
def test_endpoints_that_are_refused(sns: Any, topic: str, protocol: str, endpoint: str, code: str, text: str) -> None:
    assert refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint) == (code, text)


def test_the_own_accounts_queues_and_functions_are_confirmed_at_once(sns: Any, account: Account, topic: str) -> None:
    endpoint = QUEUE.format(account=account.account)
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes == {
        "Owner": account.account,
        "RawMessageDelivery": "false",
        "TopicArn": topic,
        "Endpoint": endpoint,
        "Protocol": "sqs",
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": f"arn:aws:iam::{account.account}:root",
    }
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"] == arn
    function = f"arn:aws:lambda:us-east-1:{account.account}:function:app:live"
    assert sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"].startswith(topic)
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsConfirmed"], counts["SubscriptionsPending"]) == ("2", "0")


def test_another_accounts_queue_is_asked(sns: Any, topic: str) -> None:
    endpoint = QUEUE.format(account="111122223333")
    given = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"]
    assert given == "pending confirmation"
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]
    assert arn.startswith(f"{topic}:")
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"


def test_subscribing_again_with_other_attributes_is_refused(sns: Any, account: Account, topic: str) -> None:
    members = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE.format(account=account.account)}
    attributes = {"RawMessageDelivery": "True", "FilterPolicy": '{"kind": ["order"]}'}
    sns.subscribe(**members, Attributes=attributes)
    sns.subscribe(**members, Attributes={"RawMessageDelivery": "true"})
    sns.subscribe(**members)
    assert refusal(sns.subscribe, **members, Attributes={"RawMessageDelivery": "false"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    )


def test_attributes(sns: Any, account: Account, topic: str) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE.format(account=account.account))[
        "SubscriptionArn"
    ]
    given = {
        "RawMessageDelivery": "true",
        "FilterPolicy": '{"kind": ["order"]}',
        "FilterPolicyScope": "MessageBody",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{account.account}:dead"}),
    }
    for name, value in given.items():
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert {name: shown[name] for name in given} == given
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RedrivePolicy", AttributeValue="")
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert not {"FilterPolicy", "FilterPolicyScope", "RedrivePolicy"} & set(shown)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Colour", "blue", "AttributeName"),
        ("RawMessageDelivery", "maybe", "RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        (
            "FilterPolicyScope",
            "Everything",
            "FilterPolicyScope: Invalid value [Everything]. Please use either MessageBody or MessageAttributes",
        ),
        ("FilterPolicy", "[]", 'FilterPolicy: Filter is not an object\n at [Source: (String)"[]"; line: 1, column: 2]'),
        (
            "FilterPolicy",
            '{"a": {"b": ["c"]}}',
            "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy",
        ),
        (
            "FilterPolicy",
            json.dumps({name: ["x"] for name in "abcdef"}),
            "FilterPolicy: Filter policy can not have more than 5 keys",
        ),
        (
            "FilterPolicy",
            json.dumps({name: list("abcdefghijklm") for name in "xy"}),
            "FilterPolicy: Filter policy is too complex",
        ),
        ("RedrivePolicy", '{"deadLetterTargetArn": "queue"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        (
            "RedrivePolicy",
            '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-3:123456789012:dead"}',
            "RedrivePolicy: must use same region as subscription",
        ),
        ("DeliveryPolicy", "{}", "DeliveryPolicy: Delivery policies are for the protocols http and https"),
    ],
)
def test_attributes_that_are_refused(sns: Any, account: Account, topic: str, name: str, value: str, text: str) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE.format(account=account.account))[
        "SubscriptionArn"
    ]
    members = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
    assert refusal(sns.set_subscription_attributes, **members) == ("InvalidParameter", f"Invalid parameter: {text}")
    if name != "Colour":
        other = QUEUE.format(account=account.account) + "-2"
        members = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": other, "Attributes": {name: value}}
        assert refusal(sns.subscribe, **members) == (
            "InvalidParameter",
            f"Invalid parameter: Attributes Reason: {text}",
        )


def test_raw_delivery_is_not_for_mail(sns: Any, topic: str) -> None:
    members = {"TopicArn": topic, "Protocol": "email", "Endpoint": "a@example.com"}
    assert refusal(sns.subscribe, **members, Attributes={"RawMessageDelivery": "true"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Delivery protocol [email] does not support raw message delivery.",
    )


def test_a_topic_has_two_hundred_filter_policies(empty_account: Account) -> None:
    account, sns = empty_account, empty_account.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    policy = {"FilterPolicy": '{"kind": ["order"]}'}
    queue = QUEUE.format(account=account.account)
    for number in range(200):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{queue}-{number}", Attributes=policy)
    code, _ = refusal(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=policy)
    assert code == "FilterPolicyLimitExceeded"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    first = sns.list_subscriptions_by_topic(TopicArn=topic)
    second = sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
    third = sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=second["NextToken"])
    assert [len(each["Subscriptions"]) for each in (first, second, third)] == [100, 100, 1]
    first = sns.list_subscriptions()
    assert len(first["Subscriptions"]) == 100
    assert len(sns.list_subscriptions(NextToken=first["NextToken"])["Subscriptions"]) == 100


def test_tokens_that_are_refused(sns: Any, topic: str) -> None:
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token="0" * 64) == (
        "InvalidParameter",
        "Invalid parameter: Token",
    )


def test_subscriptions_that_are_not_there(sns: Any, topic: str) -> None:
    missing = f"{topic}:12345678-1234-1234-1234-123456789012"
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=missing) == (
        "NotFound",
        "Subscription does not exist",
    )
    assert refusal(sns.get_subscription_attributes, SubscriptionArn="x") == (
        "InvalidParameter",
        "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1",
    )
    sns.unsubscribe(SubscriptionArn=missing)


def test_a_password_in_an_endpoint_is_not_shown(sns: Any, account: Account, topic: str) -> None:
    endpoint = "https://user:c4n4ry@example.com/hook"
    given = sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=endpoint, ReturnSubscriptionArn=True)
    shown = sns.get_subscription_attributes(SubscriptionArn=given["SubscriptionArn"])["Attributes"]["Endpoint"]
    assert shown == "https://user:****@example.com/hook"
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["Endpoint"] == shown
    events = account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Subscribe"}]
    )["Events"]
    assert json.loads(events[0]["CloudTrailEvent"])["requestParameters"] == {
        "topicArn": topic,
        "protocol": "https",
        "returnSubscriptionArn": True,
        "endpoint": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }
