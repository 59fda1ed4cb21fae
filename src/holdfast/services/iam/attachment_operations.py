"""Managed policies on users, groups and roles: attach, detach, list; in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import policy_records, rules
from holdfast.services.iam.managed_policies import aws_policies
from holdfast.services.iam.owners import Owner, find_owner
from holdfast.services.iam.pages import Page, page_of_few
from holdfast.services.iam.rules import Kind
from holdfast.services.iam.shapes import attached_shapes

if TYPE_CHECKING:
    from holdfast.services.call import Call


def _owner(call: Call, kind: Kind, name: str | None, action: str, arn: str | None) -> tuple[Owner, str]:
    assert arn is not None
    rules.policy_arn_parts(arn)
    return find_owner(call, kind, name, action, {"iam:PolicyARN": arn}, limited=True), arn


def _attach(call: Call, kind: Kind, name: str | None, policy_arn: str | None) -> None:
    """Attach a policy; one that is attached stays."""
    owner, arn = _owner(call, kind, name, f"iam:Attach{kind.capitalize()}Policy", policy_arn)
    known = arn in aws_policies(call.partition)
    if not known and policy_records.read_policy(call.tx, call.account, arn) is None:
        raise rules.policy_not_attachable(arn)
    present = policy_records.attached_to(call.tx, call.account, owner.id)
    if arn not in present:
        rules.check_quota(f"PoliciesPer{kind.capitalize()}", len(present))
        policy_records.attach(call.tx, call.account, owner.id, "policy", arn)


def _detach(call: Call, kind: Kind, name: str | None, policy_arn: str | None) -> None:
    owner, arn = _owner(call, kind, name, f"iam:Detach{kind.capitalize()}Policy", policy_arn)
    if not policy_records.detach(call.tx, call.account, owner.id, "policy", arn):
        raise rules.policy_not_found(arn)


def _attached(
    call: Call, kind: Kind, name: str | None, prefix: str | None, marker: str | None, most: int | None
) -> Page[str]:
    """A page of the ARNs of the policies that are attached."""
    operation = f"ListAttached{kind.capitalize()}Policies"
    owner = find_owner(call, kind, name, f"iam:{operation}")
    arns = [
        arn
        for arn in policy_records.attached_to(call.tx, call.account, owner.id)
        if rules.policy_arn_parts(arn)[1].startswith(prefix or "/")
    ]
    return page_of_few(call, operation, [owner.id, prefix], marker, most, arns, str)


def attach_group_policy(call: Call, value: iam.AttachGroupPolicyRequest) -> iam.AttachGroupPolicyOutput:
    """Give a group what a managed policy allows."""
    _attach(call, "group", value.GroupName, value.PolicyArn)
    return iam.AttachGroupPolicyOutput()


def attach_role_policy(call: Call, value: iam.AttachRolePolicyRequest) -> iam.AttachRolePolicyOutput:
    """Give a role what a managed policy allows."""
    _attach(call, "role", value.RoleName, value.PolicyArn)
    return iam.AttachRolePolicyOutput()


def attach_user_policy(call: Call, value: iam.AttachUserPolicyRequest) -> iam.AttachUserPolicyOutput:
    """Give a user what a managed policy allows."""
    _attach(call, "user", value.UserName, value.PolicyArn)
    return iam.AttachUserPolicyOutput()


def detach_group_policy(call: Call, value: iam.DetachGroupPolicyRequest) -> iam.DetachGroupPolicyOutput:
    """Take a managed policy from a group."""
    _detach(call, "group", value.GroupName, value.PolicyArn)
    return iam.DetachGroupPolicyOutput()


def detach_role_policy(call: Call, value: iam.DetachRolePolicyRequest) -> iam.DetachRolePolicyOutput:
    """Take a managed policy from a role."""
    _detach(call, "role", value.RoleName, value.PolicyArn)
    return iam.DetachRolePolicyOutput()


def detach_user_policy(call: Call, value: iam.DetachUserPolicyRequest) -> iam.DetachUserPolicyOutput:
    """Take a managed policy from a user."""
    _detach(call, "user", value.UserName, value.PolicyArn)
    return iam.DetachUserPolicyOutput()


def list_attached_group_policies(
    call: Call, value: iam.ListAttachedGroupPoliciesRequest
) -> iam.ListAttachedGroupPoliciesResponse:
    """The managed policies of a group."""
    page = _attached(call, "group", value.GroupName, value.PathPrefix, value.Marker, value.MaxItems)
    return iam.ListAttachedGroupPoliciesResponse(
        AttachedPolicies=attached_shapes(page.items), IsTruncated=page.truncated, Marker=page.marker
    )


def list_attached_role_policies(
    call: Call, value: iam.ListAttachedRolePoliciesRequest
) -> iam.ListAttachedRolePoliciesResponse:
    """The managed policies of a role."""
    page = _attached(call, "role", value.RoleName, value.PathPrefix, value.Marker, value.MaxItems)
    return iam.ListAttachedRolePoliciesResponse(
        AttachedPolicies=attached_shapes(page.items), IsTruncated=page.truncated, Marker=page.marker
    )


def list_attached_user_policies(
    call: Call, value: iam.ListAttachedUserPoliciesRequest
) -> iam.ListAttachedUserPoliciesResponse:
    """The managed policies of a user, without those of the user's groups."""
    page = _attached(call, "user", value.UserName, value.PathPrefix, value.Marker, value.MaxItems)
    return iam.ListAttachedUserPoliciesResponse(
        AttachedPolicies=attached_shapes(page.items), IsTruncated=page.truncated, Marker=page.marker
    )
