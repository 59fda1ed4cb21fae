"""Tags of a secret and their limits; pure.

Stored as one JSON object in the secret's row: a page of secrets then needs no second statement for its tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from holdfast.access.decision import ContextValue
from holdfast.api import secretsmanager as api
from holdfast.services.stored_tags import decode_tags, request_context

MAXIMUM_TAGS = 50
RESERVED_PREFIX = "aws:"
TOO_MANY_TAGS = "You can't have more than 50 tags on a secret."


def encode_tags(tags: Mapping[str, str]) -> str:
    """Not `stored_tags.encode_tags`: of a secret whose tags were all taken away replies show an empty list, of one that
    never had any (an empty text) nothing."""
    return msgspec.json.encode(tags).decode()


def request_keys(tags: Sequence[api.Tag] | None) -> dict[str, ContextValue]:
    """The condition keys that the tags of a request give, whether or not a secret may have them."""
    return request_context({tag.Key or "": tag.Value or "" for tag in tags or ()})


def given_tags(tags: Sequence[api.Tag]) -> dict[str, str]:
    """The tags of a request; InvalidParameterException for what no secret may have.

    Keys that begin with `aws:` in any case are AWS's own (General Reference, "Tag naming limits").
    """
    given: dict[str, str] = {}
    for tag in tags:
        if tag.Key is None:
            raise api.InvalidParameterException("You must specify a key for each tag.")
        if tag.Key.lower().startswith(RESERVED_PREFIX):
            raise api.InvalidParameterException(
                f"Tag keys can't begin with the prefix {RESERVED_PREFIX}, which is reserved for AWS: {tag.Key}"
            )
        if tag.Key in given:
            raise api.InvalidParameterException(f"You can't specify the tag key {tag.Key} more than once.")
        given[tag.Key] = tag.Value or ""
    return given


def merged(tags: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after `given` were added or overwrote others; InvalidParameterException above 50."""
    after = {**tags, **given}
    if len(after) > MAXIMUM_TAGS:
        raise api.InvalidParameterException(TOO_MANY_TAGS)
    return after


def shown_tags(text: str) -> list[api.Tag] | None:
    """Tags as replies list them; none at all when the secret never had any."""
    return [api.Tag(Key=key, Value=value) for key, value in decode_tags(text).items()] if text else None
