"""A second reader of the vault's formats, written from docs/reference/formats.md alone and as plainly as possible.

It imports nothing of `holdfast`: where it and the vault disagree on a test vector, either the vault or the document is
wrong. It answers (outcome, plaintext); the outcomes are those of the vector files.
"""

from __future__ import annotations

import base64
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

Outcome = tuple[str, bytes | None]
FORMAT_ERROR: Outcome = ("format-error", None)
UNKNOWN_KEY: Outcome = ("unknown-key", None)
DECRYPT_ERROR: Outcome = ("decrypt-error", None)


def subkey(secret: bytes, purpose: str, size: int = 32) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=b"holdfast-subkey-v1\0" + purpose.encode()).derive(secret)


def parse_root_keys(text: str) -> list[bytes] | None:
    """The secrets, or None for a format error."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    secrets: list[bytes] = []
    for line in lines:
        match = re.fullmatch(r"holdfast-root-key-v1:([0-9a-f]{16}):([A-Za-z0-9+/]{43}=)", line)
        if not match:
            return None
        secret = base64.b64decode(match[2])
        if base64.b64encode(secret).decode() != match[2] or root_key_id(secret) != match[1] or secret in secrets:
            return None
        secrets.append(secret)
    return secrets if 1 <= len(secrets) <= 16 else None


def message_key(wrapping_key: bytes, label: bytes, salt: bytes) -> bytes:
    derivation = KBKDFHMAC(SHA256(), Mode.CounterMode, 32, 4, 4, CounterLocation.BeforeFixed, label, salt, None)
    return derivation.derive(wrapping_key)


def root_key_id(secret: bytes) -> str:
    return subkey(secret, "root-key-id", 8).hex()


def prefixed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def place(table: str, column: str, purpose: str, row: list[str | int | bytes]) -> bytes:
    out = (
        prefixed(table.encode()) + prefixed(column.encode()) + prefixed(purpose.encode()) + struct.pack(">I", len(row))
    )
    for part in row:
        if isinstance(part, str):
            out += b"s" + prefixed(part.encode("utf-8"))
        elif isinstance(part, int):
            out += b"i" + prefixed(str(part).encode("ascii"))
        else:
            out += b"b" + prefixed(part)
    return out


def context_bytes(pairs: list[list[str]]) -> bytes:
    encoded = sorted((key.encode("utf-8"), value.encode("utf-8")) for key, value in pairs)
    return struct.pack(">I", len(encoded)) + b"".join(prefixed(key) + prefixed(value) for key, value in encoded)


def _open(key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> Outcome:
    try:
        return "success", AESGCM(key).decrypt(nonce, ciphertext, associated)
    except InvalidTag:
        return DECRYPT_ERROR


def _open_under_root(
    magic: bytes, label: bytes, secrets: list[bytes], purpose: str, bound: bytes, sealed: bytes
) -> Outcome:
    if len(sealed) < 56 or sealed[0:4] != magic:
        return FORMAT_ERROR
    named = [secret for secret in secrets if root_key_id(secret) == sealed[4:12].hex()]
    if not named:
        return UNKNOWN_KEY
    key = message_key(subkey(named[0], purpose), label, sealed[12:28])
    return _open(key, sealed[28:40], sealed[40:], sealed[:40] + bound)


def open_sealed(
    secrets: list[bytes], table: str, column: str, purpose: str, row: list[str | int | bytes], sealed: bytes
) -> Outcome:
    bound = place(table, column, purpose, row)
    return _open_under_root(b"hfs\x01", b"holdfast-seal-v1", secrets, purpose, bound, sealed)


def open_value(
    data_key: bytes, table: str, column: str, purpose: str, row: list[str | int | bytes], sealed: bytes
) -> Outcome:
    if len(sealed) < 32 or sealed[0:4] != b"hfv\x01":
        return FORMAT_ERROR
    return _open(data_key, sealed[4:16], sealed[16:], sealed[:16] + place(table, column, purpose, row))


def open_token(secrets: list[bytes], scope: bytes, token: str) -> Outcome:
    if len(token) > 8192 or len(token) % 4 == 1 or not re.fullmatch(r"[A-Za-z0-9_-]*", token):
        return FORMAT_ERROR
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    if base64.urlsafe_b64encode(sealed).decode().rstrip("=") != token:
        return FORMAT_ERROR
    return _open_under_root(b"hft\x01", b"holdfast-token-v1", secrets, "page-token", scope, sealed)


def open_blob(key_id: str, material_id: str, secret: bytes, pairs: list[list[str]], blob: bytes) -> Outcome:
    if not 99 <= len(blob) <= 6144 or blob[0:6].hex() != "010202007801":
        return FORMAT_ERROR
    digits = blob[7:23].hex()
    if blob[6] == 1:
        named = "-".join((digits[0:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    elif blob[6] == 2:
        named = "mrk-" + digits
    else:
        return FORMAT_ERROR
    if (named, blob[23:55].hex()) != (key_id, material_id):
        return UNKNOWN_KEY
    key = message_key(secret, b"holdfast-kms-v1", blob[55:71])
    return _open(key, blob[71:83], blob[83:], blob[:83] + context_bytes(pairs))
