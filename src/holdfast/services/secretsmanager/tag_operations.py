"""TagResource, UntagResource."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records
from holdfast.services.secretsmanager.finding import Found, RequestContext, find_active
from holdfast.services.secretsmanager.tags import decode_tags, encode_tags, given_tags, merged


def tag_resource(call: Call, value: api.TagResourceRequest) -> api.TagResourceOutput:
    """Add tags, or give those that are there another value."""
    tags = value.Tags or []
    context: RequestContext = {"aws:TagKeys": [tag.Key or "" for tag in tags]}
    for tag in tags:
        context[f"aws:RequestTag/{tag.Key}"] = tag.Value or ""
    found = find_active(call, value.SecretId, "secretsmanager:TagResource", context)
    _store(call, found, merged(decode_tags(found.secret.tags), given_tags(tags)))
    return api.TagResourceOutput()


def untag_resource(call: Call, value: api.UntagResourceRequest) -> api.UntagResourceOutput:
    """Take tags away; one that is not there is no error."""
    keys = value.TagKeys or []
    found = find_active(call, value.SecretId, "secretsmanager:UntagResource", {"aws:TagKeys": keys})
    _store(call, found, {key: tag for key, tag in decode_tags(found.secret.tags).items() if key not in keys})
    return api.UntagResourceOutput()


def _store(call: Call, found: Found, after: dict[str, str]) -> None:
    secret = found.secret
    if after != decode_tags(secret.tags):
        records.update_secret(call.tx, secret._replace(tags=encode_tags(after), last_changed=call.now))
