"""What decides about a topic, for questions before the fact (`holdfast can`, `holdfast who-can`). Decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api.base import ServiceError
from holdfast.services.arn import parse_arn
from holdfast.services.service import Guard
from holdfast.services.sns import records
from holdfast.services.sns.identifiers import topic_key
from holdfast.services.sns.policies import compiled
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call


def guard(call: Call, action: str, resource: str) -> Guard:
    """The policy and the tags of a topic, named by its ARN; of anything else nothing."""
    try:
        key = topic_key(resource, call.region)
    except ServiceError:
        arn = parse_arn(resource)
        return Guard(resource, arn.account if arn is not None and arn.account else call.account)
    topic = records.read_topic(call.tx, key)
    if topic is None:
        return Guard(key.arn(call.partition), key.account)
    policy = compiled(call.partition, key, topic.policy)
    return Guard(key.arn(call.partition), key.account, policy, context=resource_context(topic.tags))
