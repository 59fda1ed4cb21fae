"""Roles, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, records, rules, trust
from holdfast.services.iam.boundaries import set_boundary
from holdfast.services.iam.entities import (
    authorize_new,
    check_room,
    counted,
    page_of_entities,
    require_no_policies,
)
from holdfast.services.iam.owners import find_role
from holdfast.services.iam.shapes import role_shape
from holdfast.services.stored_tags import encode_tags

if TYPE_CHECKING:
    from holdfast.services.call import Call

COUNT = counted("role")


def create_role(call: Call, value: iam.CreateRoleRequest) -> iam.CreateRoleResponse:
    """A new role, without permissions, that its trust policy lets others assume."""
    assert value.RoleName is not None
    assert value.AssumeRolePolicyDocument is not None
    name = rules.check_name("roleName", value.RoleName)
    path = rules.check_path(value.Path)
    tags = rules.given_tags(value.Tags)
    authorize_new(call, "role", path, name, tags, value.PermissionsBoundary)
    if path.startswith(rules.SERVICE_ROLES):
        raise iam.InvalidInputException(f"Role path {path} is reserved for service-linked roles.")
    if records.read_role(call.tx, call.account, name) is not None:
        raise rules.exists("role", name)
    check_room(call, "role")
    role = records.Role(
        key=name.lower(),
        name=name,
        id=rules.new_id(call.randomness, "role"),
        path=path,
        created=call.now,
        description=value.Description or "",
        maximum_session=value.MaxSessionDuration or rules.DEFAULT_SESSION,
        trust=value.AssumeRolePolicyDocument,
        trusted=trust.accepted(call, value.AssumeRolePolicyDocument, name),
        last_used=0,
        last_used_region="",
        tags=encode_tags(tags),
    )
    call.tx.run(records.INSERT_ROLE, call.account, *role[:9], role.tags)
    call.tx.run(account_records.COUNT, call.account, COUNT)
    if value.PermissionsBoundary is not None:
        set_boundary(call, role.id, value.PermissionsBoundary)
    return iam.CreateRoleResponse(Role=role_shape(call, role, full=True))


def delete_role(call: Call, value: iam.DeleteRoleRequest) -> iam.DeleteRoleOutput:
    """Delete a role without policies; its sessions end with it."""
    role = find_role(call, value.RoleName, "iam:DeleteRole", limited=True)
    require_no_policies(call, role.id)
    set_boundary(call, role.id, None)
    call.tx.run(records.DELETE_ROLE, call.account, role.key)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT)
    return iam.DeleteRoleOutput()


def get_role(call: Call, value: iam.GetRoleRequest) -> iam.GetRoleResponse:
    """A role with its trust policy and last use."""
    role = find_role(call, value.RoleName, "iam:GetRole", limited=True)
    return iam.GetRoleResponse(Role=role_shape(call, role, full=True))


def list_roles(call: Call, value: iam.ListRolesRequest) -> iam.ListRolesResponse:
    """Roles by name, or by path and name under a path prefix. Service-linked roles have no rows and are not listed."""
    call.authorize("iam:ListRoles", "*")
    page = page_of_entities(
        call, "ListRoles", records.ROLES, records.Role, value.PathPrefix, value.Marker, value.MaxItems
    )
    return iam.ListRolesResponse(
        Roles=[role_shape(call, role, full=False) for role in page.items],
        IsTruncated=page.truncated,
        Marker=page.marker,
    )


def update_assume_role_policy(call: Call, value: iam.UpdateAssumeRolePolicyRequest) -> iam.UpdateAssumeRolePolicyOutput:
    """Another trust policy: whom it names now is looked up now."""
    assert value.PolicyDocument is not None
    role = find_role(call, value.RoleName, "iam:UpdateAssumeRolePolicy", limited=True)
    trusted = trust.accepted(call, value.PolicyDocument, role.name)
    call.tx.run(records.WRITE_TRUST, value.PolicyDocument, trusted, call.account, role.key)
    return iam.UpdateAssumeRolePolicyOutput()


def update_role(call: Call, value: iam.UpdateRoleRequest) -> iam.UpdateRoleResponse:
    """Another description or longest session; what is not given stays."""
    role = find_role(call, value.RoleName, "iam:UpdateRole", limited=True)
    description = role.description if value.Description is None else value.Description
    maximum = role.maximum_session if value.MaxSessionDuration is None else value.MaxSessionDuration
    call.tx.run(records.WRITE_ROLE, description, maximum, call.account, role.key)
    return iam.UpdateRoleResponse()


def update_role_description(call: Call, value: iam.UpdateRoleDescriptionRequest) -> iam.UpdateRoleDescriptionResponse:
    """Another description."""
    role = find_role(call, value.RoleName, "iam:UpdateRoleDescription", limited=True)
    role = role._replace(description=value.Description or "")
    call.tx.run(records.WRITE_ROLE, role.description, role.maximum_session, call.account, role.key)
    return iam.UpdateRoleDescriptionResponse(Role=role_shape(call, role, full=True))
