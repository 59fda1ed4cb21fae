"""Pages of listings: NextToken and Limit in, NextToken out; every listing is by name and may ask for a prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.api.base import ValidationException
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call

LARGEST = 100
ItemT = TypeVar("ItemT")


def page(
    call: Call,
    operation: str,
    filters: object,
    token: str | None,
    limit: int | None,
    read: Callable[[str, int], Sequence[ItemT]],
    name_of: Callable[[ItemT], str],
) -> tuple[Sequence[ItemT], str | None]:
    """One page and the token of the next one. `read(after, count)` gives what comes after a name."""
    size = limit or LARGEST
    after = ""
    if token:
        try:
            position: list[Any] = position_of(call, operation, filters, token)
        except BadToken:
            raise ValidationException("Parameter NextToken is not valid.") from None
        after = position[0]
    found = read(after, size + 1)
    if len(found) <= size:
        return found, None
    found = found[:size]
    return found, next_token(call, operation, filters, [name_of(found[-1])])
