"""Which resource policies let in everybody, and that a compiled policy is kept and bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager import policies

A = "arn:aws:iam::111122223333"
ROOT = {"AWS": f"{A}:root"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any = "*", **members: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*", **members,
    }  # fmt: skip


def deny(**members: Any) -> dict[str, Any]:
    return {**allow(**members), "Effect": "Deny"}


BROAD_CONDITIONS: list[dict[str, Any]] = [
    {},
    {"StringEquals": {"aws:ResourceTag/a": "b"}},
    {"StringEquals": {"aws:username": "bob"}},
    {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
    {"StringLike": {"aws:PrincipalOrgID": ["o-1", "*"]}},
    {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}},
    {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
    {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}},
    {"ArnLike": {"aws:PrincipalArn": "*"}},
    {"StringLike": {"aws:userid": "*:app"}},
    {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}},
    {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "128.0.0.0/7"]}},
    {"IpAddress": {"aws:SourceIp": "::/0"}},
    {"IpAddress": {"aws:SourceIp": "2000::/16"}},
    {"Null": {"aws:PrincipalOrgID": "false"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}},
]
NARROW_CONDITIONS: list[dict[str, Any]] = [
    {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"StringEquals": {"AWS:principalOrgId": ["o-1", "o-2"]}},
    {"StringLike": {"aws:PrincipalAccount": "111122223333"}},
    {"ArnLike": {"aws:PrincipalArn": f"{A}:role/*"}},
    {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:eu-north-1:111122223333:bucket"}},
    {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
    {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}},
    {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}},
    {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "12.0.0.0/8"]}},
    {"IpAddress": {"aws:SourceIp": "fc00::/7"}},
    {"IpAddress": {"aws:SourceIp": "2001:db8::/32"}},
    {"StringEquals": {"aws:username": "bob"}, "IpAddress": {"aws:SourceIp": "203.0.113.7"}},
]


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": [f"{A}:root", "*"]}])
@pytest.mark.parametrize("condition", BROAD_CONDITIONS, ids=json.dumps)
def test_these_are_broad(principal: Any, condition: dict[str, Any]) -> None:
    assert policies.is_broad(policy(allow(ROOT), allow(principal, Condition=condition))) is True


@pytest.mark.parametrize("condition", NARROW_CONDITIONS, ids=json.dumps)
def test_these_are_not(condition: dict[str, Any]) -> None:
    assert policies.is_broad(policy(allow(Condition=condition))) is False
    assert policies.is_broad(policy(allow(Condition=condition), allow())) is True


@pytest.mark.parametrize(
    "principal",
    [{"AWS": f"{A}:root"}, {"AWS": "111122223333"}, {"AWS": f"{A}:user/x"}, {"Service": "lambda.amazonaws.com"}],
)
def test_somebody_is_not_everybody(principal: Any) -> None:
    assert policies.is_broad(policy(allow(principal))) is False


def test_a_deny_for_everybody_is_not_broad() -> None:
    assert policies.is_broad(policy(deny())) is False
    assert policies.is_broad(policy({**deny(), "Principal": {"AWS": f"{A}:root"}}, allow())) is True


OTHERS = {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    ("fence", "broad"),
    [
        (deny(Condition=OTHERS), False),
        (deny(Condition=OTHERS, Action="*"), False),
        (deny(Condition=OTHERS, Action="secretsmanager:*"), False),
        (deny(Condition={"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), False),
        (deny(Condition=OTHERS, Action="secretsmanager:PutSecretValue"), True),
        (deny(Condition=OTHERS, Resource="arn:aws:secretsmanager:eu-north-1:111122223333:secret:x"), True),
        (deny(Condition={**OTHERS, "Bool": {"aws:SecureTransport": "false"}}), True),
        (deny(Condition={"StringNotLike": {"aws:PrincipalOrgID": "o-*"}}), True),
        (deny(Condition={"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), True),
        ({**deny(Condition=OTHERS), "Principal": {"AWS": f"{A}:root"}}, True),
    ],
)  # fmt: skip
def test_a_deny_for_all_others(fence: dict[str, Any], broad: bool) -> None:
    assert policies.is_broad(policy(allow(), fence)) is broad


def test_each_text_is_compiled_once() -> None:
    text = policy(allow(ROOT, Sid="once"))
    assert policies.compiled(text) is policies.compiled(str(json.loads(json.dumps(text))))
    long = policy(*(allow(ROOT, Sid=f"s{n}") for n in range(100)))
    assert len(long) > policies.SHORT
    assert policies.compiled(long) is policies.compiled(long + "")
    assert policies.compiled("") is None


KEYS = st.sampled_from(["Version", "Statement", "Effect", "Principal"])
JSON = st.recursive(
    st.none() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.text(max_size=40) | JSON.map(json.dumps))
def test_whatever_is_no_policy_is_malformed(text: str) -> None:
    with pytest.raises(api.MalformedPolicyDocumentException) as caught:
        policies.check_grammar(text)
    assert caught.value.message
