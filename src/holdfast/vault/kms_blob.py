"""The ciphertext of a symmetric KMS key: what Encrypt and GenerateDataKey answer and Decrypt takes.

Self-describing: the key and the key material that made it are read from its head, without any key::

    01 02 02 00 78 | version 01 | kind | key id 16 | material id 32 | salt 16 | nonce 12 | ciphertext n | tag 16
    kind 01: the key id is a UUID, kind 02: the 32 hexadecimal digits after `mrk-`

The first five bytes are those of AWS's own blobs, so the base64 begins with `AQICAH` as people and tools expect; what
follows is ours. AES-256-GCM under a key per message, derived from the material and the salt (see `derivation`). The
associated data is everything before the ciphertext, then the encryption context: number of pairs, and for each pair,
sorted by the bytes of its key, length key, length value (UTF-8; numbers of 4 bytes, big-endian).

The context matches exactly, with case, and in any order of its pairs ("you must specify the same (an exact
case-sensitive match) encryption context", AWS KMS API Reference, Decrypt); none is the same as an empty one.

INVARIANT: `decrypt` answers a plaintext or DecryptError, which never says what did not match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag

from holdfast.remember import remember
from holdfast.vault.derivation import NONCE_SIZE, SALT_SIZE, TAG_SIZE, MessageKeys
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import Randomness

MAGIC: Final = bytes.fromhex("0102020078")
VERSION: Final = 1
MAXIMUM_SIZE: Final = 6144
"""Largest CiphertextBlob of AWS's model; a blob of ours has 99 bytes more than its plaintext of at most 4096."""

_KIND_UUID: Final = 1
_KIND_MULTI_REGION: Final = 2
_START: Final = MAGIC + bytes([VERSION])
_KEY_AT: Final = len(_START) + 1
_MATERIAL_AT: Final = _KEY_AT + 16
_SALT_AT: Final = _MATERIAL_AT + 32
_NONCE_AT: Final = _SALT_AT + SALT_SIZE
_HEADER_SIZE: Final = _NONCE_AT + NONCE_SIZE
_MINIMUM_SIZE: Final = _HEADER_SIZE + TAG_SIZE

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MULTI_REGION = re.compile(r"mrk-[0-9a-f]{32}")
_MATERIAL_ID = re.compile(r"[0-9a-f]{64}")

EncryptionContext = Mapping[str, str]
REMEMBERED: Final = 1024


class BlobHeader:
    """Which key and which of its materials a blob needs. Not authenticated until the blob is decrypted."""

    __slots__ = ("key_id", "material_id")

    def __init__(self, key_id: str, material_id: str) -> None:
        self.key_id = key_id
        self.material_id = material_id


class KeyMaterial:
    """One material of a symmetric KMS key, ready for use. Any thread may use it."""

    __slots__ = ("_message_keys", "_start", "key_id", "material_id")

    def __init__(self, key_id: str, material_id: str, secret: bytes) -> None:
        """`key_id`: a UUID, or `mrk-` and 32 hexadecimal digits; `material_id`: 64 digits; lower case. ValueError."""
        self.key_id = key_id
        self.material_id = material_id
        self._start = _START + _encode_key_id(key_id) + _encode_material_id(material_id)
        self._message_keys = MessageKeys(secret, b"holdfast-kms-v1")

    def __repr__(self) -> str:
        return f"<KeyMaterial {self.key_id} {self.material_id}>"

    def encrypt(self, context: EncryptionContext | None, plaintext: bytes, randomness: Randomness) -> bytes:
        """A blob. The caller has checked the size of the plaintext; ValueError when the context is not Unicode."""
        salt_and_nonce = randomness.bytes(SALT_SIZE + NONCE_SIZE)
        header = self._start + salt_and_nonce
        cipher = self._message_keys.cipher(salt_and_nonce[:SALT_SIZE])
        return header + cipher.encrypt(salt_and_nonce[SALT_SIZE:], plaintext, header + encode_context(context))

    def decrypt(self, context: EncryptionContext | None, blob: bytes) -> bytes:
        """The plaintext of a blob of this material; DecryptError for anything else."""
        if not blob.startswith(self._start) or not _MINIMUM_SIZE <= len(blob) <= MAXIMUM_SIZE:
            raise DecryptError
        header = blob[:_HEADER_SIZE]
        try:
            associated = header + encode_context(context)
            cipher = self._message_keys.known_cipher(header[_SALT_AT:_NONCE_AT])
            return cipher.decrypt(header[_NONCE_AT:], blob[_HEADER_SIZE:], associated)
        except (InvalidTag, UnicodeEncodeError):
            raise DecryptError from None

    def data_key(self, context: EncryptionContext | None, blob: bytes) -> bytes:
        """`decrypt` for a data key that opens a value at rest, which is asked for with each read of the value.

        The same blob of the same material in the same context was opened before, so it would open again: 2 us less. Nobody
        is let in by that: whoever gets here may use the key, now, and what is kept opens nothing without the store.
        """
        try:
            name = (self, blob, encode_context(context))
        except UnicodeEncodeError:
            raise DecryptError from None
        return _data_keys.get(name) or remember(_data_keys, name, self.decrypt(context, blob), REMEMBERED)


_data_keys: Final[dict[tuple[KeyMaterial, bytes, bytes], bytes]] = {}


def parse_header(blob: bytes) -> BlobHeader:
    """The key and material that a blob names; DecryptError when it is no blob of ours."""
    if not blob.startswith(_START) or not _MINIMUM_SIZE <= len(blob) <= MAXIMUM_SIZE:
        raise DecryptError
    names = blob[_KEY_AT - 1 : _SALT_AT]
    return _headers.get(names) or remember(_headers, names, _header(names), REMEMBERED)


_headers: Final[dict[bytes, BlobHeader]] = {}


def _header(names: bytes) -> BlobHeader:
    kind = names[0]
    digits = names[1:17].hex()
    if kind == _KIND_UUID:
        key_id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    elif kind == _KIND_MULTI_REGION:
        key_id = "mrk-" + digits
    else:
        raise DecryptError
    return BlobHeader(key_id, names[17:].hex())


def encode_context(context: EncryptionContext | None) -> bytes:
    """The one encoding of a set of pairs, whatever their order. UnicodeEncodeError (a ValueError) if not Unicode."""
    if not context:
        return b"\0\0\0\0"
    pairs = tuple(context.items())
    return _encoded.get(pairs) or remember(_encoded, pairs, _encode_pairs(pairs), REMEMBERED)


_encoded: Final[dict[tuple[tuple[str, str], ...], bytes]] = {}


def _encode_pairs(pairs: tuple[tuple[str, str], ...]) -> bytes:
    context = dict(pairs)
    encoded = [len(context).to_bytes(4, "big")]
    for key in sorted(context):  # by code point, which is also the order of the UTF-8 bytes
        for text in (key, context[key]):
            data = text.encode()
            encoded.append(len(data).to_bytes(4, "big"))
            encoded.append(data)
    return b"".join(encoded)


def _encode_key_id(key_id: str) -> bytes:
    if _UUID.fullmatch(key_id):
        return bytes([_KIND_UUID]) + bytes.fromhex(key_id.replace("-", ""))
    if _MULTI_REGION.fullmatch(key_id):
        return bytes([_KIND_MULTI_REGION]) + bytes.fromhex(key_id.removeprefix("mrk-"))
    raise ValueError("a key id is a UUID, or mrk- and 32 hexadecimal digits")


def _encode_material_id(material_id: str) -> bytes:
    if not _MATERIAL_ID.fullmatch(material_id):
        raise ValueError("a key material id has 64 hexadecimal digits")
    return bytes.fromhex(material_id)
