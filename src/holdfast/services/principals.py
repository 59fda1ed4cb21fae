"""Users, roles and identity providers, as services other than IAM may see them. `server/identities.py` stands behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.access.policy import CompiledPolicy
    from holdfast.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody must know who wants to assume it."""

    account: str
    role_id: str
    """`AROA…`, never given again."""
    name: str
    arn: str
    trust: CompiledPolicy
    maximum_session: int
    """Seconds."""
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """An OpenID Connect provider that an account trusts."""

    arn: str
    url: str
    """With its scheme: exactly what the `iss` of its tokens says."""
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]


class Principals(Protocol):
    """Reads in the caller's own transaction. What it keeps, it keeps under the account's version in that transaction."""

    def role(self, tx: Transaction, account: str, name: str) -> Role | None:
        """A role by its name, in any case; None when there is none."""
        ...

    def provider(self, tx: Transaction, account: str, url: str) -> OpenIdProvider | None:
        """The provider that an account has for an issuer, which `iss` spells exactly as the provider's URL."""
        ...

    def managed_policy(self, tx: Transaction, account: str, arn: str) -> CompiledPolicy | None:
        """The default version of a managed policy of the account or of AWS, as a session policy."""
        ...

    def account_of_key(self, tx: Transaction, access_key_id: str) -> str | None:
        """The account of a long-term access key, active or not."""
        ...

    def account_exists(self, tx: Transaction, account: str) -> bool: ...

    def identity(self, tx: Transaction, arn: str) -> Identity | None:
        """Everything that speaks for the root user, user, role or role session that has this ARN, or a service, by its
        name. None when there is nobody like that. A role's session is without session policies: who could know them?"""
        ...

    def names(self, tx: Transaction, account: str, kind: str, after: str, limit: int) -> list[tuple[str, str]]:
        """The users (`user`) or roles (`role`) of an account, in pages: (where to go on, ARN)."""
        ...

    def unique_id(self, tx: Transaction, arn: str) -> str | None:
        """`AIDA…` or `AROA…` of the user or role that has exactly this ARN: what a policy keeps of it."""
        ...

    def arn_of_unique_id(self, tx: Transaction, unique_id: str) -> str | None:
        """Its ARN of today; None when it is no more."""
        ...
