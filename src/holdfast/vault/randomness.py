"""Randomness as an argument: nobody else calls `os.urandom`, `uuid4` or `random`.

`SystemRandomness` asks the kernel. What may become a key, salt, nonce or password is drawn from it directly, each time:
a buffer in this process would be replayed when a virtual machine's memory snapshot is resumed twice, and a repeated
(key, nonce) pair breaks AES-GCM. Only `uuid4`, whose results are public names, is served from a 4 KiB buffer, so an id
costs well under a microsecond; the buffer is dropped in a forked child.

INVARIANT: `below` and `token` are exactly uniform (rejection sampling, no modulo bias).
Threads: every method may be called from any thread.
"""

from __future__ import annotations

import builtins
import hashlib
import os
from typing import Final, Protocol

from holdfast.remember import remember

_BUFFER_SIZE = 4096
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Randomness(Protocol):
    """Where ids, keys and nonces come from."""

    def bytes(self, n: int) -> builtins.bytes:
        """`n` random bytes, fit for keys."""
        ...

    def uuid4(self) -> str:
        """A version 4 UUID (RFC 9562 §5.4) in lower case with hyphens. A name, not a secret."""
        ...

    def below(self, n: int) -> int:
        """A uniform integer in 0..n-1. ValueError unless n is positive."""
        ...

    def token(self, alphabet: str, n: int) -> str:
        """`n` characters, each uniform over `alphabet`; fit for passwords. ValueError when the alphabet is empty."""
        ...


class SystemRandomness:
    """The operating system's generator."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer: list[str] = []
        # A forked child would hand out what its parent will. Asking for the process id each time is a system call.
        os.register_at_fork(after_in_child=self._buffer.clear)

    def bytes(self, n: int) -> builtins.bytes:
        return os.urandom(n)

    def uuid4(self) -> str:
        while True:
            try:
                # list.pop takes an entry out in one step, so two threads never get the same one.
                return self._buffer.pop()
            except IndexError:
                block = os.urandom(_BUFFER_SIZE).hex()
                self._buffer.extend([_uuid4(block[i : i + 32]) for i in range(0, len(block), 32)])

    def below(self, n: int) -> int:
        return _below(self, n)

    def token(self, alphabet: str, n: int) -> str:
        return _token(self, alphabet, n)


class UnsafeSeededRandomness:
    """The same sequence for the same seed: for tests and test vectors, NEVER for a server.

    Draw number i (from 0) of n bytes is SHAKE-256(seed as UTF-8, 0x00, i as 8 bytes big-endian) cut to n bytes; `uuid4`
    draws 16 bytes.
    """

    __slots__ = ("_draws", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode() + b"\0"
        self._draws = 0

    def bytes(self, n: int) -> builtins.bytes:
        draw = self._draws.to_bytes(8, "big")
        self._draws += 1
        return hashlib.shake_256(self._seed + draw).digest(n)

    def uuid4(self) -> str:
        return _uuid4(self.bytes(16).hex())

    def below(self, n: int) -> int:
        return _below(self, n)

    def token(self, alphabet: str, n: int) -> str:
        return _token(self, alphabet, n)


def _uuid4(digits: str) -> str:
    """32 random hexadecimal digits as a UUID: version and variant take the place of six of the bits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def time_ordered_id(randomness: Randomness, milliseconds: int) -> str:
    """A version 7 UUID (RFC 9562 §5.7) of a moment: ids of one time stand together in an index, which makes adding one
    cheap. A name, not a secret."""
    return moment_prefix(milliseconds) + randomness.uuid4()[15:]


_prefixes: Final[dict[int, str]] = {}


def moment_prefix(milliseconds: int) -> str:
    """The first 15 characters of every `time_ordered_id` of a moment."""
    return _prefixes.get(milliseconds) or remember(_prefixes, milliseconds, _prefix(milliseconds), 16)


def _prefix(milliseconds: int) -> str:
    return f"{milliseconds >> 16 & 0xFFFFFFFF:08x}-{milliseconds & 0xFFFF:04x}-7"


def moment_of_id(text: str) -> int | None:
    """The milliseconds in an id that `time_ordered_id` made; None for any other text."""
    digits = text.replace("-", "")
    if len(text) != 36 or text[14:15] != "7":
        return None
    try:
        return int(digits[:12], 16)
    except ValueError:
        return None


def _below(source: Randomness, n: int) -> int:
    if n < 1:
        raise ValueError("below: n must be positive")
    bits = (n - 1).bit_length()
    size = (bits + 7) // 8
    excess = size * 8 - bits
    while True:
        drawn = int.from_bytes(source.bytes(size), "big") >> excess
        if drawn < n:
            return drawn


def _token(source: Randomness, alphabet: str, n: int) -> str:
    size = len(alphabet)
    if not size:
        raise ValueError("token: the alphabet is empty")
    if n < 0:
        raise ValueError("token: n must not be negative")
    if size > 256:
        return "".join([alphabet[_below(source, size)] for _ in range(n)])
    limit = 256 - 256 % size  # bytes from here on would make the first characters likelier
    characters: list[str] = []
    while (missing := n - len(characters)) > 0:
        drawn = source.bytes(missing + missing // 4 + 8)
        characters += [alphabet[byte % size] for byte in drawn if byte < limit][:missing]
    return "".join(characters)
