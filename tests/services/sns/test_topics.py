"""Topics: making them twice, their attributes, policies, tags and pages, and AWS's words for what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account

from .conftest import refusal


def test_making_a_topic_twice_is_one_topic(empty_account: Account) -> None:
    account, sns = empty_account, empty_account.client("sns")
    arn = f"arn:aws:sns:{account.region}:{account.account}:orders"
    attributes = {"DisplayName": "Orders", "SignatureVersion": "2", "TracingConfig": "PassThrough"}
    tags = [{"Key": "team", "Value": "blue"}]
    assert sns.create_topic(Name="orders", Attributes=attributes, Tags=tags)["TopicArn"] == arn
    assert sns.create_topic(Name="orders")["TopicArn"] == arn
    assert sns.create_topic(Name="orders", Attributes={"DisplayName": "Orders"}, Tags=tags)["TopicArn"] == arn
    assert refusal(sns.create_topic, Name="orders", Attributes={"DisplayName": "Other"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    assert refusal(sns.create_topic, Name="orders", Tags=[{"Key": "team", "Value": "red"}]) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    )
    assert [each["TopicArn"] for each in sns.list_topics()["Topics"]] == [arn]


def test_attributes_of_a_new_topic(sns: Any, topic: str, account: Account) -> None:
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    policy = json.loads(attributes.pop("Policy"))
    effective = json.loads(attributes.pop("EffectiveDeliveryPolicy"))
    assert attributes == {
        "Owner": account.account,
        "TopicArn": topic,
        "DisplayName": "",
        "SubscriptionsPending": "0",
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
    }
    assert policy["Id"] == "__default_policy_ID"
    (statement,) = policy["Statement"]
    assert statement["Sid"] == "__default_statement_ID"
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": account.account}}
    assert effective["http"]["defaultHealthyRetryPolicy"] == {
        "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
    }  # fmt: skip


def test_setting_attributes(sns: Any, topic: str) -> None:
    policy = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5, "minDelayTarget": 1, "maxDelayTarget": 2}}}
    for name, value in (("DisplayName", "Orders"), ("SignatureVersion", "2"), ("DeliveryPolicy", json.dumps(policy))):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["DisplayName"], attributes["SignatureVersion"]) == ("Orders", "2")
    assert json.loads(attributes["DeliveryPolicy"]) == policy
    assert json.loads(attributes["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 5
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue="")
    assert "DeliveryPolicy" not in sns.get_topic_attributes(TopicArn=topic)["Attributes"]


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("Colour", "blue", "InvalidParameter", "Invalid parameter: AttributeName"),
        ("SignatureVersion", "3", "InvalidParameter", "Invalid parameter: SignatureVersion"),
        ("DisplayName", "x" * 101, "InvalidParameter", "Invalid parameter: DisplayName"),
        ("Policy", "{", "InvalidParameter", "Invalid parameter: Policy Error: null"),
        (
            "Policy",
            json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}),
            "InvalidParameter",
            "Invalid parameter: Policy statement action out of service scope!",
        ),
        ("DeliveryPolicy", "[]", "InvalidParameter", "Invalid parameter: DeliveryPolicy: failed to parse JSON"),
        (
            "KmsMasterKeyId",
            "alias/aws/sns",
            "NotImplemented",
            "Holdfast does not implement the attribute KmsMasterKeyId of sns:SetTopicAttributes yet.",
        ),
        (
            "HTTPSuccessFeedbackRoleArn",
            "arn:aws:iam::123456789012:role/logs",
            "NotImplemented",
            "Holdfast does not implement the attribute HTTPSuccessFeedbackRoleArn of sns:SetTopicAttributes yet.",
        ),
        (
            "MaximumMessageSize",
            "1048576",
            "NotImplemented",
            "Holdfast does not implement the attribute MaximumMessageSize of sns:SetTopicAttributes yet.",
        ),
        (
            "TracingConfig",
            "Active",
            "NotImplemented",
            "Holdfast does not implement TracingConfig=Active of topics yet.",
        ),
    ],
)
def test_attributes_that_are_refused(sns: Any, topic: str, name: str, value: str, code: str, text: str) -> None:
    assert refusal(sns.set_topic_attributes, TopicArn=topic, AttributeName=name, AttributeValue=value) == (code, text)


def test_the_default_of_an_attribute_that_is_absent_asks_for_nothing(sns: Any, topic: str) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue="262144")
    assert "MaximumMessageSize" not in sns.get_topic_attributes(TopicArn=topic)["Attributes"]


@pytest.mark.parametrize("name", ["", "with space", "x" * 257, "with.dot"])
def test_names_that_are_refused(sns: Any, name: str) -> None:
    assert refusal(sns.create_topic, Name=name) == ("InvalidParameter", "Invalid parameter: Topic Name")


def test_fifo_topics_are_refused_by_name(sns: Any) -> None:
    code, text = refusal(sns.create_topic, Name="orders.fifo", Attributes={"FifoTopic": "true"})
    assert (code, text) == ("NotImplemented", "Holdfast does not implement FIFO topics yet.")
    code, _ = refusal(sns.create_topic, Name="orders", Attributes={"FifoTopic": "true"})
    assert code == "NotImplemented"


def test_topics_that_are_not_there(sns: Any, topic: str, account: Account) -> None:
    missing = f"arn:aws:sns:{account.region}:{account.account}:missing"
    assert refusal(sns.get_topic_attributes, TopicArn=missing) == ("NotFound", "Topic does not exist")
    assert refusal(sns.publish, TopicArn=missing, Message="x") == ("NotFound", "Topic does not exist")
    assert refusal(sns.tag_resource, ResourceArn=missing, Tags=[]) == ("ResourceNotFound", "Resource does not exist")
    assert refusal(sns.get_topic_attributes, TopicArn="orders") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    )
    elsewhere = f"arn:aws:sns:eu-west-3:{account.account}:missing"
    assert refusal(sns.get_topic_attributes, TopicArn=elsewhere) == ("InvalidParameter", "Invalid parameter: TopicArn")
    sns.delete_topic(TopicArn=missing)


def test_deleting_a_topic_ends_its_subscriptions(empty_account: Account) -> None:
    account, sns = empty_account, empty_account.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    queue = f"arn:aws:sqs:{account.region}:{account.account}:orders"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    sns.delete_topic(TopicArn=topic)
    assert sns.list_topics()["Topics"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=subscription) == (
        "NotFound",
        "Subscription does not exist",
    )


def test_permissions_are_statements_of_the_policy(sns: Any, topic: str, account: Account) -> None:
    sns.add_permission(TopicArn=topic, Label="other", AWSAccountId=["111122223333"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "other",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SNS:Publish",
        "Resource": topic,
    }
    again = {"TopicArn": topic, "Label": "other", "AWSAccountId": ["111122223333"], "ActionName": ["Publish"]}
    assert refusal(sns.add_permission, **again) == ("InvalidParameter", "Invalid parameter: Statement already exists")
    assert refusal(sns.add_permission, **{**again, "Label": "new", "ActionName": ["Fly"]}) == (
        "InvalidParameter",
        "Invalid parameter: Policy statement action out of service scope!",
    )
    sns.remove_permission(TopicArn=topic, Label="other")
    sns.remove_permission(TopicArn=topic, Label="other")
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["__default_statement_ID"]


def test_a_policy_names_users_by_their_unique_ids(sns: Any, topic: str, account: Account) -> None:
    iam = account.client("iam")
    user = iam.create_user(UserName="alice")["User"]["Arn"]
    statement = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    shown = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert shown["Statement"][0]["Principal"] == {"AWS": user}
    iam.delete_user(UserName="alice")
    iam.create_user(UserName="alice")
    shown = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert shown["Statement"][0]["Principal"]["AWS"].startswith("AIDA")
    sns.add_permission(TopicArn=topic, Label="more", AWSAccountId=["111122223333"], ActionName=["Publish"])
    more = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert more["Statement"][:-1] == shown["Statement"], "a statement of somebody who is no more stays as it is"
    unknown = policy.replace("alice", "nobody")
    assert refusal(sns.set_topic_attributes, TopicArn=topic, AttributeName="Policy", AttributeValue=unknown) == (
        "InvalidParameter",
        "Invalid parameter: Policy Error: PrincipalNotFound",
    )


def test_tags(sns: Any, topic_name: str) -> None:
    arn = sns.create_topic(Name=topic_name, Tags=[{"Key": "team", "Value": "blue"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "red"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["stage", "absent"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "red"}]
    many = [{"Key": f"key-{number}", "Value": ""} for number in range(50)]
    assert refusal(sns.tag_resource, ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"


def test_topics_come_in_pages_of_a_hundred(empty_account: Account) -> None:
    sns = empty_account.client("sns")
    names = [f"topic-{number:03}" for number in range(101)]
    for name in names:
        sns.create_topic(Name=name)
    first = sns.list_topics()
    second = sns.list_topics(NextToken=first["NextToken"])
    listed = [each["TopicArn"].rpartition(":")[2] for page in (first, second) for each in page["Topics"]]
    assert listed == names
    assert "NextToken" not in second
    assert refusal(sns.list_topics, NextToken="forged") == ("InvalidParameter", "Invalid parameter: NextToken")


def test_there_is_no_data_protection_policy(sns: Any, topic: str) -> None:
    assert sns.get_data_protection_policy(ResourceArn=topic).get("DataProtectionPolicy", "") == ""
    assert refusal(sns.put_data_protection_policy, ResourceArn=topic, DataProtectionPolicy="{}")[0] == "NotImplemented"
