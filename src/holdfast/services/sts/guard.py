"""What decides about assuming a role, for questions before the fact: its trust policy. Decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.arn import parse_arn
from holdfast.services.service import Guard
from holdfast.services.stored_tags import resource_keys

if TYPE_CHECKING:
    from holdfast.services.call import Call

_OF_A_ROLE = (
    "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:TagSession",
    "sts:SetSourceIdentity",
)  # fmt: skip


def guard(call: Call, action: str, resource: str) -> Guard:
    """The trust policy and the tags of a role; nothing for actions that are about no role."""
    arn = parse_arn(resource)
    owner = arn.account if arn is not None and arn.account else call.account
    if action not in _OF_A_ROLE:
        return Guard(resource, owner)
    name = resource.rpartition("/")[2]
    role = call.surroundings.principals.role(call.tx, owner, name) if name else None
    # "Roles may not be assumed by root accounts" (AssumeRole).
    refuses_root = action != "sts:AssumeRoleWithWebIdentity"
    if role is None or role.arn != resource:
        return Guard(resource, owner, kind="trust", refuses_root=refuses_root)
    context = resource_keys(role.tags, "iam:ResourceTag/")
    return Guard(resource, owner, role.trust, "trust", context=context, refuses_root=refuses_root)
