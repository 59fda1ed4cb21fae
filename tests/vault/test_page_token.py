"""Page tokens: opaque text that opens in its own listing and nowhere else."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault import page_token
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import RootKey, RootKeys
from holdfast.vault.sealing import seal_message

RANDOMNESS = SystemRandomness()
ROOT_KEYS = RootKeys.generate(RANDOMNESS)
KEYS = page_token.token_keys(ROOT_KEYS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=60), st.binary(max_size=200))
def test_round_trip(scope: bytes, payload: bytes) -> None:
    token = page_token.seal_token(KEYS, scope, payload, RANDOMNESS)
    assert page_token.open_token(KEYS, scope, token) == payload
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_another_scope_does_not_open(here: bytes, there: bytes) -> None:
    if here != there:
        token = page_token.seal_token(KEYS, here, b"payload", RANDOMNESS)
        with pytest.raises(DecryptError):
            page_token.open_token(KEYS, there, token)


def test_scope_and_payload_do_not_run_together() -> None:
    token = page_token.seal_token(KEYS, b"scope", b"", RANDOMNESS)
    with pytest.raises(DecryptError):
        page_token.open_token(KEYS, b"scop", token)


@pytest.mark.parametrize("payload", [b"", b"1", b"12"])
def test_every_character_matters(payload: bytes) -> None:
    """Also the last one, of which some bits stand for nothing: a token has one spelling."""
    token = page_token.seal_token(KEYS, b"scope", payload, RANDOMNESS)
    for at, was in enumerate(token):
        for other in (*(ALPHABET if at == len(token) - 1 else "Ag_"), "", "=", "\n", " ", "+", "ü"):
            if other != was:
                with pytest.raises(DecryptError):
                    page_token.open_token(KEYS, b"scope", token[:at] + other + token[at + 1 :])


@given(st.text(max_size=200))
def test_foreign_text_is_no_token(text: str) -> None:
    with pytest.raises(DecryptError):
        page_token.open_token(KEYS, b"", text)


def test_survives_a_rotation_while_the_previous_key_is_known() -> None:
    token = page_token.seal_token(KEYS, b"scope", b"payload", RANDOMNESS)
    new = RootKey(RANDOMNESS.bytes(32))
    both = page_token.token_keys(RootKeys(new, (ROOT_KEYS.current,), source="test"))
    assert page_token.open_token(both, b"scope", token) == b"payload"
    with pytest.raises(DecryptError):
        page_token.open_token(page_token.token_keys(RootKeys(new, source="test")), b"scope", token)


def test_length_limit_is_the_same_on_both_sides() -> None:
    largest = page_token.MAXIMUM_LENGTH * 3 // 4 - 56
    token = page_token.seal_token(KEYS, b"scope", bytes(largest), RANDOMNESS)
    assert len(token) == page_token.MAXIMUM_LENGTH
    assert page_token.open_token(KEYS, b"scope", token) == bytes(largest)
    with pytest.raises(ValueError, match="too large for a page token"):
        page_token.seal_token(KEYS, b"scope", bytes(largest + 1), RANDOMNESS)
    authentic = seal_message(page_token.TOKEN_MAGIC, KEYS, b"scope", bytes(largest + 1), RANDOMNESS)
    with pytest.raises(DecryptError):
        page_token.open_token(KEYS, b"scope", base64.urlsafe_b64encode(authentic).decode().rstrip("="))
