"""Users, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, records, rules
from holdfast.services.iam.boundaries import set_boundary
from holdfast.services.iam.entities import (
    authorize_new,
    check_room,
    counted,
    moved,
    page_of_entities,
    require_no_policies,
)
from holdfast.services.iam.owners import caller_name, find_user, root_arn, user_arn
from holdfast.services.iam.pages import page_of
from holdfast.services.iam.shapes import group_shape, user_shape
from holdfast.services.stored_tags import encode_tags

if TYPE_CHECKING:
    from holdfast.services.call import Call

COUNT = counted("user")


def create_user(call: Call, value: iam.CreateUserRequest) -> iam.CreateUserResponse:
    """A new user, without permissions and credentials."""
    assert value.UserName is not None
    name = rules.check_name("userName", value.UserName)
    path = rules.check_path(value.Path)
    tags = rules.given_tags(value.Tags)
    authorize_new(call, "user", path, name, tags, value.PermissionsBoundary)
    if records.read_user(call.tx, call.account, name) is not None:
        raise rules.exists("user", name)
    check_room(call, "user")
    user = records.User(name.lower(), name, rules.new_id(call.randomness, "user"), path, call.now, encode_tags(tags))
    call.tx.run(records.INSERT_USER, call.account, *user[:6])
    call.tx.run(account_records.COUNT, call.account, COUNT)
    if value.PermissionsBoundary is not None:
        set_boundary(call, user.id, value.PermissionsBoundary)
    return iam.CreateUserResponse(User=user_shape(call, user, full=True))


def delete_user(call: Call, value: iam.DeleteUserRequest) -> iam.DeleteUserOutput:
    """Delete a user who has nothing any more but tags and a boundary."""
    user = find_user(call, value.UserName, "iam:DeleteUser")
    if records.groups_of(call.tx, call.account, user.id):
        raise rules.conflict("remove users from group")
    if records.keys_of(call.tx, call.account, user.id, limit=1):
        raise rules.conflict("delete access keys")
    require_no_policies(call, user.id)
    set_boundary(call, user.id, None)
    call.tx.run(records.DELETE_USER, call.account, user.key)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT)
    return iam.DeleteUserOutput()


def get_user(call: Call, value: iam.GetUserRequest) -> iam.GetUserResponse:
    """A user, or the caller."""
    name = caller_name(call, value.UserName)
    if name is not None:
        return iam.GetUserResponse(User=user_shape(call, find_user(call, name, "iam:GetUser"), full=True))
    call.authorize("iam:GetUser", root_arn(call))
    row = call.tx.one(account_records.READ_CREATED, call.account)
    return iam.GetUserResponse(
        User=iam.User(
            UserId=call.account, Arn=root_arn(call), CreateDate=rules.seconds(row[0]) if row is not None else None
        )
    )


def list_groups_for_user(call: Call, value: iam.ListGroupsForUserRequest) -> iam.ListGroupsForUserResponse:
    """The groups that a user is in."""
    user = find_user(call, value.UserName, "iam:ListGroupsForUser")
    page = page_of(
        call,
        "ListGroupsForUser",
        user.id,
        value.Marker,
        value.MaxItems,
        lambda after, limit: [
            records.Group(*row)
            for row in call.tx.all(records.LIST_GROUPS_OF_USER, call.account, user.id, after[0] if after else "", limit)
        ],
        lambda group: [group.id],
    )
    return iam.ListGroupsForUserResponse(
        Groups=[group_shape(call, group) for group in page.items], IsTruncated=page.truncated, Marker=page.marker
    )


def list_users(call: Call, value: iam.ListUsersRequest) -> iam.ListUsersResponse:
    """Users by name, or by path and name under a path prefix."""
    call.authorize("iam:ListUsers", "*")
    page = page_of_entities(
        call, "ListUsers", records.USERS, records.User, value.PathPrefix, value.Marker, value.MaxItems
    )
    return iam.ListUsersResponse(
        Users=[user_shape(call, user, full=False) for user in page.items],
        IsTruncated=page.truncated,
        Marker=page.marker,
    )


def update_user(call: Call, value: iam.UpdateUserRequest) -> iam.UpdateUserOutput:
    """Another name or path: the unique id stays, and with it keys, policies and memberships."""
    user = find_user(call, value.UserName, "iam:UpdateUser")
    renamed = moved(call, "user", user, value.NewUserName, value.NewPath)
    if renamed.key != user.key and records.read_user(call.tx, call.account, renamed.name) is not None:
        raise rules.exists("user", renamed.name)
    call.tx.run(records.MOVE_USER, renamed.key, renamed.name, renamed.path, call.account, user.key)
    call.tx.run(records.RENAME_KEYS, renamed.name, user_arn(call, renamed), call.account, user.id)
    return iam.UpdateUserOutput()
