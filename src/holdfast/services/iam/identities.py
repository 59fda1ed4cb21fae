"""What the server reads to know a caller: everything that speaks for a user or role, or limits it.

Policies come as texts with the names by which explanations call them; whoever reads them compiles them, and keeps what
was compiled under the version of the account that was read in the same transaction (`version_of`).

INVARIANT: a policy that cannot be found is an error, never left out: it might be the one that denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from holdfast.services.iam import account_records, policy_records, records, rules, trust
from holdfast.services.iam.account_records import version_of
from holdfast.services.iam.managed_policies import aws_policies, is_of_aws
from holdfast.services.iam.unique_ids import arn_of_unique_id, unique_id
from holdfast.services.stored_tags import decode_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.services.iam.policy_records import Held, Inline
    from holdfast.store.transaction import Transaction

__all__ = [
    "PolicyText", "Provider", "RoleIdentity", "UserIdentity", "arn_of_unique_id", "identity_of_group",
    "identity_of_role", "identity_of_user", "managed_policy", "names_of", "provider_of", "unique_id", "version_of",
]  # fmt: skip


class PolicyText(NamedTuple):
    """A policy: its ARN, or words such as `inline policy read on user/alice`; and its document."""

    name: str
    text: str


class UserIdentity(NamedTuple):
    """A user with its own policies and those of its groups."""

    user_id: str
    name: str
    arn: str
    policies: tuple[PolicyText, ...]
    boundary: PolicyText | None
    tags: Mapping[str, str]


class RoleIdentity(NamedTuple):
    """A role. `trust` names users and roles by their unique ids."""

    role_id: str
    name: str
    arn: str
    policies: tuple[PolicyText, ...]
    boundary: PolicyText | None
    tags: Mapping[str, str]
    trust: PolicyText
    maximum_session: int
    """Seconds."""


class Provider(NamedTuple):
    """An OpenID Connect provider; `url` with its scheme."""

    arn: str
    url: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]


def identity_of_user(tx: Transaction, account: str, user_name: str, partition: str = "aws") -> UserIdentity | None:
    """A user by its name, in any case, in six statements; None when there is none."""
    user = records.read_user(tx, account, user_name)
    if user is None:
        return None
    groups = {group.id: group.name for group in records.groups_of(tx, account, user.id)}
    held = [policy_records.Held(*row) for row in tx.all(policy_records.HELD_BY_OWNER, account, user.id)]
    inline = policy_records.inline_of(tx, account, user.id)
    policies = [*_inline(inline, {user.id: f"user/{user.name}"}), *_managed(held, "policy")]
    if groups:
        of_groups = [policy_records.Held(*row) for row in tx.all(policy_records.HELD_BY_GROUPS, account, user.id)]
        inline = [policy_records.Inline(*row) for row in tx.all(policy_records.INLINE_OF_GROUPS, account, user.id)]
        policies += _inline(inline, {group_id: f"group/{name}" for group_id, name in groups.items()})
        policies += _managed(of_groups, "policy")
    return UserIdentity(
        user.id,
        user.name,
        rules.arn_of(partition, account, "user", user.path, user.name),
        # A policy that speaks for a user twice, through two groups, says nothing more.
        tuple(dict.fromkeys(policies)),
        next(iter(_managed(held, "boundary")), None),
        decode_tags(user.tags),
    )


def identity_of_role(tx: Transaction, account: str, role_name: str, partition: str = "aws") -> RoleIdentity | None:
    """A role by its name, in any case, in three statements; None when there is none."""
    role = records.read_role(tx, account, role_name)
    if role is None:
        return None
    held = [policy_records.Held(*row) for row in tx.all(policy_records.HELD_BY_OWNER, account, role.id)]
    inline = policy_records.inline_of(tx, account, role.id)
    return RoleIdentity(
        role.id,
        role.name,
        rules.arn_of(partition, account, "role", role.path, role.name),
        (*_inline(inline, {role.id: f"role/{role.name}"}), *_managed(held, "policy")),
        next(iter(_managed(held, "boundary")), None),
        decode_tags(role.tags),
        PolicyText(trust.name_of(role.name), trust.evaluated(role)),
        role.maximum_session,
    )


def identity_of_group(tx: Transaction, account: str, group_name: str) -> tuple[PolicyText, ...] | None:
    """The policies of a group, for simulations; None when there is no such group."""
    group = records.read_group(tx, account, group_name)
    if group is None:
        return None
    held = [policy_records.Held(*row) for row in tx.all(policy_records.HELD_BY_OWNER, account, group.id)]
    inline = policy_records.inline_of(tx, account, group.id)
    return (*_inline(inline, {group.id: f"group/{group.name}"}), *_managed(held, "policy"))


def names_of(
    tx: Transaction, account: str, kind: str, after: str, limit: int, partition: str = "aws"
) -> list[tuple[str, str]]:
    """Users or roles of an account, in pages: (where to go on, ARN)."""
    statement = records.LIST_USERS if kind == "user" else records.LIST_ROLES
    rows = tx.all(statement, account, after, limit)
    # Key, name, id and path are the first columns of both.
    return [(row[0], rules.arn_of(partition, account, kind, row[3], row[1])) for row in rows]


def managed_policy(tx: Transaction, account: str, arn: str, partition: str = "aws") -> PolicyText | None:
    """The default version of a managed policy of the account or of AWS; None when there is none."""
    if is_of_aws(arn):
        found = aws_policies(partition).get(arn)
        return None if found is None else PolicyText(arn, found.document)
    row = tx.one(policy_records.DEFAULT_DOCUMENT, account, arn)
    return None if row is None else PolicyText(arn, row[0])


def provider_of(tx: Transaction, account: str, url: str, partition: str = "aws") -> Provider | None:
    """The provider that an account trusts for an issuer, whose `iss` must be exactly the URL that was given."""
    name = url.partition("://")[2]
    found = account_records.read_provider(tx, account, name)
    if found is None or found.url != url:
        return None
    return Provider(
        rules.arn_of(partition, account, "oidc-provider", "/", name),
        found.url,
        tuple(account_records.strings_of(found.client_ids)),
        tuple(account_records.strings_of(found.thumbprints)),
    )


def _inline(policies: Sequence[Inline], owners: Mapping[str, str]) -> list[PolicyText]:
    return [
        PolicyText(f"inline policy {policy.name} on {owners[policy.owner_id]}", policy.document) for policy in policies
    ]


def _managed(policies: Sequence[Held], purpose: policy_records.Purpose) -> list[PolicyText]:
    found: list[PolicyText] = []
    for policy in policies:
        if policy.purpose != purpose:
            continue
        partition = policy.arn.split(":", 2)[1]
        document = aws_policies(partition)[policy.arn].document if is_of_aws(policy.arn) else policy.document
        if document is None:
            raise RuntimeError(f"{policy.arn} is attached and has no document")
        found.append(PolicyText(policy.arn, document))
    return found
