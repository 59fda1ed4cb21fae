"""Tags of a parameter, and the condition keys they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException

MAXIMUM_TAGS = 50


def tags_of(tags: Collection[api.Tag]) -> dict[str, str]:
    """Tags of a request; a key must be there once, and `aws:` is AWS's own (texts ours)."""
    found = {tag.Key or "": tag.Value or "" for tag in tags}
    if len(found) < len(tags):
        raise ValidationException("Duplicate tag keys are not allowed.")
    if any(key[:4].lower() == "aws:" for key in found):
        raise ValidationException("aws: prefixed tag key names are not allowed for external use.")
    return found


def with_tags(before: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The tags after AddTagsToResource; TooManyTagsError."""
    after = {**before, **added}
    if len(after) > MAXIMUM_TAGS:
        raise api.TooManyTagsError
    return after


def request_tag_context(tags: Mapping[str, str]) -> dict[str, str | list[str]]:
    """`aws:RequestTag/<key>` and `aws:TagKeys`."""
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        context["aws:TagKeys"] = list(tags)
    return context


def resource_tag_context(tags: Mapping[str, str]) -> dict[str, str | list[str]]:
    """`aws:ResourceTag/<key>`, and Systems Manager's own `ssm:resourceTag/<key>`."""
    context: dict[str, str | list[str]] = {}
    for key, value in tags.items():
        context[f"aws:ResourceTag/{key}"] = value
        context[f"ssm:resourceTag/{key}"] = value
    return context
