"""From a principal to everything that speaks for it: IAM's texts, compiled, and kept while nothing changed.

A policy is compiled once for each text. What is put together from an account's users, roles and policies is kept under
the version of the account (`account.iam_version`, one more with every write to its IAM) and used only if the transaction
at hand reads the same version. So a policy that was detached stops counting with the next call, and a call costs no
look-up but that of the version.

Kept is only what a snapshot says, which is on disk. What a write sees may be taken back with its group, and the version
that it had is then given to something else.

INVARIANT: a policy that does not compile is an error (the call fails), never left out: it might be the one that denies.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from holdfast.access.decision import PolicyKind
from holdfast.access.grounds import Identity, SessionFacts
from holdfast.access.policy import CompiledPolicy, compile_policy
from holdfast.access.principal import Principal, PrincipalKind, root_of, service_principal
from holdfast.remember import remember
from holdfast.services.arn import parse_arn
from holdfast.services.holdfast.records import READ_IAM_VERSION, read_access_key
from holdfast.services.principals import OpenIdProvider, Role
from holdfast.services.sts.role_sessions import INLINE_POLICY
from holdfast.services.sts.rules import merged_tags
from holdfast.services.sts.session_token import Session, SessionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from holdfast.services.holdfast.records import AccessKey
    from holdfast.services.iam.identities import PolicyText
    from holdfast.store.transaction import Transaction

KEPT = 4096
"""Users, roles and providers that are kept; one that is not kept is read again."""
COMPILED = 8192
"""Policies."""

ValueT = TypeVar("ValueT")


def _iam():
    """IAM's reader, imported for the first user or role: its model would cost each start 60 ms."""
    from holdfast.services.iam import identities

    return identities


_compiled = lru_cache(maxsize=COMPILED)(compile_policy)


def _all_compiled(policies: Iterable[PolicyText], kind: PolicyKind = PolicyKind.IDENTITY) -> tuple[CompiledPolicy, ...]:
    return tuple(_compiled(policy.text, name=policy.name, kind=kind) for policy in policies)


class Identities:
    """`services.principals.Principals`, and what the authenticator asks. One per server."""

    def __init__(self, partition: str = "aws") -> None:
        self._partition = partition
        self._kept: dict[Hashable, tuple[int, object]] = {}

    def version(self, tx: Transaction, account: str) -> int | None:
        """The version of an account's IAM in this transaction; None when there is no such account."""
        row = tx.once(READ_IAM_VERSION, account)
        return None if row is None else row[0]

    def _of_version(self, tx: Transaction, version: int, name: Hashable, make: Callable[[], ValueT]) -> ValueT:
        """What `make` reads in this transaction, under a version of the account that `name` begins with."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]  # pyright: ignore[reportReturnType]: of one name, of one type
        made = make()
        if tx.writable:
            return made
        remember(self._kept, name, (version, made), KEPT)
        return made

    # -- callers ----------------------------------------------------------------------------------------------------

    def of_key(self, tx: Transaction, key: AccessKey) -> Identity | None:
        """Whoever holds a long-term key; None when its user is no more."""
        principal = Principal(
            PrincipalKind(key.kind), key.account, key.principal_arn, key.principal_id, key.access_key_id
        )
        if principal.kind is PrincipalKind.ROOT:
            return Identity(principal)
        return self._of_user(tx, principal, key.user_name, None)

    def of_session(self, tx: Transaction, access_key_id: str, session: Session) -> Identity | None:
        """Whoever holds temporary credentials; None when the user or role is no more, or is another one by now."""
        if session.kind is SessionKind.ROOT:
            return Identity(root_of(session.account, access_key_id, self._partition), session=_facts(session))
        if session.kind is SessionKind.USER:
            arn = _iam().arn_of_unique_id(tx, session.principal_id, self._partition)
            if arn is None:
                return None
            principal = Principal(PrincipalKind.USER, session.account, arn, session.principal_id, access_key_id)
            return self._of_user(tx, principal, arn.rsplit("/", 1)[1], _facts(session))
        return self._of_role_session(tx, access_key_id, session)

    def _of_user(self, tx: Transaction, principal: Principal, name: str, facts: SessionFacts | None) -> Identity | None:
        user = _iam().identity_of_user(tx, principal.account, name, self._partition)
        if user is None or user.user_id != principal.principal_id:
            return None
        return Identity(
            principal,
            _all_compiled(user.policies),
            boundary=_boundary(user.boundary),
            tags=user.tags,
            session=facts,
        )

    def _of_role_session(self, tx: Transaction, access_key_id: str, session: Session) -> Identity | None:
        role = _iam().identity_of_role(tx, session.account, session.name, self._partition)
        if role is None or role.role_id != session.principal_id:
            return None
        principal = Principal(
            PrincipalKind.ASSUMED_ROLE,
            session.account,
            f"arn:{self._partition}:sts::{session.account}:assumed-role/{role.name}/{session.session_name}",
            f"{role.role_id}:{session.session_name}",
            access_key_id,
        )
        return Identity(
            principal,
            _all_compiled(role.policies),
            boundary=_boundary(role.boundary),
            session_policies=self._session_policies(tx, session),
            role_arn=role.arn,
            tags=merged_tags(role.tags, session.tags),
            session=_facts(session),
        )

    def _session_policies(self, tx: Transaction, session: Session) -> tuple[CompiledPolicy, ...] | None:
        """None when none were passed. A managed policy that is no more allows nothing, and takes no other one's place."""
        if not session.policy and not session.policy_arns:
            return None
        text = session.policy_text()
        inline = (_compiled(text, name=INLINE_POLICY, kind=PolicyKind.SESSION),) if text else ()
        managed = (self.managed_policy(tx, session.account, arn) for arn in session.policy_arns)
        return (*inline, *(policy for policy in managed if policy is not None))

    # -- services.principals.Principals -----------------------------------------------------------------------------

    def role(self, tx: Transaction, account: str, name: str) -> Role | None:
        version = self.version(tx, account)
        if version is None:
            return None

        def make() -> Role | None:
            role = _iam().identity_of_role(tx, account, name, self._partition)
            if role is None:
                return None
            trust = _compiled(role.trust.text, name=role.trust.name, kind=PolicyKind.TRUST)
            return Role(account, role.role_id, role.name, role.arn, trust, role.maximum_session, role.tags)

        return self._of_version(tx, version, (account, "role", name.lower()), make)

    def provider(self, tx: Transaction, account: str, url: str) -> OpenIdProvider | None:
        found = _iam().provider_of(tx, account, url, self._partition)
        return None if found is None else OpenIdProvider(found.arn, found.url, found.client_ids, found.thumbprints)

    def managed_policy(self, tx: Transaction, account: str, arn: str) -> CompiledPolicy | None:
        found = _iam().managed_policy(tx, account, arn, self._partition)
        return None if found is None else _compiled(found.text, name=found.name, kind=PolicyKind.SESSION)

    def account_of_key(self, tx: Transaction, access_key_id: str) -> str | None:
        key = read_access_key(tx, access_key_id)
        return None if key is None else key.account

    def account_exists(self, tx: Transaction, account: str) -> bool:
        return self.version(tx, account) is not None

    def identity(self, tx: Transaction, arn: str) -> Identity | None:
        parts = parse_arn(arn)
        if parts is None:
            return Identity(service_principal(arn)) if arn.endswith((".amazonaws.com", ".amazon.com")) else None
        account, (kind, _, path) = parts.account, parts.resource.partition("/")
        if parts.service == "iam" and parts.resource == "root":
            known = self.version(tx, account) is not None
            return Identity(root_of(account, partition=self._partition)) if known else None
        if parts.service == "iam" and kind == "user":
            unique_id = self.unique_id(tx, arn)
            if unique_id is None:
                return None
            return self._of_user(
                tx, Principal(PrincipalKind.USER, account, arn, unique_id), arn.rsplit("/", 1)[1], None
            )
        if parts.service == "iam" and kind == "role":
            return self._of_role(tx, account, arn.rsplit("/", 1)[1], arn, "")
        if parts.service == "sts" and kind == "assumed-role":
            name, _, session = path.partition("/")
            return self._of_role(tx, account, name, "", session)
        return None

    def _of_role(self, tx: Transaction, account: str, name: str, arn: str, session: str) -> Identity | None:
        """A session of a role with this ARN, if one is given; any of its sessions where none is named."""
        role = _iam().identity_of_role(tx, account, name, self._partition)
        if role is None or (arn and role.arn != arn):
            return None
        principal = Principal(
            PrincipalKind.ASSUMED_ROLE,
            account,
            f"arn:{self._partition}:sts::{account}:assumed-role/{role.name}/{session}" if session else role.arn,
            f"{role.role_id}:{session}" if session else role.role_id,
        )
        return Identity(
            principal,
            _all_compiled(role.policies),
            boundary=_boundary(role.boundary),
            role_arn=role.arn,
            tags=role.tags,
        )

    def names(self, tx: Transaction, account: str, kind: str, after: str, limit: int) -> list[tuple[str, str]]:
        return _iam().names_of(tx, account, kind, after, limit, self._partition)

    def unique_id(self, tx: Transaction, arn: str) -> str | None:
        return _iam().unique_id(tx, arn, self._partition)

    def arn_of_unique_id(self, tx: Transaction, unique_id: str) -> str | None:
        return _iam().arn_of_unique_id(tx, unique_id, self._partition)


def _boundary(policy: PolicyText | None) -> CompiledPolicy | None:
    return None if policy is None else _compiled(policy.text, name=policy.name, kind=PolicyKind.BOUNDARY)


def _facts(session: Session) -> SessionFacts:
    return SessionFacts(
        session.issued,
        name=session.session_name,
        source_identity=session.source_identity,
        transitive_tags=tuple((key, session.tags[key]) for key in session.transitive if key in session.tags),
        federated_provider=session.provider,
    )
