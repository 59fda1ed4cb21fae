"""Ids of accounts and credentials. Randomness is an argument."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEY_ALPHABET = string.ascii_letters + string.digits + "+/"


def new_access_key_id(randomness: Randomness) -> str:
    """AKIA and 16 characters, as IAM's long-term keys look (IAM reference, "Understanding unique ID prefixes")."""
    return "AKIA" + randomness.token(BASE32, 16)


def new_secret_access_key(randomness: Randomness) -> str:
    """40 characters, 240 bits."""
    return randomness.token(KEY_ALPHABET, 40)


def new_account_id(randomness: Randomness) -> str:
    """12 digits that do not begin with a zero, so that no spreadsheet shortens them."""
    return str(100_000_000_000 + randomness.below(900_000_000_000))
