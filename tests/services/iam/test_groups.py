"""Groups and memberships, through boto3."""

from __future__ import annotations

import re
from typing import Any

from holdfast.testing import Account

from .documents import READ
from .refusals import refused


def test_the_life_of_a_group(holdfast: Account, iam: Any) -> None:
    group = iam.create_group(GroupName="Readers", Path="/teams/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{holdfast.account}:group/teams/Readers"
    assert re.fullmatch(r"AGPA[A-Z2-7]{17}", group["GroupId"])
    assert refused(iam.create_group, GroupName="readers") == (
        "EntityAlreadyExists",
        "Group with name readers already exists.",
    )
    answer = iam.get_group(GroupName="readers")
    assert (answer["Group"], answer["Users"], answer["IsTruncated"]) == (group, [], False)
    iam.update_group(GroupName="Readers", NewGroupName="Writers", NewPath="/")
    assert [found["Arn"] for found in iam.list_groups()["Groups"]] == [f"arn:aws:iam::{holdfast.account}:group/Writers"]
    assert iam.list_groups(PathPrefix="/teams/")["Groups"] == []
    iam.delete_group(GroupName="writers")
    assert refused(iam.get_group, GroupName="Writers") == (
        "NoSuchEntity",
        "The group with name Writers cannot be found.",
    )


def test_members(iam: Any) -> None:
    iam.create_group(GroupName="group")
    for name in ("alice", "bob"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="group", UserName=name)
        iam.add_user_to_group(GroupName="Group", UserName=name.upper())
    assert {user["UserName"] for user in iam.get_group(GroupName="group")["Users"]} == {"alice", "bob"}
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="alice")["Groups"]] == ["group"]
    assert refused(iam.delete_group, GroupName="group") == (
        "DeleteConflict",
        "Cannot delete entity, must remove users from group first.",
    )
    iam.remove_user_from_group(GroupName="group", UserName="alice")
    iam.remove_user_from_group(GroupName="group", UserName="alice")
    assert iam.list_groups_for_user(UserName="alice")["Groups"] == []
    for call in (iam.add_user_to_group, iam.remove_user_from_group):
        assert refused(call, GroupName="group", UserName="carol") == (
            "NoSuchEntity",
            "The user with name carol cannot be found.",
        )
        assert refused(call, GroupName="nobody", UserName="alice") == (
            "NoSuchEntity",
            "The group with name nobody cannot be found.",
        )


def test_a_user_is_in_ten_groups_at_most(iam: Any) -> None:
    iam.create_user(UserName="alice")
    for n in range(11):
        iam.create_group(GroupName=f"g{n}")
    for n in range(10):
        iam.add_user_to_group(GroupName=f"g{n}", UserName="alice")
    assert refused(iam.add_user_to_group, GroupName="g10", UserName="alice") == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )
    iam.add_user_to_group(GroupName="g3", UserName="alice")
    assert len(iam.list_groups_for_user(UserName="alice")["Groups"]) == 10


def test_a_group_with_policies_stays(iam: Any) -> None:
    iam.create_group(GroupName="group")
    iam.put_group_policy(GroupName="group", PolicyName="inline", PolicyDocument=READ)
    iam.attach_group_policy(GroupName="group", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    assert refused(iam.delete_group, GroupName="group")[1] == "Cannot delete entity, must delete policies first."
    iam.delete_group_policy(GroupName="group", PolicyName="inline")
    assert refused(iam.delete_group, GroupName="group")[1] == "Cannot delete entity, must detach all policies first."
    iam.detach_group_policy(GroupName="group", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    iam.delete_group(GroupName="group")


def test_another_name_that_is_taken(iam: Any) -> None:
    iam.create_group(GroupName="a")
    iam.create_group(GroupName="b")
    assert refused(iam.update_group, GroupName="a", NewGroupName="B") == (
        "EntityAlreadyExists",
        "Group with name B already exists.",
    )
