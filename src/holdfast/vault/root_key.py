"""The root key: the one secret that is never in the database, and from which everything sealed there depends.

There is one current key and up to 15 previous ones, so a key can be replaced while the store is re-sealed. A key is
named by its id, which is derived from it (8 bytes of `subkey(secret, "root-key-id")`): a damaged or mistyped key is
noticed before it is used, and two keys never share a name.

The text, as it stands in `DIR/root.key` or a systemd credential::

    holdfast-root-key-v1:4b0f3cf1a6b95b1e:dGhpcyBpcyBub3QgYSByZWFsIHJvb3Qga2V5ISEhISE=
    └── format ────────┘ └── key id ────┘ └── the 32 bytes, base64 (RFC 4648 §4) ──┘

One key a line: the first is current, the others are previous. Blank lines are skipped, nothing else is allowed.

Threat: key bytes in a log. `repr` shows ids only, the errors show positions and ids only, and a key cannot be pickled.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import NoReturn

from holdfast.vault.derivation import KEY_SIZE, subkey
from holdfast.vault.errors import RootKeyError
from holdfast.vault.randomness import Randomness

FORMAT = "holdfast-root-key-v1"
ID_SIZE = 8
MAXIMUM_KEYS = 16


class RootKey:
    """One root key. `id` is its public name: 16 hexadecimal digits."""

    __slots__ = ("id", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise ValueError("a root key has 32 bytes")
        self.secret = secret
        self.id = subkey(secret, "root-key-id", ID_SIZE).hex()

    def __repr__(self) -> str:
        return f"<RootKey {self.id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a root key is not pickled")


class RootKeys:
    """The current root key and the previous ones. `source` says in words where they came from, for errors."""

    __slots__ = ("current", "previous", "source")

    def __init__(self, current: RootKey, previous: tuple[RootKey, ...] = (), *, source: str) -> None:
        self.current = current
        self.previous = previous
        self.source = source
        if len(set(self.ids)) != len(self.ids):
            raise RootKeyError(f"{source}: the same root key is there twice; remove one of the lines")

    @property
    def ids(self) -> tuple[str, ...]:
        """The key ids, the current one first."""
        return tuple(key.id for key in self)

    def __iter__(self) -> Iterator[RootKey]:
        yield self.current
        yield from self.previous

    def __repr__(self) -> str:
        return f"<RootKeys current={self.current.id} previous={','.join(self.ids[1:]) or 'none'}>"

    @classmethod
    def generate(cls, randomness: Randomness, *, source: str = "a new root key") -> RootKeys:
        """A fresh key and no previous one."""
        return cls(RootKey(randomness.bytes(KEY_SIZE)), source=source)

    @classmethod
    def parse(cls, text: str, *, source: str, bare: bool = False) -> RootKeys:
        """Read the text format. `bare` also takes a line that is only the base64. RootKeyError says which line."""
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            raise RootKeyError(f"{source} is empty: put the root key back (a line that starts with {FORMAT}:)")
        if len(lines) > MAXIMUM_KEYS:
            raise RootKeyError(f"{source} has more than {MAXIMUM_KEYS} root keys: remove those no longer needed")
        keys = [_parse_line(line, f"{source}, line {number}", bare=bare) for number, line in lines]
        return cls(keys[0], tuple(keys[1:]), source=source)

    def export_text(self) -> str:
        """The keys themselves, in the text format. The only way out for key bytes: for a root key file, and for the socket to
        a process of this server's own."""
        return "".join(f"{FORMAT}:{key.id}:{base64.b64encode(key.secret).decode()}\n" for key in self)


def _parse_line(line: str, where: str, *, bare: bool) -> RootKey:
    fields = line.split(":")
    if bare and len(fields) == 1:
        return RootKey(_decode_key(line, where))
    if len(fields) != 3 or fields[0] != FORMAT:
        raise RootKeyError(f"{where}: not a root key (a line reads {FORMAT}:KEY-ID:BASE64)")
    key = RootKey(_decode_key(fields[2], where))
    if key.id != fields[1]:
        raise RootKeyError(f"{where}: the root key does not match its key id; the line was changed or mistyped")
    return key


def _decode_key(text: str, where: str) -> bytes:
    try:
        secret = binascii.a2b_base64(text.encode("ascii"))
    except ValueError:  # UnicodeEncodeError (which holds the text) and binascii.Error are both one
        secret = b""
    # Encoding it again must give the same text: the decoder skips foreign characters and unused bits.
    if len(secret) != KEY_SIZE or base64.b64encode(secret).decode() != text:
        raise RootKeyError(f"{where}: the root key is not the base64 of 32 bytes")
    return secret
