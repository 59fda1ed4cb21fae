"""TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import sns as api
from holdfast.services.sns import records
from holdfast.services.sns.finding import authorize
from holdfast.services.sns.identifiers import topic_key
from holdfast.services.sns.tags import given_tags, merged, shown_tags
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

if TYPE_CHECKING:
    from holdfast.access.decision import Context
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Topic

NO_RESOURCE = "Resource does not exist"


def _find(call: Call, arn: str | None, action: str, context: Context) -> Topic:
    key = topic_key(arn or "", call.region, "ResourceArn")
    topic = records.read_topic(call.tx, key)
    authorize(call, action, key, topic, context)
    if topic is None:
        raise api.ResourceNotFoundException(NO_RESOURCE)
    return topic


def tag_resource(call: Call, value: api.TagResourceRequest) -> api.TagResourceResponse:
    given = given_tags(value.Tags)
    topic = _find(call, value.ResourceArn, "sns:TagResource", request_context(given))
    after = merged(decode_tags(topic.tags), given)
    records.write_topic(call.tx, topic._replace(tags=encode_tags(after)))
    return api.TagResourceResponse()


def untag_resource(call: Call, value: api.UntagResourceRequest) -> api.UntagResourceResponse:
    keys = value.TagKeys or []
    topic = _find(call, value.ResourceArn, "sns:UntagResource", {"aws:TagKeys": keys})
    after = {key: tag for key, tag in decode_tags(topic.tags).items() if key not in keys}
    records.write_topic(call.tx, topic._replace(tags=encode_tags(after)))
    return api.UntagResourceResponse()


def list_tags_for_resource(call: Call, value: api.ListTagsForResourceRequest) -> api.ListTagsForResourceResponse:
    topic = _find(call, value.ResourceArn, "sns:ListTagsForResource", {})
    return api.ListTagsForResourceResponse(Tags=shown_tags(topic.tags))
