"""Messages of the AWS Encryption SDK: made by its reference implementation and opened here, and what does not open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault.encryption_sdk import is_message, open_message, read_header, seal_message
from holdfast.vault.errors import DecryptError
from holdfast.vault.randomness import UnsafeSeededRandomness
from holdfast.vault.registry import PARAMETER_VALUE
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault

DATA_KEY = bytes(range(32))
ARN = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555"
CONTEXT = {"PARAMETER_ARN": "arn:aws:ssm:us-east-1:123456789012:parameter/a"}
OF_AWS = bytes.fromhex(
    "020478f8adcb085d78e5768275620dc27b83ce8c3dbd8a06065937002a9bfe90d4bd6300410001000d504152414d455445525f41524e002e61726e"
    "3a6177733a73736d3a75732d656173742d313a3132333435363738393031323a706172616d657465722f61000100076177732d6b6d73004b61726e"
    "3a6177733a6b6d733a75732d656173742d313a3132333435363738393031323a6b65792f31313131313131312d323232322d343333332d38343434"
    "2d35353535353535353535353500075752415050454402000010002b389c1ecab0a2151f7bdd2175ca2674b8e00b1eaea580d59e9c3ceb3491d0b0"
    "cdc83f2ac367a1b8c3489cd9732ed420ffffffff00000001000000000000000000000001000000081b6e61fcec5ee3459434d02a910043fee08bd9"
    "7a55ad8820"
)
"""Made by aws-encryption-sdk 4.0.7 for Python with the suite AES_256_GCM_HKDF_SHA512_COMMIT_KEY."""


def sealed(plaintext: bytes) -> bytes:
    return seal_message(DATA_KEY, b"WRAPPED", ARN, CONTEXT, plaintext, UnsafeSeededRandomness("message"))


def test_a_message_of_awss_own_implementation_opens() -> None:
    assert is_message(OF_AWS)
    header = read_header(OF_AWS)
    assert (header.key_arn, header.data_key, header.context) == (ARN, b"WRAPPED", CONTEXT)
    assert open_message(DATA_KEY, OF_AWS).decode() == "täglich"


def test_ours_has_the_same_form() -> None:
    """All but the message id, the frame length that the maker chooses, and what follows from them."""
    ours = sealed("täglich".encode())
    assert len(ours) == len(OF_AWS)
    start = 3 + 32
    end = OF_AWS.index(b"WRAPPED") + 8
    assert (ours[:3], ours[start:end]) == (OF_AWS[:3], OF_AWS[start:end])


@given(st.binary(max_size=200))
def test_what_is_sealed_opens(plaintext: bytes) -> None:
    assert open_message(DATA_KEY, sealed(plaintext)) == plaintext


@given(st.data())
def test_nothing_else_opens(data: st.DataObject) -> None:
    message = bytearray(sealed(b"secret"))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DecryptError):
        open_message(DATA_KEY, bytes(message))
    cut = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(DecryptError):
        open_message(DATA_KEY, sealed(b"secret")[:cut])


@pytest.mark.parametrize("key", [bytes(32), b"short", b""])
def test_another_key_does_not_open_it(key: bytes) -> None:
    with pytest.raises(DecryptError):
        open_message(key, OF_AWS)


def test_only_a_column_of_kms_takes_a_message() -> None:
    randomness = UnsafeSeededRandomness("vault")
    vault = Vault(RootKeys.generate(randomness), randomness)
    with pytest.raises(ValueError, match="does not hold what KMS encrypts"):
        vault.seal_message(PARAMETER_VALUE, DATA_KEY, b"WRAPPED", ARN, CONTEXT, b"x")
