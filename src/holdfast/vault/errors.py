"""What the vault can answer besides a result.

The tree::

    VaultError
    ├── RootKeyError    the root key is missing, unreadable or the wrong one; the text is one line for an operator
    └── DecryptError    something does not open; the same text whatever the reason

Threat: an error text or type that tells an attacker which check failed, or that carries key bytes or plaintext into a
log. `DecryptError` takes no arguments, so it cannot carry any; `RootKeyError` texts hold paths, line numbers, key ids.
"""

from __future__ import annotations


class VaultError(Exception):
    """Any failure of the vault."""


class RootKeyError(VaultError):
    """The root key cannot be used. The text says what to do, in one line fit for stderr."""


class DecryptError(VaultError):
    """A ciphertext, blob or token does not open. Never says why: format, key, place and tag look the same."""

    def __init__(self) -> None:
        super().__init__("the ciphertext does not open")
