"""Pages of listings: a hundred at a time ("Each call returns a limited list, up to 100"), NextToken in, NextToken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.paging import BadToken, next_token, position_of
from holdfast.services.sns.identifiers import invalid

if TYPE_CHECKING:
    from holdfast.services.call import Call

PAGE = 100


def begin(call: Call, operation: str, filters: object, token: str | None, first: list[Any]) -> list[Any]:
    """The position after which a page begins; InvalidParameterException."""
    if not token:
        return first
    try:
        return position_of(call, f"sns:{operation}", filters, token)
    except BadToken:
        raise invalid("NextToken") from None


def end(call: Call, operation: str, filters: object, position: list[Any]) -> str:
    return next_token(call, f"sns:{operation}", filters, position)
