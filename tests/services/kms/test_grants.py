"""Grants: whom they let do what, what they may pass on, who ends them, and that they only ever allow."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.decision import Context
from holdfast.access.grounds import GrantStatement
from holdfast.access.principal import service_principal
from holdfast.api import kms as api
from holdfast.api.base import AccessDeniedException, ServiceError, ValidationException
from holdfast.services.kms import grants, records, rules
from holdfast.services.kms.authorization import KeyContext, check
from holdfast.services.kms.grant_records import EQUALS, SUBSET

from .conftest import ACCOUNT, OTHER_ACCOUNT, REGION, House

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
ADMIN = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
CONTEXT = {"SecretARN": "arn:x", "SecretVersionId": "1"}
RETIRED = "denied"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
FOR_SNS: dict[str, Any] = {
    "GranteeServicePrincipal": "sns.amazonaws.com",
    "RetiringServicePrincipal": "sns.amazonaws.com",
    "Constraints": api.GrantConstraints(SourceArn=TOPIC),
}
"""The members of a grant to a service, as services ask for them."""


def new_key(house: House, *statements: dict[str, Any]) -> str:
    value = api.CreateKeyRequest()
    if statements:
        value.Policy = json.dumps({"Version": "2012-10-17", "Statement": [ADMIN, *statements]})
    made = house.call(api.CreateKey, value).KeyMetadata
    assert made is not None
    assert made.Arn is not None
    return made.Arn


def existing(house: House, name: str, account: str = ACCOUNT) -> str:
    """A user who has no policies."""
    caller = house.principal, house.identity
    arn = house.user(name, account=account)
    house.principal, house.identity = caller
    return arn


def grant(house: House, key: str, grantee: str, *operations: str, **members: Any) -> api.CreateGrantResponse:
    value = api.CreateGrantRequest(KeyId=key, GranteePrincipal=grantee, Operations=list(operations), **members)
    return house.call(api.CreateGrant, value)


def encrypts(house: House, key: str, context: dict[str, str] | None = None, **members: Any) -> bool:
    try:
        house.call(api.Encrypt, api.EncryptRequest(KeyId=key, Plaintext=b"x", EncryptionContext=context, **members))
    except AccessDeniedException:
        return False
    return True


def listed(house: House, key: str, **members: Any) -> list[api.GrantListEntry]:
    return house.call(api.ListGrants, api.ListGrantsRequest(KeyId=key, **members)).Grants or []


def test_a_grant_lets_its_grantee_do_its_operations_at_once_and_nobody_else(house: House) -> None:
    key = new_key(house)
    alice = existing(house, "alice")
    house.user("alice")
    assert not encrypts(house, key)
    house.root()
    made = grant(house, key, alice, "Encrypt", "DescribeKey")
    house.user("alice")
    assert encrypts(house, key)
    assert encrypts(house, key, GrantTokens=[made.GrantToken])
    assert house.call(api.DescribeKey, api.DescribeKeyRequest(KeyId=key)).KeyMetadata
    decrypt = house.error(api.GenerateDataKey, api.GenerateDataKeyRequest(KeyId=key, KeySpec="AES_256"))
    assert isinstance(decrypt, AccessDeniedException)
    house.user("bob")
    assert not encrypts(house, key, GrantTokens=[made.GrantToken])


@pytest.mark.parametrize(
    ("constraint", "context", "allowed"),
    [
        ({EQUALS: CONTEXT}, CONTEXT, True),
        ({EQUALS: CONTEXT}, {**CONTEXT, "more": "1"}, False),
        ({EQUALS: CONTEXT}, {"SecretARN": "arn:x"}, False),
        ({EQUALS: CONTEXT}, None, False),
        ({SUBSET: {"SecretARN": "arn:x"}}, CONTEXT, True),
        ({SUBSET: {"SecretARN": "arn:x"}}, {"secretarn": "arn:x"}, True),
        ({EQUALS: {"SecretARN": "arn:x"}}, {"secretarn": "arn:x"}, True),
        ({EQUALS: {"SecretARN": "arn:x"}}, {"secretarn": "arn:x", "SECRETARN": "arn:x"}, False),
        ({SUBSET: {"SecretARN": "arn:x"}}, {"SecretARN": "arn:X"}, False),
        ({SUBSET: {"SecretARN": "arn:x"}}, None, False),
    ],
)
def test_a_constraint(house: House, constraint: dict[str, Any], context: dict[str, str] | None, allowed: bool) -> None:
    key = new_key(house)
    grant(
        house, key, existing(house, "alice"), "Encrypt", "DescribeKey", Constraints=api.GrantConstraints(**constraint)
    )
    house.user("alice")
    assert encrypts(house, key, context) is allowed
    # Operations without an encryption context are not constrained.
    assert house.call(api.DescribeKey, api.DescribeKeyRequest(KeyId=key)).KeyMetadata


def test_an_explicit_deny_stands_above_a_grant(house: House) -> None:
    key = new_key(
        house,
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:Encrypt",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}},
        },
    )
    grant(house, key, existing(house, "alice"), "Encrypt")
    house.user("alice")
    assert not encrypts(house, key)
    value = api.EncryptRequest(KeyId=key, Plaintext=b"x")
    assert house.call(api.Encrypt, value, via="secretsmanager").CiphertextBlob


def test_a_grant_reaches_across_accounts_and_a_role_through_its_sessions(house: House) -> None:
    key = new_key(house)
    stranger = existing(house, "eve", OTHER_ACCOUNT)
    grant(house, key, stranger, "Encrypt")
    house.role("Reader")
    role = f"arn:aws:iam::{ACCOUNT}:role/Reader"
    house.root()
    grant(house, key, role, "Encrypt", Constraints=api.GrantConstraints(EncryptionContextEquals=CONTEXT))
    house.user("eve", account=OTHER_ACCOUNT)
    assert encrypts(house, key)
    house.role("Reader")
    assert encrypts(house, key, CONTEXT)
    assert not encrypts(house, key)


def allowed_to_service(house: House, key: str, service: str, action: str, **context: str) -> bool:
    """Whether a service acting for its own resource may use a key: nobody signs as one."""
    with house.transaction(writable=False) as tx:
        call = house.call_in(tx, service_principal(service))
        found = records.read_key(tx, ACCOUNT, REGION, key[-36:])
        more: Context = {name.replace("_", ":"): value for name, value in context.items()}
        return check(call, action, key, ACCOUNT, found, KeyContext(call, ACCOUNT, found, more=more)).allowed


def test_a_grant_to_a_service_for_one_of_its_resources(house: House) -> None:
    key = new_key(house)
    value = api.CreateGrantRequest(KeyId=key, Operations=["Decrypt", "RetireGrant"], **FOR_SNS)
    made = house.call(api.CreateGrant, value)
    assert allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", aws_SourceArn=TOPIC)
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", aws_SourceArn=f"{TOPIC}2")
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt")
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Encrypt", aws_SourceArn=TOPIC)
    assert not allowed_to_service(house, key, "sqs.amazonaws.com", "kms:Decrypt", aws_SourceArn=TOPIC)
    [entry] = listed(house, key)
    assert (entry.GranteePrincipal, entry.RetiringPrincipal) == (None, None)
    assert (entry.GranteeServicePrincipal, entry.RetiringServicePrincipal) == ("sns.amazonaws.com",) * 2
    assert entry.Constraints == api.GrantConstraints(SourceArn=TOPIC)
    assert listed(house, key, GranteePrincipal="sns.amazonaws.com") == []
    house.principal = service_principal("sqs.amazonaws.com")
    assert retire(house, KeyId=key, GrantId=made.GrantId) == RETIRED
    house.principal = service_principal("sns.amazonaws.com")
    assert retire(house, KeyId=key, GrantId=made.GrantId) == ""
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", aws_SourceArn=TOPIC)


def test_a_service_named_as_a_principal(house: House) -> None:
    """Terraform's aws_kms_grant names one so, and AWS takes it."""
    key = new_key(house)
    name = f"dynamodb.{REGION}.amazonaws.com"
    grant(house, key, name, "Decrypt", RetiringPrincipal=name)
    assert allowed_to_service(house, key, name, "kms:Decrypt")
    assert not allowed_to_service(house, key, "dynamodb.amazonaws.com", "kms:Decrypt")
    [entry] = listed(house, key, GranteePrincipal=name)
    assert (entry.GranteePrincipal, entry.RetiringPrincipal, entry.Constraints) == (name, name, None)
    assert (entry.GranteeServicePrincipal, entry.RetiringServicePrincipal) == (None, None)


def test_a_source_and_an_encryption_context_are_both_asked_for(house: House) -> None:
    key = new_key(house)
    both = api.GrantConstraints(SourceArn=TOPIC, EncryptionContextSubset={"SecretARN": "arn:x"})
    members: dict[str, Any] = {**FOR_SNS, "Constraints": both}
    house.call(api.CreateGrant, api.CreateGrantRequest(KeyId=key, Operations=["Decrypt"], **members))
    context = {"kms:EncryptionContext:SecretARN": "arn:x"}
    assert allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", aws_SourceArn=TOPIC, **context)
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", aws_SourceArn=TOPIC)
    assert not allowed_to_service(house, key, "sns.amazonaws.com", "kms:Decrypt", **context)
    assert listed(house, key)[0].Constraints == both


def test_filters_that_only_services_may_use(house: House) -> None:
    value = api.ListGrantsRequest(KeyId=new_key(house), GranteeServicePrincipal="sns.amazonaws.com")
    assert house.error(api.ListGrants, value).code == "ValidationException"
    retirable = api.ListRetirableGrantsRequest(RetiringServicePrincipal="sns.amazonaws.com")
    assert house.error(api.ListRetirableGrants, retirable).code == "ValidationException"


def test_condition_keys_of_a_grant_to_a_service(house: House) -> None:
    key = new_key(house)
    condition = {
        "StringEquals": {
            "kms:GranteeServicePrincipal": "sns.amazonaws.com",
            "kms:RetiringServicePrincipal": "sns.amazonaws.com",
            "kms:GrantConstraintType": "SourceArn",
        },
        "ArnLike": {"kms:GrantConstraintSourceArn": f"arn:aws:sns:*:{ACCOUNT}:*"},
        "Null": {"kms:GranteePrincipal": "true", "kms:RetiringPrincipal": "true"},
    }
    house.user("carol", {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": condition})
    right: dict[str, Any] = {"KeyId": key, "Operations": ["Decrypt"], **FOR_SNS}
    foreign = api.GrantConstraints(SourceArn=TOPIC.replace(ACCOUNT, OTHER_ACCOUNT))
    wrong: list[dict[str, Any]] = [
        {"GranteeServicePrincipal": "sqs.amazonaws.com"},
        {"RetiringServicePrincipal": None, "RetiringPrincipal": ROOT["AWS"]},
        {"Constraints": foreign},
    ]
    for members in wrong:
        error = house.error(api.CreateGrant, api.CreateGrantRequest(**{**right, **members}))
        assert isinstance(error, AccessDeniedException), members
    assert house.call(api.CreateGrant, api.CreateGrantRequest(**right)).GrantId


def test_a_grantee_made_again_under_its_name_gets_nothing(house: House) -> None:
    key = new_key(house)
    grant(house, key, existing(house, "alice"), "Encrypt")
    old = house.people.ids.pop(f"arn:aws:iam::{ACCOUNT}:user/alice")
    house.people.ids[f"arn:aws:iam::{ACCOUNT}:user/alice"] = "AIDAANOTHERALICE0000"
    house.user("alice")
    assert not encrypts(house, key)
    house.root()
    assert [entry.GranteePrincipal for entry in listed(house, key)] == [old]


def test_a_name_makes_a_retry_the_same_grant(house: House) -> None:
    key = new_key(house)
    alice = existing(house, "alice")
    first = grant(house, key, alice, "Encrypt", "Decrypt", Name="mine")
    again = grant(house, key, alice, "Decrypt", "Encrypt", Name="mine")
    assert again.GrantId == first.GrantId
    assert again.GrantToken != first.GrantToken
    others = [
        grant(house, key, alice, "Encrypt", Name="mine"),
        grant(house, key, alice, "Encrypt", "Decrypt", Name="other"),
        grant(house, key, alice, "Encrypt", "Decrypt"),
        grant(house, key, alice, "Encrypt", "Decrypt"),
        grant(house, key, alice, "Encrypt", "Decrypt", Name="mine", RetiringPrincipal=alice),
    ]
    assert len({first.GrantId, *(made.GrantId for made in others)}) == 6
    assert house.rows("SELECT grants FROM kms_key") == [(6,)]


def test_listing_in_pages_and_by_filter(house: House) -> None:
    key = new_key(house)
    alice, bob = existing(house, "alice"), existing(house, "bob")
    made = {grant(house, key, (alice, bob)[number % 2], "Encrypt", Name=f"n{number}").GrantId for number in range(7)}
    seen: list[str | None] = []
    marker = None
    while True:
        page = house.call(api.ListGrants, api.ListGrantsRequest(KeyId=key, Limit=3, Marker=marker))
        seen += [entry.GrantId for entry in page.Grants or []]
        marker = page.NextMarker
        assert page.Truncated is (marker is not None)
        if marker is None:
            break
    assert len(seen) == 7
    assert set(seen) == made
    assert len(listed(house, key, GranteePrincipal=alice)) == 4
    assert listed(house, key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/nobody") == []
    one = seen[0]
    entry = listed(house, key, GrantId=one)[0]
    assert (entry.KeyId, entry.GrantId, entry.Operations) == (key, one, ["Encrypt"])
    assert entry.IssuingAccount == ROOT["AWS"]
    assert entry.GranteePrincipal in (alice, bob)
    wrong = house.error(api.ListGrants, api.ListGrantsRequest(KeyId=new_key(house), Marker="x"))
    assert wrong.code == "InvalidMarkerException"


def test_retirable_grants_of_keys_of_every_account(house: House) -> None:
    own, alice = new_key(house), existing(house, "alice")
    grant(house, own, existing(house, "bob"), "Encrypt", RetiringPrincipal=alice)
    house.root(OTHER_ACCOUNT)
    foreign_policy = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}, "Action": "kms:*"}
    foreign = new_key(house, {**foreign_policy, "Resource": "*"})
    grant(house, foreign, existing(house, "bob"), "Encrypt", RetiringPrincipal=alice)
    value = api.ListRetirableGrantsRequest(RetiringPrincipal=alice)
    assert isinstance(house.error(api.ListRetirableGrants, value), AccessDeniedException)
    house.root()
    found = house.call(api.ListRetirableGrants, value)
    assert {entry.KeyId for entry in found.Grants or []} == {own, foreign}
    first = house.call(api.ListRetirableGrants, api.ListRetirableGrantsRequest(RetiringPrincipal=alice, Limit=1))
    value.Marker = first.NextMarker
    assert len(house.call(api.ListRetirableGrants, value).Grants or []) == 1


def retire(house: House, **members: Any) -> str:
    try:
        house.call(api.RetireGrant, api.RetireGrantRequest(**members))
    except AccessDeniedException:
        return RETIRED
    except ServiceError as error:
        return error.code
    return ""


def test_who_may_retire_a_grant(house: House) -> None:
    everything = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    key, alice, bob = new_key(house), existing(house, "alice"), existing(house, "bob")
    plain = grant(house, key, alice, "Encrypt", RetiringPrincipal=bob)
    house.user("carol")
    assert retire(house, KeyId=key, GrantId=plain.GrantId) == RETIRED
    assert retire(house, GrantToken=plain.GrantToken) == RETIRED
    assert retire(house, KeyId=key, GrantId="0" * 64) == RETIRED, "a stranger does not learn whether a grant exists"
    house.user("alice")
    assert retire(house, KeyId=key, GrantId=plain.GrantId) == RETIRED, "the grantee of a grant without RetireGrant"
    house.user("bob", {"Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*"})
    assert retire(house, KeyId=key, GrantId=plain.GrantId) == RETIRED
    house.user("bob")
    assert retire(house, KeyId=key, GrantId=plain.GrantId, DryRun=True) == "DryRunOperationException"
    assert retire(house, KeyId=key, GrantId=plain.GrantId) == ""
    house.root()
    assert listed(house, key) == []
    assert retire(house, KeyId=key, GrantId=plain.GrantId) == "NotFoundException"
    own = grant(house, key, alice, "RetireGrant", "Encrypt")
    house.user("alice")
    assert retire(house, GrantToken=own.GrantToken) == ""
    assert not encrypts(house, key)
    house.root()
    for caller in ("root", "administrator"):
        house.root()
        again = grant(house, key, alice, "Encrypt")
        if caller == "administrator":
            house.user("dave", everything)
        assert retire(house, KeyId=key, GrantId=again.GrantId) == ""


def test_a_key_policy_that_denies_retiring_is_heard(house: House) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:RetireGrant", "Resource": "*"}
    key = new_key(house, deny)
    made = grant(house, key, existing(house, "alice"), "RetireGrant")
    house.user("alice")
    assert retire(house, GrantToken=made.GrantToken) == RETIRED


def test_retire_takes_a_token_or_an_id(house: House) -> None:
    key = new_key(house)
    made = grant(house, key, existing(house, "alice"), "Encrypt")
    for members in ({}, {"KeyId": key}, {"GrantId": made.GrantId}, {"GrantToken": made.GrantToken, "KeyId": key}):
        assert retire(house, **members) == "ValidationException"
    assert retire(house, GrantToken="x") == "InvalidGrantTokenException"
    assert retire(house, KeyId=key, GrantId="x") == "InvalidGrantIdException"


def test_revoking(house: House) -> None:
    key = new_key(house)
    made = grant(house, key, existing(house, "alice"), "Encrypt", "RetireGrant")
    value = api.RevokeGrantRequest(KeyId=key, GrantId=made.GrantId)
    house.user("alice")
    assert isinstance(house.error(api.RevokeGrant, value), AccessDeniedException), "RetireGrant is not RevokeGrant"
    house.root()
    dry = api.RevokeGrantRequest(KeyId=key, GrantId=made.GrantId, DryRun=True)
    assert house.error(api.RevokeGrant, dry).code == "DryRunOperationException"
    assert len(listed(house, key)) == 1
    house.call(api.RevokeGrant, value)
    assert house.error(api.RevokeGrant, value).code == "NotFoundException"
    assert house.rows("SELECT grants FROM kms_key") == [(0,)]
    house.user("alice")
    assert not encrypts(house, key)


def test_a_token_of_a_grant_that_is_gone_gives_nothing_and_a_forged_one_is_refused(house: House) -> None:
    key = new_key(house)
    made = grant(house, key, existing(house, "alice"), "Encrypt")
    house.call(api.RevokeGrant, api.RevokeGrantRequest(KeyId=key, GrantId=made.GrantId))
    house.user("alice")
    assert not encrypts(house, key, GrantTokens=[made.GrantToken])
    assert made.GrantToken is not None
    house.root()
    for token in ("x", made.GrantToken[:-2] + ("AA" if made.GrantToken[-2:] != "AA" else "BB")):
        asked: list[tuple[Any, Any]] = [
            (api.Encrypt, api.EncryptRequest(KeyId=key, Plaintext=b"x", GrantTokens=[token])),
            (api.DescribeKey, api.DescribeKeyRequest(KeyId=key, GrantTokens=[token])),
            (
                api.CreateGrant,
                api.CreateGrantRequest(
                    KeyId=key, GranteePrincipal=ROOT["AWS"], Operations=["Encrypt"], GrantTokens=[token]
                ),
            ),
        ]
        for operation, value in cast("tuple[tuple[Any, Any], ...]", asked):
            assert house.error(operation, value).code == "InvalidGrantTokenException"
    house.region = "eu-west-1"
    elsewhere = new_key(house)
    value = api.EncryptRequest(KeyId=elsewhere, Plaintext=b"x", GrantTokens=[made.GrantToken])
    assert house.error(api.Encrypt, value).code == "InvalidGrantTokenException"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Operations": []}, "ValidationException"),
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"GranteePrincipal": None}, "ValidationException"),
        ({"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/nobody"}, "InvalidArnException"),
        ({"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/*"}, "InvalidArnException"),
        ({"GranteePrincipal": "ec2"}, "InvalidArnException"),
        ({"RetiringPrincipal": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "InvalidArnException"),
        ({"GranteeServicePrincipal": "ec2.amazonaws.com"}, "ValidationException"),
        ({**FOR_SNS, "GranteePrincipal": None, "Constraints": None}, "ValidationException"),
        ({**FOR_SNS, "GranteePrincipal": None, "RetiringServicePrincipal": None}, "ValidationException"),
        ({**FOR_SNS, "GranteePrincipal": None, "RetiringPrincipal": ROOT["AWS"]}, "ValidationException"),
        ({**FOR_SNS, "GranteePrincipal": None, "GranteeServicePrincipal": "sns.example.com"}, "ValidationException"),
        (
            {"Constraints": api.GrantConstraints(EncryptionContextEquals=CONTEXT, EncryptionContextSubset=CONTEXT)},
            "ValidationException",
        ),
        (
            {"Constraints": api.GrantConstraints(EncryptionContextEquals={str(n): "" for n in range(9)})},
            "ValidationException",
        ),
        ({"Constraints": api.GrantConstraints(EncryptionContextSubset={"a": "x" * 384})}, "ValidationException"),
        ({"KeyId": "alias/x"}, "InvalidArnException"),
    ],
)
def test_what_create_refuses(house: House, members: dict[str, Any], code: str) -> None:
    key = new_key(house)
    value: dict[str, Any] = {"KeyId": key, "GranteePrincipal": ROOT["AWS"], "Operations": ["Encrypt"], **members}
    assert house.error(api.CreateGrant, api.CreateGrantRequest(**value)).code == code
    assert house.rows("SELECT COUNT(*) FROM kms_grant") == [(0,)]


def test_key_states_dry_run_and_the_quota(house: House) -> None:
    key, alice = new_key(house), existing(house, "alice")
    value = api.CreateGrantRequest(KeyId=key, GranteePrincipal=alice, Operations=["Encrypt"], DryRun=True)
    assert house.error(api.CreateGrant, value).code == "DryRunOperationException"
    assert listed(house, key) == []
    made = grant(house, key, alice, "Encrypt")
    value.DryRun = None
    house.call(api.DisableKey, api.DisableKeyRequest(KeyId=key))
    assert house.error(api.CreateGrant, value).message == f"{key} is disabled."
    house.call(api.ScheduleKeyDeletion, api.ScheduleKeyDeletionRequest(KeyId=key, PendingWindowInDays=7))
    assert house.error(api.CreateGrant, value).message == f"{key} is pending deletion."
    assert len(listed(house, key)) == 1
    house.call(api.RevokeGrant, api.RevokeGrantRequest(KeyId=key, GrantId=made.GrantId))
    full = new_key(house)
    with house.transaction(writable=True) as tx:
        tx.execute(f"UPDATE kms_key SET grants = {grants.MAXIMUM_GRANTS} WHERE key_id = ?", (full[-36:],))
    value.KeyId = full
    assert house.error(api.CreateGrant, value).code == "LimitExceededException"


def test_a_deleted_key_takes_its_grants_along(house: House) -> None:
    key = new_key(house)
    grant(house, key, existing(house, "alice"), "Encrypt")
    house.call(api.ScheduleKeyDeletion, api.ScheduleKeyDeletionRequest(KeyId=key, PendingWindowInDays=7))
    house.advance(8 * rules.DAY)
    assert house.rows("SELECT COUNT(*) FROM kms_grant") == house.rows("SELECT COUNT(*) FROM kms_key") == [(0,)]


def test_condition_keys_of_create_grant(house: House) -> None:
    key, alice, bob = new_key(house), existing(house, "alice"), existing(house, "bob")
    condition = {
        "ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]},
        "StringEquals": {
            "kms:GranteePrincipal": alice,
            "kms:RetiringPrincipal": bob,
            "kms:GrantConstraintType": SUBSET,
            "kms:EncryptionContext:SecretARN": "arn:x",
        },
        "Bool": {"kms:GrantIsForAWSResource": "false"},
    }
    house.user("carol", {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": condition})
    right: dict[str, Any] = {
        "KeyId": key,
        "GranteePrincipal": alice,
        "RetiringPrincipal": bob,
        "Operations": ["Encrypt"],
        "Constraints": api.GrantConstraints(EncryptionContextSubset={"SecretARN": "arn:x"}),
    }
    wrong: list[dict[str, Any]] = [
        {"GranteePrincipal": bob},
        {"RetiringPrincipal": alice},
        {"RetiringPrincipal": None},
        {"Operations": ["Encrypt", "DescribeKey"]},
        {"Constraints": api.GrantConstraints(EncryptionContextEquals={"SecretARN": "arn:x"})},
        {"Constraints": api.GrantConstraints(EncryptionContextSubset={"SecretARN": "arn:y"})},
        {"Constraints": None},
    ]
    for members in wrong:
        error = house.error(api.CreateGrant, api.CreateGrantRequest(**{**right, **members}))
        assert isinstance(error, AccessDeniedException), members
    value = api.CreateGrantRequest(**right)
    assert isinstance(house.error(api.CreateGrant, value, via="secretsmanager"), AccessDeniedException)
    assert house.call(api.CreateGrant, value).GrantId


def test_a_grant_of_create_grant_passes_on_no_more_than_it_gives(house: House) -> None:
    key, bob = new_key(house), existing(house, "bob")
    subset = api.GrantConstraints(EncryptionContextSubset={"SecretARN": "arn:x"})
    grant(house, key, existing(house, "alice"), "CreateGrant", "Encrypt", Constraints=subset)
    house.user("alice")
    assert grant(house, key, bob, "Encrypt", Constraints=subset).GrantId
    assert grant(house, key, bob, "Encrypt", Constraints=api.GrantConstraints(EncryptionContextEquals=CONTEXT)).GrantId
    for operations, constraints in (
        (["Encrypt", "Decrypt"], subset),
        (["Encrypt"], None),
        (["Encrypt"], api.GrantConstraints(EncryptionContextSubset={"SecretARN": "arn:y"})),
    ):
        value = api.CreateGrantRequest(KeyId=key, GranteePrincipal=bob, Operations=operations, Constraints=constraints)
        assert isinstance(house.error(api.CreateGrant, value), AccessDeniedException)


_CONTEXTS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2)
_PAIRS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), min_size=1, max_size=2)
_CONSTRAINTS = st.one_of(
    st.just({}),
    _PAIRS.map(lambda pairs: {EQUALS: pairs}),
    _PAIRS.map(lambda pairs: {SUBSET: pairs}),
)


def _meets(constraints: dict[str, dict[str, str]], context: dict[str, str]) -> bool:
    if EQUALS in constraints:
        return context == constraints[EQUALS]
    return constraints.get(SUBSET, {}).items() <= context.items()


@given(_CONSTRAINTS, _CONSTRAINTS, st.lists(_CONTEXTS, min_size=1))
def test_whatever_a_child_grant_allows_its_parent_allows(
    parent: dict[str, dict[str, str]], child: dict[str, dict[str, str]], contexts: list[dict[str, str]]
) -> None:
    statement = GrantStatement(
        "g", "p", frozenset({"Encrypt", "CreateGrant"}), equals=parent.get(EQUALS), subset=parent.get(SUBSET)
    )
    if grants.may_pass_on(statement, ["Encrypt"], child):
        for context in contexts:
            assert not _meets(child, context) or _meets(parent, context)
    assert not grants.may_pass_on(statement, ["Decrypt"], child)
    for_topic = replace(statement, source_arn=TOPIC)
    assert not grants.may_pass_on(for_topic, ["Encrypt"], parent)
    assert grants.may_pass_on(for_topic, ["Encrypt"], parent, TOPIC)
    assert grants.may_pass_on(statement, ["Encrypt"], parent)


def test_operations_are_kept_once_and_sorted() -> None:
    assert grants.check_operations(["Encrypt", "Decrypt", "Encrypt"]) == ("Decrypt", "Encrypt")
    with pytest.raises(ValidationException):
        grants.check_operations(["GenerateMac"])


def test_a_call_on_a_key_without_grants_reads_nothing_of_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    key = new_key(house)
    house.user("alice", policy)
    read: list[str] = []
    execute = house.tx.execute

    def reading(text: str, *parameters: Any) -> Any:
        read.append(text)
        return execute(text, *parameters)

    monkeypatch.setattr(house.tx, "execute", reading)
    assert encrypts(house, key)
    selects = [text for text in read if "SELECT" in text]
    assert len(selects) == 1
    assert "kms_grant" not in selects[0]
