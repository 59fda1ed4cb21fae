"""Permissions boundaries of users and roles, in the model's order, and what others need of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import policy_records, rules
from holdfast.services.iam.managed_policies import aws_policies
from holdfast.services.iam.owners import find_owner

if TYPE_CHECKING:
    from holdfast.services.call import Call


def set_boundary(call: Call, owner_id: str, arn: str | None) -> None:
    """Set or remove the boundary of a user or role. InvalidInput, NoSuchEntity for a policy that is not there."""
    if arn is not None:
        rules.policy_arn_parts(arn)
        known = arn in aws_policies(call.partition)
        if not known and policy_records.read_policy(call.tx, call.account, arn) is None:
            raise rules.boundary_not_attachable(arn)
    present = policy_records.boundary_of(call.tx, call.account, owner_id)
    if present is not None:
        policy_records.detach(call.tx, call.account, owner_id, "boundary", present)
    if arn is not None:
        policy_records.attach(call.tx, call.account, owner_id, "boundary", arn)


def delete_role_permissions_boundary(
    call: Call, value: iam.DeleteRolePermissionsBoundaryRequest
) -> iam.DeleteRolePermissionsBoundaryOutput:
    """Lift the limit of a role; none is no error."""
    role = find_owner(call, "role", value.RoleName, "iam:DeleteRolePermissionsBoundary", limited=True)
    set_boundary(call, role.id, None)
    return iam.DeleteRolePermissionsBoundaryOutput()


def delete_user_permissions_boundary(
    call: Call, value: iam.DeleteUserPermissionsBoundaryRequest
) -> iam.DeleteUserPermissionsBoundaryOutput:
    """Lift the limit of a user; none is no error."""
    user = find_owner(call, "user", value.UserName, "iam:DeleteUserPermissionsBoundary", limited=True)
    set_boundary(call, user.id, None)
    return iam.DeleteUserPermissionsBoundaryOutput()


def put_role_permissions_boundary(
    call: Call, value: iam.PutRolePermissionsBoundaryRequest
) -> iam.PutRolePermissionsBoundaryOutput:
    """Limit a role to what a managed policy allows."""
    assert value.PermissionsBoundary is not None
    context = {"iam:PermissionsBoundary": value.PermissionsBoundary}
    role = find_owner(call, "role", value.RoleName, "iam:PutRolePermissionsBoundary", context)
    set_boundary(call, role.id, value.PermissionsBoundary)
    return iam.PutRolePermissionsBoundaryOutput()


def put_user_permissions_boundary(
    call: Call, value: iam.PutUserPermissionsBoundaryRequest
) -> iam.PutUserPermissionsBoundaryOutput:
    """Limit a user to what a managed policy allows."""
    assert value.PermissionsBoundary is not None
    context = {"iam:PermissionsBoundary": value.PermissionsBoundary}
    user = find_owner(call, "user", value.UserName, "iam:PutUserPermissionsBoundary", context)
    set_boundary(call, user.id, value.PermissionsBoundary)
    return iam.PutUserPermissionsBoundaryOutput()
