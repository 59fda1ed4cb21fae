"""Roles, through boto3."""

from __future__ import annotations

import re
from typing import Any

from holdfast.testing import Account

from .documents import READ, TRUST, trusting
from .refusals import refused


def test_the_life_of_a_role(holdfast: Account, iam: Any) -> None:
    role = iam.create_role(
        RoleName="App",
        Path="/services/",
        AssumeRolePolicyDocument=TRUST,
        Description="an app",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "a"}],
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{holdfast.account}:role/services/App"
    assert re.fullmatch(r"AROA[A-Z2-7]{17}", role["RoleId"])
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (role["Description"], role["MaxSessionDuration"]) == ("an app", 7200)
    assert (role["Tags"], role["RoleLastUsed"]) == ([{"Key": "team", "Value": "a"}], {})
    assert iam.get_role(RoleName="app")["Role"] == role
    listed = iam.list_roles()["Roles"]
    assert [found["RoleName"] for found in listed] == ["App"]
    assert listed[0].keys() & {"Tags", "RoleLastUsed", "PermissionsBoundary"} == set()
    iam.delete_role(RoleName="APP")
    assert refused(iam.get_role, RoleName="App") == ("NoSuchEntity", "The role with name App cannot be found.")


def test_what_is_not_said(iam: Any) -> None:
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)["Role"]
    assert (role["Path"], role["MaxSessionDuration"]) == ("/", 3600)
    assert role.keys() & {"Tags", "Description", "PermissionsBoundary"} == set()


def test_roles_that_are_refused(iam: Any) -> None:
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)
    assert refused(iam.create_role, RoleName="APP", AssumeRolePolicyDocument=TRUST) == (
        "EntityAlreadyExists",
        "Role with name APP already exists.",
    )
    code, message = refused(iam.create_role, RoleName="b", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=43201)
    assert code == "ValidationError"
    assert message.endswith("Member must have value less than or equal to 43200")
    for document in ("{", READ, trusting({"AWS": "nobody"})):
        assert refused(iam.create_role, RoleName="b", AssumeRolePolicyDocument=document)[0] == "MalformedPolicyDocument"
    long = trusting({"Service": ["lambda.amazonaws.com"] * 100})
    assert refused(iam.create_role, RoleName="b", AssumeRolePolicyDocument=long) == (
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )
    path = "/aws-service-role/lambda.amazonaws.com/"
    assert refused(iam.create_role, RoleName="b", Path=path, AssumeRolePolicyDocument=TRUST)[0] == "InvalidInput"
    assert refused(iam.create_role, RoleName="a b", AssumeRolePolicyDocument=TRUST)[1].startswith(
        "The specified value for roleName is invalid."
    )
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["app"]


def test_changes(iam: Any) -> None:
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST, Description="first")
    assert iam.update_role(RoleName="app", MaxSessionDuration=43200)["ResponseMetadata"]["HTTPStatusCode"] == 200
    found = iam.get_role(RoleName="app")["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("first", 43200)
    iam.update_role(RoleName="app", Description="")
    assert "Description" not in iam.get_role(RoleName="app")["Role"]
    role = iam.update_role_description(RoleName="app", Description="third")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("third", 43200)
    other = trusting({"AWS": "*"})
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=other)
    shown = iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": "*"}
    assert refused(iam.update_assume_role_policy, RoleName="app", PolicyDocument=READ)[0] == "MalformedPolicyDocument"
    for call, more in (
        (iam.update_role, {}),
        (iam.update_role_description, {"Description": ""}),
        (iam.update_assume_role_policy, {"PolicyDocument": TRUST}),
    ):
        assert refused(call, RoleName="nobody", **more) == (
            "NoSuchEntity",
            "The role with name nobody cannot be found.",
        )


def test_what_a_role_has_must_go_first(iam: Any) -> None:
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=READ)["Policy"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="inline", PolicyDocument=READ)
    iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=arn)
    assert refused(iam.delete_role, RoleName="app") == (
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    )
    iam.delete_role_policy(RoleName="app", PolicyName="inline")
    assert refused(iam.delete_role, RoleName="app") == (
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    )
    iam.detach_role_policy(RoleName="app", PolicyArn=arn)
    iam.delete_role(RoleName="app")
    iam.delete_policy(PolicyArn=arn)


def test_the_size_of_a_trust_policy_is_without_white_space(iam: Any) -> None:
    document = trusting({"Service": "lambda.amazonaws.com"}).replace(", ", ",\n" + " " * 3000)
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=document)
