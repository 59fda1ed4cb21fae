"""NextToken: an authenticated, encrypted encoding of the last key read.

A token is bound to its operation, account, region and filters, so it can be neither read, forged nor moved to another
listing. It holds a position in an index (a keyset), never an offset: a page costs the same at the end as at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from holdfast.services.call import Call

_encode = msgspec.json.encode


class BadToken(Exception):
    """The token was not made for this listing."""


def _scope(call: Call, operation: str, filters: object) -> bytes:
    return _encode([operation, call.account, call.region, filters])


def next_token(call: Call, operation: str, filters: object, position: list[Any]) -> str:
    """The token that continues after `position`. `filters` is anything JSON can hold; the same must come back."""
    return call.vault.seal_token(_scope(call, operation, filters), _encode(position))


def position_of(call: Call, operation: str, filters: object, token: str) -> list[Any]:
    """The position inside a token; raises BadToken."""
    from holdfast.vault.errors import DecryptError

    try:
        return msgspec.json.decode(call.vault.open_token(_scope(call, operation, filters), token), type=list[Any])
    except (DecryptError, msgspec.DecodeError) as error:
        raise BadToken from error
