"""Key policies: what the fixed ones say is what is decided, and a stored one is one that is honoured."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import kms
from holdfast.api.base import ServiceError
from holdfast.services.kms import policies

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
    decided = policies.managed_key_allows(service, action, via, caller == ACCOUNT)
    assert decided == _allows(document, action, via, caller)


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


def _refusal(text: str, *, bypass: bool = False) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        policies.check_key_policy(text, "aws", ACCOUNT, bypass_lockout_check=bypass)
    return caught.value


WITHIN_ACCOUNT = {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "ssm.eu-central-1.amazonaws.com"}}


@pytest.mark.parametrize(
    "text",
    [
        policies.default_policy("aws", ACCOUNT),
        _policy(_statement(Principal={"AWS": ACCOUNT})),
        _policy(_statement(Principal={"AWS": [ROOT]}, Action=["kms:*"])),
        _policy(_statement(Action="*")),
        _policy(_statement(), _statement(Principal={"AWS": "*"}, Action="kms:Decrypt", Condition=WITHIN_ACCOUNT)),
        _policy(_statement(), _statement(Principal="*", Action="kms:Decrypt", Condition=WITHIN_ACCOUNT)),
        _policy(_statement(), _statement(Principal={"Service": "logs.eu-central-1.amazonaws.com"}, Action="kms:Enc*")),
        _policy(_statement(), _statement(NotAction="kms:Decrypt", Action=None)),
        json.dumps({"Statement": _statement()}),
    ],
)
def test_policies_that_are_honoured(text: str) -> None:
    policies.check_key_policy(text, "aws", ACCOUNT, bypass_lockout_check=False)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (_policy(_statement(), _statement(Effect="Deny", Action="kms:Decrypt")), "Deny"),
        (_policy(_statement(), _statement(Principal={"AWS": OTHER})), "other accounts"),
        (_policy(_statement(), _statement(Principal={"AWS": f"arn:aws:iam::{OTHER}:role/x"})), "other accounts"),
        (_policy(_statement(), _statement(Principal={"AWS": "*"}, Action="kms:Decrypt")), "other accounts"),
        (
            _policy(
                _statement(),
                _statement(Principal="*", Condition={"StringEquals": {"kms:CallerAccount": [ACCOUNT, OTHER]}}),
            ),
            "other accounts",
        ),
        (_policy(_statement(Action=["kms:Put*", "kms:Describe*"])), "less than kms:*"),
        (_policy(_statement(), _statement(Principal=None, NotPrincipal={"AWS": ROOT})), "NotPrincipal"),
    ],
)
def test_policies_that_could_not_be_honoured_are_refused_by_name(text: str, named: str) -> None:
    error = _refusal(text)
    assert error.code == "UnsupportedOperationException"
    assert named in (error.message or "")


@pytest.mark.parametrize(
    "statement",
    [
        _statement(Action="kms:Decrypt"),
        _statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        _statement(Effect="Deny"),
        _statement(Principal={"Service": "logs.amazonaws.com"}),
    ],
)
def test_a_policy_that_locks_everybody_out(statement: dict[str, Any]) -> None:
    error = _refusal(_policy(statement))
    assert error.code == "MalformedPolicyDocumentException"
    assert error.message == "The new key policy will not allow you to update the key policy in the future."
    assert _refusal(_policy(statement), bypass=True).code == "UnsupportedOperationException"


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
        {"AWS": "nobody"},
        {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"},
        {"Federated": "accounts.google.com"},
        {"Service": "not a service"},
        {},
        None,
        "somebody",
    ],
)
def test_principals_that_do_not_exist(principal: Any) -> None:
    error = _refusal(_policy(_statement(), _statement(Principal=principal)))
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
        _policy(_statement(Effect="allow")),
        _policy(_statement(Action=None)),
        _policy(_statement(NotAction="kms:Decrypt")),
        _policy(_statement(Action=[])),
        _policy(_statement(Action=[1])),
        _policy(_statement(Resource=None)),
        _policy(_statement(Resource="arn:aws:kms:eu-central-1:123456789012:key/x")),
        _policy(_statement(Condition="x")),
    ],
)
def test_malformed_policies(text: str) -> None:
    assert _refusal(text).code == "MalformedPolicyDocumentException"


def test_a_policy_has_a_largest_size() -> None:
    statement = _statement(Sid="x" * 33_000)
    assert _refusal(_policy(statement)).code == "LimitExceededException"


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_json_breaks_the_check(value: Any) -> None:
    for document in (value, {"Statement": value}, {"Statement": [value]}, {"Statement": [_statement(Principal=value)]}):
        assert _refusal(json.dumps(document)).code in (
            "MalformedPolicyDocumentException",
            "UnsupportedOperationException",
        )
