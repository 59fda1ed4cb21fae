"""Tags of rules and buses, stored as one JSON object in their rows; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.access.decision import ContextValue
from holdfast.api import events as api
from holdfast.api.base import ValidationException

MOST_TAGS = 50


def given_tags(tags: Sequence[api.Tag] | None) -> dict[str, str]:
    """Tags of a request; ValidationException for what nothing may have."""
    found = {tag.Key or "": tag.Value or "" for tag in tags or ()}
    if len(found) < len(tags or ()):
        raise ValidationException("Duplicate tag keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in found):
        raise ValidationException("Tag keys starting with 'aws:' are reserved for system use.")
    return found


def merged(tags: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after `given` were added or overwrote others."""
    after = {**tags, **given}
    if len(after) > MOST_TAGS:
        raise api.LimitExceededException("The requested resource exceeds the maximum number allowed.")
    return after


def one_or_several(values: Sequence[str]) -> ContextValue:
    """The value of a key that may have several: with one, conditions for single values apply ("Using IAM policy conditions
    in EventBridge", user guide: StringEquals holds for a pattern with exactly one source)."""
    return values[0] if len(values) == 1 else list(values)
