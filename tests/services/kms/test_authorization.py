"""Accounts are apart, and a decision sees what KMS's condition keys promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.access.principal import root_of
from holdfast.api import kms as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.call import Trace
from holdfast.services.kms import keys, records
from holdfast.services.kms.authorization import KeyContext
from holdfast.testing import Account

from .conftest import ACCOUNT, OTHER_ACCOUNT, REGION, House
from .refusals import refused

Calls = dict[str, Callable[[Any, str], tuple[str, str]]]

CALLS: Calls = {
    "DescribeKey": lambda kms, key: refused(kms.describe_key, KeyId=key),
    "Encrypt": lambda kms, key: refused(kms.encrypt, KeyId=key, Plaintext=b"x"),
    "GenerateDataKey": lambda kms, key: refused(kms.generate_data_key, KeyId=key, KeySpec="AES_256"),
    "GenerateDataKeyWithoutPlaintext": lambda kms, key: refused(
        kms.generate_data_key_without_plaintext, KeyId=key, KeySpec="AES_256"
    ),
    "GetKeyRotationStatus": lambda kms, key: refused(kms.get_key_rotation_status, KeyId=key),
    "GetKeyPolicy": lambda kms, key: refused(kms.get_key_policy, KeyId=key),
    "ListKeyPolicies": lambda kms, key: refused(kms.list_key_policies, KeyId=key),
    "ListKeyRotations": lambda kms, key: refused(kms.list_key_rotations, KeyId=key),
    "ListResourceTags": lambda kms, key: refused(kms.list_resource_tags, KeyId=key),
    "EnableKey": lambda kms, key: refused(kms.enable_key, KeyId=key),
    "DisableKey": lambda kms, key: refused(kms.disable_key, KeyId=key),
    "ScheduleKeyDeletion": lambda kms, key: refused(kms.schedule_key_deletion, KeyId=key),
    "CancelKeyDeletion": lambda kms, key: refused(kms.cancel_key_deletion, KeyId=key),
    "UpdateKeyDescription": lambda kms, key: refused(kms.update_key_description, KeyId=key, Description="x"),
    "PutKeyPolicy": lambda kms, key: refused(kms.put_key_policy, KeyId=key, Policy="{}"),
    "EnableKeyRotation": lambda kms, key: refused(kms.enable_key_rotation, KeyId=key),
    "DisableKeyRotation": lambda kms, key: refused(kms.disable_key_rotation, KeyId=key),
    "RotateKeyOnDemand": lambda kms, key: refused(kms.rotate_key_on_demand, KeyId=key),
    "CreateAlias": lambda kms, key: refused(kms.create_alias, AliasName="alias/x", TargetKeyId=key),
    "TagResource": lambda kms, key: refused(kms.tag_resource, KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
    "UntagResource": lambda kms, key: refused(kms.untag_resource, KeyId=key, TagKeys=["a"]),
}


@pytest.mark.parametrize("action", sorted(CALLS))
def test_keys_of_another_account(holdfast: Account, action: str) -> None:
    """A key that exists and one that does not are denied in the same words."""
    owner = holdfast.server.create_account()
    made = owner.client("kms").create_key()["KeyMetadata"]
    missing = made["Arn"].replace(made["KeyId"], "1234abcd-12ab-34cd-56ef-1234567890ab")
    for arn in (made["Arn"], missing):
        assert CALLS[action](holdfast.client("kms"), arn) == (
            "AccessDeniedException",
            f"User: arn:aws:iam::{holdfast.account}:root is not authorized to perform: kms:{action} on resource: {arn}"
            f" because no resource-based policy allows the kms:{action} action",
        )
    assert owner.client("kms").describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made


@pytest.mark.parametrize("action", ["DescribeKey", "Encrypt", "GenerateDataKey"])
def test_aliases_of_another_account(holdfast: Account, action: str) -> None:
    """Neither whether a stranger's alias exists nor which key it names can be told from a denial."""
    owner = holdfast.server.create_account()
    key_id = owner.client("kms").create_key()["KeyMetadata"]["KeyId"]
    owner.client("kms").create_alias(AliasName="alias/app", TargetKeyId=key_id)
    managed = owner.client("kms").describe_key(KeyId="alias/aws/ssm")["KeyMetadata"]["KeyId"]
    for name in ("alias/app", "alias/nothing", "alias/aws/ssm", "alias/aws/secretsmanager"):
        arn = f"arn:aws:kms:us-east-1:{owner.account}:{name}"
        assert CALLS[action](holdfast.client("kms"), arn) == (
            "AccessDeniedException",
            f"User: arn:aws:iam::{holdfast.account}:root is not authorized to perform: kms:{action} on resource: {arn}"
            f" because no resource-based policy allows the kms:{action} action",
        )
    assert {entry["KeyId"] for entry in owner.client("kms").list_keys()["Keys"]} == {key_id, managed}


def test_on_behalf_is_authorized_as_the_caller(house: House) -> None:
    """A service that is asked for a foreign key by name gets no further than its caller would."""
    house.principal = root_of(OTHER_ACCOUNT)
    foreign = house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata
    assert foreign is not None
    own_request = api.GenerateDataKeyRequest(KeyId=foreign.Arn, KeySpec="AES_256")
    sealed = house.call(api.GenerateDataKey, own_request, via="secretsmanager")
    house.principal = root_of(ACCOUNT)
    error = house.error(api.GenerateDataKey, own_request, via="secretsmanager")
    assert isinstance(error, AccessDeniedException)
    assert "because no resource-based policy allows the kms:GenerateDataKey action" in (error.message or "")
    decrypt = api.DecryptRequest(CiphertextBlob=sealed.CiphertextBlob)
    assert isinstance(house.error(api.Decrypt, decrypt, via="secretsmanager"), AccessDeniedException)
    decrypt.KeyId = foreign.Arn
    assert isinstance(house.error(api.Decrypt, decrypt, via="secretsmanager"), AccessDeniedException)


def test_every_on_behalf_call_is_traced(house: House) -> None:
    made = house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata
    assert made is not None
    house.call(api.Encrypt, api.EncryptRequest(KeyId=made.KeyId, Plaintext=b"x"), via="ssm")
    [trace] = house.last_call.traces
    assert isinstance(trace, Trace)
    assert trace.operation is api.Encrypt
    assert trace.call.via_service == "ssm"
    [decision] = trace.call.decisions
    assert (decision.action, decision.resource) == ("kms:Encrypt", made.Arn)


def test_both_ends_of_a_re_encryption_are_decided(house: House) -> None:
    first, second = (house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata for _ in range(2))
    assert first is not None
    assert second is not None
    blob = house.call(api.Encrypt, api.EncryptRequest(KeyId=first.KeyId, Plaintext=b"x")).CiphertextBlob
    house.call(api.ReEncrypt, api.ReEncryptRequest(CiphertextBlob=blob, DestinationKeyId=second.KeyId))
    assert [(d.action, d.resource) for d in house.last_call.decisions] == [
        ("kms:ReEncryptFrom", first.Arn),
        ("kms:ReEncryptTo", second.Arn),
    ]


def test_a_dry_run_without_a_ciphertext_knows_whether_both_keys_are_one(house: House) -> None:
    """kms:ReEncryptOnSameKey decides as it would with a ciphertext of the source key."""
    first, second = (house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata for _ in range(2))
    assert first is not None
    assert second is not None
    house.call(api.CreateAlias, api.CreateAliasRequest(AliasName="alias/first", TargetKeyId=first.KeyId))

    def outcome(source: str | None, destination: str | None) -> str:
        request = api.ReEncryptRequest(
            SourceKeyId=source, DestinationKeyId=destination, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"]
        )
        return type(house.error(api.ReEncrypt, request)).__name__

    on_same_key = {"Bool": {"kms:ReEncryptOnSameKey": "true"}}
    house.user("same", {"Effect": "Allow", "Action": "kms:ReEncrypt*", "Resource": "*", "Condition": on_same_key})
    assert outcome(first.KeyId, first.Arn) == "DryRunOperationException"
    assert outcome("alias/first", first.KeyId) == "DryRunOperationException"
    assert outcome(first.KeyId, second.KeyId) == "AccessDeniedException"
    deny = {"Effect": "Deny", "Action": "kms:ReEncrypt*", "Resource": "*", "Condition": on_same_key}
    house.user("other", {"Effect": "Allow", "Action": "kms:ReEncrypt*", "Resource": "*"}, deny)
    assert outcome(first.KeyId, first.Arn) == "AccessDeniedException"
    assert outcome(first.KeyId, second.KeyId) == "DryRunOperationException"


def test_condition_keys(house: House) -> None:
    tags = [api.Tag(TagKey="team", TagValue="a")]
    made = house.call(api.CreateKey, api.CreateKeyRequest(Tags=tags)).KeyMetadata
    assert made is not None
    assert made.KeyId is not None
    for name in ("alias/b", "alias/a"):
        house.call(api.CreateAlias, api.CreateAliasRequest(AliasName=name, TargetKeyId=made.KeyId))
    with house.transaction(writable=False) as tx:
        call = house.call_in(tx, house.principal)
        call.via_service = "secretsmanager"
        key = records.read_key(tx, ACCOUNT, REGION, made.KeyId)
        context = KeyContext(call, ACCOUNT, key, {"SecretARN": "x"}, "alias/a", {"kms:ReEncryptOnSameKey": True})
        assert context == {
            "kms:CallerAccount": ACCOUNT,
            "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
            "kms:RequestAlias": "alias/a",
            "kms:EncryptionContextKeys": ["SecretARN"],
            "kms:EncryptionContext:SecretARN": "x",
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:KeyUsage": "ENCRYPT_DECRYPT",
            "kms:KeyOrigin": "AWS_KMS",
            "kms:MultiRegion": False,
            "kms:ResourceAliases": ["alias/a", "alias/b"],
            "aws:ResourceTag/team": "a",
            "kms:ReEncryptOnSameKey": True,
        }
        call.via_service = ""
        assert dict(KeyContext(call, ACCOUNT, None)) == {"kms:CallerAccount": ACCOUNT}
        assert keys.key_id_of(call, "alias/b") == made.KeyId
        assert keys.key_id_of(call, "alias/none") == ""
