"""The scene of SNS: one topic from its making to its end, with subscriptions, a policy and tags.

The token of a subscription that waits for its confirmation is read from the outbox, where its endpoint would get it.
"""

from __future__ import annotations

import json
from typing import Any

from .house import ACCOUNT, REGION, House

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"


def sns(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("sns", operation, **members)

    call("ListTopics")
    call("CreateTopic", Name="orders", Tags=[{"Key": "team", "Value": "blue"}])
    call("SetTopicAttributes", TopicArn=TOPIC, AttributeName="DisplayName", AttributeValue="Orders")
    call("GetTopicAttributes", TopicArn=TOPIC)
    call("GetDataProtectionPolicy", ResourceArn=TOPIC)
    call("AddPermission", TopicArn=TOPIC, Label="other", AWSAccountId=[ACCOUNT], ActionName=["Publish"])
    call("RemovePermission", TopicArn=TOPIC, Label="other")
    call("TagResource", ResourceArn=TOPIC, Tags=[{"Key": "stage", "Value": "test"}])
    call("ListTagsForResource", ResourceArn=TOPIC)
    call("UntagResource", ResourceArn=TOPIC, TagKeys=["stage"])
    call("Subscribe", TopicArn=TOPIC, Protocol="https", Endpoint="https://example.com/hook")
    arn = call("ConfirmSubscription", TopicArn=TOPIC, Token=_token(house)).SubscriptionArn
    call("ListSubscriptions")
    call("ListSubscriptionsByTopic", TopicArn=TOPIC)
    raw = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    call("SetSubscriptionAttributes", SubscriptionArn=arn, **raw)
    call("GetSubscriptionAttributes", SubscriptionArn=arn)
    call("Publish", TopicArn=TOPIC, Message="hello")
    call("PublishBatch", TopicArn=TOPIC, PublishBatchRequestEntries=[{"Id": "1", "Message": "hello"}])
    call("Unsubscribe", SubscriptionArn=arn)
    call("DeleteTopic", TopicArn=TOPIC)


def _token(house: House) -> str:
    token: str = json.loads(house.newest_delivery())["token"]
    return token
