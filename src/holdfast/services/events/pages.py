"""Pages of listings: NextToken and Limit in, NextToken out; every listing is by name and may ask for a prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from holdfast.api.base import ValidationException
from holdfast.services.paging import BadToken, next_token, position_of
from holdfast.store.statements import prefix_range

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.statements import Statement

LARGEST = 100
ItemT = TypeVar("ItemT")


class Named(Protocol):
    """What has a name by which it is listed."""

    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


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


def filtered_page(
    call: Call,
    statement: Statement,
    row_type: Callable[..., NamedT],
    operation: str,
    prefix: str | None,
    wanted: str | None,
    token: str | None,
    limit: int | None,
) -> tuple[Sequence[NamedT], str | None]:
    """One page of the account's rows in this Region: with a prefix of their names, and with `wanted` in a column of the
    statement, where these are given."""
    low, high = prefix_range(prefix or "")
    chosen = wanted or ""

    def read(after: str, count: int) -> list[NamedT]:
        where = (call.account, call.region, after, low, high, chosen, chosen)
        return [row_type(*row) for row in call.tx.all(statement, *where, count)]

    return page(call, operation, [low, chosen], token, limit, read, lambda row: row.name)
