"""AWS managed keys: they appear on first use, serve their service only, and no customer changes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.api import kms as api
from holdfast.api.base import AccessDeniedException
from holdfast.testing import Account, Server

from .conftest import ACCOUNT, REGION, House
from .refusals import refused

SERVICES = ["secretsmanager", "ssm"]
CONTEXT = {"SecretARN": "arn:x"}


@pytest.fixture
def kms(holdfast: Account) -> Any:
    return holdfast.client("kms")


def _denied(account: str, action: str, arn: str) -> tuple[str, str]:
    return (
        "AccessDeniedException",
        f"User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on resource: {arn} because no"
        f" resource-based policy allows the kms:{action} action",
    )


@pytest.mark.parametrize("service", SERVICES)
def test_describing_one_makes_it(holdfast: Account, kms: Any, service: str) -> None:
    alias = f"alias/aws/{service}"
    [before] = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == alias]
    assert before == {"AliasName": alias, "AliasArn": f"arn:aws:kms:us-east-1:{holdfast.account}:{alias}"}
    assert kms.list_keys()["Keys"] == []
    made = kms.describe_key(KeyId=alias)["KeyMetadata"]
    assert made["KeyManager"] == "AWS"
    assert made["KeyState"] == "Enabled"
    assert made["Description"].startswith("Default key that protects my")
    assert kms.describe_key(KeyId=alias)["KeyMetadata"] == made
    [after] = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == alias]
    assert after["TargetKeyId"] == made["KeyId"]
    assert [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [made["KeyId"]]
    assert holdfast.client("kms", region_name="eu-west-1").list_keys()["Keys"] == []
    policy = json.loads(kms.get_key_policy(KeyId=made["KeyId"])["Policy"])
    assert policy["Id"].startswith(f"auto-{service}-")
    status = kms.get_key_rotation_status(KeyId=made["KeyId"])
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == []


def test_there_are_no_others(kms: Any) -> None:
    assert refused(kms.describe_key, KeyId="alias/aws/s3")[0] == "NotFoundException"


@pytest.mark.parametrize("service", SERVICES)
def test_customers_change_nothing(holdfast: Account, kms: Any, service: str) -> None:
    made = kms.describe_key(KeyId=f"alias/aws/{service}")["KeyMetadata"]
    key_id, arn = made["KeyId"], made["Arn"]
    policy = kms.get_key_policy(KeyId=key_id)["Policy"]
    own = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/own", TargetKeyId=own)
    tag = [{"TagKey": "a", "TagValue": "b"}]
    for action, call in {
        "DisableKey": lambda: refused(kms.disable_key, KeyId=key_id),
        "EnableKey": lambda: refused(kms.enable_key, KeyId=key_id),
        "ScheduleKeyDeletion": lambda: refused(kms.schedule_key_deletion, KeyId=key_id),
        "CancelKeyDeletion": lambda: refused(kms.cancel_key_deletion, KeyId=key_id),
        "UpdateKeyDescription": lambda: refused(kms.update_key_description, KeyId=key_id, Description="x"),
        "TagResource": lambda: refused(kms.tag_resource, KeyId=key_id, Tags=tag),
        "UntagResource": lambda: refused(kms.untag_resource, KeyId=key_id, TagKeys=["a"]),
        "PutKeyPolicy": lambda: refused(kms.put_key_policy, KeyId=key_id, Policy=policy),
        "EnableKeyRotation": lambda: refused(kms.enable_key_rotation, KeyId=key_id),
        "DisableKeyRotation": lambda: refused(kms.disable_key_rotation, KeyId=key_id),
        "RotateKeyOnDemand": lambda: refused(kms.rotate_key_on_demand, KeyId=key_id),
        "CreateAlias": lambda: refused(kms.create_alias, AliasName="alias/mine", TargetKeyId=key_id),
        "UpdateAlias": lambda: refused(kms.update_alias, AliasName="alias/own", TargetKeyId=key_id),
        "Encrypt": lambda: refused(kms.encrypt, KeyId=key_id, Plaintext=b"x"),
        "GenerateDataKey": lambda: refused(kms.generate_data_key, KeyId=key_id, KeySpec="AES_256"),
    }.items():
        assert call() == _denied(holdfast.account, action, arn)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"] == made


def test_a_refused_use_makes_no_key(holdfast: Account, kms: Any) -> None:
    arn = f"arn:aws:kms:us-east-1:{holdfast.account}:alias/aws/ssm"
    assert refused(kms.encrypt, KeyId="alias/aws/ssm", Plaintext=b"x") == _denied(holdfast.account, "Encrypt", arn)
    assert kms.list_keys()["Keys"] == []


def _data_key(house: House, service: str) -> api.GenerateDataKeyResponse:
    value = api.GenerateDataKeyRequest(KeyId=f"alias/aws/{service}", KeySpec="AES_256", EncryptionContext=CONTEXT)
    return house.call(api.GenerateDataKey, value, via=service)


@pytest.mark.parametrize("service", SERVICES)
def test_first_use_on_behalf(house: House, service: str) -> None:
    made = _data_key(house, service)
    assert _data_key(house, service).KeyId == made.KeyId
    value = api.DecryptRequest(CiphertextBlob=made.CiphertextBlob, EncryptionContext=CONTEXT)
    assert house.call(api.Decrypt, value, via=service).Plaintext == made.Plaintext
    encrypted = house.call(api.Encrypt, api.EncryptRequest(KeyId=f"alias/aws/{service}", Plaintext=b"x"), via=service)
    assert encrypted.KeyId == made.KeyId
    assert len(house.rows("SELECT key_id FROM kms_key")) == 1


@pytest.mark.parametrize("via", ["", "ssm", "s3"])
def test_only_its_service_uses_it(house: House, via: str) -> None:
    made = _data_key(house, "secretsmanager")
    blind = house.error(
        api.Decrypt, api.DecryptRequest(CiphertextBlob=made.CiphertextBlob, EncryptionContext=CONTEXT), via=via
    )
    assert isinstance(blind, AccessDeniedException)
    assert blind.message == (
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: kms:Decrypt on the resource associated with"
        " this ciphertext because the resource does not exist in this Region, no resource-based policies allow access,"
        " or a resource-based policy explicitly denies access"
    )
    named = house.error(
        api.Decrypt,
        api.DecryptRequest(CiphertextBlob=made.CiphertextBlob, EncryptionContext=CONTEXT, KeyId=made.KeyId),
        via=via,
    )
    assert (named.code, named.message) == _denied(ACCOUNT, "Decrypt", made.KeyId or "")
    assert not any(decision.allowed for trace in house.last_call.traces for decision in trace.call.decisions)


def test_re_encrypting_from_one_service_to_another_is_denied(house: House) -> None:
    made = _data_key(house, "secretsmanager")
    _data_key(house, "ssm")
    value = api.ReEncryptRequest(
        CiphertextBlob=made.CiphertextBlob, SourceEncryptionContext=CONTEXT, DestinationKeyId="alias/aws/ssm"
    )
    assert isinstance(house.error(api.ReEncrypt, value, via="secretsmanager"), AccessDeniedException)
    own = house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata
    assert own is not None
    value.DestinationKeyId = own.KeyId
    assert house.call(api.ReEncrypt, value, via="secretsmanager").KeyId == own.Arn


def test_a_key_of_the_account_is_its_own_in_every_region(house: House) -> None:
    first = _data_key(house, "ssm").KeyId or ""
    house.region = "us-west-2"
    second = _data_key(house, "ssm").KeyId or ""
    assert REGION in first
    assert "us-west-2" in second


def test_they_rotate_every_year(holdfast_server: Server) -> None:
    kms = holdfast_server.client("kms")
    made = kms.describe_key(KeyId="alias/aws/ssm")["KeyMetadata"]
    holdfast_server.advance(days=366)
    [rotation] = kms.list_key_rotations(KeyId=made["KeyId"])["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
