"""Tags of a function, stored as one JSON object in its row; pure."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.api import lambda_ as api

MOST_TAGS = 50


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
