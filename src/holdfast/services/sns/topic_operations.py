"""CreateTopic, DeleteTopic, ListTopics, GetTopicAttributes, SetTopicAttributes, GetDataProtectionPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import sns as api
from holdfast.api.base import NotImplementedException
from holdfast.services.named_principals import shown_policy
from holdfast.services.sns import records
from holdfast.services.sns.attributes import Refusal, refused, with_topic_attribute
from holdfast.services.sns.delivery_policies import effective_topic_text
from holdfast.services.sns.finding import authorize, authorize_any, find
from holdfast.services.sns.identifiers import FIFO, TopicKey, invalid, is_topic_name, topic_key
from holdfast.services.sns.pages import PAGE, begin, end
from holdfast.services.sns.policies import default_policy
from holdfast.services.sns.records import Topic
from holdfast.services.sns.tags import given_tags, merged
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

if TYPE_CHECKING:
    from holdfast.services.call import Call


def create_topic(call: Call, value: api.CreateTopicInput) -> api.CreateTopicResponse:
    """A new topic; the one that has the name already, if what is asked of it is so."""
    name = value.Name or ""
    if name.endswith(FIFO) and is_topic_name(name.removesuffix(FIFO)):
        raise NotImplementedException("Holdfast does not implement FIFO topics yet.")
    if not is_topic_name(name):
        raise invalid("Topic Name")
    if value.DataProtectionPolicy:
        raise NotImplementedException(
            "Holdfast does not implement the parameter DataProtectionPolicy of sns:CreateTopic yet."
        )
    tags = given_tags(value.Tags)
    key = TopicKey(call.account, call.region, name)
    before = records.read_topic(call.tx, key)
    context = request_context(tags)
    authorize(call, "sns:CreateTopic", key, before, context)
    if tags:
        authorize(call, "sns:TagResource", key, before, context)
    base = before or Topic(*key, call.now, "", "", "", "", "", "", 0, 0, 0)
    after = _with_attributes(call, base, value.Attributes or {})
    if before is None:
        after = after._replace(tags=encode_tags(merged({}, tags)))
        call.tx.run(records.INSERT_TOPIC, *after)
    elif after != before:
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    elif tags and tags != decode_tags(before.tags):
        raise invalid("Tags Reason: Topic already exists with different tags")
    return api.CreateTopicResponse(TopicArn=key.arn(call.partition))


def _with_attributes(call: Call, topic: Topic, attributes: dict[str, str]) -> Topic:
    for name, given in attributes.items():
        try:
            changed = with_topic_attribute(call, "CreateTopic", topic, name, given)
        except Refusal as refusal:
            raise refused(refusal, several=True) from None
        if changed is None:
            raise invalid(f"Attributes Reason: Unknown attribute {name}")
        topic = changed
    return topic


def delete_topic(call: Call, value: api.DeleteTopicInput) -> api.DeleteTopicOutput:
    """End a topic with its subscriptions; no error when there is none ("This action is idempotent")."""
    key = topic_key(value.TopicArn or "", call.region)
    topic = records.read_topic(call.tx, key)
    authorize(call, "sns:DeleteTopic", key, topic)
    if topic is not None:
        records.remove_topic(call.tx, key)
    return api.DeleteTopicOutput()


def list_topics(call: Call, value: api.ListTopicsInput) -> api.ListTopicsResponse:
    authorize_any(call, "sns:ListTopics")
    (after,) = begin(call, "ListTopics", "", value.NextToken, [""])
    rows = call.tx.all(records.LIST_TOPICS, call.account, call.region, after, PAGE + 1)
    names = [row[0] for row in rows[:PAGE]]
    token = end(call, "ListTopics", "", [names[-1]]) if len(rows) > PAGE else None
    topics = [api.Topic(TopicArn=TopicKey(call.account, call.region, name).arn(call.partition)) for name in names]
    return api.ListTopicsResponse(Topics=topics, NextToken=token)


def get_topic_attributes(call: Call, value: api.GetTopicAttributesInput) -> api.GetTopicAttributesResponse:
    topic, arn = find(call, value.TopicArn, "sns:GetTopicAttributes")
    policy = shown_policy(call, topic.policy) if topic.policy else default_policy(call.partition, topic.key)
    shown = {
        "Policy": policy,
        "Owner": topic.account,
        "SubscriptionsPending": str(topic.pending),
        "TopicArn": arn,
        "EffectiveDeliveryPolicy": effective_topic_text(topic.delivery_policy),
        "SubscriptionsConfirmed": str(topic.confirmed),
        "DisplayName": topic.display_name,
        "SubscriptionsDeleted": str(topic.deleted),
    }
    further = {
        "DeliveryPolicy": topic.delivery_policy,
        "SignatureVersion": topic.signature_version,
        "TracingConfig": topic.tracing,
    }
    shown |= {name: text for name, text in further.items() if text}
    return api.GetTopicAttributesResponse(Attributes=shown)


def set_topic_attributes(call: Call, value: api.SetTopicAttributesInput) -> api.SetTopicAttributesOutput:
    topic, _ = find(call, value.TopicArn, "sns:SetTopicAttributes")
    name = value.AttributeName or ""
    try:
        after = with_topic_attribute(call, "SetTopicAttributes", topic, name, value.AttributeValue or "")
    except Refusal as refusal:
        raise refused(refusal, several=False) from None
    if after is None:
        raise invalid("AttributeName")
    records.write_topic(call.tx, after)
    return api.SetTopicAttributesOutput()


def get_data_protection_policy(
    call: Call, value: api.GetDataProtectionPolicyInput
) -> api.GetDataProtectionPolicyResponse:
    """No topic has one."""
    find(call, value.ResourceArn, "sns:GetDataProtectionPolicy", parameter="ResourceArn")
    return api.GetDataProtectionPolicyResponse(DataProtectionPolicy="")
