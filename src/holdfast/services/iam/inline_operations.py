"""Inline policies of users, groups and roles, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import policy_records, rules
from holdfast.services.iam.documents import check_inline
from holdfast.services.iam.owners import find_owner
from holdfast.services.iam.pages import Page, page_of_few
from holdfast.services.iam.policy_records import Inline
from holdfast.services.iam.rules import Kind

if TYPE_CHECKING:
    from holdfast.services.call import Call


def _put(call: Call, kind: Kind, owner_name: str | None, name: str | None, document: str | None) -> None:
    """Keep an inline policy; one of the same name is replaced."""
    assert name is not None
    assert document is not None
    rules.check_name("policyName", name)
    owner = find_owner(call, kind, owner_name, f"iam:Put{kind.capitalize()}Policy", limited=True)
    check_inline(document, f"inline policy {name} on {kind}/{owner.name}")
    others = [found for found in policy_records.inline_of(call.tx, call.account, owner.id) if found.name != name]
    total = rules.size_of(document) + sum(rules.size_of(found.document) for found in others)
    if total > rules.INLINE_SIZES[kind]:
        raise iam.LimitExceededException(
            f"Maximum policy size of {rules.INLINE_SIZES[kind]} bytes exceeded for {kind} {owner.name}"
        )
    call.tx.run(policy_records.WRITE_INLINE, call.account, owner.id, name, document)


def _delete(call: Call, kind: Kind, owner_name: str | None, name: str | None) -> None:
    assert name is not None
    rules.check_name("policyName", name)
    owner = find_owner(call, kind, owner_name, f"iam:Delete{kind.capitalize()}Policy", limited=True)
    if not call.tx.run(policy_records.DELETE_INLINE, call.account, owner.id, name):
        raise rules.inline_not_found(kind, name)


def _get(call: Call, kind: Kind, owner_name: str | None, name: str | None) -> tuple[str, Inline]:
    """The owner's name and the policy."""
    assert name is not None
    rules.check_name("policyName", name)
    owner = find_owner(call, kind, owner_name, f"iam:Get{kind.capitalize()}Policy")
    row = call.tx.one(policy_records.READ_INLINE, call.account, owner.id, name)
    if row is None:
        raise rules.inline_not_found(kind, name)
    return owner.name, Inline(*row)


def _names(call: Call, kind: Kind, owner_name: str | None, marker: str | None, most: int | None) -> Page[str]:
    operation = f"List{kind.capitalize()}Policies"
    owner = find_owner(call, kind, owner_name, f"iam:{operation}")
    names = [policy.name for policy in policy_records.inline_of(call.tx, call.account, owner.id)]
    return page_of_few(call, operation, owner.id, marker, most, names, str)


def delete_group_policy(call: Call, value: iam.DeleteGroupPolicyRequest) -> iam.DeleteGroupPolicyOutput:
    """Delete an inline policy of a group."""
    _delete(call, "group", value.GroupName, value.PolicyName)
    return iam.DeleteGroupPolicyOutput()


def delete_role_policy(call: Call, value: iam.DeleteRolePolicyRequest) -> iam.DeleteRolePolicyOutput:
    """Delete an inline policy of a role."""
    _delete(call, "role", value.RoleName, value.PolicyName)
    return iam.DeleteRolePolicyOutput()


def delete_user_policy(call: Call, value: iam.DeleteUserPolicyRequest) -> iam.DeleteUserPolicyOutput:
    """Delete an inline policy of a user."""
    _delete(call, "user", value.UserName, value.PolicyName)
    return iam.DeleteUserPolicyOutput()


def get_group_policy(call: Call, value: iam.GetGroupPolicyRequest) -> iam.GetGroupPolicyResponse:
    """An inline policy of a group."""
    owner, policy = _get(call, "group", value.GroupName, value.PolicyName)
    return iam.GetGroupPolicyResponse(
        GroupName=owner, PolicyName=policy.name, PolicyDocument=rules.encoded(policy.document)
    )


def get_role_policy(call: Call, value: iam.GetRolePolicyRequest) -> iam.GetRolePolicyResponse:
    """An inline policy of a role."""
    owner, policy = _get(call, "role", value.RoleName, value.PolicyName)
    return iam.GetRolePolicyResponse(
        RoleName=owner, PolicyName=policy.name, PolicyDocument=rules.encoded(policy.document)
    )


def get_user_policy(call: Call, value: iam.GetUserPolicyRequest) -> iam.GetUserPolicyResponse:
    """An inline policy of a user."""
    owner, policy = _get(call, "user", value.UserName, value.PolicyName)
    return iam.GetUserPolicyResponse(
        UserName=owner, PolicyName=policy.name, PolicyDocument=rules.encoded(policy.document)
    )


def list_group_policies(call: Call, value: iam.ListGroupPoliciesRequest) -> iam.ListGroupPoliciesResponse:
    """The names of the inline policies of a group."""
    page = _names(call, "group", value.GroupName, value.Marker, value.MaxItems)
    return iam.ListGroupPoliciesResponse(PolicyNames=page.items, IsTruncated=page.truncated, Marker=page.marker)


def list_role_policies(call: Call, value: iam.ListRolePoliciesRequest) -> iam.ListRolePoliciesResponse:
    """The names of the inline policies of a role."""
    page = _names(call, "role", value.RoleName, value.Marker, value.MaxItems)
    return iam.ListRolePoliciesResponse(PolicyNames=page.items, IsTruncated=page.truncated, Marker=page.marker)


def list_user_policies(call: Call, value: iam.ListUserPoliciesRequest) -> iam.ListUserPoliciesResponse:
    """The names of the inline policies of a user."""
    page = _names(call, "user", value.UserName, value.Marker, value.MaxItems)
    return iam.ListUserPoliciesResponse(PolicyNames=page.items, IsTruncated=page.truncated, Marker=page.marker)


def put_group_policy(call: Call, value: iam.PutGroupPolicyRequest) -> iam.PutGroupPolicyOutput:
    """Write an inline policy of a group."""
    _put(call, "group", value.GroupName, value.PolicyName, value.PolicyDocument)
    return iam.PutGroupPolicyOutput()


def put_role_policy(call: Call, value: iam.PutRolePolicyRequest) -> iam.PutRolePolicyOutput:
    """Write an inline policy of a role."""
    _put(call, "role", value.RoleName, value.PolicyName, value.PolicyDocument)
    return iam.PutRolePolicyOutput()


def put_user_policy(call: Call, value: iam.PutUserPolicyRequest) -> iam.PutUserPolicyOutput:
    """Write an inline policy of a user."""
    _put(call, "user", value.UserName, value.PolicyName, value.PolicyDocument)
    return iam.PutUserPolicyOutput()
