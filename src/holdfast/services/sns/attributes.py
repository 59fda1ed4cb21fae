"""Attributes of topics and subscriptions: how one that is given is checked, and which ones Holdfast lacks.

INVARIANT: an attribute that is not honoured is refused by its name, never kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from holdfast.api.base import NotImplementedException
from holdfast.services.arn import parse_arn
from holdfast.services.matching.matchers import BadPattern
from holdfast.services.sns import filters
from holdfast.services.sns.delivery_policies import BadPolicy, check_subscription_policy, check_topic_policy
from holdfast.services.sns.endpoints import RAW, WEB
from holdfast.services.sns.identifiers import FIFO, invalid
from holdfast.services.sns.policies import checked_policy

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Subscription, Topic

LONGEST_NAME: Final = 100
ABSENT_TOPIC = (
    "ArchivePolicy", "BeginningArchiveTime", "ContentBasedDeduplication", "FifoThroughputScope", "FifoTopic",
    "MaximumMessageSize",
    *(
        f"{kind}{what}"
        for kind in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
        for what in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
    ),
)  # fmt: skip
"""Attributes of a topic that AWS has and Holdfast does not."""
_NOTHING = {
    "FifoTopic": ("", "false"),
    "ContentBasedDeduplication": ("", "false"),
    "SampleRate": ("", "0"),
    "MaximumMessageSize": ("262144",),
}
"""What asks for nothing of them: Terraform says so of the first three, and the last is AWS's default."""
ABSENT_SUBSCRIPTION = ("SubscriptionRoleArn", "ReplayPolicy", "ReplayStatus")


def absent_attribute(operation: str, name: str) -> NotImplementedException:
    return NotImplementedException(f"Holdfast does not implement the attribute {name} of sns:{operation} yet.")


class Refusal(ValueError):
    """What is wrong with an attribute, as it follows `Invalid parameter: ` or `Invalid parameter: Attributes Reason: `."""


# -- topics -------------------------------------------------------------------------------------------------------------


def with_topic_attribute(call: Call, operation: str, topic: Topic, name: str, value: str) -> Topic | None:
    """A topic with an attribute set; None for a name that is none. Raises Refusal, InvalidParameterException."""
    if name in ABSENT_TOPIC:
        if value not in _NOTHING.get(name.partition("Feedback")[2] or name, ("",)):
            raise absent_attribute(operation, name)
        return topic
    match name:
        case "DisplayName":
            if len(value) > LONGEST_NAME or not value.isprintable():
                raise Refusal("DisplayName")
            return topic._replace(display_name=value)
        case "Policy":
            return topic._replace(policy=checked_policy(call, value) if value else "")
        case "DeliveryPolicy":
            return topic._replace(delivery_policy=_checked("DeliveryPolicy", value, check_topic_policy))
        case "SignatureVersion":
            if value not in ("1", "2"):
                raise Refusal("SignatureVersion")
            return topic._replace(signature_version=value)
        case "KmsMasterKeyId":
            if value:
                raise absent_attribute(operation, name)
            return topic
        case "TracingConfig":
            if value == "Active":
                raise NotImplementedException("Holdfast does not implement TracingConfig=Active of topics yet.")
            if value != "PassThrough":
                raise Refusal("TracingConfig")
            return topic._replace(tracing=value)
        case _:
            return None


def _checked(name: str, value: str, check: Callable[[str], None]) -> str:
    if not value:
        return ""
    try:
        check(value)
    except BadPolicy as error:
        raise Refusal(f"{name}: {error}") from None
    return value


# -- subscriptions ------------------------------------------------------------------------------------------------------


def with_subscription_attribute(
    operation: str, subscription: Subscription, name: str, value: str
) -> Subscription | None:
    """A subscription with an attribute set; None for a name that is none. Raises Refusal.

    Whether filter policy and scope fit each other is for `check_filter`, when all are set.
    """
    if name in ABSENT_SUBSCRIPTION:
        if value:
            raise absent_attribute(operation, name)
        return subscription
    match name:
        case "RawMessageDelivery":
            return subscription._replace(raw=_raw(subscription.protocol, value))
        case "FilterPolicy":
            return subscription._replace(filter_policy=filters.normalized(value))
        case "FilterPolicyScope":
            if value not in filters.SCOPES:
                raise Refusal(
                    f"FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
                )
            return subscription._replace(filter_scope=value)
        case "DeliveryPolicy":
            if value and subscription.protocol not in WEB:
                raise Refusal("DeliveryPolicy: Delivery policies are for the protocols http and https")
            return subscription._replace(delivery_policy=_checked("DeliveryPolicy", value, check_subscription_policy))
        case "RedrivePolicy":
            return subscription._replace(redrive_policy=_redrive(subscription, value))
        case _:
            return None


def check_filter(subscription: Subscription) -> None:
    """Raise Refusal for a filter policy that is none, or not for its scope."""
    try:
        filters.check(subscription.filter_policy, subscription.filter_scope)
    except BadPattern as error:
        raise Refusal(f"FilterPolicy: {error}") from None


def _raw(protocol: str, value: str) -> int:
    lowered = value.lower()
    if lowered not in ("true", "false"):
        raise Refusal(f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if lowered == "true" and protocol not in RAW:
        raise Refusal(f"Delivery protocol [{protocol}] does not support raw message delivery.")
    return int(lowered == "true")


def _redrive(subscription: Subscription, value: str) -> str:
    if not value:
        return ""
    try:
        given: Any = json.loads(value)
    except (ValueError, RecursionError):
        given = None
    policy = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    target = policy.get("deadLetterTargetArn")
    if not isinstance(given, dict):
        raise Refusal("RedrivePolicy: failed to parse JSON.")
    if set(policy) != {"deadLetterTargetArn"}:
        raise Refusal("RedrivePolicy: deadLetterTargetArn is the only member, and a required one")
    arn = parse_arn(target) if isinstance(target, str) else None
    if arn is None or arn.service != "sqs" or not arn.account:
        raise Refusal("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if arn.resource.endswith(FIFO):
        raise Refusal("RedrivePolicy: deadLetterTargetArn must not be a FIFO queue for a standard topic")
    if arn.region != subscription.region:
        raise Refusal("RedrivePolicy: must use same region as subscription")
    return value


def queue_of(redrive_policy: str) -> str:
    """The ARN of the queue in a policy that was taken."""
    return json.loads(redrive_policy)["deadLetterTargetArn"]


def refused(refusal: Refusal, *, several: bool) -> Exception:
    """The error of a Refusal; `several`: the attribute came with others."""
    return invalid(f"Attributes Reason: {refusal}" if several else str(refusal))
