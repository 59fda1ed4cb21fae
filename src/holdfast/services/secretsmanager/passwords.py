"""Random passwords of GetRandomPassword; pure: randomness is an argument.

Every character is drawn uniformly from what may be used. When each type is required, one character of each is put at a
random place of its own, no place likelier than another: the same passwords, with the same chances, as drawing the
required ones first and shuffling the whole.

Threat: a modulo or a biased shuffle makes some passwords likelier; both draws come from `Randomness.below` and
`Randomness.token`, which are exactly uniform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import secretsmanager as api

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

UPPERCASE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWERCASE = "abcdefghijklmnopqrstuvwxyz"
NUMBERS = "0123456789"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
SPACE = " "
DEFAULT_LENGTH = 32

TYPE_EXCLUDED = "All characters of the desired type have been excluded."
EVERYTHING_EXCLUDED = "All characters have been excluded from selection."
TOO_SHORT = "Password length is too short based on the required types."


def alphabets(value: api.GetRandomPasswordRequest) -> tuple[str, list[str]]:
    """(all characters that may be used, the types of which one is required each). InvalidParameterException.

    A space is admitted, never required.
    """
    excluded = frozenset(value.ExcludeCharacters or "")
    chosen = [
        "".join(character for character in characters if character not in excluded)
        for characters, left_out in (
            (UPPERCASE, value.ExcludeUppercase),
            (LOWERCASE, value.ExcludeLowercase),
            (NUMBERS, value.ExcludeNumbers),
            (PUNCTUATION, value.ExcludePunctuation),
        )
        if not left_out
    ]
    required = [] if value.RequireEachIncludedType is False else chosen
    if not all(required):
        raise api.InvalidParameterException(TYPE_EXCLUDED)
    usable = "".join(chosen) + (SPACE if value.IncludeSpace and SPACE not in excluded else "")
    if not usable:
        raise api.InvalidParameterException(EVERYTHING_EXCLUDED)
    return usable, required


def random_password(value: api.GetRandomPasswordRequest, randomness: Randomness) -> str:
    """A password as asked for; InvalidParameterException when there can be none."""
    usable, required = alphabets(value)
    length = value.PasswordLength or DEFAULT_LENGTH
    if length < len(required):
        raise api.InvalidParameterException(TOO_SHORT)
    password = list(randomness.token(usable, length))
    free = list(range(length)) if required else []
    for characters in required:
        # Taking a place out by swapping the last one in keeps each draw uniform over those that are left.
        drawn = randomness.below(len(free))
        place, free[drawn] = free[drawn], free[-1]
        free.pop()
        password[place] = randomness.token(characters, 1)
    return "".join(password)
