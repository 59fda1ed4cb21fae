"""Who may do what with a topic: identity policies, the topic's own, its default one, other accounts, questions and
explanations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account, Server
from tests.services.holdfast.people import People, allow

from .conftest import refusal


@pytest.fixture
def people(account: Account) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(account, stack)


@pytest.fixture(scope="module")
def other(server: Server) -> Iterator[Account]:
    account = server.create_account()
    yield account
    account.close()


def set_policy(sns: Any, topic: str, **statement: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": topic, **statement}]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document))


def test_the_default_policy_lets_nobody_in_by_itself(sns: Any, topic: str, people: People) -> None:
    name, credentials = people.user()
    client = people.client(credentials, "sns")
    assert refusal(client.publish, TopicArn=topic, Message="x") == (
        "AuthorizationError",
        f"User: {people.arn('user', name)} is not authorized to perform: SNS:Publish on resource: {topic} because no"
        " identity-based policy allows the SNS:Publish action",
    )
    missing = f"{topic}-missing"
    assert refusal(client.publish, TopicArn=missing, Message="x")[0] == "AuthorizationError"


def test_an_identity_policy_or_the_topics_policy_lets_in(sns: Any, topic: str, people: People) -> None:
    _, by_identity = people.user(allow("SNS:Publish", resource=topic))
    people.client(by_identity, "sns").publish(TopicArn=topic, Message="x")
    name, by_topic = people.user()
    set_policy(sns, topic, Principal={"AWS": people.arn("user", name)}, Action="SNS:Publish")
    client = people.client(by_topic, "sns")
    client.publish(TopicArn=topic, Message="x")
    entries = [{"Id": "1", "Message": "x"}]
    assert client.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
    assert refusal(client.get_topic_attributes, TopicArn=topic)[0] == "AuthorizationError"


def test_an_explicit_deny_of_the_topic_wins(sns: Any, topic: str, people: People) -> None:
    _, credentials = people.user(allow("sns:*"))
    set_policy(sns, topic, Effect="Deny", Principal="*", Action="sns:Publish")
    _, text = refusal(people.client(credentials, "sns").publish, TopicArn=topic, Message="x")
    assert text.endswith(f"on resource: {topic} with an explicit deny in a resource-based policy")


def test_protocol_and_endpoint_are_conditions(topic: str, people: People, account: Account) -> None:
    condition = {"StringEquals": {"sns:Protocol": "sqs"}, "StringLike": {"sns:Endpoint": "arn:aws:sqs:*:allowed"}}
    _, credentials = people.user(allow("sns:Subscribe", Condition=condition))
    client = people.client(credentials, "sns")
    queue = f"arn:aws:sqs:us-east-1:{account.account}:allowed"
    assert client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    assert refusal(client.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=f"{queue}-not")[0] == "AuthorizationError"
    members = {"TopicArn": topic, "Protocol": "https", "Endpoint": "https://example.com/allowed"}
    assert refusal(client.subscribe, **members)[0] == "AuthorizationError"


def test_tags_are_conditions(sns: Any, topic_name: str, people: People) -> None:
    topic = sns.create_topic(Name=topic_name, Tags=[{"Key": "team", "Value": "blue"}])["TopicArn"]
    _, blue = people.user(allow("sns:Publish", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    _, red = people.user(allow("sns:Publish", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}))
    people.client(blue, "sns").publish(TopicArn=topic, Message="x")
    assert refusal(people.client(red, "sns").publish, TopicArn=topic, Message="x")[0] == "AuthorizationError"
    _, maker = people.user(allow("sns:CreateTopic"))
    client = people.client(maker, "sns")
    assert (
        refusal(client.create_topic, Name=f"{topic_name}-2", Tags=[{"Key": "a", "Value": "b"}])[0]
        == "AuthorizationError"
    )
    client.create_topic(Name=f"{topic_name}-2")


def test_another_account(sns: Any, topic: str, other: Account) -> None:
    stranger = other.client("sns")
    code, text = refusal(stranger.publish, TopicArn=topic, Message="x")
    assert code == "AuthorizationError"
    assert "because no resource-based policy allows the SNS:Publish action" in text
    actions = ["Publish", "Subscribe"]
    sns.add_permission(TopicArn=topic, Label="other", AWSAccountId=[other.account], ActionName=actions)
    stranger.publish(TopicArn=topic, Message="x")
    queue = f"arn:aws:sqs:us-east-1:{other.account}:theirs"
    arn = stranger.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    (own,) = stranger.list_subscriptions()["Subscriptions"]
    assert (own["SubscriptionArn"], own["Owner"]) == (arn, other.account)
    assert stranger.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Owner"] == other.account
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Owner"] == other.account
    stranger.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_somebody_elses_subscription(sns: Any, topic: str, account: Account, other: Account) -> None:
    queue = f"arn:aws:sqs:us-east-1:{account.account}:orders"
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    stranger = other.client("sns")
    for call, members in (
        (stranger.get_subscription_attributes, {}),
        (stranger.set_subscription_attributes, {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}),
        (stranger.unsubscribe, {}),
    ):
        assert refusal(call, SubscriptionArn=arn, **members)[0] == "AuthorizationError"
    missing = f"{topic}:12345678-1234-1234-1234-123456789012"
    assert refusal(stranger.get_subscription_attributes, SubscriptionArn=missing)[0] == "AuthorizationError"


def test_no_explanation_shows_a_password(topic: str, people: People) -> None:
    condition = {"StringEquals": {"sns:Endpoint": "https://example.com"}}
    _, credentials = people.user(allow("sns:Subscribe", Condition=condition))
    with pytest.raises(ClientError) as caught:
        people.client(credentials, "sns").subscribe(
            TopicArn=topic, Protocol="https", Endpoint="https://user:c4n4ry@example.com"
        )
    explained = people.explain(caught.value.response["ResponseMetadata"]["RequestId"])
    assert explained["Outcome"] == "implicit-deny"
    assert "c4n4ry" not in json.dumps(explained)


def test_questions_and_explanations(sns: Any, topic: str, people: People) -> None:
    name, credentials = people.user()
    with pytest.raises(ClientError) as caught:
        people.client(credentials, "sns").publish(TopicArn=topic, Message="x")
    decided = people.explain(caught.value.response["ResponseMetadata"]["RequestId"])
    members = {"Principal": f"user/{name}", "Action": "sns:Publish", "Resource": topic}
    asked = people.ask(None, "Can", **members).body
    assert (decided["Outcome"], asked["Outcome"]) == ("implicit-deny", "implicit-deny")
    assert decided["Gap"]["Where"] == asked["Gap"]["Where"] == "identity-policy"
    set_policy(sns, topic, Principal={"AWS": people.arn("user", name)}, Action="SNS:Publish")
    assert people.ask(None, "Can", **members).body["Outcome"] == "allow"
    able = people.ask(None, "WhoCan", Action="sns:Publish", Resource=topic).body["Answers"]
    assert people.arn("user", name) in {each["Principal"] for each in able}
