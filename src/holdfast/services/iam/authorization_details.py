"""GetAccountAuthorizationDetails: all that decides, in one listing: users, groups, roles, policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import policy_records, records, rules, trust
from holdfast.services.iam.managed_policies import aws_policies
from holdfast.services.iam.owners import group_arn, role_arn, user_arn
from holdfast.services.iam.pages import PAGE, mark, position
from holdfast.services.iam.policy_records import Policy, Version
from holdfast.services.iam.shapes import (
    attached_shapes,
    aws_policy_shape,
    boundary_shape,
    policy_shape,
    role_last_used,
    tag_list,
    version_shape,
)

if TYPE_CHECKING:
    from holdfast.api.base import Shape
    from holdfast.services.call import Call

Stage = Callable[["Call", str, int], Iterator[tuple[str, "Shape"]]]
"""`stage(call, after, limit)` -> (key, detail) in the order of keys, behind the key `after`."""


def get_account_authorization_details(
    call: Call, value: iam.GetAccountAuthorizationDetailsRequest
) -> iam.GetAccountAuthorizationDetailsResponse:
    """A page of everything, or of the kinds that the filter names. Of AWS's policies only those in use."""
    call.authorize("iam:GetAccountAuthorizationDetails", "*")
    kinds = [kind for kind in STAGES if not value.Filter or kind in value.Filter]
    # Each entry takes several look-ups: an answer never holds more than AWS's default.
    limit = min(value.MaxItems or PAGE, PAGE)
    after = position(call, "GetAccountAuthorizationDetails", kinds, value.Marker)
    start = kinds.index(after[0]) if after and after[0] in kinds else 0
    found: list[tuple[str, str, Shape]] = []
    for kind in kinds[start:]:
        behind = after[1] if after and after[0] == kind else ""
        found += [(kind, key, detail) for key, detail in STAGES[kind](call, behind, limit + 1 - len(found))]
        if len(found) > limit:
            break
    page = found[:limit]
    truncated = len(found) > limit
    return iam.GetAccountAuthorizationDetailsResponse(
        UserDetailList=[detail for _, _, detail in page if isinstance(detail, iam.UserDetail)],
        GroupDetailList=[detail for _, _, detail in page if isinstance(detail, iam.GroupDetail)],
        RoleDetailList=[detail for _, _, detail in page if isinstance(detail, iam.RoleDetail)],
        Policies=[detail for _, _, detail in page if isinstance(detail, iam.ManagedPolicyDetail)],
        IsTruncated=truncated,
        Marker=mark(call, "GetAccountAuthorizationDetails", kinds, list(page[-1][:2])) if truncated else None,
    )


def _inline(call: Call, owner_id: str) -> list[iam.PolicyDetail]:
    return [
        iam.PolicyDetail(PolicyName=policy.name, PolicyDocument=rules.encoded(policy.document))
        for policy in policy_records.inline_of(call.tx, call.account, owner_id)
    ]


def _attached(call: Call, owner_id: str) -> list[iam.AttachedPolicy]:
    return attached_shapes(policy_records.attached_to(call.tx, call.account, owner_id))


def _users(call: Call, after: str, limit: int) -> Iterator[tuple[str, Shape]]:
    for row in call.tx.all(records.LIST_USERS, call.account, after, limit):
        user = records.User(*row)
        yield (
            user.key,
            iam.UserDetail(
                Path=user.path,
                UserName=user.name,
                UserId=user.id,
                Arn=user_arn(call, user),
                CreateDate=rules.seconds(user.created),
                UserPolicyList=_inline(call, user.id),
                GroupList=[group.name for group in records.groups_of(call.tx, call.account, user.id)],
                AttachedManagedPolicies=_attached(call, user.id),
                PermissionsBoundary=boundary_shape(call, user.id),
                Tags=tag_list(user.tags),
            ),
        )


def _groups(call: Call, after: str, limit: int) -> Iterator[tuple[str, Shape]]:
    for row in call.tx.all(records.LIST_GROUPS, call.account, after, limit):
        group = records.Group(*row)
        yield (
            group.key,
            iam.GroupDetail(
                Path=group.path,
                GroupName=group.name,
                GroupId=group.id,
                Arn=group_arn(call, group),
                CreateDate=rules.seconds(group.created),
                GroupPolicyList=_inline(call, group.id),
                AttachedManagedPolicies=_attached(call, group.id),
            ),
        )


def _roles(call: Call, after: str, limit: int) -> Iterator[tuple[str, Shape]]:
    for row in call.tx.all(records.LIST_ROLES, call.account, after, limit):
        role = records.Role(*row)
        yield (
            role.key,
            iam.RoleDetail(
                Path=role.path,
                RoleName=role.name,
                RoleId=role.id,
                Arn=role_arn(call, role),
                CreateDate=rules.seconds(role.created),
                AssumeRolePolicyDocument=rules.encoded(trust.shown(call.tx, role, call.partition)),
                InstanceProfileList=[],
                RolePolicyList=_inline(call, role.id),
                AttachedManagedPolicies=_attached(call, role.id),
                PermissionsBoundary=boundary_shape(call, role.id),
                Tags=tag_list(role.tags),
                RoleLastUsed=role_last_used(call, role),
            ),
        )


def _detail(policy: iam.Policy, versions: list[Version], default: int) -> iam.ManagedPolicyDetail:
    return iam.ManagedPolicyDetail(
        PolicyName=policy.PolicyName,
        PolicyId=policy.PolicyId,
        Arn=policy.Arn,
        Path=policy.Path,
        DefaultVersionId=policy.DefaultVersionId,
        AttachmentCount=policy.AttachmentCount,
        PermissionsBoundaryUsageCount=policy.PermissionsBoundaryUsageCount,
        IsAttachable=policy.IsAttachable,
        Description=policy.Description,
        CreateDate=policy.CreateDate,
        UpdateDate=policy.UpdateDate,
        PolicyVersionList=[version_shape(version, default, document=True) for version in versions],
    )


def _own_policies(call: Call, after: str, limit: int) -> Iterator[tuple[str, Shape]]:
    for row in call.tx.all(policy_records.LIST_POLICIES, call.account, after, limit):
        policy = Policy(*row)
        versions = policy_records.versions_of(call.tx, call.account, policy.id)
        yield policy.key, _detail(policy_shape(policy, full=True), versions, policy.default_version)


def _policies_of_aws(call: Call, after: str, limit: int) -> Iterator[tuple[str, Shape]]:
    found = 0
    for arn, policy in sorted(aws_policies(call.partition).items()):
        uses = policy_records.uses_of(call.tx, call.account, arn)
        if arn > after and any(uses) and found < limit:
            found += 1
            versions = [Version(policy.version, policy.document, policy.updated)]
            yield arn, _detail(aws_policy_shape(policy, uses, full=True), versions, policy.version)


STAGES: dict[str, Stage] = {
    "User": _users,
    "Group": _groups,
    "Role": _roles,
    "LocalManagedPolicy": _own_policies,
    "AWSManagedPolicy": _policies_of_aws,
}
