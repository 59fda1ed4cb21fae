"""Groups and who is in them, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, records, rules
from holdfast.services.iam.entities import (
    authorize_new,
    check_room,
    counted,
    moved,
    page_of_entities,
    require_no_policies,
)
from holdfast.services.iam.owners import find_group
from holdfast.services.iam.pages import page_of
from holdfast.services.iam.shapes import group_shape, user_shape

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.iam.records import User

COUNT = counted("group")


def _member(call: Call, name: str | None) -> User:
    """The user that is to be added or removed; the group authorizes it."""
    assert name is not None
    user = records.read_user(call.tx, call.account, rules.check_name("userName", name))
    if user is None:
        raise rules.not_found("user", name)
    return user


def add_user_to_group(call: Call, value: iam.AddUserToGroupRequest) -> iam.AddUserToGroupOutput:
    """Put a user into a group; one who is in it stays in it."""
    group = find_group(call, value.GroupName, "iam:AddUserToGroup")
    user = _member(call, value.UserName)
    present = {found.id for found in records.groups_of(call.tx, call.account, user.id)}
    if group.id not in present:
        rules.check_quota("GroupsPerUser", len(present))
        call.tx.run(records.ADD_MEMBER, call.account, group.id, user.id)
    return iam.AddUserToGroupOutput()


def create_group(call: Call, value: iam.CreateGroupRequest) -> iam.CreateGroupResponse:
    """A new group, empty and without permissions."""
    assert value.GroupName is not None
    name = rules.check_name("groupName", value.GroupName)
    path = rules.check_path(value.Path)
    authorize_new(call, "group", path, name)
    if records.read_group(call.tx, call.account, name) is not None:
        raise rules.exists("group", name)
    check_room(call, "group")
    group = records.Group(name.lower(), name, rules.new_id(call.randomness, "group"), path, call.now)
    call.tx.run(records.INSERT_GROUP, call.account, *group[:5])
    call.tx.run(account_records.COUNT, call.account, COUNT)
    return iam.CreateGroupResponse(Group=group_shape(call, group))


def delete_group(call: Call, value: iam.DeleteGroupRequest) -> iam.DeleteGroupOutput:
    """Delete a group without members and policies."""
    group = find_group(call, value.GroupName, "iam:DeleteGroup")
    if call.tx.one(records.ANY_MEMBER, call.account, group.id) is not None:
        raise rules.conflict("remove users from group")
    require_no_policies(call, group.id)
    call.tx.run(records.DELETE_GROUP, call.account, group.key)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT)
    return iam.DeleteGroupOutput()


def get_group(call: Call, value: iam.GetGroupRequest) -> iam.GetGroupResponse:
    """A group and the users in it."""
    group = find_group(call, value.GroupName, "iam:GetGroup")
    page = page_of(
        call,
        "GetGroup",
        group.id,
        value.Marker,
        value.MaxItems,
        lambda after, limit: [
            records.User(*row)
            for row in call.tx.all(records.LIST_MEMBERS, call.account, group.id, after[0] if after else "", limit)
        ],
        lambda user: [user.id],
    )
    return iam.GetGroupResponse(
        Group=group_shape(call, group),
        Users=[user_shape(call, user, full=False) for user in page.items],
        IsTruncated=page.truncated,
        Marker=page.marker,
    )


def list_groups(call: Call, value: iam.ListGroupsRequest) -> iam.ListGroupsResponse:
    """Groups by name, or by path and name under a path prefix."""
    call.authorize("iam:ListGroups", "*")
    page = page_of_entities(
        call, "ListGroups", records.GROUPS, records.Group, value.PathPrefix, value.Marker, value.MaxItems
    )
    return iam.ListGroupsResponse(
        Groups=[group_shape(call, group) for group in page.items], IsTruncated=page.truncated, Marker=page.marker
    )


def remove_user_from_group(call: Call, value: iam.RemoveUserFromGroupRequest) -> iam.RemoveUserFromGroupOutput:
    """Take a user out of a group; one who is not in it is no error."""
    group = find_group(call, value.GroupName, "iam:RemoveUserFromGroup")
    user = _member(call, value.UserName)
    call.tx.run(records.REMOVE_MEMBER, call.account, group.id, user.id)
    return iam.RemoveUserFromGroupOutput()


def update_group(call: Call, value: iam.UpdateGroupRequest) -> iam.UpdateGroupOutput:
    """Another name or path: the unique id stays, and with it policies and members."""
    group = find_group(call, value.GroupName, "iam:UpdateGroup")
    renamed = moved(call, "group", group, value.NewGroupName, value.NewPath)
    if renamed.key != group.key and records.read_group(call.tx, call.account, renamed.name) is not None:
        raise rules.exists("group", renamed.name)
    call.tx.run(records.MOVE_GROUP, renamed.key, renamed.name, renamed.path, call.account, group.key)
    return iam.UpdateGroupOutput()
