"""Tags of a topic, stored as one JSON object in its row; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from holdfast.access.decision import ContextValue
from holdfast.api import sns as api
from holdfast.services.sns.identifiers import invalid

MOST_TAGS = 50

_decode = msgspec.json.Decoder(dict[str, str]).decode


def decode_tags(text: str) -> dict[str, str]:
    return _decode(text) if text else {}


def encode_tags(tags: Mapping[str, str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else ""


def tag_context(text: str) -> dict[str, ContextValue]:
    """The condition keys that the tags of a topic give."""
    return {f"aws:ResourceTag/{key}": value for key, value in decode_tags(text).items()}


def request_context(given: Mapping[str, str]) -> dict[str, ContextValue]:
    """The condition keys that the tags of a request give."""
    if not given:
        return {}
    return {**{f"aws:RequestTag/{key}": value for key, value in given.items()}, "aws:TagKeys": list(given)}


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
