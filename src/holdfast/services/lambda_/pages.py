"""Pages of listings: Marker in, NextMarker out."""

from __future__ import annotations

from typing import Any

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.paging import BadToken, next_token, position_of

LARGEST = 50
"""Functions on a page, whatever MaxItems says (ListFunctions: "limited to 50 items in each response")."""


def begin(
    call: Call, operation: str, filters: object, marker: str | None, most: int | None
) -> tuple[int, list[Any] | None]:
    """The size of the page, and the position after which it begins. InvalidParameterValueException."""
    size = min(most or LARGEST, LARGEST)
    if not marker:
        return size, None
    try:
        return size, position_of(call, operation, filters, marker)
    except BadToken:
        raise api.InvalidParameterValueException("The provided Marker is not valid.") from None


def end(call: Call, operation: str, filters: object, position: list[Any]) -> str:
    return next_token(call, operation, filters, position)
