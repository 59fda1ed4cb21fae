"""What key policies decide: who is named, who is left to IAM, who comes from another account or through a service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.access.request import AccessRequest
from holdfast.api import kms as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.kms import policies

from .conftest import ACCOUNT, OTHER_ACCOUNT, REGION, House

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
ADMIN = {"Sid": "admin", "Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
KMS_ALL = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
CONTEXT = {"SecretARN": "arn:x"}


def statement(principal: Any, action: Any = "kms:*", effect: Any = "Allow", **condition: Any) -> dict[str, Any]:
    found = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    return found | ({"Condition": condition} if condition else {})


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_key(house: House, *statements: dict[str, Any]) -> str:
    """The ARN of a key that the root user makes, with a policy of these statements, or the default one."""
    caller = house.principal, house.identity
    house.root()
    value = api.CreateKeyRequest(BypassPolicyLockoutSafetyCheck=True)
    if statements:
        value.Policy = policy(*statements)
    made = house.call(api.CreateKey, value).KeyMetadata
    house.principal, house.identity = caller
    assert made is not None
    assert made.Arn is not None
    return made.Arn


def tried(house: House, key: str, operation: str = "Encrypt", via: str = "") -> str:
    """`allowed`, or the text of the denial, of one operation with a key."""
    value: Any = {
        "Encrypt": lambda: api.EncryptRequest(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT),
        "DescribeKey": lambda: api.DescribeKeyRequest(KeyId=key),
        "GenerateDataKey": lambda: api.GenerateDataKeyRequest(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT),
        "PutKeyPolicy": lambda: api.PutKeyPolicyRequest(KeyId=key, Policy=policy(ADMIN)),
    }[operation]()
    try:
        house.call(api.OPERATIONS[operation], value, via=via)
    except AccessDeniedException as error:
        return error.message or ""
    return "allowed"


def denied(house: House, key: str, action: str, because: str) -> str:
    assert house.principal is not None
    return f"User: {house.principal.arn} is not authorized to perform: kms:{action} on resource: {key} {because}"


NO_RESOURCE = "because no resource-based policy allows the kms:Encrypt action"
NO_IDENTITY = "because no identity-based policy allows the kms:Encrypt action"


def test_the_default_policy_leaves_it_to_iam(house: House) -> None:
    key = make_key(house)
    house.user("alice", KMS_ALL)
    assert tried(house, key) == "allowed"
    house.user("bob")
    assert tried(house, key) == denied(house, key, "Encrypt", NO_IDENTITY)
    house.role("app", KMS_ALL)
    assert tried(house, key) == "allowed"
    house.role("app")
    assert tried(house, key) == denied(house, key, "Encrypt", NO_IDENTITY)


def test_without_delegation_iam_does_not_count(house: House) -> None:
    bob = house.user("bob")
    key = make_key(house, statement({"AWS": bob}))
    assert tried(house, key) == "allowed", "named: needs no policy of his own"
    house.user("alice", KMS_ALL)
    assert tried(house, key) == denied(house, key, "Encrypt", NO_RESOURCE)
    house.root()
    assert tried(house, key) == denied(house, key, "Encrypt", NO_RESOURCE)
    assert tried(house, key, "PutKeyPolicy").startswith("User: ")


def test_explicit_denies(house: House) -> None:
    house.user("alice", KMS_ALL)
    key = make_key(house, ADMIN, statement("*", "kms:Encrypt", "Deny"))
    because = "with an explicit deny in a resource-based policy"
    assert tried(house, key) == denied(house, key, "Encrypt", because)
    house.root()
    assert tried(house, key) == denied(house, key, "Encrypt", because)
    key = make_key(house)
    house.user("alice", KMS_ALL, {"Effect": "Deny", "Action": "kms:Encrypt", "Resource": key})
    assert tried(house, key) == denied(house, key, "Encrypt", "with an explicit deny in an identity-based policy")
    assert tried(house, key, "GenerateDataKey") == "allowed"


def test_a_new_policy_counts_at_once(house: House) -> None:
    bob = house.user("bob")
    key = make_key(house)
    assert tried(house, key) != "allowed"
    house.root()
    house.call(api.PutKeyPolicy, api.PutKeyPolicyRequest(KeyId=key, Policy=policy(ADMIN, statement({"AWS": bob}))))
    house.user("bob")
    assert tried(house, key) == "allowed"
    house.root()
    house.call(api.PutKeyPolicy, api.PutKeyPolicyRequest(KeyId=key, Policy=policy(ADMIN)))
    house.user("bob")
    assert tried(house, key) == denied(house, key, "Encrypt", NO_IDENTITY)


# -- other accounts ---------------------------------------------------------------------------------------------------

ABROAD = {"account": OTHER_ACCOUNT}
USE = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_another_account_needs_both_sides(house: House, named: bool, own: bool) -> None:
    house.user("eve", *([KMS_ALL] if own else []), **ABROAD)
    key = make_key(house, ADMIN, *([statement({"AWS": OTHER_ACCOUNT}, USE)] if named else []))
    expected = "allowed"
    if not (named and own):
        expected = denied(house, key, "Encrypt", NO_RESOURCE if own else NO_IDENTITY)
    assert tried(house, key) == expected


def test_management_stays_in_the_account(house: House) -> None:
    key = make_key(house, ADMIN, statement({"AWS": OTHER_ACCOUNT}))
    house.root(OTHER_ACCOUNT)
    assert tried(house, key) == "allowed"
    assert tried(house, key, "DescribeKey") == "allowed"
    assert tried(house, key, "PutKeyPolicy").endswith(
        "because no resource-based policy allows the kms:PutKeyPolicy action"
    )


def test_aliases_of_another_account(house: House) -> None:
    key = make_key(house, ADMIN, statement({"AWS": OTHER_ACCOUNT}, USE))
    closed = make_key(house)
    for name, target in (("alias/open", key), ("alias/closed", closed)):
        house.call(api.CreateAlias, api.CreateAliasRequest(AliasName=name, TargetKeyId=target))
    house.root(OTHER_ACCOUNT)
    prefix = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
    assert tried(house, f"{prefix}alias/open") == "allowed"
    for name in ("alias/closed", "alias/none"):
        assert tried(house, prefix + name) == denied(house, prefix + name, "Encrypt", NO_RESOURCE)
    error = house.error(api.Encrypt, api.EncryptRequest(KeyId="alias/open", Plaintext=b"x"))
    assert error.code == "NotFoundException", "an alias without an account is the caller's"


def test_a_foreign_key_that_does_not_exist_is_denied_like_one_that_does(house: House) -> None:
    key = make_key(house)
    missing = key[:-12] + "0" * 12
    for own in ((KMS_ALL,), ()):
        house.user("eve", *own, **ABROAD)
        assert tried(house, missing) == tried(house, key).replace(key, missing)


def test_a_named_foreign_key_decrypts(house: House) -> None:
    """As Secrets Manager does for a secret of another account."""
    key = make_key(house, ADMIN, statement({"AWS": OTHER_ACCOUNT}, USE))
    house.root(OTHER_ACCOUNT)
    made = house.call(api.Encrypt, api.EncryptRequest(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT))
    house.root()
    assert (
        house.call(
            api.Decrypt, api.DecryptRequest(CiphertextBlob=made.CiphertextBlob, EncryptionContext=CONTEXT)
        ).Plaintext
        == b"x"
    )
    house.root(OTHER_ACCOUNT)
    value = api.DecryptRequest(CiphertextBlob=made.CiphertextBlob, EncryptionContext=CONTEXT, KeyId=key)
    assert house.call(api.Decrypt, value, via="secretsmanager").KeyId == key


# -- through services -------------------------------------------------------------------------------------------------


def test_a_key_for_a_service_only(house: House) -> None:
    through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
    key = make_key(house, statement("*", USE, **through))
    for use in (house.root, lambda: house.user("alice", KMS_ALL)):
        use()
        assert tried(house, key, via="secretsmanager") == "allowed"
        assert tried(house, key, via="ssm") == denied(house, key, "Encrypt", NO_RESOURCE)
        assert tried(house, key) == denied(house, key, "Encrypt", NO_RESOURCE)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"kms:EncryptionContext:SecretARN": "arn:x"}}, True),
        ({"StringEquals": {"kms:encryptioncontext:SecretARN": "arn:x"}}, True),
        ({"StringEquals": {"kms:EncryptionContext:SecretARN": "arn:y"}}, False),
        ({"StringEquals": {"kms:EncryptionContext:Other": "arn:x"}}, False),
        ({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "SecretARN"}}, True),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "Other"}}, False),
        ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, True),
        ({"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, False),
        ({"Null": {"kms:ViaService": "true"}}, True),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/named"}}, True),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/other"}}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "a"}}, True),
        ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}}, True),
        ({"Bool": {"kms:MultiRegion": "true"}}, False),
    ],
)
def test_conditions(house: House, condition: dict[str, Any], allowed: bool) -> None:
    key = make_key(house)
    house.call(api.CreateAlias, api.CreateAliasRequest(AliasName="alias/named", TargetKeyId=key))
    house.call(api.TagResource, api.TagResourceRequest(KeyId=key, Tags=[api.Tag(TagKey="team", TagValue="a")]))
    put = api.PutKeyPolicyRequest(
        KeyId=key, Policy=policy(statement("*", **condition)), BypassPolicyLockoutSafetyCheck=True
    )
    house.call(api.PutKeyPolicy, put)
    assert (tried(house, key) == "allowed") is allowed


# -- the short way ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [ACCOUNT, OTHER_ACCOUNT])
@pytest.mark.parametrize("limit", [None, {"session_policies": ()}, {"session_policies": "allows"}])
def test_the_short_way_of_the_root_user_decides_as_the_evaluation_does(
    house: House, account: str, limit: dict[str, Any] | None
) -> None:
    key = make_key(house)
    house.root(account)
    if limit is not None:
        session = compile_policy(policy_of_all(), name="session", kind=PolicyKind.SESSION)
        passed = (session,) if limit["session_policies"] == "allows" else ()
        house.identity = Identity(house.principal, session_policies=passed)
    tried(house, key, "DescribeKey")
    call = house.last_call
    [decision] = call.decisions
    request = AccessRequest("kms:DescribeKey", key, ACCOUNT, {}, call)
    default = policies.compiled_policy("", "", "aws", ACCOUNT, REGION)
    truth = replace(decision, told=None)
    assert truth == evaluate(call.identity, request, resource_policy=default, resource_kind="key")


def policy_of_all() -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": KMS_ALL})
