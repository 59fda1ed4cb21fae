"""Sealed values: any change of a byte, of the key or of the place, and nothing opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault import sealing
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import RootKey, RootKeys
from holdfast.vault.sealing import Form, PurposeKeys, Row, SealedColumn

RANDOMNESS = SystemRandomness()
ROOT_KEYS = RootKeys.generate(RANDOMNESS)
COLUMN = SealedColumn("example", "secret_sealed", "example-secret", Form.ROOT, ("id",))
KEYS = PurposeKeys.for_column(ROOT_KEYS, COLUMN)

parts = st.one_of(st.text(max_size=8), st.integers(), st.binary(max_size=8))
rows = st.lists(parts, max_size=4).map(tuple)
names = st.text(min_size=1, max_size=8)


@given(rows, st.binary(max_size=200))
def test_round_trip(row: Row, plaintext: bytes) -> None:
    sealed = sealing.seal(KEYS, COLUMN, row, plaintext, RANDOMNESS)
    assert sealing.open_sealed(KEYS, COLUMN, row, sealed) == plaintext
    assert len(sealed) == len(plaintext) + 56
    assert sealing.root_key_id(sealed) == ROOT_KEYS.current.id


@given(rows, st.binary(max_size=200))
def test_round_trip_of_a_value(row: Row, plaintext: bytes) -> None:
    data_key = RANDOMNESS.bytes(32)
    sealed = sealing.seal_value(data_key, COLUMN, row, plaintext, RANDOMNESS)
    assert sealing.open_value(data_key, COLUMN, row, sealed) == plaintext
    assert len(sealed) == len(plaintext) + 32


@pytest.mark.parametrize("plaintext", [b"", b"0123456789abcdef!"])
def test_every_single_bit_matters(plaintext: bytes) -> None:
    row, data_key = ("row",), RANDOMNESS.bytes(32)
    sealed = sealing.seal(KEYS, COLUMN, row, plaintext, RANDOMNESS)
    value = sealing.seal_value(data_key, COLUMN, row, plaintext, RANDOMNESS)
    for bit in range(len(sealed) * 8):
        with pytest.raises(DecryptError):
            sealing.open_sealed(KEYS, COLUMN, row, _flip(sealed, bit))
    for bit in range(len(value) * 8):
        with pytest.raises(DecryptError):
            sealing.open_value(data_key, COLUMN, row, _flip(value, bit))


def test_every_length_matters() -> None:
    row, data_key = ("row",), RANDOMNESS.bytes(32)
    sealed = sealing.seal(KEYS, COLUMN, row, b"plaintext", RANDOMNESS)
    value = sealing.seal_value(data_key, COLUMN, row, b"plaintext", RANDOMNESS)
    for size in range(len(sealed)):
        with pytest.raises(DecryptError):
            sealing.open_sealed(KEYS, COLUMN, row, sealed[:size])
    for size in range(len(value)):
        with pytest.raises(DecryptError):
            sealing.open_value(data_key, COLUMN, row, value[:size])


@given(rows, rows)
def test_another_row_does_not_open(here: Row, there: Row) -> None:
    if _same(here, there):
        return
    sealed = sealing.seal(KEYS, COLUMN, here, b"plaintext", RANDOMNESS)
    with pytest.raises(DecryptError):
        sealing.open_sealed(KEYS, COLUMN, there, sealed)


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_another_column_does_not_open(here: tuple[str, str, str], there: tuple[str, str, str]) -> None:
    if here == there:
        return
    first, second = (SealedColumn(*place, Form.ROOT, ()) for place in (here, there))
    value = sealing.seal_value(bytes(32), first, ("row",), b"plaintext", RANDOMNESS)
    with pytest.raises(DecryptError):
        sealing.open_value(bytes(32), second, ("row",), value)
    sealed = sealing.seal(PurposeKeys.for_column(ROOT_KEYS, first), first, ("row",), b"plaintext", RANDOMNESS)
    with pytest.raises(DecryptError):
        sealing.open_sealed(PurposeKeys.for_column(ROOT_KEYS, second), second, ("row",), sealed)


def test_purpose_changes_the_key_and_not_only_the_associated_data() -> None:
    """A page token and a sealed value with the same bytes bound would still be under different keys."""
    other = PurposeKeys(ROOT_KEYS, "another-purpose", b"holdfast-seal-v1")
    sealed = sealing.seal(KEYS, COLUMN, ("row",), b"plaintext", RANDOMNESS)
    with pytest.raises(DecryptError):
        sealing.open_sealed(other, COLUMN, ("row",), sealed)


def test_equal_plaintexts_share_no_salt_nonce_or_ciphertext() -> None:
    sealed = [sealing.seal(KEYS, COLUMN, ("row",), b"plaintext", RANDOMNESS) for _ in range(500)]
    for field in (slice(12, 28), slice(28, 40), slice(40, None)):
        assert len({one[field] for one in sealed}) == len(sealed)


def test_rotation_seals_under_the_current_key_and_opens_under_the_previous() -> None:
    new = RootKeys(RootKey(RANDOMNESS.bytes(32)), (ROOT_KEYS.current,), source="test")
    keys = PurposeKeys.for_column(new, COLUMN)
    old = sealing.seal(KEYS, COLUMN, ("row",), b"plaintext", RANDOMNESS)
    assert sealing.open_sealed(keys, COLUMN, ("row",), old) == b"plaintext"
    again = sealing.seal(keys, COLUMN, ("row",), b"plaintext", RANDOMNESS)
    assert sealing.root_key_id(again) == new.current.id
    with pytest.raises(DecryptError):
        sealing.open_sealed(KEYS, COLUMN, ("row",), again)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_data_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="a data key has 32 bytes"):
        sealing.seal_value(bytes(size), COLUMN, ("row",), b"", RANDOMNESS)
    sealed = sealing.seal_value(bytes(32), COLUMN, ("row",), b"", RANDOMNESS)
    with pytest.raises(DecryptError):
        sealing.open_value(bytes(size), COLUMN, ("row",), sealed)


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _same(here: Row, there: Row) -> bool:
    return here == there and [type(part) for part in here] == [type(part) for part in there]
