"""Tags of a function, stored as one JSON object in its row; pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfast.api import lambda_ as api

MOST_TAGS = 50

_decode = msgspec.json.Decoder(dict[str, str]).decode


def decode_tags(text: str) -> dict[str, str]:
    return _decode(text) if text else {}


def encode_tags(tags: Mapping[str, str]) -> str:
    return msgspec.json.encode(tags).decode() if tags else ""


def merged(tags: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after `given` were added or overwrote others; InvalidParameterValueException for what no function may have."""
    for key in given:
        if key.lower().startswith("aws:"):
            raise api.InvalidParameterValueException(
                "Tag keys starting with 'aws:' are reserved for system use. Please remove them and try again."
            )
    after = {**tags, **given}
    if len(after) > MOST_TAGS:
        raise api.InvalidParameterValueException(f"A function can have {MOST_TAGS} tags at most.")
    return after
