"""A page of secrets for ListSecrets and BatchGetSecretValue: filters, order and token of the request to a listing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.api import secretsmanager as api
from holdfast.services.paging import BadToken, next_token, position_of
from holdfast.services.secretsmanager.filters import compile_filters
from holdfast.services.secretsmanager.listings import Position, Query, read_page
from holdfast.services.secretsmanager.records import Secret

if TYPE_CHECKING:
    from holdfast.services.call import Call

BAD_TOKEN = "The NextToken value is invalid."  # noqa: S105 - a text
DEFAULT_SORT = "created-date"
DEFAULT_ORDER = "desc"


def open_position(call: Call, operation: str, scope: object, token: str | None) -> list[Any] | None:
    """Where a token says to go on; None for the first page. InvalidNextTokenException."""
    if token is None:
        return None
    try:
        return position_of(call, operation, scope, token)
    except BadToken:
        raise api.InvalidNextTokenException(BAD_TOKEN) from None


def select(
    call: Call,
    operation: str,
    filters: Sequence[api.Filter] | None,
    *,
    limit: int,
    token: str | None,
    deleted: bool = False,
    sort_by: str | None = None,
    order: str | None = None,
) -> tuple[list[Secret], str | None]:
    """The caller's secrets that match, at most `limit`, and the token of the next page; None when there is none.

    Raises InvalidParameterException, InvalidNextTokenException.
    """
    compiled = compile_filters(filters or ())
    sort_by, order = sort_by or DEFAULT_SORT, order or DEFAULT_ORDER
    scope = [[[each.Key, each.Values] for each in filters or ()], deleted, sort_by, order]
    opened = open_position(call, operation, scope, token)
    after: Position | None = None if opened is None else (opened[0], opened[1])
    query = Query(call.account, call.region, compiled, deleted, sort_by, order, limit)
    page = read_page(call.tx, query, after)
    if page.position is None:
        return page.secrets, None
    return page.secrets, next_token(call, operation, scope, list(page.position))
