"""ListPolicies and ListEntitiesForPolicy: listings with filters.

A filter has no index of its own, so a call looks at a bounded number of rows. Where few of them pass, the page is short
and its marker goes on behind the last row that was looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.api import iam
from holdfast.services.iam import policy_records
from holdfast.services.iam.managed_policies import aws_policies
from holdfast.services.iam.owners import find_policy
from holdfast.services.iam.pages import PAGE, mark, position
from holdfast.services.iam.policy_operations import aws_policy
from holdfast.services.iam.policy_records import Policy
from holdfast.services.iam.shapes import aws_policy_shape, policy_shape
from holdfast.store.statements import LAST_CHARACTER

if TYPE_CHECKING:
    from holdfast.services.call import Call

LOOKED_AT = 1000
"""Policies, in one call with a filter."""
OWNERS_LOOKED_AT = 200
"""Attachments in one call, each of which costs a look-up of its owner."""


# -- ListPolicies -------------------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """The filters of ListPolicies."""

    scope: str
    prefix: str
    attached: bool
    usage: str

    def __call__(self, attachments: int, boundaries: int) -> bool:
        if self.usage == "PermissionsPolicy":
            return attachments > 0
        if self.usage == "PermissionsBoundary":
            return boundaries > 0
        return not self.attached or attachments + boundaries > 0

    @property
    def everything(self) -> bool:
        return not self.attached and not self.usage


def _own(call: Call, prefix: str, after: list[Any], limit: int) -> list[Policy]:
    """Policies of the account behind a position: [key], or [path, key] under a path prefix."""
    if prefix == "/":
        rows = call.tx.all(policy_records.LIST_POLICIES, call.account, after[0] if after else "", limit)
    else:
        path, key = after or [prefix, ""]
        rows = call.tx.all(
            policy_records.LIST_POLICIES_BY_PATH, call.account, prefix + LAST_CHARACTER, path, key, limit
        )
    return [Policy(*row) for row in rows]


def list_policies(call: Call, value: iam.ListPoliciesRequest) -> iam.ListPoliciesResponse:
    """AWS's policies by name, then the account's by name, or by path and name under a path prefix."""
    call.authorize("iam:ListPolicies", "*")
    wanted = Wanted(
        value.Scope or "All", value.PathPrefix or "/", bool(value.OnlyAttached), value.PolicyUsageFilter or ""
    )
    limit = value.MaxItems or PAGE
    after = position(call, "ListPolicies", list(wanted), value.Marker)
    found: list[tuple[list[Any], iam.Policy]] = []
    if wanted.scope != "Local" and (not after or after[0] == "AWS"):
        found = _of_aws(call, wanted, after[1] if after else "")
    rest: list[Any] | None = None
    if wanted.scope != "AWS" and len(found) <= limit:
        looked_at = limit + 1 if wanted.everything else LOOKED_AT
        rows = _own(call, wanted.prefix, after[1:] if after and after[0] == "Local" else [], looked_at)
        keys = [["Local", row.key] if wanted.prefix == "/" else ["Local", row.path, row.key] for row in rows]
        found += [
            (key, policy_shape(row, full=False))
            for key, row in zip(keys, rows, strict=True)
            if wanted(row.attachments, row.boundaries)
        ]
        rest = keys[-1] if len(rows) == looked_at else None
    if len(found) > limit:
        rest = found[limit - 1][0]
    return iam.ListPoliciesResponse(
        Policies=[shape for _, shape in found[:limit]],
        IsTruncated=rest is not None,
        Marker=None if rest is None else mark(call, "ListPolicies", list(wanted), rest),
    )


def _of_aws(call: Call, wanted: Wanted, after: str) -> list[tuple[list[Any], iam.Policy]]:
    """All policies of AWS behind a name; they are few."""
    found: list[tuple[list[Any], iam.Policy]] = []
    for policy in sorted(aws_policies(call.partition).values(), key=lambda each: each.name):
        if policy.name > after and policy.path.startswith(wanted.prefix):
            uses = policy_records.uses_of(call.tx, call.account, policy.arn)
            if wanted(*uses):
                found.append((["AWS", policy.name], aws_policy_shape(policy, uses, full=False)))
    return found


# -- ListEntitiesForPolicy ----------------------------------------------------------------------------------------------

OWNERS = {
    "AGPA": ("Group", policy_records.OWNER_GROUP),
    "AIDA": ("User", policy_records.OWNER_USER),
    "AROA": ("Role", policy_records.OWNER_ROLE),
}
PURPOSES = {"PermissionsPolicy": "policy", "PermissionsBoundary": "boundary"}


def list_entities_for_policy(call: Call, value: iam.ListEntitiesForPolicyRequest) -> iam.ListEntitiesForPolicyResponse:
    """Groups, then users, then roles that have a policy, or have it as their boundary; each once."""
    if find_policy(call, value.PolicyArn, "iam:ListEntitiesForPolicy") is None:
        aws_policy(call, value.PolicyArn)
    prefix = value.PathPrefix or "/"
    filters = [value.PolicyArn, value.EntityFilter, prefix, value.PolicyUsageFilter]
    limit = value.MaxItems or PAGE
    after = position(call, "ListEntitiesForPolicy", filters, value.Marker) or ["", ""]
    rows = call.tx.all(policy_records.LIST_OWNERS, call.account, value.PolicyArn, *after, OWNERS_LOOKED_AT)
    found: list[tuple[str, str, str]] = []
    rest: list[Any] | None = list(rows[-1]) if len(rows) == OWNERS_LOOKED_AT else None
    for position_of_row, (owner_id, purpose) in enumerate(rows):
        kind, statement = OWNERS[owner_id[:4]]
        if value.EntityFilter not in (None, kind) or PURPOSES.get(value.PolicyUsageFilter or "", purpose) != purpose:
            continue
        owner = call.tx.one(statement, call.account, owner_id)
        if owner is None or not owner[1].startswith(prefix) or (found and found[-1][1] == owner_id):
            continue
        if len(found) == limit:
            rest = list(rows[position_of_row - 1])
            break
        found.append((kind, owner_id, owner[0]))
    return iam.ListEntitiesForPolicyResponse(
        PolicyGroups=[iam.PolicyGroup(GroupName=name, GroupId=id_) for kind, id_, name in found if kind == "Group"],
        PolicyUsers=[iam.PolicyUser(UserName=name, UserId=id_) for kind, id_, name in found if kind == "User"],
        PolicyRoles=[iam.PolicyRole(RoleName=name, RoleId=id_) for kind, id_, name in found if kind == "Role"],
        IsTruncated=rest is not None,
        Marker=None if rest is None else mark(call, "ListEntitiesForPolicy", filters, rest),
    )
