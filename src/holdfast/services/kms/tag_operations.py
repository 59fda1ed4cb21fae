"""TagResource, UntagResource, ListResourceTags."""

from __future__ import annotations

from holdfast.api import kms
from holdfast.services.call import Call
from holdfast.services.kms import keys, records, rules
from holdfast.services.kms.pages import page_limit, position, truncated
from holdfast.services.stored_tags import request_context


def tag_resource(call: Call, value: kms.TagResourceRequest) -> kms.TagResourceOutput:
    """Add tags to a key, or change their values."""
    given = [(tag.TagKey or "", tag.TagValue or "") for tag in value.Tags or []]
    key, arn, account = keys.manage(call, value.KeyId, "kms:TagResource", request_context(dict(given)))
    rules.check_new_tags([name for name, _ in given])
    rules.require_not_pending(key.lifecycle.state, arn)
    tags = records.read_tags(call.tx, account, call.region, key.key_id) | dict(given)
    rules.check_tag_count(len(tags))
    for name, text in given:
        call.tx.run(records.WRITE_TAG, account, call.region, key.key_id, name, text)
    return kms.TagResourceOutput()


def untag_resource(call: Call, value: kms.UntagResourceRequest) -> kms.UntagResourceOutput:
    """Remove tags from a key; one that it does not have is no error."""
    names = value.TagKeys or []
    key, arn, account = keys.manage(call, value.KeyId, "kms:UntagResource", {"aws:TagKeys": names})
    rules.require_not_pending(key.lifecycle.state, arn)
    for name in names:
        call.tx.run(records.DELETE_TAG, account, call.region, key.key_id, name)
    return kms.UntagResourceOutput()


def list_resource_tags(call: Call, value: kms.ListResourceTagsRequest) -> kms.ListResourceTagsResponse:
    """The tags of a key, in the order of their names."""
    key, _, account = keys.manage(call, value.KeyId, "kms:ListResourceTags")
    limit = page_limit(value.Limit, 50, 50)
    after = position(call, "ListResourceTags", key.key_id, value.Marker)
    rows = call.tx.all(records.LIST_TAGS, account, call.region, key.key_id, after, limit + 1)
    next_marker = truncated(call, "ListResourceTags", key.key_id, rows, limit)
    return kms.ListResourceTagsResponse(
        Tags=[kms.Tag(TagKey=name, TagValue=text) for name, text in rows[:limit]],
        NextMarker=next_marker,
        Truncated=next_marker is not None,
    )
