"""The ARNs of topics and subscriptions.

arn:aws:sns:REGION:ACCOUNT:TOPIC                   a topic
arn:aws:sns:REGION:ACCOUNT:TOPIC:UUID              a subscription; account and region are the topic's
"""

from __future__ import annotations

import re
from typing import NamedTuple

from holdfast.api import sns as api
from holdfast.services.arn import Arn, parse_arn

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SUBSCRIPTION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACCOUNT = re.compile(r"[0-9]{12}")
FIFO = ".fifo"


class TopicKey(NamedTuple):
    """Where a topic is."""

    account: str
    region: str
    name: str

    def arn(self, partition: str) -> str:
        return f"arn:{partition}:sns:{self.region}:{self.account}:{self.name}"


class SubscriptionKey(NamedTuple):
    """Where a subscription is: at its topic."""

    account: str
    region: str
    name: str
    subscription_id: str

    @property
    def topic(self) -> TopicKey:
        return TopicKey(self.account, self.region, self.name)

    def arn(self, partition: str) -> str:
        return f"{self.topic.arn(partition)}:{self.subscription_id}"


def invalid(text: str) -> api.InvalidParameterException:
    """AWS's way of saying that a parameter is not valid."""
    return api.InvalidParameterException(f"Invalid parameter: {text}")


def is_topic_name(name: str) -> bool:
    """Whether a standard topic may have this name (CreateTopic, API reference)."""
    return _NAME.fullmatch(name) is not None


def _parts(text: str, parameter: str) -> Arn:
    elements = len(text.split(":"))
    if elements < 6:
        raise invalid(f"{parameter} Reason: An ARN must have at least 6 elements, not {elements}")
    arn = parse_arn(text)
    if arn is None or arn.service != "sns" or _ACCOUNT.fullmatch(arn.account) is None:
        raise invalid(parameter)
    return arn


def topic_key(text: str, region: str, parameter: str = "TopicArn") -> TopicKey:
    """The topic that an ARN names, in this region; InvalidParameterException. An empty `region` is any."""
    arn = _parts(text, parameter)
    name = arn.resource.removesuffix(FIFO)
    if not is_topic_name(name) or (region and arn.region != region):
        raise invalid(parameter)
    return TopicKey(arn.account, arn.region, arn.resource)


def subscription_key(text: str, region: str) -> SubscriptionKey:
    """The subscription that an ARN names, in this region; InvalidParameterException. An empty `region` is any."""
    arn = _parts(text, "SubscriptionArn")
    name, _, subscription_id = arn.resource.partition(":")
    if not is_topic_name(name) or (region and arn.region != region):
        raise invalid("SubscriptionArn")
    if _SUBSCRIPTION_ID.fullmatch(subscription_id) is None:
        raise invalid("SubscriptionArn Reason: An ARN of a subscription must end with the subscription's id")
    return SubscriptionKey(arn.account, arn.region, name, subscription_id)
