"""CreateKey, DescribeKey, ListKeys, the switches of a key, and the texts of its refusals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.testing import Account

from .refusals import refused

MISSING = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def kms(holdfast: Account) -> Any:
    return holdfast.client("kms")


def _create(kms: Any, **arguments: Any) -> dict[str, Any]:
    return kms.create_key(**arguments)["KeyMetadata"]


def test_a_new_key(holdfast: Account, kms: Any) -> None:
    made = _create(kms, Description="payroll")
    key_id = made["KeyId"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key_id)
    described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert described == made
    assert abs(described.pop("CreationDate") - datetime.now(UTC)) < timedelta(minutes=5)
    assert re.fullmatch(r"[0-9a-f]{64}", described.pop("CurrentKeyMaterialId"))
    assert described == {
        "AWSAccountId": holdfast.account,
        "KeyId": key_id,
        "Arn": f"arn:aws:kms:us-east-1:{holdfast.account}:key/{key_id}",
        "Enabled": True,
        "Description": "payroll",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }


def test_a_key_without_a_description_has_an_empty_one(kms: Any) -> None:
    assert _create(kms)["Description"] == ""


def test_all_four_forms_of_a_key_id(kms: Any) -> None:
    made = _create(kms)
    kms.create_alias(AliasName="alias/forms", TargetKeyId=made["Arn"])
    forms = [made["KeyId"], made["Arn"], "alias/forms", made["Arn"].split(":key/")[0] + ":alias/forms"]
    for form in forms:
        assert kms.describe_key(KeyId=form)["KeyMetadata"]["KeyId"] == made["KeyId"]
        blob = kms.encrypt(KeyId=form, Plaintext=b"x")["CiphertextBlob"]
        for other in forms:
            assert kms.decrypt(KeyId=other, CiphertextBlob=blob)["Plaintext"] == b"x"


def test_keys_are_regional(holdfast: Account, kms: Any) -> None:
    made = _create(kms)
    elsewhere = holdfast.client("kms", region_name="eu-west-1")
    arn = f"arn:aws:kms:eu-west-1:{holdfast.account}:key/{made['KeyId']}"
    assert refused(elsewhere.describe_key, KeyId=made["KeyId"]) == ("NotFoundException", f"Key '{arn}' does not exist")
    assert refused(elsewhere.describe_key, KeyId=made["Arn"]) == ("NotFoundException", "Invalid arn us-east-1")
    assert elsewhere.list_keys()["Keys"] == []


@pytest.mark.parametrize(
    "operation",
    [
        "describe_key",
        "enable_key",
        "disable_key",
        "schedule_key_deletion",
        "cancel_key_deletion",
        "get_key_policy",
        "get_key_rotation_status",
        "list_resource_tags",
        "list_key_policies",
        "list_key_rotations",
        "enable_key_rotation",
        "disable_key_rotation",
        "rotate_key_on_demand",
        "list_aliases",
    ],
)
def test_what_does_not_exist(holdfast: Account, kms: Any, operation: str) -> None:
    arn = f"arn:aws:kms:us-east-1:{holdfast.account}:key/{MISSING}"
    gone = ("NotFoundException", f"Key '{arn}' does not exist")
    assert refused(getattr(kms, operation), KeyId=MISSING) == gone
    assert refused(getattr(kms, operation), KeyId=arn) == gone
    assert refused(getattr(kms, operation), KeyId="x") == ("NotFoundException", "Invalid keyId 'x'")
    if operation != "describe_key":
        assert refused(getattr(kms, operation), KeyId="alias/x") == (
            "InvalidArnException",
            "Key Aliases are not supported for this operation.",
        )


def test_an_alias_that_does_not_exist(holdfast: Account, kms: Any) -> None:
    arn = f"arn:aws:kms:us-east-1:{holdfast.account}:alias/nothing"
    for form in ("alias/nothing", arn):
        gone = ("NotFoundException", f"Alias {arn} is not found.")
        assert refused(kms.describe_key, KeyId=form) == gone
        assert refused(kms.encrypt, KeyId=form, Plaintext=b"x") == gone


def test_descriptions(kms: Any) -> None:
    key_id = _create(kms, Description="a")["KeyId"]
    for text in ("b", "", "ünïcode 🔑"):
        kms.update_key_description(KeyId=key_id, Description=text)
        assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == text


def _states(kms: Any) -> dict[str, str]:
    """An enabled, a disabled and a pending key: state -> ARN."""
    arns = {state: _create(kms)["Arn"] for state in ("Enabled", "Disabled", "PendingDeletion")}
    kms.disable_key(KeyId=arns["Disabled"])
    kms.schedule_key_deletion(KeyId=arns["PendingDeletion"])
    return arns


def test_a_disabled_key(kms: Any) -> None:
    arn = _states(kms)["Disabled"]
    described = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("Disabled", False)
    text = ("DisabledException", f"{arn} is disabled.")
    assert refused(kms.encrypt, KeyId=arn, Plaintext=b"x") == text
    assert refused(kms.generate_data_key, KeyId=arn, KeySpec="AES_256") == text
    assert refused(kms.generate_data_key_without_plaintext, KeyId=arn, KeySpec="AES_256") == text
    assert refused(kms.enable_key_rotation, KeyId=arn) == text
    assert refused(kms.disable_key_rotation, KeyId=arn) == text
    assert refused(kms.rotate_key_on_demand, KeyId=arn) == text
    assert refused(kms.cancel_key_deletion, KeyId=arn) == (
        "KMSInvalidStateException",
        f"{arn} is not pending deletion.",
    )
    kms.disable_key(KeyId=arn)
    kms.update_key_description(KeyId=arn, Description="still mine")
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.create_alias(AliasName="alias/disabled", TargetKeyId=arn)
    kms.enable_key(KeyId=arn)
    kms.encrypt(KeyId=arn, Plaintext=b"x")


def test_a_key_pending_deletion(kms: Any) -> None:
    arns = _states(kms)
    arn = arns["PendingDeletion"]
    kms.create_alias(AliasName="alias/elsewhere", TargetKeyId=arns["Enabled"])
    described = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("PendingDeletion", False)
    text = ("KMSInvalidStateException", f"{arn} is pending deletion.")
    assert refused(kms.encrypt, KeyId=arn, Plaintext=b"x") == text
    assert refused(kms.generate_data_key, KeyId=arn, KeySpec="AES_256") == text
    assert refused(kms.enable_key, KeyId=arn) == text
    assert refused(kms.disable_key, KeyId=arn) == text
    assert refused(kms.enable_key_rotation, KeyId=arn) == text
    assert refused(kms.disable_key_rotation, KeyId=arn) == text
    assert refused(kms.rotate_key_on_demand, KeyId=arn) == text
    assert refused(kms.schedule_key_deletion, KeyId=arn) == text
    assert refused(kms.update_key_description, KeyId=arn, Description="x") == text
    assert refused(kms.tag_resource, KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "b"}]) == text
    assert refused(kms.untag_resource, KeyId=arn, TagKeys=["a"]) == text
    assert refused(kms.create_alias, AliasName="alias/x", TargetKeyId=arn) == text
    assert refused(kms.update_alias, AliasName="alias/elsewhere", TargetKeyId=arn) == text
    # Reading works in every state.
    assert kms.list_resource_tags(KeyId=arn)["Tags"] == []
    assert kms.get_key_policy(KeyId=arn)["PolicyName"] == "default"
    assert kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is False
    assert kms.list_aliases(KeyId=arn)["Aliases"] == []


def test_decrypting_needs_an_enabled_key(kms: Any) -> None:
    arn = _create(kms)["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=arn)
    for arguments in ({}, {"KeyId": arn}):
        assert refused(kms.decrypt, CiphertextBlob=blob, **arguments) == ("DisabledException", f"{arn} is disabled.")
    kms.schedule_key_deletion(KeyId=arn)
    assert refused(kms.decrypt, CiphertextBlob=blob) == ("KMSInvalidStateException", f"{arn} is pending deletion.")
    kms.cancel_key_deletion(KeyId=arn)
    kms.enable_key(KeyId=arn)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize("days", [None, 7, 30])
def test_scheduling_a_deletion(kms: Any, days: int | None) -> None:
    made = _create(kms)
    arguments = {} if days is None else {"PendingWindowInDays": days}
    answer = kms.schedule_key_deletion(KeyId=made["KeyId"], **arguments)
    assert answer["KeyId"] == made["Arn"]
    assert answer["KeyState"] == "PendingDeletion"
    assert answer["PendingWindowInDays"] == (days or 30)
    expected = made["CreationDate"] + timedelta(days=days or 30)
    assert abs(answer["DeletionDate"] - expected) < timedelta(minutes=1)
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["DeletionDate"] == answer["DeletionDate"]
    assert kms.cancel_key_deletion(KeyId=made["KeyId"])["KeyId"] == made["Arn"]
    described = kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    assert described["KeyState"] == "Disabled"
    assert "DeletionDate" not in described


@pytest.mark.parametrize("days", [1, 6, 31, 365])
def test_waiting_periods_that_are_refused(kms: Any, days: int) -> None:
    key_id = _create(kms)["KeyId"]
    assert refused(kms.schedule_key_deletion, KeyId=key_id, PendingWindowInDays=days) == (
        "ValidationException",
        "PendingWindowInDays must be between 7 and 30",
    )
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException", "KeySpec RSA_2048"),
        (
            {"CustomerMasterKeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
            "UnsupportedOperationException",
            "H",
        ),
        (
            {"KeySpec": "HMAC_256"},
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ),
        ({"KeyUsage": "SIGN_VERIFY"}, "ValidationException", "KeyUsage SIGN_VERIFY"),
        ({"MultiRegion": True}, "UnsupportedOperationException", "MultiRegion"),
        ({"Origin": "EXTERNAL"}, "UnsupportedOperationException", "Origin EXTERNAL"),
        ({"CustomKeyStoreId": "cks-1"}, "UnsupportedOperationException", "CustomKeyStoreId"),
        ({"XksKeyId": "x"}, "UnsupportedOperationException", "XksKeyId"),
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException",
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request.",
        ),
    ],
)
def test_kinds_of_keys_that_are_absent(kms: Any, arguments: dict[str, Any], code: str, named: str) -> None:
    found, text = refused(kms.create_key, **arguments)
    assert found == code
    assert named in text
    assert kms.list_keys()["Keys"] == []


def test_the_spelled_out_default_kind_is_taken(kms: Any) -> None:
    made = _create(kms, KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT", Origin="AWS_KMS", MultiRegion=False)
    assert made["KeySpec"] == "SYMMETRIC_DEFAULT"


def test_listing_hundreds_of_keys(kms: Any) -> None:
    made = {_create(kms)["KeyId"] for _ in range(230)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 70}))
    assert [len(page["Keys"]) for page in pages] == [70, 70, 70, 20]
    assert [page["Truncated"] for page in pages] == [True, True, True, False]
    assert "NextMarker" not in pages[-1]
    listed = [entry["KeyId"] for page in pages for entry in page["Keys"]]
    assert len(listed) == len(made)
    assert set(listed) == made
    assert all(entry["KeyArn"].endswith(entry["KeyId"]) for entry in pages[0]["Keys"])
    assert len(kms.list_keys()["Keys"]) == 100
    assert len(kms.list_keys(Limit=1000)["Keys"]) == 230


def test_markers_are_bound_to_their_listing(holdfast: Account, kms: Any) -> None:
    for _ in range(3):
        _create(kms)
    marker = kms.list_keys(Limit=1)["NextMarker"]
    elsewhere = holdfast.client("kms", region_name="eu-west-1")
    stranger = holdfast.server.create_account().client("kms")
    for call in (kms.list_aliases, elsewhere.list_keys, stranger.list_keys):
        assert refused(call, Marker=marker)[0] == "InvalidMarkerException"
    forged = marker[:20] + ("A" if marker[20] != "A" else "B") + marker[21:]
    assert refused(kms.list_keys, Marker=forged)[0] == "InvalidMarkerException"
    assert refused(kms.list_keys, Marker="x")[0] == "InvalidMarkerException"
    assert len(kms.list_keys(Marker=marker)["Keys"]) == 2


def test_no_other_account_shares_keys(kms: Any) -> None:
    _create(kms)
    assert kms.list_keys(ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"])["Keys"] == []
    assert len(kms.list_keys(ResourceOwners=["SELF", "OTHER_ACCOUNTS_VIA_RAM"])["Keys"]) == 1


def test_operations_that_are_absent_say_so(kms: Any) -> None:
    key_id = _create(kms)["KeyId"]
    code, text = refused(kms.get_public_key, KeyId=key_id)
    assert code == "NotImplementedException"
    assert "GetPublicKey" in text
