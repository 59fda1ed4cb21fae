"""Session tokens: temporary credentials that no table holds.

A session token is everything the server must know about temporary credentials, sealed by the vault, so that a session
outlives a restart, costs no row, and works on every node that knows the root key. The form, inside `Vault.seal_token`::

    01 | length of the array, 2 bytes big-endian | MessagePack array, the fields of `Session` in their order | zero bytes

The zero bytes are there when a client asked for a longer token (MinimumSessionTokenSize).
The scope of the seal is `sts session <access key id>`, so a token opens only beside the key id it was issued with.

INVARIANT: a session is valid while wall time is before `expires`; at `expires` it has ended.
Threat: a token is readable by nobody but the server, for the secret access key is in it. Neither it nor the secret is
ever part of a text, a repr or an audit record.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from holdfast.vault.errors import DecryptError

if TYPE_CHECKING:
    from holdfast.vault.vault import Vault

VERSION = b"\x01"
LONGEST_TOKEN = 4096
"""Characters: 100 % in SessionTokenUtilization. What may go into a session is limited (`rules.PACKED_LIMIT`), so that
none comes near it, except one that was asked to be as long."""


class SessionKind(StrEnum):
    """Whose permissions the session has."""

    ROLE = "role"
    USER = "user"
    """GetSessionToken of a user."""
    ROOT = "root"
    """GetSessionToken of the root user."""


class Session(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a session token says."""

    kind: SessionKind
    account: str
    principal_id: str
    """Unique id of the role (`AROA…`) or user (`AIDA…`); the account id for the root user."""
    name: str
    """Of the role or user; empty for the root user."""
    session_name: str = ""
    secret: str
    """The secret access key."""
    issued: int
    """Service time, milliseconds since 1970."""
    expires: int
    """Wall time, seconds since 1970."""
    policy: bytes = b""
    """The inline session policy, deflated (`packed`); empty without one."""
    policy_arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    """Keys of `tags` that sessions assumed from this one inherit."""
    source_identity: str = ""
    provider: str = ""
    """ARN of the OIDC provider that vouched for the caller."""
    fence: tuple[str, str] = ("", "")
    """The subject and the attempt at it that the session belongs to (`fences`)."""

    def __repr__(self) -> str:
        return f"<Session {self.kind} {self.account} {self.principal_id} {self.session_name}>"

    def policy_text(self) -> str:
        """The inline session policy; empty without one."""
        return zlib.decompress(self.policy).decode() if self.policy else ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Session).decode


def packed(policy: str) -> bytes:
    """A session policy as a token holds it."""
    return zlib.compress(policy.encode(), 9) if policy else b""


def _scope(access_key_id: str) -> bytes:
    return b"sts session " + access_key_id.encode()


def seal_session(vault: Vault, access_key_id: str, session: Session, minimum_size: int = 0) -> str:
    """The session token, of at least `minimum_size` characters (at most LONGEST_TOKEN)."""
    array = _encode(session)
    payload = VERSION + len(array).to_bytes(2, "big") + array
    token = vault.seal_token(_scope(access_key_id), payload)
    if len(token) >= minimum_size:
        return token
    missing = (minimum_size - len(token)) * 3 // 4 + 1  # four characters hold three bytes
    return vault.seal_token(_scope(access_key_id), payload + bytes(missing))


def open_session(vault: Vault, access_key_id: str, token: str) -> Session:
    """What a token says; DecryptError for anything that was not issued with this key id."""
    payload = vault.open_token(_scope(access_key_id), token)
    if payload[:1] != VERSION:
        raise DecryptError
    try:
        return _decode(payload[3 : 3 + int.from_bytes(payload[1:3], "big")])
    except msgspec.DecodeError:
        raise DecryptError from None
