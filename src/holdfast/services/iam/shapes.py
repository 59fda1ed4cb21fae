"""Users, groups, roles, policies and tags as answers show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import policy_records, rules, trust
from holdfast.services.iam.owners import group_arn, role_arn, user_arn
from holdfast.services.iam.pages import Page, page_of_few
from holdfast.services.stored_tags import decode_tags

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.iam.managed_policies import ManagedPolicy
    from holdfast.services.iam.policy_records import Policy, Version
    from holdfast.services.iam.records import Group, Role, User

ROLE_USED = "iam.role-used"
"""Kind of note: (account, role id) -> (when, Region)."""
KEY_USED = "iam.access-key-used"
"""Kind of note: access key id -> (when, service, Region)."""


def boundary_shape(call: Call, owner_id: str) -> iam.AttachedPermissionsBoundary | None:
    """The boundary of a user or role."""
    arn = policy_records.boundary_of(call.tx, call.account, owner_id)
    if arn is None:
        return None
    # The documented value is "PermissionsBoundaryPolicy"; what AWS answers is "Policy".
    return iam.AttachedPermissionsBoundary(PermissionsBoundaryType="Policy", PermissionsBoundaryArn=arn)


def tag_list(tags: str) -> list[iam.Tag]:
    """The tags of a row, in the order in which they were given."""
    return [iam.Tag(Key=key, Value=value) for key, value in decode_tags(tags).items()]


def tag_page(
    call: Call, operation: str, subject: str, tags: str, marker: str | None, most: int | None
) -> Page[iam.Tag]:
    """A page of a row's tags, by key."""
    return page_of_few(call, operation, subject, marker, most, tag_list(tags), lambda tag: tag.Key or "")


def user_shape(call: Call, user: User, *, full: bool) -> iam.User:
    """A user as an answer shows it; `full` with tags and boundary, which listings leave out."""
    return iam.User(
        Path=user.path,
        UserName=user.name,
        UserId=user.id,
        Arn=user_arn(call, user),
        CreateDate=rules.seconds(user.created),
        PermissionsBoundary=boundary_shape(call, user.id) if full else None,
        Tags=(tag_list(user.tags) or None) if full else None,
    )


def group_shape(call: Call, group: Group) -> iam.Group:
    """A group as an answer shows it."""
    return iam.Group(
        Path=group.path,
        GroupName=group.name,
        GroupId=group.id,
        Arn=group_arn(call, group),
        CreateDate=rules.seconds(group.created),
    )


def role_shape(call: Call, role: Role, *, full: bool) -> iam.Role:
    """A role; `full` with tags, boundary and last use, which listings leave out."""
    return iam.Role(
        Path=role.path,
        RoleName=role.name,
        RoleId=role.id,
        Arn=role_arn(call, role),
        CreateDate=rules.seconds(role.created),
        AssumeRolePolicyDocument=rules.encoded(trust.shown(call.tx, role, call.partition)),
        Description=role.description or None,
        MaxSessionDuration=role.maximum_session,
        PermissionsBoundary=boundary_shape(call, role.id) if full else None,
        Tags=(tag_list(role.tags) or None) if full else None,
        RoleLastUsed=role_last_used(call, role) if full else None,
    )


def role_last_used(call: Call, role: Role) -> iam.RoleLastUsed:
    """When somebody last used a session of the role; empty for never."""
    noted = call.pending_note(ROLE_USED, (call.account, role.id))
    used, region = noted or (role.last_used, role.last_used_region)
    return iam.RoleLastUsed(LastUsedDate=rules.seconds(used), Region=region) if used else iam.RoleLastUsed()


def policy_shape(policy: Policy, *, full: bool) -> iam.Policy:
    """A customer managed policy; `full` with description and tags, which listings leave out."""
    return iam.Policy(
        PolicyName=policy.name,
        PolicyId=policy.id,
        Arn=policy.arn,
        Path=policy.path,
        DefaultVersionId=f"v{policy.default_version}",
        AttachmentCount=policy.attachments,
        PermissionsBoundaryUsageCount=policy.boundaries,
        IsAttachable=True,
        Description=(policy.description or None) if full else None,
        CreateDate=rules.seconds(policy.created),
        UpdateDate=rules.seconds(policy.updated),
        Tags=tag_list(policy.tags) if full else None,
    )


def aws_policy_shape(policy: ManagedPolicy, uses: tuple[int, int], *, full: bool) -> iam.Policy:
    """A policy of AWS; `uses` are its attachments in the account, as policy and as boundary."""
    return iam.Policy(
        PolicyName=policy.name,
        PolicyId=policy.id,
        Arn=policy.arn,
        Path=policy.path,
        DefaultVersionId=f"v{policy.version}",
        AttachmentCount=uses[0],
        PermissionsBoundaryUsageCount=uses[1],
        IsAttachable=True,
        Description=policy.description if full else None,
        CreateDate=rules.seconds(policy.created),
        UpdateDate=rules.seconds(policy.updated),
        Tags=[] if full else None,
    )


def version_shape(version: Version, default: int, *, document: bool) -> iam.PolicyVersion:
    """A version of a managed policy, with its document or without."""
    return iam.PolicyVersion(
        Document=rules.encoded(version.document) if document else None,
        VersionId=f"v{version.version}",
        IsDefaultVersion=version.version == default,
        CreateDate=rules.seconds(version.created),
    )


def attached_shapes(arns: list[str]) -> list[iam.AttachedPolicy]:
    """Attached policies, by name and ARN."""
    return [iam.AttachedPolicy(PolicyName=arn.rsplit("/", 1)[1], PolicyArn=arn) for arn in arns]
