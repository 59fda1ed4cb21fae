"""KMS ciphertext blobs: what AWS promises of them, and that nothing else opens."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault.errors import DecryptError
from holdfast.vault.kms_blob import MAXIMUM_SIZE, KeyMaterial, encode_context, parse_header
from holdfast.vault.randomness import SystemRandomness

RANDOMNESS = SystemRandomness()
KEY_ID, MATERIAL_ID = "1234abcd-12ab-34cd-56ef-1234567890ab", "0123456789abcdef" * 4
MATERIAL = KeyMaterial(KEY_ID, MATERIAL_ID, RANDOMNESS.bytes(32))

contexts = st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=5)


@given(contexts, st.binary(max_size=300))
def test_round_trip(context: dict[str, str], plaintext: bytes) -> None:
    blob = MATERIAL.encrypt(context, plaintext, RANDOMNESS)
    assert MATERIAL.decrypt(context, blob) == plaintext
    header = parse_header(blob)
    assert (header.key_id, header.material_id) == (KEY_ID, MATERIAL_ID)


@given(contexts, st.randoms(use_true_random=False))
def test_order_of_the_context_does_not_matter(context: dict[str, str], random: object) -> None:
    pairs = list(context.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    blob = MATERIAL.encrypt(context, b"plaintext", RANDOMNESS)
    assert MATERIAL.decrypt(dict(pairs), blob) == b"plaintext"


@given(contexts, contexts)
def test_any_other_context_does_not_open(here: dict[str, str], there: dict[str, str]) -> None:
    if here == there:
        assert encode_context(here) == encode_context(there)
        return
    assert encode_context(here) != encode_context(there)
    blob = MATERIAL.encrypt(here, b"plaintext", RANDOMNESS)
    with pytest.raises(DecryptError):
        MATERIAL.decrypt(there, blob)


def test_no_context_is_an_empty_one() -> None:
    assert MATERIAL.decrypt({}, MATERIAL.encrypt(None, b"plaintext", RANDOMNESS)) == b"plaintext"
    assert MATERIAL.decrypt(None, MATERIAL.encrypt({}, b"plaintext", RANDOMNESS)) == b"plaintext"


@given(contexts, contexts)
def test_a_kept_data_key_opens_no_more_than_the_blob_does(here: dict[str, str], there: dict[str, str]) -> None:
    data_key = RANDOMNESS.bytes(32)
    blob = MATERIAL.encrypt(here, data_key, RANDOMNESS)
    assert MATERIAL.data_key(here, blob) == data_key
    assert MATERIAL.data_key(dict(reversed(here.items())), blob) == data_key
    other = KeyMaterial(KEY_ID, MATERIAL_ID, RANDOMNESS.bytes(32))
    with pytest.raises(DecryptError):
        other.data_key(here, blob)
    for place in range(len(blob)):
        with pytest.raises(DecryptError):
            MATERIAL.data_key(here, blob[:place] + bytes((blob[place] ^ 1,)) + blob[place + 1 :])
    if here != there:
        with pytest.raises(DecryptError):
            MATERIAL.data_key(there, blob)


def test_a_context_that_is_no_text_opens_nothing() -> None:
    blob = MATERIAL.encrypt({"a": "b"}, b"plaintext", RANDOMNESS)
    for opened in (MATERIAL.decrypt, MATERIAL.data_key):
        with pytest.raises(DecryptError):
            opened({"a": "\ud800"}, blob)


def test_every_single_bit_and_length_matters() -> None:
    blob = MATERIAL.encrypt({"a": "b"}, b"0123456789abcdef!", RANDOMNESS)
    for bit in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecryptError):
            MATERIAL.decrypt({"a": "b"}, bytes(changed))
    for size in range(len(blob)):
        with pytest.raises(DecryptError):
            MATERIAL.decrypt({"a": "b"}, blob[:size])


def test_looks_like_a_blob_of_aws() -> None:
    assert base64.b64encode(MATERIAL.encrypt(None, b"x", RANDOMNESS)).startswith(b"AQICAH")


def test_largest_plaintext_fits_the_largest_blob() -> None:
    blob = MATERIAL.encrypt({"a": "b"}, bytes(4096), RANDOMNESS)
    assert len(blob) == 4096 + 99 <= MAXIMUM_SIZE
    assert MATERIAL.decrypt({"a": "b"}, blob) == bytes(4096)


def test_a_blob_over_the_limit_does_not_open_even_if_it_is_authentic() -> None:
    blob = MATERIAL.encrypt(None, bytes(MAXIMUM_SIZE - 98), RANDOMNESS)
    assert len(blob) == MAXIMUM_SIZE + 1
    for attempt in (lambda: MATERIAL.decrypt(None, blob), lambda: parse_header(blob)):
        with pytest.raises(DecryptError):
            attempt()


def test_multi_region_key_id() -> None:
    key_id = "mrk-" + "0123456789abcdef" * 2
    blob = KeyMaterial(key_id, MATERIAL_ID, bytes(32)).encrypt(None, b"x", RANDOMNESS)
    assert parse_header(blob).key_id == key_id


def test_material_of_another_key_does_not_open_it() -> None:
    secret = RANDOMNESS.bytes(32)
    blob = KeyMaterial(KEY_ID, MATERIAL_ID, secret).encrypt(None, b"x", RANDOMNESS)
    with pytest.raises(DecryptError):
        KeyMaterial(RANDOMNESS.uuid4(), MATERIAL_ID, secret).decrypt(None, blob)


@given(st.binary(max_size=400))
def test_foreign_bytes_are_no_blob(data: bytes) -> None:
    for blob in (data, bytes.fromhex("0102020078") + data):
        with pytest.raises(DecryptError):
            MATERIAL.decrypt(None, blob)


@pytest.mark.parametrize(
    ("key_id", "material_id"),
    [
        (KEY_ID.upper(), MATERIAL_ID),
        (KEY_ID + "\n", MATERIAL_ID),
        (KEY_ID.replace("-", ""), MATERIAL_ID),
        ("mrk-" + "0" * 31, MATERIAL_ID),
        ("alias/aws/ssm", MATERIAL_ID),
        (KEY_ID, MATERIAL_ID[:-1]),
        (KEY_ID, MATERIAL_ID.upper()),
    ],
)
def test_ids_that_no_blob_can_name_are_refused(key_id: str, material_id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal digits"):
        KeyMaterial(key_id, material_id, bytes(32))


def test_context_that_is_not_unicode() -> None:
    blob = MATERIAL.encrypt({"a": "b"}, b"x", RANDOMNESS)
    with pytest.raises(DecryptError):
        MATERIAL.decrypt({"a": "\ud800"}, blob)
    with pytest.raises(UnicodeEncodeError):
        MATERIAL.encrypt({"a": "\ud800"}, b"x", RANDOMNESS)


def test_equal_plaintexts_share_no_salt_nonce_or_ciphertext() -> None:
    blobs = [MATERIAL.encrypt(None, b"plaintext", RANDOMNESS) for _ in range(500)]
    for field in (slice(55, 71), slice(71, 83), slice(83, None)):
        assert len({blob[field] for blob in blobs}) == len(blobs)
