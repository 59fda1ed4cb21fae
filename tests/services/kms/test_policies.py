"""Key policies: what GetKeyPolicy shows is what decides, and what can be set."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.decision import Context
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.principal import root_of
from holdfast.access.request import AccessRequest
from holdfast.api import kms
from holdfast.api.base import ServiceError
from holdfast.services.kms import policies

from .conftest import House

ACCOUNT = "123456789012"
OTHER = "210987654321"
REGION = "eu-central-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ACTIONS = [f"kms:{name}" for name in kms.OPERATIONS] + ["kms:ReEncryptFrom", "kms:ReEncryptTo"]


def _allows(document: dict[str, Any], action: str, via: str, caller: str) -> bool:
    """A small reading of a policy document, as slow and plain as can be."""
    service = {"kms:CallerAccount": caller} | ({"kms:ViaService": f"{via}.{REGION}.amazonaws.com"} if via else {})
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        principal = statement["Principal"]["AWS"]
        conditions = [
            (key, pattern)
            for operator in ("StringEquals", "StringLike")
            for key, pattern in statement.get("Condition", {}).get(operator, {}).items()
        ]
        if (
            any(fnmatchcase(action, a) for a in actions)
            and (principal == "*" or caller == ACCOUNT)
            and all(fnmatchcase(service.get(key, ""), pattern) for key, pattern in conditions)
        ):
            return True
    return False


@given(
    st.sampled_from(["secretsmanager", "ssm"]),
    st.sampled_from(ACTIONS),
    st.sampled_from(["", "secretsmanager", "ssm", "s3"]),
    st.sampled_from([ACCOUNT, OTHER]),
)
def test_managed_keys_are_decided_by_the_policy_they_show(service: str, action: str, via: str, caller: str) -> None:
    document = json.loads(policies.managed_policy(service, "aws", ACCOUNT, REGION))
    context: Context = {"kms:CallerAccount": caller}
    if via:
        context = {**context, "kms:ViaService": f"{via}.{REGION}.amazonaws.com"}
    decision = evaluate(
        Identity(root_of(caller)),
        AccessRequest(action, "arn:aws:kms:eu-central-1:123456789012:key/x", ACCOUNT, context),
        resource_policy=policies.compiled_policy(service, "", "aws", ACCOUNT, REGION),
        resource_kind="key",
    )
    assert decision.allowed == _allows(document, action, via, caller)


@pytest.mark.parametrize(("service", "policy_id"), [("secretsmanager", "auto-secretsmanager-2"), ("ssm", "auto-ssm-1")])
def test_the_managed_policies(service: str, policy_id: str) -> None:
    document = json.loads(policies.managed_policy(service, "aws", ACCOUNT, REGION))
    assert document["Id"] == policy_id
    assert document["Version"] == "2012-10-17"


def test_the_default_policy() -> None:
    assert json.loads(policies.default_policy("aws", ACCOUNT)) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": ROOT},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


def _statement(**changes: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"} | changes
    return {key: value for key, value in statement.items() if value is not None}


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _refusal(text: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        policies.new_policy(text)
    return caught.value


def _put(house: House, policy: str, *, bypass: bool = False) -> ServiceError | None:
    """What the caller of a house is told who sets a policy for a new key of the root user."""
    caller = house.principal, house.identity
    house.root()
    made = house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
    assert made is not None
    house.principal, house.identity = caller
    value = kms.PutKeyPolicyRequest(KeyId=made.Arn, Policy=policy, BypassPolicyLockoutSafetyCheck=bypass)
    try:
        house.call(kms.PutKeyPolicy, value)
    except ServiceError as error:
        return error
    house.root()
    return None


@pytest.mark.parametrize(
    "text",
    [
        policies.default_policy("aws", ACCOUNT),
        _policy(_statement(Principal={"AWS": ACCOUNT})),
        _policy(_statement(Action="*")),
        _policy(_statement(Action=["kms:Put*", "kms:Describe*"])),
        _policy(_statement(), _statement(Effect="Deny", Action="kms:Decrypt")),
        _policy(_statement(), _statement(Principal={"AWS": OTHER})),
        _policy(_statement(), _statement(Principal="*", Action="kms:Decrypt")),
        _policy(_statement(), _statement(Principal={"Service": "logs.eu-central-1.amazonaws.com"}, Action="kms:Enc*")),
        _policy(_statement(), _statement(NotAction="kms:Decrypt", Action=None)),
        _policy(_statement(), _statement(Effect="Deny", Principal=None, NotPrincipal={"AWS": ROOT})),
        _policy(_statement(), _statement(Sid="no effect", Resource=None)),
        json.dumps({"Statement": _statement()}),
    ],
)
def test_policies_that_are_taken(house: House, text: str) -> None:
    assert _put(house, text) is None
    assert json.loads(house.rows("SELECT policy FROM kms_key")[0][0]) == json.loads(text)


def test_a_statement_without_a_resource_has_no_effect(house: House) -> None:
    statements = _statement(Action=["kms:PutKeyPolicy"]), _statement(Resource=None)
    made = house.call(kms.CreateKey, kms.CreateKeyRequest(Policy=_policy(*statements))).KeyMetadata
    assert made is not None
    error = house.error(kms.DescribeKey, kms.DescribeKeyRequest(KeyId=made.KeyId))
    assert error.code == "AccessDeniedException"


@pytest.mark.parametrize(
    "statement",
    [
        _statement(Action="kms:Decrypt"),
        _statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        _statement(Condition={"StringEquals": {"kms:ViaService": "ssm.eu-central-1.amazonaws.com"}}),
        _statement(Effect="Deny"),
        _statement(Principal={"Service": "logs.amazonaws.com"}),
        _statement(Principal={"AWS": OTHER}),
        _statement(Resource=None),
    ],
)
def test_a_policy_that_locks_everybody_out(house: House, statement: dict[str, Any]) -> None:
    error = _put(house, _policy(statement))
    assert error is not None
    assert error.code == "MalformedPolicyDocumentException"
    assert error.message == "The new key policy will not allow you to update the key policy in the future."
    assert _put(house, _policy(statement), bypass=True) is None


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def test_the_lock_out_check_is_about_the_caller(house: House) -> None:
    alice = house.user("alice", ALL)
    bob = house.user("bob", ALL)
    assert _put(house, _policy(_statement())) is None, "left to the account's IAM policies"
    house.user("bob", ALL)
    assert _put(house, _policy(_statement(Principal={"AWS": bob}))) is None
    house.user("bob", ALL)
    error = _put(house, _policy(_statement(Principal={"AWS": alice})))
    assert error is not None
    assert error.message == "The new key policy will not allow you to update the key policy in the future."


def test_a_policy_follows_the_principal_and_not_its_name(house: House) -> None:
    """A user who is deleted and made again gets nothing of what the first one had."""
    alice = house.user("alice")
    house.root()
    policy = _policy(_statement(), _statement(Principal={"AWS": [alice, OTHER]}, Action="kms:DescribeKey"))
    made = house.call(kms.CreateKey, kms.CreateKeyRequest(Policy=policy)).KeyMetadata
    assert made is not None
    describe = kms.DescribeKeyRequest(KeyId=made.KeyId)
    shown = house.call(kms.GetKeyPolicy, kms.GetKeyPolicyRequest(KeyId=made.KeyId)).Policy
    assert json.loads(shown or "") == json.loads(policy)
    house.user("alice")
    house.call(kms.DescribeKey, describe)
    first = house.people.ids.pop(alice)
    house.people.ids[alice] = "AIDASECOND0000000000"
    house.user("alice")
    assert house.error(kms.DescribeKey, describe).code == "AccessDeniedException"
    house.root()
    again = json.loads(house.call(kms.GetKeyPolicy, kms.GetKeyPolicyRequest(KeyId=made.KeyId)).Policy or "")
    assert again["Statement"][1]["Principal"]["AWS"] == [first, OTHER]
    put = kms.PutKeyPolicyRequest(KeyId=made.KeyId, Policy=json.dumps(again))
    error = house.error(kms.PutKeyPolicy, put)
    assert error.message == "Policy contains a statement with one or more invalid principals."


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
        {"AWS": [ROOT, f"arn:aws:iam::{OTHER}:role/nobody"]},
        {"AWS": "AIDANOBODY0000000000"},
        {"AWS": "nobody"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:group/all"},
        {"Service": "not a service"},
        {},
        None,
        "somebody",
    ],
)
def test_principals_that_do_not_exist(house: House, principal: Any) -> None:
    error = _put(house, _policy(_statement(), _statement(Principal=principal)))
    assert error is not None
    assert error.code == "MalformedPolicyDocumentException"
    assert error.message == "Policy contains a statement with one or more invalid principals."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        "{}",
        json.dumps({"Version": "2025-01-01", "Statement": [_statement()]}),
        json.dumps({"Version": "2012-10-17", "Statement": ["x"]}),
        json.dumps({"Version": "2012-10-17", "Statement": "x"}),
        _policy(_statement(Effect="allow")),
        _policy(_statement(Action=None)),
        _policy(_statement(NotAction="kms:Decrypt")),
        _policy(_statement(Action=[])),
        _policy(_statement(Action=[1])),
        _policy(_statement(Resource=[])),
        _policy(_statement(Condition="x")),
    ],
)
def test_malformed_policies(text: str) -> None:
    assert _refusal(text).code == "MalformedPolicyDocumentException"


def test_a_policy_has_a_largest_size() -> None:
    assert _refusal(_policy(_statement(Sid="x" * 32_700))).code == "LimitExceededException"
    text = _policy(_statement(Sid="x" * 32_600))
    assert 32_700 < len(text) <= 32_768
    policies.new_policy(text)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_json_breaks_the_check(value: Any) -> None:
    for document in (value, {"Statement": value}, {"Statement": [value]}, {"Statement": [_statement(Principal=value)]}):
        assert _refusal(json.dumps(document)).code == "MalformedPolicyDocumentException"
