"""TagResource, UntagResource, ListTagsForResource: of rules and event buses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import EMPTY_CONTEXT, Context
from holdfast.api import events as api
from holdfast.api.base import ValidationException
from holdfast.services.events import records
from holdfast.services.events.finding import authorize_on_bus, find_rule
from holdfast.services.events.names import parse_bus_arn, parse_rule_arn
from holdfast.services.events.records import Bus, Rule
from holdfast.services.events.tags import given_tags, merged
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

if TYPE_CHECKING:
    from holdfast.services.call import Call


def _find(call: Call, action: str, arn: str | None, context: Context = EMPTY_CONTEXT) -> Rule | Bus:
    text = arn or ""
    rule = parse_rule_arn(text)
    if rule is not None:
        return find_rule(call, action, rule.name, rule.on.arn(call.partition), context)
    bus = parse_bus_arn(text)
    if bus is None:
        raise ValidationException(f"Parameter {text} is not valid. Reason: Provided Arn is not in correct format.")
    return authorize_on_bus(call, action, bus, context)


def _write(call: Call, found: Rule | Bus, tags: dict[str, str]) -> None:
    statement = records.WRITE_RULE if isinstance(found, Rule) else records.WRITE_BUS
    call.tx.run(statement, *found._replace(tags=encode_tags(tags)))


def tag_resource(call: Call, value: api.TagResourceRequest) -> api.TagResourceResponse:
    given = given_tags(value.Tags)
    found = _find(call, "events:TagResource", value.ResourceARN, request_context(given))
    _write(call, found, merged(decode_tags(found.tags), given))
    return api.TagResourceResponse()


def untag_resource(call: Call, value: api.UntagResourceRequest) -> api.UntagResourceResponse:
    keys = value.TagKeys or []
    found = _find(call, "events:UntagResource", value.ResourceARN, {"aws:TagKeys": keys})
    _write(call, found, {key: tag for key, tag in decode_tags(found.tags).items() if key not in keys})
    return api.UntagResourceResponse()


def list_tags_for_resource(call: Call, value: api.ListTagsForResourceRequest) -> api.ListTagsForResourceResponse:
    found = _find(call, "events:ListTagsForResource", value.ResourceARN)
    tags = sorted(decode_tags(found.tags).items())
    return api.ListTagsForResourceResponse(Tags=[api.Tag(Key=key, Value=tag) for key, tag in tags])
