"""Session tokens: what goes in comes out, beside its key id only, and nothing else opens."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.services.sts.session_token import Session, SessionKind, open_session, packed, seal_session
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import UnsafeSeededRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault

RANDOMNESS = UnsafeSeededRandomness("session tokens")
VAULT = Vault(RootKeys.generate(RANDOMNESS), RANDOMNESS)
KEY_ID = "ASIAQAAAAAAAAAAAAAAA"
TEXT = st.text(max_size=40)
NAMES = st.text("abcXYZ019+=,.@-_", max_size=64)

sessions = st.builds(
    Session,
    kind=st.sampled_from(SessionKind),
    account=st.text("0123456789", min_size=12, max_size=12),
    principal_id=NAMES,
    name=NAMES,
    session_name=NAMES,
    secret=st.text("abcXYZ019+/", min_size=40, max_size=40),
    issued=st.integers(0, 2**45),
    expires=st.integers(0, 2**40),
    policy=TEXT.map(packed),
    policy_arns=st.lists(NAMES, max_size=4).map(tuple),
    tags=st.dictionaries(TEXT, TEXT, max_size=5),
    transitive=st.lists(TEXT, max_size=3).map(tuple),
    source_identity=NAMES,
    provider=NAMES,
)
SESSION = Session(
    kind=SessionKind.ROLE,
    account="123456789012",
    principal_id="AROAQAAAAAAAAAAAAAAAA",
    name="Reader",
    secret="s3cr3t" * 6,
    issued=1_800_000_000_000,
    expires=1_800_003_600,
)
TOKEN = seal_session(VAULT, KEY_ID, SESSION)
"""One for all examples: the vault's randomness goes on, and an example that is tried again must find the same token."""


@given(sessions, st.sampled_from([0, 300, 1000, 4096]))
def test_round_trip(session: Session, minimum: int) -> None:
    token = seal_session(VAULT, KEY_ID, session, minimum)
    assert len(token) >= minimum
    assert open_session(VAULT, KEY_ID, token) == session


@given(TEXT)
def test_the_policy_comes_back(policy: str) -> None:
    session = Session(
        kind=SessionKind.ROLE, account="1", principal_id="2", name="3", secret="4", issued=5, expires=6,
        policy=packed(policy),
    )  # fmt: skip
    assert open_session(VAULT, KEY_ID, seal_session(VAULT, KEY_ID, session)).policy_text() == policy


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz089-_=/+ ä"))
def test_a_changed_token_does_not_open(position: int, other: str) -> None:
    assume(other != TOKEN[position])
    with pytest.raises(DecryptError):
        open_session(VAULT, KEY_ID, TOKEN[:position] + other + TOKEN[position + 1 :])


@given(st.text(max_size=200))
def test_what_is_no_token_does_not_open(text: str) -> None:
    with pytest.raises(DecryptError):
        open_session(VAULT, KEY_ID, text)


def test_a_token_belongs_to_its_key_id() -> None:
    token = seal_session(VAULT, KEY_ID, SESSION)
    with pytest.raises(DecryptError):
        open_session(VAULT, KEY_ID[:-1] + "B", token)


def test_a_token_of_another_server_does_not_open() -> None:
    other = Vault(RootKeys.generate(RANDOMNESS), RANDOMNESS)
    with pytest.raises(DecryptError):
        open_session(VAULT, KEY_ID, seal_session(other, KEY_ID, SESSION))


@pytest.mark.parametrize(
    "payload", [b"", b"\x02\x00\x01\x90", b"\x01\x00\x01\x90", b"\x01\xff\xff\x93", b"\x01\x00\x05hello"]
)
def test_what_the_vault_sealed_for_something_else_does_not_open(payload: bytes) -> None:
    with pytest.raises(DecryptError):
        open_session(VAULT, KEY_ID, VAULT.seal_token(b"sts session " + KEY_ID.encode(), payload))


def test_no_text_shows_the_secret() -> None:
    token = seal_session(VAULT, KEY_ID, SESSION)
    assert SESSION.secret not in f"{SESSION!r} {SESSION} {open_session(VAULT, KEY_ID, token)!r}"
    assert SESSION.secret not in token
