"""Random passwords: what is in them, how likely each is, and when there is none."""

from __future__ import annotations

import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager import passwords
from holdfast.vault.randomness import UnsafeSeededRandomness

CLASSES = {
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}
OPTIONAL = st.none() | st.booleans()


@given(
    st.none() | st.integers(1, 200),
    st.none() | st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + " ", max_size=60),
    st.fixed_dictionaries(dict.fromkeys((*CLASSES, "IncludeSpace", "RequireEachIncludedType"), OPTIONAL)),
    st.integers(),
)
def test_any_options(length: int | None, excluded: str | None, options: dict[str, bool | None], seed: int) -> None:
    request = api.GetRandomPasswordRequest(PasswordLength=length, ExcludeCharacters=excluded, **options)
    included = [set(characters) - set(excluded or "") for option, characters in CLASSES.items() if not options[option]]
    usable = set[str]().union(*included)
    if options["IncludeSpace"]:
        usable |= {" "} - set(excluded or "")
    required = [] if options["RequireEachIncludedType"] is False else included
    refusal = None
    if not all(required):
        refusal = passwords.TYPE_EXCLUDED
    elif not usable:
        refusal = passwords.EVERYTHING_EXCLUDED
    elif (length or 32) < len(required):
        refusal = passwords.TOO_SHORT
    randomness = UnsafeSeededRandomness(str(seed))
    if refusal is not None:
        with pytest.raises(api.InvalidParameterException) as caught:
            passwords.random_password(request, randomness)
        assert caught.value.message == refusal
        return
    password = passwords.random_password(request, randomness)
    assert len(password) == (length or 32)
    assert set(password) <= usable
    assert all(set(password) & characters for characters in required)


def test_every_place_is_as_likely_for_a_required_character() -> None:
    """One digit, one letter: each of the 2 x 3 places must come up, none more often than chance allows."""
    randomness = UnsafeSeededRandomness("places")
    request = api.GetRandomPasswordRequest(
        PasswordLength=3,
        ExcludeUppercase=True,
        ExcludePunctuation=True,
        ExcludeCharacters=string.ascii_lowercase[1:] + string.digits[1:],
    )
    count = Counter(passwords.random_password(request, randomness) for _ in range(6000))
    # Both types once, the third place one of the two: aa0, a0a, 0aa, 00a, 0a0, a00 with equal chances.
    assert set(count) == {"aa0", "a0a", "0aa", "00a", "0a0", "a00"}
    # 6 standard deviations of a binomial(6000, 1/6) are 173.
    assert all(abs(times - 1000) < 173 for times in count.values())


def test_every_character_is_as_likely() -> None:
    request = api.GetRandomPasswordRequest(PasswordLength=4096, RequireEachIncludedType=False, IncludeSpace=True)
    randomness = UnsafeSeededRandomness("characters")
    count = Counter("".join(passwords.random_password(request, randomness) for _ in range(8)))
    assert len(count) == 95
    expected = 8 * 4096 / 95
    assert all(abs(times - expected) < 6 * expected**0.5 for times in count.values())


NOTHING_BUT_NUMBERS: dict[str, object] = dict.fromkeys(
    ("ExcludeUppercase", "ExcludeLowercase", "ExcludePunctuation"), True
)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"PasswordLength": 3}, "Password length is too short based on the required types."),
        ({"ExcludeCharacters": string.digits}, "All characters of the desired type have been excluded."),
        (
            {**NOTHING_BUT_NUMBERS, "ExcludeCharacters": string.digits, "RequireEachIncludedType": False},
            "All characters have been excluded from selection.",
        ),
        (dict.fromkeys(CLASSES, True), "All characters have been excluded from selection."),
    ],
)
def test_no_such_password(options: dict[str, object], text: str) -> None:
    request = convert(options, api.GetRandomPasswordRequest)
    with pytest.raises(api.InvalidParameterException) as caught:
        passwords.random_password(request, UnsafeSeededRandomness("x"))
    assert caught.value.message == text
