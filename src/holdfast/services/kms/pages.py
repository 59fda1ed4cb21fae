"""KMS's way of paging: Limit, Marker, NextMarker, Truncated, over keysets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.api.kms import InvalidMarkerException
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call


def page_limit(asked: int | None, default: int, most: int) -> int:
    """Entries of one page. The model allows 1 to 1000 everywhere; some listings give fewer, whatever is asked."""
    return default if asked is None else min(asked, most)


def position(call: Call, operation: str, filters: object, marker: str | None, start: Any = "") -> Any:
    """The key after which a page begins: `start` without a marker. Raises InvalidMarkerException."""
    if marker is None:
        return start
    try:
        (after,) = position_of(call, f"kms:{operation}", filters, marker)
    except (BadToken, ValueError):
        raise InvalidMarkerException("The marker is not valid.") from None
    return after


def truncated(call: Call, operation: str, filters: object, rows: Sequence[Sequence[Any]], limit: int) -> str | None:
    """The marker of the next page when more than `limit` rows were read; None on the last page.

    The first column of a row is its key in the listing's order.
    """
    if len(rows) <= limit:
        return None
    return next_token(call, f"kms:{operation}", filters, [rows[limit - 1][0]])
