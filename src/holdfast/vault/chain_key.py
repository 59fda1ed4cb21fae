"""The key of one chain of audit records, and the tags that it makes; `chain` says what they are good for.

A tag is made for every write and for every page of reads, so this is one of the compiled modules (scripts/compile.py).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from holdfast.vault.derivation import KEY_SIZE

START_TAG = bytes(32)
"""What stands for the tag before position 1."""

_LABEL = b"holdfast-audit-v1\0"
_encode: Final = msgspec.msgpack.Encoder().encode


def chain_name(chain: int) -> str:
    """How people and the file of heads call a chain: 16 hexadecimal digits."""
    return f"{chain:016x}"


class ChainKey:
    """Makes the tags of one chain. Any thread may use it."""

    __slots__ = ("_keyed", "chain")

    def __init__(self, chain: int, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise ValueError("a chain key has 32 bytes")
        self.chain = chain
        # The state after key and label is kept and copied: that is what makes a tag cheap.
        self._keyed = HMAC(secret, SHA256())
        self._keyed.update(_LABEL + chain.to_bytes(8, "big"))

    def tag(self, position: int, previous: bytes, fields: tuple[Any, ...]) -> bytes:
        """The tag of the record at `position`; `fields` are whole numbers, texts and bytes."""
        state = self._keyed.copy()
        state.update(_encode((position, previous, fields)))
        return state.finalize()

    def __repr__(self) -> str:
        return f"<ChainKey {chain_name(self.chain)}>"
