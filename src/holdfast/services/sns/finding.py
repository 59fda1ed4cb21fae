"""Finding a topic or a subscription for a caller, and whether the caller may.

The policy of a topic speaks for it beside the caller's own policies; a topic that is not there is authorized all the
same, so that nobody learns from an error what there is. SNS answers a denial with AuthorizationError, and names the
action with its old prefix.

Subscriptions are no resources of IAM ("Actions, resources, and condition keys for Amazon SNS"): whoever may set or end
them must belong to the account that subscribed or to the topic's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from holdfast.access.decision import EMPTY_CONTEXT, Context, Decision, denial_text
from holdfast.api import sns as api
from holdfast.services.sns import records
from holdfast.services.sns.identifiers import TopicKey, subscription_key, topic_key
from holdfast.services.sns.policies import compiled
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Subscription, Topic

NO_TOPIC = "Topic does not exist"
NO_SUBSCRIPTION = "Subscription does not exist"
ANY = "*"


class Found(NamedTuple):
    """A topic that the caller may do something with."""

    topic: Topic
    arn: str


def denied(decision: Decision) -> api.AuthorizationErrorException:
    """AWS's sentence, with the action as SNS spells it."""
    prefix, _, name = decision.action.partition(":")
    return api.AuthorizationErrorException(denial_text(replace(decision, action=f"{prefix.upper()}:{name}")))


def authorize(call: Call, action: str, key: TopicKey, topic: Topic | None, context: Context = EMPTY_CONTEXT) -> None:
    """Raise AuthorizationErrorException unless the caller may do `action` to the topic, whether it exists or not."""
    policy = None if topic is None else compiled(call.partition, key, topic.policy)
    if topic is not None and topic.tags:
        context = {**resource_context(topic.tags), **context}
    decision = call.check(action, key.arn(call.partition), context, owner=key.account, resource_policy=policy)
    if not decision.allowed:
        raise denied(decision)


def authorize_any(call: Call, action: str) -> None:
    """For actions that name no topic."""
    decision = call.check(action, ANY)
    if not decision.allowed:
        raise denied(decision)


def find(
    call: Call, arn: str | None, action: str, context: Context = EMPTY_CONTEXT, *, parameter: str = "TopicArn"
) -> Found:
    """The topic of an ARN, authorized; NotFoundException."""
    key = topic_key(arn or "", call.region, parameter)
    topic = records.read_topic(call.tx, key)
    authorize(call, action, key, topic, context)
    if topic is None:
        raise api.NotFoundException(NO_TOPIC)
    return Found(topic, key.arn(call.partition))


def find_subscription(call: Call, arn: str | None, action: str) -> Subscription:
    """A subscription of the caller's account or at a topic of it; NotFoundException, AuthorizationErrorException."""
    key = subscription_key(arn or "", call.region)
    authorize_any(call, action)
    subscription = records.read_subscription(call.tx, key)
    if call.account not in (key.account, None if subscription is None else subscription.owner):
        # Another account's: the same answer whether it is there or not.
        raise api.AuthorizationErrorException(
            f"User: {call.principal.arn} is not authorized to perform: SNS:{action.partition(':')[2]} on resource:"
            f" {key.arn(call.partition)}"
        )
    if subscription is None or subscription.state == records.DELETED:
        raise api.NotFoundException(NO_SUBSCRIPTION)
    return subscription
