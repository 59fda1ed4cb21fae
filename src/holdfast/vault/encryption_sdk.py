"""Messages of the AWS Encryption SDK: what an advanced SecureString is stored as, and shown as without decryption.

Message format version 2, algorithm suite 0478 (AES-256-GCM, HKDF-SHA-512, key commitment, no signature), one frame, as
"AWS Encryption SDK message format reference" in the SDK's developer guide gives it; any of AWS's SDKs opens one::

    02 | 0478 | message id 32 | lc(context) | u16 1 | lp2("aws-kms") | lp2(key ARN) | lp2(data key encrypted by KMS)
    | 02 | u32 frame length | commitment 32 | tag 16 of the header
    ffffffff | u32 1 | nonce 12 = 1 | u32 length | ciphertext | tag 16

    lp2(x) is u16 length | x; lc is u16 length | u16 number of pairs | for each pair, by key: lp2(key) | lp2(value)
    encryption key  HKDF-SHA-512(data key, salt = message id, info = 0478 | "DERIVEKEY"), 32 bytes
    commitment      HKDF-SHA-512(data key, salt = message id, info = "COMMITKEY"), 32 bytes

INVARIANT: `open_message` answers a plaintext or DecryptError. The context in a message is a claim until KMS opens the data
key with it: who opens a message says which context it must have.
Threat: one ciphertext that opens to two plaintexts under two keys; the commitment is compared before anything is opened.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.vault.derivation import KEY_SIZE, NONCE_SIZE, TAG_SIZE
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import Randomness

VERSION = 2
SUITE = bytes.fromhex("0478")
MAGIC = bytes([VERSION]) + SUITE
"""What every message begins with; a KMS blob begins otherwise."""
PROVIDER = b"aws-kms"

_MESSAGE_ID = 32
_COMMITMENT = 32
_FRAMED = 2
_FINAL = b"\xff\xff\xff\xff"
_FIRST = struct.pack(">I", 1)
_HEADER_NONCE = bytes(NONCE_SIZE)
_FRAME_NONCE = (1).to_bytes(NONCE_SIZE, "big")


class MessageHeader(NamedTuple):
    """What a message says of itself; not authenticated until it is opened."""

    key_arn: str
    data_key: bytes
    """As KMS encrypted it."""
    context: dict[str, str]


def is_message(ciphertext: bytes) -> bool:
    """Whether this is a message rather than a KMS blob."""
    return ciphertext.startswith(MAGIC)


def seal_message(
    data_key: bytes,
    encrypted_data_key: bytes,
    key_arn: str,
    context: Mapping[str, str],
    plaintext: bytes,
    randomness: Randomness,
) -> bytes:
    """A message under a fresh 32-byte data key that encrypts nothing else."""
    message_id = randomness.bytes(_MESSAGE_ID)
    key, commitment = _derived(data_key, message_id)
    pairs = b"".join(_counted(name.encode()) + _counted(value.encode()) for name, value in sorted(context.items()))
    header = b"".join(
        (
            MAGIC,
            message_id,
            _counted(struct.pack(">H", len(context)) + pairs),
            struct.pack(">H", 1),
            _counted(PROVIDER),
            _counted(key_arn.encode()),
            _counted(encrypted_data_key),
            bytes([_FRAMED]),
            struct.pack(">I", max(len(plaintext), 1)),
            commitment,
        )
    )
    cipher = AESGCM(key)
    body = cipher.encrypt(_FRAME_NONCE, plaintext, _frame_data(message_id, len(plaintext)))
    size = struct.pack(">I", len(plaintext))
    return header + cipher.encrypt(_HEADER_NONCE, b"", header) + _FINAL + _FIRST + _FRAME_NONCE + size + body


def read_header(message: bytes) -> MessageHeader:
    """The data key a message needs, and the context it claims; DecryptError."""
    return _Parsed(message).header


def open_message(data_key: bytes, message: bytes) -> bytes:
    """The plaintext of a message of `seal_message`; DecryptError."""
    parsed = _Parsed(message)
    key, commitment = _derived(data_key, parsed.message_id)
    if not hmac.compare_digest(commitment, parsed.commitment):
        raise DecryptError
    cipher = AESGCM(key)
    try:
        cipher.decrypt(_HEADER_NONCE, parsed.header_tag, parsed.authenticated)
        return cipher.decrypt(_FRAME_NONCE, parsed.body, _frame_data(parsed.message_id, len(parsed.body) - TAG_SIZE))
    except InvalidTag:
        raise DecryptError from None


class _Parsed:
    """The parts of a message of one frame and one data key of KMS."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 0
        try:
            self._read()
        except (struct.error, UnicodeDecodeError, IndexError):
            raise DecryptError from None

    def _read(self) -> None:
        if self._take(len(MAGIC)) != MAGIC:
            raise DecryptError
        self.message_id = self._take(_MESSAGE_ID)
        context = _context(self._take_counted())
        if self._number(">H") != 1 or self._take_counted() != PROVIDER:
            raise DecryptError
        self.header = MessageHeader(self._take_counted().decode(), self._take_counted(), context)
        if self._take(1)[0] != _FRAMED:
            raise DecryptError
        self._number(">I")
        self.commitment = self._take(_COMMITMENT)
        self.authenticated = self._message[: self._at]
        self.header_tag = self._take(TAG_SIZE)
        if self._take(len(_FINAL) + len(_FIRST) + NONCE_SIZE) != _FINAL + _FIRST + _FRAME_NONCE:
            raise DecryptError
        self.body = self._take(self._number(">I") + TAG_SIZE)
        if self._at != len(self._message):
            raise DecryptError

    def _take(self, size: int) -> bytes:
        taken = self._message[self._at : self._at + size]
        if len(taken) != size:
            raise DecryptError
        self._at += size
        return taken

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take_counted(self) -> bytes:
        return self._take(self._number(">H"))


def _context(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    if data:
        at = 2
        for _ in range(struct.unpack_from(">H", data)[0]):
            pair: list[str] = []
            for _ in range(2):
                size = struct.unpack_from(">H", data, at)[0]
                pair.append(data[at + 2 : at + 2 + size].decode())
                at += 2 + size
            found[pair[0]] = pair[1]
    return found


def _counted(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _frame_data(message_id: bytes, size: int) -> bytes:
    return message_id + b"AWSKMSEncryptionClient Final Frame" + _FIRST + struct.pack(">Q", size)


def _derived(data_key: bytes, message_id: bytes) -> tuple[bytes, bytes]:
    """The key that encrypts, and the commitment to it."""
    if len(data_key) != KEY_SIZE:
        raise DecryptError
    key = HKDF(SHA512(), KEY_SIZE, message_id, SUITE + b"DERIVEKEY").derive(data_key)
    return key, HKDF(SHA512(), _COMMITMENT, message_id, b"COMMITKEY").derive(data_key)
