"""AddTagsToResource, RemoveTagsFromResource, ListTagsForResource: of parameters, the only resources here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import Context, ContextValue
from holdfast.api import ssm as api
from holdfast.api.base import ValidationException
from holdfast.services.ssm import records, rules
from holdfast.services.ssm.answers import arn, required, tag_context
from holdfast.services.ssm.records import Parameter
from holdfast.services.ssm.tags import tags_of, with_tags
from holdfast.services.stored_tags import request_context

if TYPE_CHECKING:
    from holdfast.services.call import Call

PARAMETER = "Parameter"


def add_tags_to_resource(call: Call, value: api.AddTagsToResourceRequest) -> api.AddTagsToResourceResult:
    """Add tags to a parameter, or replace their values.

    Raises InvalidResourceType, InvalidResourceId, TooManyTagsError.
    """
    added = tags_of(required(value.Tags))
    found = _authorized(
        call,
        "ssm:AddTagsToResource",
        required(value.ResourceType),
        required(value.ResourceId),
        request_context(added),
    )
    tags = with_tags(found.tag_map(), added)
    records.write_tags(call.tx, call.account, call.region, found.path, tags)
    return api.AddTagsToResourceResult()


def remove_tags_from_resource(call: Call, value: api.RemoveTagsFromResourceRequest) -> api.RemoveTagsFromResourceResult:
    """Remove tags from a parameter; a key that is not there is fine."""
    keys = required(value.TagKeys)
    found = _authorized(
        call,
        "ssm:RemoveTagsFromResource",
        required(value.ResourceType),
        required(value.ResourceId),
        {"aws:TagKeys": keys},
    )
    tags = {key: tag for key, tag in found.tag_map().items() if key not in keys}
    records.write_tags(call.tx, call.account, call.region, found.path, tags)
    return api.RemoveTagsFromResourceResult()


def list_tags_for_resource(call: Call, value: api.ListTagsForResourceRequest) -> api.ListTagsForResourceResult:
    """The tags of a parameter, by key."""
    found = _authorized(call, "ssm:ListTagsForResource", required(value.ResourceType), required(value.ResourceId), {})
    return api.ListTagsForResourceResult(
        TagList=[api.Tag(Key=key, Value=tag) for key, tag in sorted(found.tag_map().items())]
    )


def _authorized(call: Call, action: str, kind: str, text: str, context: Context) -> Parameter:
    """The parameter to be tagged; its id is its name, never its ARN."""
    if kind != PARAMETER:
        raise api.InvalidResourceType
    name = rules.parse_name(text)
    if name is None:
        raise ValidationException(rules.NAME_REQUIREMENTS_TEXT)
    found = records.read_parameter(call.tx, call.account, call.region, name.path)
    keys: dict[str, ContextValue] = {**context, **tag_context(found.tags if found else "")}
    call.authorize(action, arn(call, call.account, name.path), keys)
    if found is None:
        raise api.InvalidResourceId
    return found
