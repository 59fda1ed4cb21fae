"""Tags of a parameter and their limits; pure."""

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
