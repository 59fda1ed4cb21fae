"""Users, through boto3."""

from __future__ import annotations

import re
from typing import Any

from holdfast.testing import Account

from .conftest import Signing
from .documents import READ
from .refusals import refused


def test_the_life_of_a_user(holdfast: Account, iam: Any) -> None:
    user = iam.create_user(UserName="Alice", Path="/people/", Tags=[{"Key": "team", "Value": "a b"}])["User"]
    assert user["Arn"] == f"arn:aws:iam::{holdfast.account}:user/people/Alice"
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user["UserId"])
    assert (user["Path"], user["UserName"], user["CreateDate"].microsecond) == ("/people/", "Alice", 0)
    assert user["Tags"] == [{"Key": "team", "Value": "a b"}]
    assert iam.get_user(UserName="aLICE")["User"] == user
    listed = iam.list_users()["Users"]
    assert [found["UserName"] for found in listed] == ["Alice"]
    assert "Tags" not in listed[0]
    iam.delete_user(UserName="alice")
    assert refused(iam.get_user, UserName="Alice") == ("NoSuchEntity", "The user with name Alice cannot be found.")
    assert iam.list_users()["Users"] == []


def test_names_are_one_name_in_any_case(iam: Any) -> None:
    iam.create_user(UserName="Alice")
    assert refused(iam.create_user, UserName="alice") == (
        "EntityAlreadyExists",
        "User with name alice already exists.",
    )


def test_names_and_paths_that_are_refused(iam: Any) -> None:
    for name in ("a b", "ä", "a/b", "a*"):
        assert refused(iam.create_user, UserName=name) == (
            "ValidationError",
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-",
        )
    for path in ("people/", "/people", "/a b/", "//"):
        assert refused(iam.create_user, UserName="alice", Path=path) == (
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters.",
        )
    assert refused(iam.create_user, UserName="a" * 65)[1] == (
        f"1 validation error detected: Value '{'a' * 65}' at 'userName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )
    assert iam.list_users()["Users"] == []


def test_the_caller_is_who_is_not_named(holdfast: Account, iam: Any) -> None:
    root = iam.get_user()["User"]
    assert (root["UserId"], root["Arn"]) == (holdfast.account, f"arn:aws:iam::{holdfast.account}:root")
    assert "UserName" not in root


def test_what_a_user_has_must_go_first(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="group")
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=READ)["Policy"]["Arn"]
    iam.add_user_to_group(GroupName="group", UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=READ)
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    for text, release in (
        (
            "Cannot delete entity, must remove users from group first.",
            lambda: iam.remove_user_from_group(GroupName="group", UserName="alice"),
        ),
        (
            "Cannot delete entity, must delete access keys first.",
            lambda: iam.delete_access_key(UserName="alice", AccessKeyId=key),
        ),
        (
            "Cannot delete entity, must delete policies first.",
            lambda: iam.delete_user_policy(UserName="alice", PolicyName="inline"),
        ),
        (
            "Cannot delete entity, must detach all policies first.",
            lambda: iam.detach_user_policy(UserName="alice", PolicyArn=arn),
        ),
    ):
        assert refused(iam.delete_user, UserName="alice") == ("DeleteConflict", text)
        release()
    iam.delete_user(UserName="alice")
    # The boundary went with the user.
    iam.delete_policy(PolicyArn=arn)


def test_another_name_and_path_leave_everything_where_it_is(holdfast: Account, iam: Any) -> None:
    user = iam.create_user(UserName="alice", Tags=[{"Key": "k", "Value": "v"}])["User"]
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="group")
    iam.add_user_to_group(GroupName="group", UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=READ)
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert refused(iam.update_user, UserName="alice", NewUserName="BOB") == (
        "EntityAlreadyExists",
        "User with name BOB already exists.",
    )
    iam.update_user(UserName="alice", NewUserName="Carol", NewPath="/people/")
    assert refused(iam.get_user, UserName="alice")[0] == "NoSuchEntity"
    found = iam.get_user(UserName="carol")["User"]
    assert found["Arn"] == f"arn:aws:iam::{holdfast.account}:user/people/Carol"
    assert (found["UserId"], found["Tags"]) == (user["UserId"], user["Tags"])
    assert iam.list_user_policies(UserName="Carol")["PolicyNames"] == ["inline"]
    assert [user["UserName"] for user in iam.get_group(GroupName="group")["Users"]] == ["Carol"]
    keys = iam.list_access_keys(UserName="Carol")["AccessKeyMetadata"]
    assert [(found["UserName"], found["AccessKeyId"]) for found in keys] == [("Carol", key["AccessKeyId"])]
    # Only the case of a name, or nothing.
    iam.update_user(UserName="carol", NewUserName="carol")
    iam.update_user(UserName="carol")
    assert iam.get_user(UserName="CAROL")["User"]["UserName"] == "carol"
    assert refused(iam.update_user, UserName="nobody", NewPath="/x/")[0] == "NoSuchEntity"


def test_a_key_goes_on_signing_under_another_name(holdfast: Account, iam: Any, signing: Signing) -> None:
    iam.create_user(UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="self", PolicyDocument=READ.replace("ssm:GetParameter", "iam:*"))
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    own = signing(holdfast, key, "iam")
    assert own.get_user()["User"]["UserName"] == "alice"
    iam.update_user(UserName="alice", NewUserName="bob")
    assert own.get_user()["User"]["UserName"] == "bob"


def test_under_a_path_prefix(iam: Any) -> None:
    for name, path in (("a", "/x/y/"), ("b", "/"), ("c", "/x/"), ("d", "/xy/")):
        iam.create_user(UserName=name, Path=path)
    for prefix, names in (("/", "abcd"), ("/x/", "ca"), ("/x", "cad"), ("/x/y/", "a"), ("/z/", "")):
        assert [user["UserName"] for user in iam.list_users(PathPrefix=prefix)["Users"]] == list(names)
