"""Tags of a topic, stored as one JSON object in its row; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.api import sns as api
from holdfast.services.sns.identifiers import invalid
from holdfast.services.stored_tags import decode_tags

MOST_TAGS = 50


def given_tags(tags: Sequence[api.Tag] | None) -> dict[str, str]:
    """The tags of a request; InvalidParameterException for what no topic may have."""
    given: dict[str, str] = {}
    for tag in tags or ():
        key = tag.Key or ""
        if key.lower().startswith("aws:"):
            raise invalid("Tags Reason: Tag keys that start with 'aws:' are reserved for system use")
        if key in given:
            raise invalid("Tags Reason: Duplicated keys are not allowed.")
        given[key] = tag.Value or ""
    return given


def merged(tags: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after `given` were added or overwrote others; TagLimitExceededException."""
    after = {**tags, **given}
    if len(after) > MOST_TAGS:
        raise api.TagLimitExceededException("Could not complete request: tag quota of per resource exceeded")
    return after


def shown_tags(text: str) -> list[api.Tag]:
    return [api.Tag(Key=key, Value=value) for key, value in decode_tags(text).items()]
