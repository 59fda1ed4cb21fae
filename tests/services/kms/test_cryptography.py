"""Encrypt, Decrypt, ReEncrypt and the generators, through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account
from holdfast.vault.kms_blob import parse_header

from .refusals import refused

INCORRECT_KEY = (
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.",
)
INVALID = ("InvalidCiphertextException", "")
DRY_RUN = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


@pytest.fixture
def kms(holdfast: Account) -> Any:
    return holdfast.client("kms")


@pytest.fixture
def key(kms: Any) -> Any:
    return kms.create_key()["KeyMetadata"]


def _no_such_ciphertext(holdfast: Account, action: str = "Decrypt") -> tuple[str, str]:
    return (
        "AccessDeniedException",
        f"User: arn:aws:iam::{holdfast.account}:root is not authorized to perform: kms:{action} on the resource"
        " associated with this ciphertext because the resource does not exist in this Region, no resource-based"
        " policies allow access, or a resource-based policy explicitly denies access",
    )


@pytest.mark.parametrize("size", [1, 4096])
def test_round_trip(kms: Any, key: Any, size: int) -> None:
    plaintext = bytes(n % 256 for n in range(size))
    encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext)
    assert encrypted["KeyId"] == key["Arn"]
    assert encrypted["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    decrypted = kms.decrypt(CiphertextBlob=encrypted["CiphertextBlob"])
    assert decrypted["Plaintext"] == plaintext
    assert decrypted["KeyId"] == key["Arn"]
    assert decrypted["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert decrypted["KeyMaterialId"] == key["CurrentKeyMaterialId"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (
            4097,
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length less than or equal to 4096",
        ),
        (
            0,
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
    ],
)
def test_plaintexts_of_the_wrong_size(kms: Any, key: Any, size: int, text: str) -> None:
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=bytes(size)) == ("ValidationException", text)


def test_encrypting_twice_never_gives_the_same_ciphertext(kms: Any, key: Any) -> None:
    blobs = {kms.encrypt(KeyId=key["KeyId"], Plaintext=b"same")["CiphertextBlob"] for _ in range(5)}
    assert len(blobs) == 5


CONTEXT = {"SecretARN": "arn:x", "SecretVersionId": "1", "ümlaut": "🔑", "": ""}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {**CONTEXT, "more": "x"},
        {k: v for k, v in CONTEXT.items() if k},
        {**CONTEXT, "SecretVersionId": "2"},
        {**CONTEXT, "SecretARN": "ARN:x"},
        {("secretarn" if k == "SecretARN" else k): v for k, v in CONTEXT.items()},
        {"SecretARN": "1", "SecretVersionId": "arn:x", "ümlaut": "🔑", "": ""},
    ],
)
def test_the_encryption_context_must_be_the_same(kms: Any, key: Any, other: dict[str, str]) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext=other) == INVALID


def test_the_order_of_an_encryption_context_does_not_matter(kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    turned = dict(reversed(CONTEXT.items()))
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=turned)["Plaintext"] == b"x"


def test_no_context_is_an_empty_context(kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "b"}) == INVALID


def test_a_changed_ciphertext_does_not_open(holdfast: Account, kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    answers = set[tuple[str, str]]()
    for position in range(0, len(blob), 3):
        changed = bytearray(blob)
        changed[position] ^= 1
        answers.add(refused(kms.decrypt, CiphertextBlob=bytes(changed)))
    # A changed key id names a key that is not there; everything else is simply not a ciphertext.
    assert answers == {INVALID, _no_such_ciphertext(holdfast)}
    header = parse_header(blob)
    for identifier, answer in (
        (header.key_id, _no_such_ciphertext(holdfast)),
        (header.material_id, INVALID),
    ):
        place = blob.index(bytes.fromhex(identifier.replace("-", "")))
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        assert refused(kms.decrypt, CiphertextBlob=changed) == answer
    state = ("DisabledException", f"{key['Arn']} is disabled.")
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(kms.decrypt, CiphertextBlob=changed) == state
    kms.enable_key(KeyId=key["KeyId"])
    for wrong in (blob[:-1], blob + b"x", blob[:40], b"x", b"\x01" * 6144):
        assert refused(kms.decrypt, CiphertextBlob=wrong) == INVALID


def test_naming_the_key(kms: Any, key: Any) -> None:
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key["Arn"])["Plaintext"] == b"x"
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId=other["KeyId"]) == INCORRECT_KEY
    assert refused(kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other["KeyId"], DestinationKeyId=key["KeyId"]) == (
        INCORRECT_KEY
    )
    code, text = refused(kms.decrypt, CiphertextBlob=blob, KeyId="alias/nothing")
    assert code == "NotFoundException"
    assert text.endswith("alias/nothing is not found.")


def test_a_ciphertext_of_another_account_or_region(holdfast: Account, kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    stranger = holdfast.server.create_account()
    assert refused(stranger.client("kms").decrypt, CiphertextBlob=blob) == _no_such_ciphertext(stranger)
    elsewhere = holdfast.client("kms", region_name="eu-west-1")
    assert refused(elsewhere.decrypt, CiphertextBlob=blob) == _no_such_ciphertext(holdfast)
    own = elsewhere.create_key()["KeyMetadata"]["KeyId"]
    assert refused(elsewhere.re_encrypt, CiphertextBlob=blob, DestinationKeyId=own) == (
        _no_such_ciphertext(holdfast, "ReEncryptFrom")
    )


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ({"KeySpec": "AES_256"}, 32),
        ({"KeySpec": "AES_128"}, 16),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_data_keys(kms: Any, key: Any, arguments: dict[str, Any], size: int) -> None:
    context = {"a": "b"}
    made = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext=context, **arguments)
    assert len(made["Plaintext"]) == size
    assert made["KeyId"] == key["Arn"]
    assert made["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == made["Plaintext"]
    without = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], EncryptionContext=context, **arguments)
    assert "Plaintext" not in without
    assert without["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    opened = kms.decrypt(CiphertextBlob=without["CiphertextBlob"], EncryptionContext=context)
    assert len(opened["Plaintext"]) == size


@pytest.mark.parametrize("arguments", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}])
@pytest.mark.parametrize("operation", ["generate_data_key", "generate_data_key_without_plaintext"])
def test_data_keys_of_no_or_two_sizes(kms: Any, key: Any, operation: str, arguments: dict[str, Any]) -> None:
    assert refused(getattr(kms, operation), KeyId=key["KeyId"], **arguments) == (
        "ValidationException",
        "Please specify either number of bytes or key spec.",
    )


def test_re_encryption(kms: Any, key: Any) -> None:
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"b": "2"},
    )
    assert moved["SourceKeyId"] == key["Arn"]
    assert moved["KeyId"] == other["Arn"]
    assert moved["SourceKeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert moved["DestinationKeyMaterialId"] == other["CurrentKeyMaterialId"]
    assert moved["SourceEncryptionAlgorithm"] == moved["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert (opened["KeyId"], opened["Plaintext"]) == (other["Arn"], b"x")
    wrong = {"CiphertextBlob": blob, "DestinationKeyId": other["KeyId"]}
    assert refused(kms.re_encrypt, **wrong) == INVALID
    kms.disable_key(KeyId=other["KeyId"])
    assert refused(kms.re_encrypt, SourceEncryptionContext={"a": "1"}, **wrong)[0] == "DisabledException"


def test_random_bytes(kms: Any) -> None:
    assert len(kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024
    assert kms.generate_random(NumberOfBytes=32)["Plaintext"] != kms.generate_random(NumberOfBytes=32)["Plaintext"]
    assert refused(kms.generate_random) == ("ValidationException", "NumberOfBytes is required.")
    assert refused(kms.generate_random, NumberOfBytes=1025) == (
        "ValidationException",
        "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: "
        "Member must have value less than or equal to 1024",
    )
    code, text = refused(kms.generate_random, NumberOfBytes=1, CustomKeyStoreId="cks-1")
    assert (code, "CustomKeyStoreId" in text) == ("UnsupportedOperationException", True)


def test_dry_runs(kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    key_id = {"KeyId": key["KeyId"], "DryRun": True}
    assert refused(kms.encrypt, Plaintext=b"x", **key_id) == DRY_RUN
    assert refused(kms.generate_data_key, KeySpec="AES_256", **key_id) == DRY_RUN
    assert refused(kms.generate_data_key_without_plaintext, KeySpec="AES_256", **key_id) == DRY_RUN
    assert refused(kms.decrypt, CiphertextBlob=blob, DryRun=True) == DRY_RUN
    assert refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key["KeyId"], DryRun=True) == DRY_RUN
    # What would not succeed says so, dry or not.
    assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "b"}, DryRun=True) == INVALID
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(kms.encrypt, Plaintext=b"x", **key_id)[0] == "DisabledException"
    assert refused(kms.decrypt, CiphertextBlob=blob, DryRun=True)[0] == "DisabledException"


def test_dry_runs_without_a_ciphertext(kms: Any, key: Any) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    ignore = {"DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    assert refused(kms.decrypt, KeyId=key["KeyId"], DryRun=True, **ignore) == DRY_RUN
    assert refused(kms.re_encrypt, SourceKeyId=key["KeyId"], DestinationKeyId=other, DryRun=True, **ignore) == DRY_RUN
    assert refused(kms.decrypt, DryRun=True, **ignore)[0] == "ValidationException"
    assert refused(kms.decrypt, KeyId=key["KeyId"], **ignore)[0] == "ValidationException"
    assert refused(kms.decrypt, KeyId=key["KeyId"]) == (
        "ValidationException",
        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
        "Member must not be null",
    )
    kms.disable_key(KeyId=other)
    assert refused(kms.re_encrypt, SourceKeyId=key["KeyId"], DestinationKeyId=other, DryRun=True, **ignore)[0] == (
        "DisabledException"
    )


def test_what_symmetric_keys_cannot_do(kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    text = (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    )
    rsa = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", **rsa) == text
    assert refused(kms.decrypt, CiphertextBlob=blob, **rsa) == text


def test_what_is_absent_is_refused_and_not_ignored(kms: Any, key: Any) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    recipient = {"Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}}
    for code, text in (
        refused(kms.decrypt, CiphertextBlob=blob, **recipient),
        refused(kms.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256", **recipient),
        refused(kms.generate_random, NumberOfBytes=1, **recipient),
    ):
        assert (code, "Recipient" in text) == ("UnsupportedOperationException", True)
    tokens = {"GrantTokens": ["x"]}
    for code, _ in (
        refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", **tokens),
        refused(kms.decrypt, CiphertextBlob=blob, **tokens),
        refused(kms.describe_key, KeyId=key["KeyId"], **tokens),
    ):
        assert code == "InvalidGrantTokenException"
