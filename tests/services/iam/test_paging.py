"""Every listing, page by page: nothing twice, nothing left out, and markers that serve no other listing."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.api import iam as api

from .conftest import House
from .documents import READ, TRUST
from .refusals import refused

NAMES = ["a", "B", "c", "D", "e"]


def _paged(iam: Any, operation: str, member: str, **arguments: Any) -> list[Any]:
    """All entries, read two by two; the pages must be full but for the last one."""
    pages = list(iam.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 2}))
    assert [len(page[member]) for page in pages] == [2] * (len(pages) - 1) + [len(pages[-1][member])]
    assert [page["IsTruncated"] for page in pages] == [True] * (len(pages) - 1) + [False]
    return [entry for page in pages for entry in page[member]]


def test_users_groups_and_roles(iam: Any) -> None:
    for name in NAMES:
        iam.create_user(UserName=name, Path="/x/" if name in "aB" else "/")
        iam.create_group(GroupName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Path=f"/{'p' * 500}/")
    assert [user["UserName"] for user in _paged(iam, "list_users", "Users")] == NAMES
    assert [group["GroupName"] for group in _paged(iam, "list_groups", "Groups")] == NAMES
    assert [role["RoleName"] for role in _paged(iam, "list_roles", "Roles")] == NAMES
    assert [user["UserName"] for user in _paged(iam, "list_users", "Users", PathPrefix="/x")] == ["a", "B"]
    # A marker with a long path is longer than any of AWS, and comes back nevertheless.
    assert [role["RoleName"] for role in _paged(iam, "list_roles", "Roles", PathPrefix="/pp")] == NAMES


def test_members_groups_and_keys(iam: Any) -> None:
    for name in NAMES:
        iam.create_user(UserName=name)
        iam.create_group(GroupName=name)
    for name in NAMES:
        iam.add_user_to_group(GroupName="a", UserName=name)
        iam.add_user_to_group(GroupName=name, UserName="e")
    assert sorted(user["UserName"] for user in _paged(iam, "get_group", "Users", GroupName="a")) == sorted(NAMES)
    groups = _paged(iam, "list_groups_for_user", "Groups", UserName="e")
    assert sorted(group["GroupName"] for group in groups) == sorted(NAMES)
    for _ in range(2):
        iam.create_access_key(UserName="a")
    first = iam.list_access_keys(UserName="a", MaxItems=1)
    second = iam.list_access_keys(UserName="a", MaxItems=1, Marker=first["Marker"])
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert first["AccessKeyMetadata"] != second["AccessKeyMetadata"]


def test_policies(iam: Any) -> None:
    arns = [iam.create_policy(PolicyName=name, PolicyDocument=READ, Path="/q/")["Policy"]["Arn"] for name in NAMES]
    iam.create_user(UserName="alice")
    for name, arn in zip(NAMES, arns, strict=True):
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
        iam.put_user_policy(UserName="alice", PolicyName=name, PolicyDocument=READ)
    for filters in ({"Scope": "Local"}, {"Scope": "Local", "PathPrefix": "/q/"}, {"OnlyAttached": True}):
        assert [found["PolicyName"] for found in _paged(iam, "list_policies", "Policies", **filters)] == NAMES
    everything = [policy["Arn"] for policy in _paged(iam, "list_policies", "Policies")]
    assert len(everything) == len(set(everything)) > 10
    assert everything[-5:] == arns
    attached = _paged(iam, "list_attached_user_policies", "AttachedPolicies", UserName="alice")
    assert sorted(policy["PolicyName"] for policy in attached) == sorted(NAMES)
    assert _paged(iam, "list_user_policies", "PolicyNames", UserName="alice") == sorted(NAMES)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arns[0], PolicyDocument=READ)
    versions = _paged(iam, "list_policy_versions", "Versions", PolicyArn=arns[0])
    assert [version["VersionId"] for version in versions] == ["v5", "v4", "v3", "v2", "v1"]


def test_a_marker_is_for_its_own_listing(iam: Any) -> None:
    for name in NAMES:
        iam.create_user(UserName=name)
    marker = iam.list_users(MaxItems=1)["Marker"]
    for call, arguments in (
        (iam.list_users, {"Marker": "no marker"}),
        (iam.list_users, {"Marker": marker, "PathPrefix": "/x/"}),
        (iam.list_groups, {"Marker": marker}),
    ):
        assert refused(call, **arguments) == ("ValidationError", "Invalid Marker.")


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
def test_a_page_goes_on_where_the_last_one_ended_whatever_happens_between(house: House, kind: str) -> None:
    operations: dict[str, Any] = {
        "User": (api.CreateUser, api.CreateUserRequest, api.ListUsers, api.ListUsersRequest, "Users"),
        "Group": (api.CreateGroup, api.CreateGroupRequest, api.ListGroups, api.ListGroupsRequest, "Groups"),
        "Role": (api.CreateRole, api.CreateRoleRequest, api.ListRoles, api.ListRolesRequest, "Roles"),
    }
    create, request, listing, list_request, member = operations[kind]
    more: dict[str, Any] = {"AssumeRolePolicyDocument": TRUST} if kind == "Role" else {}

    def make(name: str) -> None:
        house.call(create, request(**{f"{kind}Name": name}, **more))

    for name in "bdfh":
        make(name)
    first = house.call(listing, list_request(MaxItems=2))
    for name in "acegi":
        make(name)
    second = house.call(listing, list_request(Marker=first.Marker))
    found = [getattr(entry, f"{kind}Name") for page in (first, second) for entry in getattr(page, member)]
    assert found == list("bd") + list("efghi")
