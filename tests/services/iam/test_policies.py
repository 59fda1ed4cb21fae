"""Managed policies and their versions, through boto3."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.services.iam.managed_policies import aws_policies
from holdfast.testing import Account, Server

from .documents import READ, TRUST, allowing, sized
from .refusals import refused

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def test_the_life_of_a_policy(holdfast: Account, iam: Any) -> None:
    policy = iam.create_policy(
        PolicyName="Read", Path="/app/", PolicyDocument=READ, Description="reads", Tags=[{"Key": "k", "Value": "v"}]
    )["Policy"]
    arn = f"arn:aws:iam::{holdfast.account}:policy/app/Read"
    assert (policy["Arn"], policy["Path"], policy["PolicyName"]) == (arn, "/app/", "Read")
    assert re.fullmatch(r"ANPA[A-Z2-7]{17}", policy["PolicyId"])
    assert (policy["DefaultVersionId"], policy["AttachmentCount"], policy["IsAttachable"]) == ("v1", 0, True)
    assert iam.get_policy(PolicyArn=arn)["Policy"] == policy
    assert (policy["Description"], policy["Tags"]) == ("reads", [{"Key": "k", "Value": "v"}])
    listed = iam.list_policies(Scope="Local")["Policies"]
    assert [found["Arn"] for found in listed] == [arn]
    assert listed[0].keys() & {"Description", "Tags"} == set()
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert (version["Document"], version["IsDefaultVersion"]) == (json.loads(READ), True)
    assert refused(iam.create_policy, PolicyName="read", PolicyDocument=READ) == (
        "EntityAlreadyExists",
        "A policy called read already exists. Duplicate names are not allowed.",
    )
    iam.delete_policy(PolicyArn=arn)
    for call in (iam.get_policy, iam.delete_policy, iam.list_policy_versions):
        assert refused(call, PolicyArn=arn) == ("NoSuchEntity", f"Policy {arn} was not found.")


def test_versions(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=READ)["Policy"]["Arn"]
    for n in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=allowing(f"ssm:Get{n}"), SetAsDefault=n == 3)
        assert version["PolicyVersion"]["VersionId"] == f"v{n}"
        assert version["PolicyVersion"]["IsDefaultVersion"] == (n == 3)
        assert "Document" not in version["PolicyVersion"]
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=READ) == (
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
        "version.",
    )
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(found["VersionId"], found["IsDefaultVersion"]) for found in versions] == [
        ("v5", False), ("v4", False), ("v3", True), ("v2", False), ("v1", False),
    ]  # fmt: skip
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v3") == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v3")
    # A number is never given again.
    assert (
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"]["VersionId"],
        iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"],
    ) == ("v6", "v1")
    for call in (iam.get_policy_version, iam.delete_policy_version, iam.set_default_policy_version):
        assert refused(call, PolicyArn=arn, VersionId="v3") == (
            "NoSuchEntity",
            f"Policy {arn} version v3 does not exist or is not attachable.",
        )
    assert refused(iam.delete_policy, PolicyArn=arn) == (
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
        "The default version is deleted with the policy.",
    )
    for version in ("v2", "v4", "v5", "v6"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "Syntax errors in policy."),
        (READ.replace("2012-10-17", "2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (allowing("GetParameter"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (allowing("ssm:Get", resource="x"), 'Resource x must be in ARN format or "*".'),
        (allowing("ssm:Get", Principal="*"), "Policy document should not specify a principal."),
    ],
)
def test_documents_that_are_refused(iam: Any, document: str, text: str) -> None:
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=document) == ("MalformedPolicyDocument", text)
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_the_size_of_a_document(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=sized(6144))["Policy"]["Arn"]
    for call, more in ((iam.create_policy, {"PolicyName": "q"}), (iam.create_policy_version, {"PolicyArn": arn})):
        assert refused(call, PolicyDocument=sized(6145), **more) == (
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
        )


def test_arns_that_are_refused(holdfast_session_server: Server, holdfast: Account, iam: Any) -> None:
    bad = f"arn:aws:iam::{holdfast.account}:user/alice"
    assert refused(iam.get_policy, PolicyArn=bad) == ("InvalidInput", f"ARN {bad} is not valid.")
    absent = f"arn:aws:iam::{holdfast.account}:policy/absent"
    assert refused(iam.get_policy, PolicyArn=absent) == ("NoSuchEntity", f"Policy {absent} was not found.")
    unknown = "arn:aws:iam::aws:policy/AmazonUnknownAccess"
    assert refused(iam.get_policy, PolicyArn=unknown) == ("NoSuchEntity", f"Policy {unknown} was not found.")
    other = holdfast_session_server.create_account()
    theirs = other.client("iam").create_policy(PolicyName="p", PolicyDocument=READ)["Policy"]["Arn"]
    assert refused(iam.get_policy, PolicyArn=theirs)[0] == "AccessDenied"
    other.close()


def test_policies_of_aws_are_to_look_at(iam: Any) -> None:
    policy = iam.get_policy(PolicyArn=DENY_ALL)["Policy"]
    assert (policy["PolicyId"], policy["DefaultVersionId"]) == ("ANPAZKAPJZG4P43IUQ5E5", "v2")
    assert [found["VersionId"] for found in iam.list_policy_versions(PolicyArn=DENY_ALL)["Versions"]] == ["v2"]
    version = iam.get_policy_version(PolicyArn=DENY_ALL, VersionId="v2")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Effect"] == "Deny"
    assert refused(iam.get_policy_version, PolicyArn=DENY_ALL, VersionId="v1")[0] == "NoSuchEntity"
    for call, more in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": READ}),
        (iam.tag_policy, {"Tags": [{"Key": "k", "Value": "v"}]}),
    ):
        assert refused(call, PolicyArn=DENY_ALL, **more)[0] == "NoSuchEntity"
    assert iam.list_policy_tags(PolicyArn=DENY_ALL)["Tags"] == []


def test_every_policy_of_aws_compiles() -> None:
    found = aws_policies()
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in found
    for arn, policy in found.items():
        assert re.fullmatch(r"ANPA[A-Z0-9]{17}", policy.id)
        assert compile_policy(policy.document, name=arn, kind=PolicyKind.IDENTITY).statements


def test_listing_with_filters(iam: Any) -> None:
    for name, path in (("a", "/"), ("b", "/x/"), ("c", "/x/y/"), ("d", "/x/")):
        iam.create_policy(PolicyName=name, Path=path, PolicyDocument=READ)
    arns = {policy["PolicyName"]: policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]}
    iam.create_user(UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn=arns["b"])
    iam.attach_user_policy(UserName="alice", PolicyArn=DENY_ALL)
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arns["d"])

    def names(**arguments: Any) -> list[str]:
        return [policy["PolicyName"] for policy in iam.list_policies(**arguments)["Policies"]]

    assert names(Scope="Local") == ["a", "b", "c", "d"]
    assert names(Scope="Local", PathPrefix="/x/") == ["b", "d", "c"]
    assert names(OnlyAttached=True) == ["AWSDenyAll", "b", "d"]
    assert names(Scope="AWS", OnlyAttached=True) == ["AWSDenyAll"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["d"]
    assert names(PolicyUsageFilter="PermissionsPolicy") == ["AWSDenyAll", "b"]
    assert names(PathPrefix="/service-role/") == ["AWSLambdaBasicExecutionRole"]
    everything = names()
    assert len(everything) == len(aws_policies()) + 4
    assert "AdministratorAccess" in everything


def test_a_policy_in_use_stays(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert refused(iam.delete_policy, PolicyArn=arn) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    iam.delete_role_permissions_boundary(RoleName="app")
    iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.detach_role_policy(RoleName="app", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
