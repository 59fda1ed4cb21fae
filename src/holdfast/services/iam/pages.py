"""IAM's way of paging: MaxItems, Marker, IsTruncated, over keysets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from holdfast.api.base import ValidationException
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call

ItemT = TypeVar("ItemT")

PAGE = 100


class Page(NamedTuple, Generic[ItemT]):
    """One page of a listing."""

    items: list[ItemT]
    truncated: bool
    marker: str | None


def position(call: Call, operation: str, filters: object, marker: str | None) -> list[Any]:
    """Where a page begins: after these key columns, or at the start when there are none."""
    if marker is None:
        return []
    try:
        return position_of(call, f"iam:{operation}", filters, marker)
    except BadToken:
        raise ValidationException("Invalid Marker.") from None


def mark(call: Call, operation: str, filters: object, after: list[Any]) -> str:
    """The marker of the page after a position."""
    return next_token(call, f"iam:{operation}", filters, after)


def page_of(
    call: Call,
    operation: str,
    filters: object,
    marker: str | None,
    most: int | None,
    read: Callable[[list[Any], int], Sequence[ItemT]],
    key: Callable[[ItemT], list[Any]],
) -> Page[ItemT]:
    """A page of what `read(position, limit)` reads in the order of `key`. `filters` bind the marker to its listing."""
    limit = most or PAGE
    found = read(position(call, operation, filters, marker), limit + 1)
    items = list(found[:limit])
    if len(found) <= limit:
        return Page(items, False, None)
    return Page(items, True, mark(call, operation, filters, key(items[-1])))


def page_of_few(
    call: Call,
    operation: str,
    filters: object,
    marker: str | None,
    most: int | None,
    items: Sequence[ItemT],
    key: Callable[[ItemT], str],
) -> Page[ItemT]:
    """A page of items that are all at hand, because a quota keeps them few, in the order of `key`."""

    def read(after: list[Any], limit: int) -> list[ItemT]:
        wanted = [item for item in sorted(items, key=key) if not after or key(item) > after[0]]
        return wanted[:limit]

    return page_of(call, operation, filters, marker, most, read, lambda item: [key(item)])
