"""Tags of users, roles, policies and OpenID Connect providers, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.api import iam
from holdfast.services.iam import account_records, policy_records, records, rules
from holdfast.services.iam.owners import find_policy, find_role, find_user
from holdfast.services.iam.policy_operations import aws_policy
from holdfast.services.iam.provider_operations import find_provider
from holdfast.services.iam.shapes import tag_page
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.services.call import Call
    from holdfast.services.iam.owners import Context
    from holdfast.store.statements import Statement


class Tagged(NamedTuple):
    """A row with tags: how it is written, by which key."""

    statement: Statement
    key: str
    tags: str


def _user(call: Call, name: str | None, action: str, context: Context) -> Tagged:
    user = find_user(call, name, action, context)
    return Tagged(records.WRITE_USER_TAGS, user.key, user.tags)


def _role(call: Call, name: str | None, action: str, context: Context) -> Tagged:
    role = find_role(call, name, action, context)
    return Tagged(records.WRITE_ROLE_TAGS, role.key, role.tags)


def _policy(call: Call, arn: str | None, action: str, context: Context) -> Tagged:
    policy = find_policy(call, arn, action, context)
    if policy is None:
        raise rules.policy_not_found(arn or "")
    return Tagged(policy_records.WRITE_POLICY_TAGS, policy.arn, policy.tags)


def _provider(call: Call, arn: str | None, action: str, context: Context) -> Tagged:
    provider = find_provider(call, arn, action, context)
    return Tagged(account_records.WRITE_PROVIDER_TAGS, provider.name, provider.tags)


FINDERS = {"User": _user, "Role": _role, "Policy": _policy, "OpenIDConnectProvider": _provider}


def _tag(call: Call, kind: str, name: str | None, tags: Sequence[iam.Tag] | None) -> None:
    given = rules.given_tags(tags)
    found = FINDERS[kind](call, name, f"iam:Tag{kind}", request_context(given))
    text = encode_tags(rules.with_tags(decode_tags(found.tags), given))
    call.tx.run(found.statement, text, call.account, found.key)


def _untag(call: Call, kind: str, name: str | None, keys: Sequence[str] | None) -> None:
    wanted = list(keys or ())
    found = FINDERS[kind](call, name, f"iam:Untag{kind}", {"aws:TagKeys": wanted} if wanted else {})
    text = encode_tags(rules.without_tags(decode_tags(found.tags), wanted))
    call.tx.run(found.statement, text, call.account, found.key)


def list_open_id_connect_provider_tags(
    call: Call, value: iam.ListOpenIDConnectProviderTagsRequest
) -> iam.ListOpenIDConnectProviderTagsResponse:
    """The tags of a provider, by key."""
    operation = "ListOpenIDConnectProviderTags"
    found = _provider(call, value.OpenIDConnectProviderArn, f"iam:{operation}", {})
    page = tag_page(call, operation, found.key, found.tags, value.Marker, value.MaxItems)
    return iam.ListOpenIDConnectProviderTagsResponse(Tags=page.items, IsTruncated=page.truncated, Marker=page.marker)


def list_policy_tags(call: Call, value: iam.ListPolicyTagsRequest) -> iam.ListPolicyTagsResponse:
    """The tags of a managed policy, by key; those of AWS have none."""
    policy = find_policy(call, value.PolicyArn, "iam:ListPolicyTags")
    arn, tags = (aws_policy(call, value.PolicyArn).arn, "{}") if policy is None else (policy.arn, policy.tags)
    page = tag_page(call, "ListPolicyTags", arn, tags, value.Marker, value.MaxItems)
    return iam.ListPolicyTagsResponse(Tags=page.items, IsTruncated=page.truncated, Marker=page.marker)


def list_role_tags(call: Call, value: iam.ListRoleTagsRequest) -> iam.ListRoleTagsResponse:
    """The tags of a role, by key."""
    found = _role(call, value.RoleName, "iam:ListRoleTags", {})
    page = tag_page(call, "ListRoleTags", found.key, found.tags, value.Marker, value.MaxItems)
    return iam.ListRoleTagsResponse(Tags=page.items, IsTruncated=page.truncated, Marker=page.marker)


def list_user_tags(call: Call, value: iam.ListUserTagsRequest) -> iam.ListUserTagsResponse:
    """The tags of a user, by key."""
    found = _user(call, value.UserName, "iam:ListUserTags", {})
    page = tag_page(call, "ListUserTags", found.key, found.tags, value.Marker, value.MaxItems)
    return iam.ListUserTagsResponse(Tags=page.items, IsTruncated=page.truncated, Marker=page.marker)


def tag_open_id_connect_provider(
    call: Call, value: iam.TagOpenIDConnectProviderRequest
) -> iam.TagOpenIDConnectProviderOutput:
    """Add tags to a provider, or change their values."""
    _tag(call, "OpenIDConnectProvider", value.OpenIDConnectProviderArn, value.Tags)
    return iam.TagOpenIDConnectProviderOutput()


def tag_policy(call: Call, value: iam.TagPolicyRequest) -> iam.TagPolicyOutput:
    """Add tags to a policy of the account, or change their values."""
    _tag(call, "Policy", value.PolicyArn, value.Tags)
    return iam.TagPolicyOutput()


def tag_role(call: Call, value: iam.TagRoleRequest) -> iam.TagRoleOutput:
    """Add tags to a role, or change their values."""
    _tag(call, "Role", value.RoleName, value.Tags)
    return iam.TagRoleOutput()


def tag_user(call: Call, value: iam.TagUserRequest) -> iam.TagUserOutput:
    """Add tags to a user, or change their values."""
    _tag(call, "User", value.UserName, value.Tags)
    return iam.TagUserOutput()


def untag_open_id_connect_provider(
    call: Call, value: iam.UntagOpenIDConnectProviderRequest
) -> iam.UntagOpenIDConnectProviderOutput:
    """Remove tags from a provider."""
    _untag(call, "OpenIDConnectProvider", value.OpenIDConnectProviderArn, value.TagKeys)
    return iam.UntagOpenIDConnectProviderOutput()


def untag_policy(call: Call, value: iam.UntagPolicyRequest) -> iam.UntagPolicyOutput:
    """Remove tags from a policy of the account."""
    _untag(call, "Policy", value.PolicyArn, value.TagKeys)
    return iam.UntagPolicyOutput()


def untag_role(call: Call, value: iam.UntagRoleRequest) -> iam.UntagRoleOutput:
    """Remove tags from a role."""
    _untag(call, "Role", value.RoleName, value.TagKeys)
    return iam.UntagRoleOutput()


def untag_user(call: Call, value: iam.UntagUserRequest) -> iam.UntagUserOutput:
    """Remove tags from a user."""
    _untag(call, "User", value.UserName, value.TagKeys)
    return iam.UntagUserOutput()
