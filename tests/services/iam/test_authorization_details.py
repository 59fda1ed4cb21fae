"""GetAccountAuthorizationDetails, through boto3."""

from __future__ import annotations

import json
from typing import Any

from .documents import READ, TRUST

LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


def _furnish(iam: Any) -> str:
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=READ)["Policy"]["Arn"]
    for name in ("alice", "bob"):
        iam.create_user(UserName=name, PermissionsBoundary=arn, Tags=[{"Key": "k", "Value": name}])
    iam.create_group(GroupName="group")
    iam.add_user_to_group(GroupName="group", UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=READ)
    iam.put_group_policy(GroupName="group", PolicyName="inline", PolicyDocument=READ)
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    return arn


def test_everything(iam: Any) -> None:
    arn = _furnish(iam)
    details = iam.get_account_authorization_details()
    alice, bob = details["UserDetailList"]
    assert (alice["UserName"], bob["UserName"]) == ("alice", "bob")
    assert alice["UserPolicyList"] == [{"PolicyName": "inline", "PolicyDocument": json.loads(READ)}]
    assert (alice["GroupList"], bob["GroupList"]) == (["group"], [])
    assert alice["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert alice["Tags"] == [{"Key": "k", "Value": "alice"}]
    (group,) = details["GroupDetailList"]
    assert [policy["PolicyName"] for policy in group["GroupPolicyList"]] == ["inline"]
    (role,) = details["RoleDetailList"]
    assert role["AttachedManagedPolicies"][0]["PolicyName"] == "AWSDenyAll"
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert role["InstanceProfileList"] == []
    own, of_aws = details["Policies"]
    assert (own["Arn"], own["PermissionsBoundaryUsageCount"]) == (arn, 2)
    assert own["PolicyVersionList"][0]["Document"] == json.loads(READ)
    assert (of_aws["PolicyName"], of_aws["AttachmentCount"]) == ("AWSDenyAll", 1)


def test_page_by_page(iam: Any) -> None:
    _furnish(iam)
    for size in (1, 2, 3, 6):
        pager = iam.get_paginator("get_account_authorization_details")
        pages = list(pager.paginate(PaginationConfig={"PageSize": size}))
        assert [sum(len(page[name]) for name in LISTS) for page in pages] == [size] * (6 // size)
        assert [sum(len(page[name]) for page in pages) for name in LISTS] == [2, 1, 1, 2]


def test_some_kinds(iam: Any) -> None:
    _furnish(iam)
    for kinds, numbers in (
        (["Role"], [0, 0, 1, 0]),
        (["User", "AWSManagedPolicy"], [2, 0, 0, 1]),
        (["LocalManagedPolicy"], [0, 0, 0, 1]),
    ):
        pager = iam.get_paginator("get_account_authorization_details")
        pages = list(pager.paginate(Filter=kinds, PaginationConfig={"PageSize": 1}))
        assert [sum(len(page[name]) for page in pages) for name in LISTS] == numbers
