"""The policy simulator: through boto3, and its pure parts."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.policy import PolicyKind
from holdfast.api import iam as api
from holdfast.services.iam.simulation import context_keys, source_id, statement_spans
from holdfast.testing import Account

from .documents import READ, TRUST, allowing
from .refusals import refused

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def _decisions(answer: Any) -> list[tuple[str, str, str]]:
    return [
        (each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"]) for each in answer["EvaluationResults"]
    ]


def test_policies_that_are_given(iam: Any) -> None:
    parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/"
    documents = [
        allowing("ssm:Get*", resource=f"{parameter}app/*"),
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Deny", "Action": "*", "Resource": f"{parameter}app/secret"},
            }
        ),
    ]
    answer = iam.simulate_custom_policy(
        PolicyInputList=documents,
        ActionNames=["ssm:GetParameter", "ssm:PutParameter"],
        ResourceArns=[f"{parameter}app/x", f"{parameter}app/secret", f"{parameter}x"],
    )
    assert _decisions(answer) == [
        ("ssm:GetParameter", f"{parameter}app/x", "allowed"),
        ("ssm:GetParameter", f"{parameter}app/secret", "explicitDeny"),
        ("ssm:GetParameter", f"{parameter}x", "implicitDeny"),
        ("ssm:PutParameter", f"{parameter}app/x", "implicitDeny"),
        ("ssm:PutParameter", f"{parameter}app/secret", "explicitDeny"),
        ("ssm:PutParameter", f"{parameter}x", "implicitDeny"),
    ]
    allowed, denied, nothing = answer["EvaluationResults"][:3]
    assert allowed["ResourceSpecificResults"][0]["EvalResourceDecision"] == "allowed"
    assert allowed["MatchedStatements"] == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 1, "Column": 41},
            "EndPosition": {"Line": 1, "Column": len(documents[0]) - 1},
        }
    ]
    assert [each["SourcePolicyId"] for each in denied["MatchedStatements"]] == ["PolicyInputList.2"]
    assert nothing["MatchedStatements"] == []


def test_what_a_user_may_do(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice", Tags=[{"Key": "team", "Value": "a"}])
    iam.create_group(GroupName="group")
    iam.add_user_to_group(GroupName="group", UserName="alice")
    arn = iam.create_policy(PolicyName="managed", Path="/x/", PolicyDocument=allowing("ssm:GetParameter"))["Policy"][
        "Arn"
    ]
    iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=allowing("kms:Decrypt"))
    iam.put_group_policy(
        GroupName="group",
        PolicyName="tagged",
        PolicyDocument=allowing(
            "kms:Encrypt",
            resource="arn:aws:kms:*:*:key/${aws:username}",
            Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}},
        ),
    )
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    source = f"arn:aws:iam::{holdfast.account}:user/alice"

    def simulate(*actions: str, **more: Any) -> dict[str, tuple[str, list[str]]]:
        answer = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=list(actions), **more)
        return {
            each["EvalActionName"]: (
                each["EvalDecision"],
                [statement["SourcePolicyId"] for statement in each["MatchedStatements"]],
            )
            for each in answer["EvaluationResults"]
        }

    key = f"arn:aws:kms:eu-west-1:{holdfast.account}:key/alice"
    assert simulate("kms:Decrypt", "ssm:GetParameter", "kms:Encrypt", "s3:GetObject", ResourceArns=[key]) == {
        "kms:Decrypt": ("allowed", ["user_alice_own"]),
        "ssm:GetParameter": ("allowed", ["managed"]),
        "kms:Encrypt": ("allowed", ["group_group_tagged"]),
        "s3:GetObject": ("implicitDeny", []),
    }
    more = {"PolicyInputList": [allowing("s3:GetObject")]}
    assert simulate("s3:GetObject", **more) == {"s3:GetObject": ("allowed", ["PolicyInputList.1"])}
    limit = {"PermissionsBoundaryPolicyInputList": [READ]}
    assert simulate("kms:Decrypt", "ssm:GetParameter", **limit) == {
        "kms:Decrypt": ("implicitDeny", []),
        "ssm:GetParameter": ("allowed", ["managed", "PermissionsBoundaryPolicyInputList.1"]),
    }
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=DENY_ALL)
    assert simulate("kms:Decrypt") == {"kms:Decrypt": ("explicitDeny", ["AWSDenyAll"])}
    answer = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["kms:Decrypt"], **limit)
    assert answer["EvaluationResults"][0]["PermissionsBoundaryDecisionDetail"] == {
        "AllowedByPermissionsBoundary": False
    }


def test_what_a_group_and_a_role_may_do(holdfast: Account, iam: Any) -> None:
    iam.create_group(GroupName="group")
    iam.put_group_policy(GroupName="group", PolicyName="p", PolicyDocument=READ)
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    condition = {"StringEquals": {"aws:PrincipalArn": f"arn:aws:iam::{holdfast.account}:role/role"}}
    iam.put_role_policy(RoleName="role", PolicyName="p", PolicyDocument=allowing("ssm:*", Condition=condition))
    for subject in ("group/group", "role/role"):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{holdfast.account}:{subject}", ActionNames=["ssm:GetParameter"]
        )
        assert _decisions(answer) == [("ssm:GetParameter", "*", "allowed")]


def test_two_policies_of_one_name(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    two = allowing("ssm:Describe*").replace(
        '"Statement": [',
        '"Statement": [' + json.dumps({"Effect": "Allow", "Action": "ssm:Put*", "Resource": "*"}) + ", ",
    )
    own = iam.create_policy(PolicyName="AmazonSSMReadOnlyAccess", PolicyDocument=two)["Policy"]["Arn"]
    for arn in (own, "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"):
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    (result,) = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{holdfast.account}:user/alice", ActionNames=["ssm:DescribeParameters"]
    )["EvaluationResults"]
    lines = [statement["StartPosition"]["Line"] for statement in result["MatchedStatements"]]
    assert sorted(lines) == [1, 3]
    assert {each["SourcePolicyId"] for each in result["MatchedStatements"]} == {"AmazonSSMReadOnlyAccess"}


def test_condition_keys(iam: Any) -> None:
    document = allowing(
        "ssm:GetParameter",
        resource="arn:aws:ssm:*:*:parameter/${aws:username, 'x'}/${aws:PrincipalTag/team}/${*}",
        Condition={
            "DateLessThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"},
            "StringEquals": {"aws:RequestedRegion": "eu-west-1"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
        },
    )
    keys = ["aws:CurrentTime", "aws:PrincipalTag/team", "aws:RequestedRegion", "aws:TagKeys", "aws:username"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"] == keys

    def simulate(entries: list[dict[str, Any]]) -> tuple[str, list[str]]:
        resource = "arn:aws:ssm:eu-west-1:123456789012:parameter/x/blue/*"
        (result,) = iam.simulate_custom_policy(
            PolicyInputList=[document],
            ActionNames=["ssm:GetParameter"],
            ResourceArns=[resource],
            ContextEntries=entries,
        )["EvaluationResults"]
        return result["EvalDecision"], result["MissingContextValues"]

    decision, missing = simulate([])
    assert (decision, sorted(missing)) == ("implicitDeny", [key for key in keys if key != "aws:CurrentTime"])
    entries = [
        {"ContextKeyName": "aws:PrincipalTag/team", "ContextKeyValues": ["blue"], "ContextKeyType": "string"},
        {"ContextKeyName": "AWS:requestedregion", "ContextKeyValues": ["eu-west-1"], "ContextKeyType": "string"},
        {"ContextKeyName": "aws:TagKeys", "ContextKeyValues": ["a"], "ContextKeyType": "stringList"},
    ]
    assert simulate(entries) == ("allowed", ["aws:username"])
    tags = {"ContextKeyName": "aws:TagKeys", "ContextKeyValues": ["a", "c"], "ContextKeyType": "stringList"}
    assert simulate([*entries[:2], tags])[0] == "implicitDeny"


def test_keys_of_a_principals_policies(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    condition = {"Bool": {"aws:SecureTransport": "true"}}
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=allowing("ssm:*", Condition=condition))
    answer = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{holdfast.account}:user/alice", PolicyInputList=[READ]
    )
    assert answer["ContextKeyNames"] == ["aws:SecureTransport"]


def test_a_resource_policy(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    alice = f"arn:aws:iam::{holdfast.account}:user/alice"
    secret = f"arn:aws:secretsmanager:eu-west-1:{holdfast.account}:secret:s-abcdef"
    policy = allowing("secretsmanager:GetSecretValue", Principal={"AWS": alice})
    arguments = {
        "PolicyInputList": [READ],
        "ActionNames": ["secretsmanager:GetSecretValue"],
        "ResourceArns": [secret],
        "ResourcePolicy": policy,
    }
    (result,) = iam.simulate_custom_policy(**arguments, CallerArn=alice)["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"][0]["SourcePolicyType"] == "Resource Policy"
    owner = "arn:aws:iam::210987654321:root"
    (result,) = iam.simulate_custom_policy(**arguments, CallerArn=alice, ResourceOwner=owner)["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert refused(iam.simulate_custom_policy, **arguments)[0] == "InvalidInput"
    for caller in (f"arn:aws:iam::{holdfast.account}:role/r", "nobody"):
        assert refused(iam.simulate_custom_policy, **arguments, CallerArn=caller)[0] == "InvalidInput"


def test_page_by_page(iam: Any) -> None:
    actions = [f"ssm:Get{n}" for n in range(5)]
    pages = list(
        iam.get_paginator("simulate_custom_policy").paginate(
            PolicyInputList=[allowing("ssm:Get3")], ActionNames=actions, PaginationConfig={"PageSize": 2}
        )
    )
    found = [each for page in pages for each in _decisions(page)]
    assert [action for action, _, _ in found] == actions
    assert [decision for _, _, decision in found].index("allowed") == 3
    assert [page["IsTruncated"] for page in pages] == [True, True, False]


def test_simulations_that_are_refused(holdfast: Account, iam: Any) -> None:
    custom, principal = iam.simulate_custom_policy, iam.simulate_principal_policy
    actions = {"ActionNames": ["ssm:GetParameter"]}
    assert refused(custom, PolicyInputList=["{}"], **actions)[0] == "InvalidInput"
    assert refused(custom, PolicyInputList=[READ], ActionNames=["GetParameter"])[0] == "InvalidInput"
    two = {"PermissionsBoundaryPolicyInputList": [READ, READ]}
    assert refused(custom, PolicyInputList=[READ], **actions, **two)[0] == "InvalidInput"
    entry = {"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["1.1.1.1", "2.2.2.2"], "ContextKeyType": "ip"}
    assert refused(custom, PolicyInputList=[READ], **actions, ContextEntries=[entry])[0] == "InvalidInput"
    nobody = f"arn:aws:iam::{holdfast.account}:user/nobody"
    assert refused(principal, PolicySourceArn=nobody, **actions) == (
        "NoSuchEntity",
        "The user with name nobody cannot be found.",
    )
    assert refused(principal, PolicySourceArn=f"arn:aws:iam::{holdfast.account}:root", **actions)[0] == "InvalidInput"
    theirs = "arn:aws:iam::210987654321:user/alice"
    assert refused(principal, PolicySourceArn=theirs, **actions)[0] == "AccessDenied"


def test_names_of_policies() -> None:
    assert source_id("arn:aws:iam::123456789012:policy/x/y/name") == "name"
    assert source_id("inline policy read on user/alice") == "user_alice_read"
    assert source_id("inline policy a on user/b on group/c") == "group_c_a on user/b"
    assert source_id("PolicyInputList.3") == "PolicyInputList.3"


@pytest.mark.parametrize("indent", [None, 1, 4])
@given(
    statements=st.lists(st.sampled_from(["ssm:Get*", "kms:*", "a:]},[{"]), min_size=1, max_size=4),
    before=st.booleans(),
    single=st.booleans(),
)
def test_statements_are_where_they_are_said_to_be(
    indent: int | None, statements: list[str], before: bool, single: bool
) -> None:
    written: list[Any] = [{"Effect": "Allow", "Action": action, "Resource": "*"} for action in statements]
    document: dict[str, Any] = {} if before else {"Version": "2012-10-17"}
    document["Statement"] = written[0] if single else written
    document |= {"Version": "2012-10-17", "Id": '"Statement": ['}
    text = json.dumps(document, indent=indent)
    spans = statement_spans(text)
    found = [json.loads(text[start:end].strip(" \n,")) for start, end in spans]
    assert found == (written[:1] if single else written)


def test_variables_count_in_the_current_version_only() -> None:
    document = allowing("ssm:*", resource="arn:aws:ssm:*:*:parameter/${aws:username}${$}${?}")
    assert context_keys(document, PolicyKind.IDENTITY) == ["aws:username"]
    assert context_keys(document.replace("2012-10-17", "2008-10-17"), PolicyKind.IDENTITY) == []


@pytest.mark.parametrize("part", ["${a", "${a,", "${a ", "${ ", "$", "${a:b}"])
def test_no_document_is_read_over_and_over(part: str) -> None:
    text = allowing("ssm:*", Condition={"StringEquals": {"aws:x": part * 30_000}})
    began = time.process_time()
    with contextlib.suppress(api.InvalidInputException):
        context_keys(text, PolicyKind.IDENTITY)
    assert time.process_time() - began < 2
