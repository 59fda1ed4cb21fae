"""The tags of rows of audit records, and the sealed statements that say where a chain of them begins, ends and was cut.

A chain is what one start of one server records, in order. Each chain has a key of its own, 32 random bytes that exist
only in the server's memory and sealed under the root key, so a replaced root key loses no chain::

    tag        HMAC-SHA-256(chain key, "holdfast-audit-v1" 00 | u64 chain | MessagePack [position, previous tag, [field, …]])
    statement  MessagePack, sealed for audit_head.statement_sealed in the row (chain, kind); see `sealing`

A row is a record or a page of records. Positions count from 1; before the first row the tag is 32 zero bytes. MessagePack
is in its shortest form, so a row has one encoding. What the fields are is said in docs/reference/audit.md.

INVARIANT: who has no chain key can make no tag, and who has no root key can make no statement.
Threat: someone who can write the database and the file of heads changes, removes, inserts or reorders records, or writes
a whole chain anew. Not defended: an older state of everything put back at once, which no copy elsewhere contradicts.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.vault.chain_key import START_TAG, ChainKey, chain_name
from holdfast.vault.derivation import KEY_SIZE
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import Randomness
from holdfast.vault.registry import AUDIT_STATEMENT
from holdfast.vault.vault import Vault

__all__ = [
    "KINDS",
    "START_TAG",
    "ChainKey",
    "Head",
    "Link",
    "Opening",
    "Removal",
    "Statement",
    "chain_name",
    "new_chain",
    "open_statement",
    "seal_statement",
]

_encode = msgspec.msgpack.Encoder().encode


class Link(NamedTuple):
    """A record of a chain: that it is there, with this tag."""

    chain: int
    position: int
    tag: bytes


class Opening(msgspec.Struct, array_like=True, frozen=True):
    """How a chain begins."""

    KIND = "opening"
    secret: bytes
    began: int
    """Wall time in milliseconds."""
    previous: Link | None
    """The newest record when the chain began: another chain's, whose end is so proven twice."""
    unchained: int
    """Records that an earlier version of this program wrote without any chain, by the store's first chain only."""
    unchained_through: int
    """Their highest sequence."""

    def key(self, chain: int) -> ChainKey:
        """The key that makes the chain's tags."""
        return ChainKey(chain, self.secret)

    def __repr__(self) -> str:
        return f"<Opening {self.began} after {self.previous!r}>"


class Head(msgspec.Struct, array_like=True, frozen=True):
    """How far a chain had come."""

    KIND = "head"
    position: int
    tag: bytes
    sealed_at: int
    """Wall time in milliseconds."""
    closed: bool
    """The server stopped in good order: nothing comes after this record."""


class Removal(msgspec.Struct, array_like=True, frozen=True):
    """What retention took from the beginning of a chain."""

    KIND = "removal"
    position: int
    """The last record that was removed; the chain goes on after it."""
    tag: bytes
    records: int
    """How many were removed in all."""
    newest: int
    """The event time of the newest of them, service time in milliseconds."""
    removed_at: int
    """Service time in milliseconds."""


Statement = Opening | Head | Removal
KINDS: dict[str, type[Opening] | type[Head] | type[Removal]] = {
    Opening.KIND: Opening,
    Head.KIND: Head,
    Removal.KIND: Removal,
}


def new_chain(
    randomness: Randomness, began: int, previous: Link | None, unchained: int = 0, unchained_through: int = 0
) -> tuple[ChainKey, Opening]:
    """A chain that nobody has begun yet."""
    chain = 1 + randomness.below((1 << 63) - 1)
    opening = Opening(randomness.bytes(KEY_SIZE), began, previous, unchained, unchained_through)
    return opening.key(chain), opening


def seal_statement(vault: Vault, chain: int, statement: Statement) -> bytes:
    """A statement for `audit_head` and for the file of heads."""
    return vault.seal(AUDIT_STATEMENT, (chain, statement.KIND), _encode(statement))


def open_statement(vault: Vault, chain: int, kind: str, sealed: bytes) -> Statement:
    """What was sealed about a chain; DecryptError for anything that `seal_statement` did not make for it."""
    made = KINDS.get(kind)
    if made is None:
        raise DecryptError
    try:
        return msgspec.msgpack.decode(vault.open(AUDIT_STATEMENT, (chain, kind), sealed), type=made)
    except msgspec.DecodeError:
        raise DecryptError from None
