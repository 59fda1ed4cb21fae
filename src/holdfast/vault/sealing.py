"""Sealing: bytes that open only under their key and only in the row they were sealed for.

A value sealed under the root key, and one sealed under a data key of its own::

    "hfs" 01 | root key id 8 | salt 16 | nonce 12 | ciphertext n | tag 16        56 bytes more than the plaintext
    "hfv" 01 |                           nonce 12 | ciphertext n | tag 16        32 bytes more

Both are AES-256-GCM. The first takes a key per message (see `derivation`) of the subkey of the column's purpose; the
second takes the data key itself, which encrypts one value and no other. The associated data is everything before the
ciphertext, then the place, where text is UTF-8 and every length and number is 4 bytes big-endian::

    length table | length column | length purpose | number of parts | for each part of the row identity: tag length part
    the tag is "s" for text, "i" for an integer (its decimal digits as ASCII), "b" for bytes

INVARIANT: two different (column, row) never have the same associated data: every part carries its length and its type.
Threat: someone who can write the database moves a ciphertext to another row, column, table or format version.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.remember import remember
from holdfast.vault.derivation import KEY_SIZE, NONCE_SIZE, SALT_SIZE, TAG_SIZE, MessageKeys, subkey
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import Randomness
from holdfast.vault.root_key import ID_SIZE, RootKeys

SEALED_MAGIC: Final = b"hfs\x01"
VALUE_MAGIC: Final = b"hfv\x01"

_MAGIC_SIZE: Final = 4
_SALT_AT: Final = _MAGIC_SIZE + ID_SIZE
_NONCE_AT: Final = _SALT_AT + SALT_SIZE
_SEALED_HEADER: Final = _NONCE_AT + NONCE_SIZE
_VALUE_HEADER: Final = _MAGIC_SIZE + NONCE_SIZE

Row = tuple[str | int | bytes, ...]
"""What identifies a row and never changes while it lives: its primary key, as a rule."""


class Form(enum.Enum):
    """What a column's ciphertext is sealed under."""

    ROOT = "sealed under the root key"
    DATA_KEY = "sealed under a data key of its own"
    KMS = "KMS ciphertext blob"


@dataclass(frozen=True, slots=True, eq=False)
class SealedColumn:
    """A column that holds ciphertext. One object for each, in `vault.registry`; compared by identity."""

    table: str
    column: str
    purpose: str
    """What the subkey is for. Like table and column it is part of every ciphertext: renaming means re-sealing."""
    form: Form
    row: tuple[str, ...]
    """The names of the parts of the row identity, in the order in which `seal` and `open_sealed` take them."""
    place: bytes = field(init=False, repr=False)
    """The column's part of the associated data."""

    def __post_init__(self) -> None:
        names = (self.table.encode(), self.column.encode(), self.purpose.encode())
        object.__setattr__(self, "place", b"".join(len(name).to_bytes(4, "big") + name for name in names))


class PurposeKeys:
    """The message keys of one purpose under each root key; sealing uses the current one, opening any."""

    __slots__ = ("by_id", "current", "current_id")

    def __init__(self, root_keys: RootKeys, purpose: str, label: bytes) -> None:
        self.by_id = {bytes.fromhex(key.id): MessageKeys(subkey(key.secret, purpose), label) for key in root_keys}
        self.current_id = bytes.fromhex(root_keys.current.id)
        self.current = self.by_id[self.current_id]

    @classmethod
    def for_column(cls, root_keys: RootKeys, column: SealedColumn) -> PurposeKeys:
        return cls(root_keys, column.purpose, b"holdfast-seal-v1")


def seal(keys: PurposeKeys, column: SealedColumn, row: Row, plaintext: bytes, randomness: Randomness) -> bytes:
    """Seal under the current root key."""
    return seal_message(SEALED_MAGIC, keys, column.place + _row_identity(row), plaintext, randomness)


def open_sealed(keys: PurposeKeys, column: SealedColumn, row: Row, sealed: bytes) -> bytes:
    """The plaintext; DecryptError for anything that `seal` did not make for this column and row."""
    return open_message(SEALED_MAGIC, keys, column.place + _row_identity(row), sealed)


def seal_value(data_key: bytes, column: SealedColumn, row: Row, plaintext: bytes, randomness: Randomness) -> bytes:
    """Seal under a data key that encrypts nothing else. ValueError unless it has 32 bytes."""
    if len(data_key) != KEY_SIZE:
        raise ValueError("a data key has 32 bytes")
    nonce = randomness.bytes(NONCE_SIZE)
    header = VALUE_MAGIC + nonce
    return header + AESGCM(data_key).encrypt(nonce, plaintext, header + column.place + _row_identity(row))


def open_value(data_key: bytes, column: SealedColumn, row: Row, sealed: bytes) -> bytes:
    """The plaintext; DecryptError for anything that `seal_value` did not make for this key, column and row."""
    if sealed[:_MAGIC_SIZE] != VALUE_MAGIC or len(sealed) < _VALUE_HEADER + TAG_SIZE or len(data_key) != KEY_SIZE:
        raise DecryptError
    associated = sealed[:_VALUE_HEADER] + column.place + _row_identity(row)
    try:
        return _known_cipher(data_key).decrypt(sealed[_MAGIC_SIZE:_VALUE_HEADER], sealed[_VALUE_HEADER:], associated)
    except InvalidTag:
        raise DecryptError from None


_ciphers: Final[dict[bytes, AESGCM]] = {}


def _known_cipher(data_key: bytes) -> AESGCM:
    """What opens a value that was opened before. The data key itself is kept, too (`KeyMaterial.data_key`), so nothing is in
    memory for longer that could not be opened without it."""
    return _ciphers.get(data_key) or remember(_ciphers, data_key, AESGCM(data_key), 1024)


def root_key_id(sealed: bytes) -> str:
    """The id of the root key that a sealed value needs, found without any key; DecryptError when it is none."""
    if sealed[:_MAGIC_SIZE] != SEALED_MAGIC or len(sealed) < _SEALED_HEADER + TAG_SIZE:
        raise DecryptError
    return sealed[_MAGIC_SIZE:_SALT_AT].hex()


def seal_message(magic: bytes, keys: PurposeKeys, bound: bytes, plaintext: bytes, randomness: Randomness) -> bytes:
    """What sealed values and page tokens have in common; `bound` follows the header in the associated data."""
    salt_and_nonce = randomness.bytes(SALT_SIZE + NONCE_SIZE)
    header = magic + keys.current_id + salt_and_nonce
    cipher = keys.current.cipher(salt_and_nonce[:SALT_SIZE])
    return header + cipher.encrypt(salt_and_nonce[SALT_SIZE:], plaintext, header + bound)


def open_message(magic: bytes, keys: PurposeKeys, bound: bytes, sealed: bytes) -> bytes:
    """The other half of `seal_message`; DecryptError."""
    header = sealed[:_SEALED_HEADER]
    message_keys = keys.by_id.get(header[_MAGIC_SIZE:_SALT_AT])
    if message_keys is None or header[:_MAGIC_SIZE] != magic or len(sealed) < _SEALED_HEADER + TAG_SIZE:
        raise DecryptError
    cipher = message_keys.known_cipher(header[_SALT_AT:_NONCE_AT])
    try:
        return cipher.decrypt(header[_NONCE_AT:], sealed[_SEALED_HEADER:], header + bound)
    except InvalidTag:
        raise DecryptError from None


_identities: Final[dict[Row, bytes]] = {}


def _row_identity(row: Row) -> bytes:
    return _identities.get(row) or remember(_identities, row, _encode_row(row), 1024)


def _encode_row(row: Row) -> bytes:
    encoded = [len(row).to_bytes(4, "big")]
    for part in row:
        if isinstance(part, str):
            data = part.encode()
            encoded.append(b"s" + len(data).to_bytes(4, "big") + data)
        elif isinstance(part, bytes):
            encoded.append(b"b" + len(part).to_bytes(4, "big") + part)
        else:
            data = b"%d" % part
            encoded.append(b"i" + len(data).to_bytes(4, "big") + data)
    return b"".join(encoded)
