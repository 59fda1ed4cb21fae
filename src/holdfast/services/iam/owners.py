"""Finding users, groups, roles and policies: authorized first, so that nobody learns what is there who may not.

What is missing is authorized under the ARN that it would have without a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.principal import PrincipalKind
from holdfast.api.base import ValidationException
from holdfast.services.iam import policy_records, records, rules
from holdfast.services.iam.rules import Kind, arn_of, check_name
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.access.decision import ContextValue
    from holdfast.services.call import Call
    from holdfast.services.iam.policy_records import Policy
    from holdfast.services.iam.records import Group, Role, User

NOTHING: Mapping[str, ContextValue] = {}
Context = Mapping[str, "ContextValue"]


class Owner(NamedTuple):
    """A user, group or role, as what can have policies."""

    kind: Kind
    id: str
    name: str
    path: str


def identity_tags(tags: str) -> dict[str, ContextValue]:
    """Those of a user or role, which have IAM's own key beside the global one.

    "Checks that the tag attached to the identity resource (user or role) matches" (IAM user guide, "IAM and AWS STS
    condition context keys", iam:ResourceTag): policies and providers have the global key only.
    """
    return resource_context(tags, "iam:ResourceTag/")


def user_arn(call: Call, user: User) -> str:
    return arn_of(call.partition, call.account, "user", user.path, user.name)


def group_arn(call: Call, group: Group) -> str:
    return arn_of(call.partition, call.account, "group", group.path, group.name)


def role_arn(call: Call, role: Role) -> str:
    return arn_of(call.partition, call.account, "role", role.path, role.name)


def find_user(call: Call, name: str | None, action: str, context: Context = NOTHING, *, limited: bool = False) -> User:
    """A user; AccessDenied, then NoSuchEntity. For `limited` see `find_owner`."""
    assert name is not None
    user = records.read_user(call.tx, call.account, check_name("userName", name))
    arn = arn_of(call.partition, call.account, "user", "/", name) if user is None else user_arn(call, user)
    call.authorize(action, arn, context if user is None else _context(call, user, context, limited=limited))
    if user is None:
        raise rules.not_found("user", name)
    return user


def find_group(call: Call, name: str | None, action: str, context: Context = NOTHING) -> Group:
    """A group; AccessDenied, then NoSuchEntity."""
    assert name is not None
    group = records.read_group(call.tx, call.account, check_name("groupName", name))
    arn = arn_of(call.partition, call.account, "group", "/", name) if group is None else group_arn(call, group)
    call.authorize(action, arn, context)
    if group is None:
        raise rules.not_found("group", name)
    return group


def find_role(call: Call, name: str | None, action: str, context: Context = NOTHING, *, limited: bool = False) -> Role:
    """A role; AccessDenied, then NoSuchEntity. For `limited` see `find_owner`."""
    assert name is not None
    role = records.read_role(call.tx, call.account, check_name("roleName", name))
    arn = arn_of(call.partition, call.account, "role", "/", name) if role is None else role_arn(call, role)
    call.authorize(action, arn, context if role is None else _context(call, role, context, limited=limited))
    if role is None:
        raise rules.not_found("role", name)
    return role


def find_owner(
    call: Call, kind: Kind, name: str | None, action: str, context: Context = NOTHING, *, limited: bool = False
) -> Owner:
    """A user, group or role; AccessDenied, then NoSuchEntity.

    `limited` adds `iam:PermissionsBoundary`, the boundary that it has now, to the context: the key by which a policy
    lets somebody change the permissions of those only who have a certain boundary.
    """
    if kind == "user":
        found = find_user(call, name, action, context, limited=limited)
    elif kind == "role":
        found = find_role(call, name, action, context, limited=limited)
    else:
        found = find_group(call, name, action, context)
    return Owner(kind, found.id, found.name, found.path)


def _context(call: Call, found: User | Role, context: Context, *, limited: bool) -> Context:
    """The condition keys of a user or role that exists, with those of the request."""
    whole = {**identity_tags(found.tags), **context}
    if limited and "iam:PermissionsBoundary" not in whole:
        boundary = policy_records.boundary_of(call.tx, call.account, found.id)
        if boundary is not None:
            whole["iam:PermissionsBoundary"] = boundary
    return whole


def caller_name(call: Call, name: str | None) -> str | None:
    """The user that a call is about which need not name one: the caller; None for the root user itself."""
    if name is not None:
        return name
    principal = call.principal
    if principal.kind is PrincipalKind.USER:
        return principal.arn.rsplit("/", 1)[1]
    if principal.kind is PrincipalKind.ROOT:
        return None
    raise ValidationException("Must specify userName when calling with non-User credentials")


def root_arn(call: Call) -> str:
    return f"arn:{call.partition}:iam::{call.account}:root"


def find_policy(call: Call, arn: str | None, action: str, context: Context = NOTHING) -> Policy | None:
    """A customer managed policy, or None for one of AWS, which may not exist; AccessDenied, then NoSuchEntity."""
    assert arn is not None
    account, _, _ = rules.policy_arn_parts(arn)
    policy = policy_records.read_policy(call.tx, account, arn) if account == call.account else None
    owner = call.account if account == "aws" else account
    call.authorize(
        action, arn, context if policy is None else {**resource_context(policy.tags), **context}, owner=owner
    )
    if policy is None and account != "aws":
        raise rules.policy_not_found(arn)
    return policy
