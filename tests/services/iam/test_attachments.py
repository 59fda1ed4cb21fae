"""Managed and inline policies on users, groups and roles, and boundaries, through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account, Server

from .conftest import Signing
from .documents import READ, TRUST, allowing, sized
from .refusals import refused

KINDS = ("user", "group", "role")
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


class Owner:
    """A user, group or role, with the operations of its kind."""

    def __init__(self, iam: Any, kind: str) -> None:
        self.iam = iam
        self.kind = kind
        self.name = {f"{kind.capitalize()}Name": "mine"}
        if kind == "role":
            iam.create_role(**self.name, AssumeRolePolicyDocument=TRUST)
        else:
            getattr(iam, f"create_{kind}")(**self.name)

    def __call__(self, operation: str, **arguments: Any) -> Any:
        return self.operation(operation)(**self.name, **arguments)

    def operation(self, operation: str) -> Any:
        return getattr(self.iam, operation.replace("KIND", self.kind))


@pytest.fixture(params=KINDS)
def owner(request: pytest.FixtureRequest, iam: Any) -> Owner:
    return Owner(iam, request.param)


def test_managed_policies(iam: Any, owner: Owner) -> None:
    arn = iam.create_policy(PolicyName="mine", Path="/x/", PolicyDocument=READ)["Policy"]["Arn"]
    for _ in range(2):
        owner("attach_KIND_policy", PolicyArn=arn)
    owner("attach_KIND_policy", PolicyArn=DENY_ALL)
    attached = owner("list_attached_KIND_policies")["AttachedPolicies"]
    both = [{"PolicyName": "mine", "PolicyArn": arn}, {"PolicyName": "AWSDenyAll", "PolicyArn": DENY_ALL}]
    assert sorted(attached, key=lambda each: each["PolicyArn"]) == sorted(both, key=lambda each: each["PolicyArn"])
    assert owner("list_attached_KIND_policies", PathPrefix="/x/")["AttachedPolicies"] == both[:1]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert iam.get_policy(PolicyArn=DENY_ALL)["Policy"]["AttachmentCount"] == 1
    owner("detach_KIND_policy", PolicyArn=arn)
    assert refused(owner, operation="detach_KIND_policy", PolicyArn=arn) == (
        "NoSuchEntity",
        f"Policy {arn} was not found.",
    )
    assert owner("list_attached_KIND_policies")["AttachedPolicies"] == both[1:]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0


def test_what_cannot_be_attached(holdfast: Account, owner: Owner) -> None:
    for arn in (
        f"arn:aws:iam::{holdfast.account}:policy/absent",
        "arn:aws:iam::aws:policy/AmazonUnknownAccess",
        "arn:aws:iam::210987654321:policy/theirs",
    ):
        assert refused(owner, operation="attach_KIND_policy", PolicyArn=arn) == (
            "NoSuchEntity",
            f"Policy {arn} does not exist or is not attachable.",
        )
    bad = "arn:aws:iam::aws:role/AWSDenyAll"
    assert refused(owner, operation="attach_KIND_policy", PolicyArn=bad) == ("InvalidInput", f"ARN {bad} is not valid.")
    nobody = {f"{owner.kind.capitalize()}Name": "nobody"}
    for operation in ("attach_KIND_policy", "detach_KIND_policy"):
        assert refused(owner.operation(operation), **nobody, PolicyArn=DENY_ALL) == (
            "NoSuchEntity",
            f"The {owner.kind} with name nobody cannot be found.",
        )


def test_ten_managed_policies_are_enough(iam: Any, owner: Owner) -> None:
    for n in range(11):
        arn = iam.create_policy(PolicyName=f"p{n}", PolicyDocument=READ)["Policy"]["Arn"]
        if n < 10:
            owner("attach_KIND_policy", PolicyArn=arn)
        else:
            assert refused(owner, operation="attach_KIND_policy", PolicyArn=arn) == (
                "LimitExceeded",
                f"Cannot exceed quota for PoliciesPer{owner.kind.capitalize()}: 10",
            )


def test_who_has_a_policy(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_group(GroupName="g", Path="/x/")
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=arn)
    iam.create_role(RoleName="r", Path="/x/", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)

    def found(**arguments: Any) -> str:
        answer = iam.list_entities_for_policy(PolicyArn=arn, **arguments)
        assert answer["IsTruncated"] is False
        kinds = (("PolicyGroups", "GroupName"), ("PolicyUsers", "UserName"), ("PolicyRoles", "RoleName"))
        return "".join(entry[name] for kind, name in kinds for entry in answer[kind])

    assert found() == "gur"
    assert found(EntityFilter="User") == "u"
    assert found(PathPrefix="/x/") == "gr"
    assert found(PolicyUsageFilter="PermissionsPolicy") == "gu"
    assert found(PolicyUsageFilter="PermissionsBoundary") == "ur"
    assert found(EntityFilter="LocalManagedPolicy") == ""
    pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 1})
    assert [len(page["PolicyGroups"] + page["PolicyUsers"] + page["PolicyRoles"]) for page in pages] == [1, 1, 1]


def test_inline_policies(owner: Owner) -> None:
    owner("put_KIND_policy", PolicyName="b", PolicyDocument=READ)
    owner("put_KIND_policy", PolicyName="a", PolicyDocument=READ)
    other = allowing("ssm:PutParameter")
    owner("put_KIND_policy", PolicyName="a", PolicyDocument=other)
    assert owner("list_KIND_policies")["PolicyNames"] == ["a", "b"]
    found = owner("get_KIND_policy", PolicyName="a")
    assert (found["PolicyName"], found["PolicyDocument"]) == ("a", json.loads(other))
    owner("delete_KIND_policy", PolicyName="a")
    for operation in ("get_KIND_policy", "delete_KIND_policy"):
        assert refused(owner, operation=operation, PolicyName="a") == (
            "NoSuchEntity",
            f"The {owner.kind} policy with name a cannot be found.",
        )
    assert owner("list_KIND_policies")["PolicyNames"] == ["b"]
    assert refused(owner, operation="put_KIND_policy", PolicyName="c", PolicyDocument="{}")[0] == (
        "MalformedPolicyDocument"
    )
    assert refused(owner, operation="put_KIND_policy", PolicyName="a b", PolicyDocument=READ)[1].startswith(
        "The specified value for policyName is invalid."
    )


def test_an_inline_policy_may_be_of_the_old_version(owner: Owner) -> None:
    owner("put_KIND_policy", PolicyName="old", PolicyDocument=READ.replace("2012-10-17", "2008-10-17"))


def test_the_size_of_all_inline_policies_together(owner: Owner) -> None:
    most = {"user": 2048, "group": 5120, "role": 10240}[owner.kind]
    owner("put_KIND_policy", PolicyName="a", PolicyDocument=sized(most - 1000))
    owner("put_KIND_policy", PolicyName="b", PolicyDocument=sized(1000))
    # The one that is replaced does not count.
    owner("put_KIND_policy", PolicyName="b", PolicyDocument=sized(1000).replace(", ", ",      "))
    assert refused(owner, operation="put_KIND_policy", PolicyName="b", PolicyDocument=sized(1001)) == (
        "LimitExceeded",
        f"Maximum policy size of {most} bytes exceeded for {owner.kind} mine",
    )


def test_documents_come_back_as_they_were(iam: Any) -> None:
    iam.create_user(UserName="alice")
    document = '{"Version":"2012-10-17",\n\t"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Sid":"a1"}]}'
    document = document.replace('"Resource":"*"', '"Resource":"arn:aws:ssm:*:*:parameter/ä+%20&<b>~"')
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=document)
    assert iam.get_user_policy(UserName="alice", PolicyName="p")["PolicyDocument"] == json.loads(document)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_boundaries(holdfast: Account, iam: Any, kind: str) -> None:
    owner = Owner(iam, kind)
    arn = iam.create_policy(PolicyName="limit", PolicyDocument=READ)["Policy"]["Arn"]

    def shown() -> Any:
        return owner("get_KIND")[kind.capitalize()].get("PermissionsBoundary")

    assert shown() is None
    for boundary in (DENY_ALL, arn, arn):
        owner("put_KIND_permissions_boundary", PermissionsBoundary=boundary)
        assert shown() == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    assert iam.get_policy(PolicyArn=DENY_ALL)["Policy"]["PermissionsBoundaryUsageCount"] == 0
    owner("delete_KIND_permissions_boundary")
    owner("delete_KIND_permissions_boundary")
    assert shown() is None
    absent = f"arn:aws:iam::{holdfast.account}:policy/absent"
    assert refused(owner, operation="put_KIND_permissions_boundary", PermissionsBoundary=absent) == (
        "NoSuchEntity",
        f"Scope ARN: {absent} does not exist or is not attachable.",
    )
    assert refused(iam.create_user, UserName="other", PermissionsBoundary=absent)[0] == "NoSuchEntity"
    assert len(iam.list_users()["Users"]) == (1 if kind == "user" else 0)


def test_what_is_attached_counts_with_the_next_call(holdfast: Account, iam: Any, signing: Signing) -> None:
    holdfast.client("ssm").put_parameter(Name="p", Value="v", Type="String")
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="group")
    ssm = signing(holdfast, iam.create_access_key(UserName="alice")["AccessKey"], "ssm")
    assert refused(ssm.get_parameter, Name="p")[0] == "AccessDeniedException"
    iam.put_group_policy(GroupName="group", PolicyName="read", PolicyDocument=READ)
    iam.add_user_to_group(GroupName="group", UserName="alice")
    assert ssm.get_parameter(Name="p")["Parameter"]["Value"] == "v"
    iam.attach_user_policy(UserName="alice", PolicyArn=DENY_ALL)
    assert refused(ssm.get_parameter, Name="p")[1].endswith(
        f"with an explicit deny in an identity-based policy: {DENY_ALL}"
    )
    iam.detach_user_policy(UserName="alice", PolicyArn=DENY_ALL)
    ssm.get_parameter(Name="p")
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess")
    assert refused(ssm.get_parameter, Name="p")[1].endswith(
        "because no permissions boundary allows the ssm:GetParameter action"
    )
    iam.delete_user_permissions_boundary(UserName="alice")
    iam.remove_user_from_group(GroupName="group", UserName="alice")
    assert refused(ssm.get_parameter, Name="p")[0] == "AccessDeniedException"


def test_accounts_keep_to_themselves(holdfast_session_server: Server, iam: Any) -> None:
    other = holdfast_session_server.create_account()
    theirs = other.client("iam")
    theirs.create_user(UserName="alice")
    iam.create_user(UserName="alice")
    theirs.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=READ)
    assert iam.list_user_policies(UserName="alice")["PolicyNames"] == []
    iam.delete_user(UserName="alice")
    assert len(theirs.list_users()["Users"]) == 1
    other.close()
