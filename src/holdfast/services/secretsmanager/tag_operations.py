"""TagResource, UntagResource."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records
from holdfast.services.secretsmanager.finding import (
    Found,
    RequestContext,
    add_resource_keys,
    authorize_found,
    find_active,
)
from holdfast.services.secretsmanager.tags import encode_tags, given_tags, merged, request_keys
from holdfast.services.stored_tags import decode_tags


def tag_resource(call: Call, value: api.TagResourceRequest) -> api.TagResourceOutput:
    """Add tags, or give those that are there another value."""
    tags = value.Tags or []
    context = request_keys(tags)
    found = find_active(call, value.SecretId, "secretsmanager:TagResource", context)
    after = merged(decode_tags(found.secret.tags), given_tags(tags))
    _store(call, found, after, "secretsmanager:TagResource", value.SecretId, context)
    return api.TagResourceOutput()


def untag_resource(call: Call, value: api.UntagResourceRequest) -> api.UntagResourceOutput:
    """Take tags away; one that is not there is no error."""
    keys = value.TagKeys or []
    context: RequestContext = {"aws:TagKeys": keys}
    found = find_active(call, value.SecretId, "secretsmanager:UntagResource", context)
    after = {key: tag for key, tag in decode_tags(found.secret.tags).items() if key not in keys}
    _store(call, found, after, "secretsmanager:UntagResource", value.SecretId, context)
    return api.UntagResourceOutput()


def _store(
    call: Call, found: Found, after: dict[str, str], action: str, secret_id: str | None, context: RequestContext
) -> None:
    """Write the tags, unless by them the caller could not do the same again.

    "If successfully completing this operation would result in you losing your permissions for this secret, then Secrets
    Manager blocks the operation and returns an Access Denied error" (TagResource, UntagResource).
    """
    assert secret_id is not None
    if after == decode_tags(found.secret.tags):
        return
    secret = found.secret._replace(tags=encode_tags(after), last_changed=call.now)
    keys: RequestContext = {"secretsmanager:SecretId": secret_id, **context}
    add_resource_keys(keys, secret.region, secret.tags, secret.type, secret.rotation)
    authorize_found(call, action, found.arn, secret.account, secret_id, keys, secret.policy)
    records.update_secret(call.tx, secret)
