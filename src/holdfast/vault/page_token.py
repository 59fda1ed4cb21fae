"""Page tokens: what a client sends back to continue a listing, unreadable and unforgeable for it.

URL-safe base64 (RFC 4648 §5) without padding of::

    "hft" 01 | root key id 8 | salt 16 | nonce 12 | ciphertext n | tag 16

Sealed like a value under the root key (see `sealing`) with the purpose `page-token`; the associated data is everything
before the ciphertext, then the scope. The scope names operation, account and filters; it is not in the token, so a
token taken to another listing does not open. A token lives as long as its root key is known.

INVARIANT: a token has one spelling. Characters outside the alphabet, padding and stray bits do not open.
"""

from __future__ import annotations

import base64
import binascii

from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import Randomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.sealing import PurposeKeys, open_message, seal_message

TOKEN_MAGIC = b"hft\x01"
MAXIMUM_LENGTH = 8192

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def token_keys(root_keys: RootKeys) -> PurposeKeys:
    return PurposeKeys(root_keys, "page-token", b"holdfast-token-v1")


def seal_token(keys: PurposeKeys, scope: bytes, payload: bytes, randomness: Randomness) -> str:
    """A token of 75 characters and 4 for each 3 bytes of payload. ValueError when it would exceed MAXIMUM_LENGTH."""
    token = _encode(seal_message(TOKEN_MAGIC, keys, scope, payload, randomness))
    if len(token) > MAXIMUM_LENGTH:
        raise ValueError("the payload is too large for a page token")
    return token


def open_token(keys: PurposeKeys, scope: bytes, token: str) -> bytes:
    """The payload; DecryptError for anything that `seal_token` did not make for this scope."""
    return open_message(TOKEN_MAGIC, keys, scope, _decode(token))


def _encode(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes:
    if len(token) > MAXIMUM_LENGTH:
        raise DecryptError
    try:
        text = token.encode("ascii").translate(_TO_STANDARD)
        sealed = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except ValueError:
        raise DecryptError from None
    if _encode(sealed) != token:  # a lenient decoder skips foreign characters and unused bits
        raise DecryptError
    return sealed
