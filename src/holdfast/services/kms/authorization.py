"""Who may do what with a key, and how KMS says no.

Every key has a policy, without which nothing is allowed: the customer's, the default one or the fixed one of an AWS
managed key. The condition keys of a request are made when a policy asks for them (`KeyContext`), since most decisions
need none and some cost a query.

Threat: a service that is asked by name for a key of another account. Whoever calls is authorized as the caller, and the
owner of the key is part of the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec.structs import replace

from holdfast.access.decision import (
    Context,
    ContextValue,
    Decision,
    MatchedStatement,
    Outcome,
    PolicyKind,
    denial_text,
)
from holdfast.access.evaluate import ROOT_STATEMENT, evaluate
from holdfast.access.principal import PrincipalKind
from holdfast.access.request import AccessRequest
from holdfast.api.base import AccessDeniedException
from holdfast.services.kms import grant_records, policies, records
from holdfast.services.kms.named_principals import as_service

if TYPE_CHECKING:
    from holdfast.access.grounds import GrantStatement, Identity
    from holdfast.access.policy import CompiledPolicy
    from holdfast.services.call import Call

SYMMETRIC: Final = "SYMMETRIC_DEFAULT"
ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
KMS_ORIGIN = "AWS_KMS"


class Owned(Protocol):
    """What a decision needs to know of a key."""

    @property
    def key_id(self) -> str: ...

    @property
    def managed_for(self) -> str: ...

    @property
    def policy(self) -> str: ...

    @property
    def grants(self) -> int: ...


Suits = Callable[["GrantStatement"], bool]
"""Which grants count for an action."""


_ENCRYPTION_CONTEXT: Final = "kms:EncryptionContext:"
_OF_EVERY_KEY: Context = {
    "kms:KeySpec": SYMMETRIC,
    "kms:KeyUsage": ENCRYPT_DECRYPT,
    "kms:KeyOrigin": KMS_ORIGIN,
    "kms:MultiRegion": False,
}


class KeyContext(Mapping[str, ContextValue]):
    """The condition keys of one request for one key (or for one that does not exist), each made when it is asked for.

    It reads from the call's transaction: use it inside the operation only.
    """

    __slots__ = ("_account", "_all", "_call", "_encryption_context", "_key", "_more", "_request_alias")

    def __init__(
        self,
        call: Call,
        account: str,
        key: Owned | None,
        encryption_context: Mapping[str, str] | None = None,
        request_alias: str = "",
        more: Context | None = None,
    ) -> None:
        self._call = call
        self._account = account
        self._key = key
        self._encryption_context = encryption_context
        self._request_alias = request_alias
        self._more = more
        self._all: dict[str, ContextValue] | None = None

    def without_key(self) -> KeyContext:
        """The condition keys that the request alone gives."""
        return KeyContext(self._call, self._account, None, self._encryption_context, self._request_alias, self._more)

    def get(self, name: str, default: Any = None) -> Any:
        # The keys that policies of services ask for, without the two queries that some of the others cost.
        if name == "kms:CallerAccount":
            return self._call.account
        if name == "kms:ViaService":
            service = self._call.via_service
            return f"{service}.{self._call.region}.amazonaws.com" if service else default
        if name.startswith(_ENCRYPTION_CONTEXT):
            context = self._encryption_context
            return context.get(name[len(_ENCRYPTION_CONTEXT) :], default) if context else default
        return self._built().get(name, default)

    def _built(self) -> dict[str, ContextValue]:
        if self._all is None:
            self._all = self._build()
        return self._all

    def _build(self) -> dict[str, ContextValue]:
        call = self._call
        built: dict[str, ContextValue] = {"kms:CallerAccount": call.account}
        if call.via_service:
            built["kms:ViaService"] = f"{call.via_service}.{call.region}.amazonaws.com"
        if self._request_alias:
            built["kms:RequestAlias"] = self._request_alias
        if self._encryption_context:
            built["kms:EncryptionContextKeys"] = list(self._encryption_context)
            for name, value in self._encryption_context.items():
                built[_ENCRYPTION_CONTEXT + name] = value
        if self._key is not None:
            built |= _OF_EVERY_KEY
            where = (call.tx, self._account, call.region, self._key.key_id)
            if aliases := records.alias_names(*where):
                built["kms:ResourceAliases"] = aliases
            for name, value in records.read_tags(*where).items():
                built[f"aws:ResourceTag/{name}"] = value
        if self._more:
            built |= self._more
        return built

    def __getitem__(self, name: str) -> ContextValue:
        return self._built()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built())

    def __len__(self) -> int:
        return len(self._built())


def policy_of(call: Call, account: str, key: Owned) -> CompiledPolicy:
    """The policy that decides about a key of the call's Region."""
    return policies.compiled_policy(key.managed_for, key.policy, call.partition, account, call.region)


ROOT_UNDER_DEFAULT_POLICY = (
    ROOT_STATEMENT,
    MatchedStatement(policies.DEFAULT_POLICY, policies.DEFAULT_POLICY_SID, 0, "Allow", PolicyKind.KEY),
)
"""What matches when an account's root user does something with a key that has the default policy."""


def _is_unlimited_root(identity: Identity, account: str) -> bool:
    """Whether the caller is the root user of an account, whom neither a policy nor a session limits."""
    principal = identity.principal
    return (
        principal.kind is PrincipalKind.ROOT
        and principal.account == account
        and not identity.policies
        and identity.boundary is None
        and identity.session_policies is None
    )


def names_in_grants(identity: Identity, partition: str) -> list[str]:
    """What a grant can call a caller by: as a session, a user or a role, as one of an account; as a service."""
    principal = identity.principal
    names = {principal.arn, principal.principal_id, principal.principal_id.partition(":")[0], identity.role_arn}
    if principal.account:
        names.add(policies.root_arn(partition, principal.account))
    elif principal.service:
        names.add(as_service(principal.service))
    return sorted(names - {""})


def _grants(call: Call, account: str, key: Owned, suits: Suits | None) -> Sequence[GrantStatement]:
    """The grants of a key that speak of the caller. Most keys have none, and their row says so."""
    if not key.grants:
        return ()
    names = names_in_grants(call.identity, call.partition)
    found = grant_records.grants_for(call.tx, account, call.region, key.key_id, names)
    statements = [grant.statement() for grant in found]
    return statements if suits is None else [statement for statement in statements if suits(statement)]


def check(
    call: Call, action: str, arn: str, account: str, key: Owned | None, context: Context, suits: Suits | None = None
) -> Decision:
    """Decide and record one action on a key. `arn` is the key's, or what the caller named when there is no such key."""
    if key is None:
        return call.check(action, arn, context, owner=account)
    if not key.policy and not key.managed_for and _is_unlimited_root(call.identity, account):
        # The way of most calls: the same answer as below, without the way there.
        decision = Decision(Outcome.ALLOW, action, arn, call.principal.arn, ROOT_UNDER_DEFAULT_POLICY)
        call.decisions.append(decision)
        return decision
    policy = policy_of(call, account, key)
    grants = _grants(call, account, key, suits)
    return call.check(action, arn, context, owner=account, resource_policy=policy, resource_kind="key", grants=grants)


def authorize(
    call: Call,
    action: str,
    arn: str,
    account: str,
    key: Owned | None,
    context: Context,
    named: str = "",
    suits: Suits | None = None,
) -> None:
    """Raise AccessDeniedException unless the caller may do `action` to the key.

    `named` is the ARN of the alias by which the caller named the key. A key of another account is denied by that name:
    its own would tell a stranger that the alias exists, and what it stands for.
    """
    decision = check(call, action, arn, account, key, context, suits)
    if not decision.allowed:
        if account != call.account:
            call.conceal(_told(call, action, named or arn, account, context))
        if named and account != call.account:
            decision = replace(decision, resource=named)
        raise AccessDeniedException(denial_text(decision))


def _told(call: Call, action: str, named: str, account: str, context: Context) -> Decision:
    """What a stranger may learn of a denial: the same whether there is such a key or not."""
    if isinstance(context, KeyContext):
        context = context.without_key()
    request = AccessRequest(action, named, account, context, call)
    return evaluate(call.identity, request, resource_kind="key")


def deny(call: Call, action: str, arn: str, *, final: bool = False) -> Decision:
    """Record that no key policy allows the action; `final`: nor could one."""
    decision = without_policy(call, action, arn, final=final)
    call.decisions.append(decision)
    return decision


def without_policy(call: Call, action: str, arn: str, *, final: bool = False) -> Decision:
    """What is decided where no key policy allows."""
    return Decision(Outcome.IMPLICIT_DENY, action, arn, call.principal.arn, missing=PolicyKind.KEY, final=final)


def let_in(decision: Decision) -> bool:
    """Whether the policy or a grant of the key named the caller's side, so that only the caller's own policies lack."""
    return decision.outcome is Outcome.IMPLICIT_DENY and PolicyKind.KEY not in decision.gaps


def ciphertext_denial(decision: Decision) -> AccessDeniedException:
    """The denial of a request that named no key, only a ciphertext.

    One text for a key that does not exist, one in another Region or account, and one whose policy does not allow it, so
    that nothing is learned about keys. A lack of one's own IAM policies is named as usual.
    """
    if decision.missing not in (PolicyKind.KEY, PolicyKind.RESOURCE):
        return AccessDeniedException(denial_text(decision))
    return AccessDeniedException(
        f"User: {decision.principal} is not authorized to perform: {decision.action} on the resource associated with"
        " this ciphertext because the resource does not exist in this Region, no resource-based policies allow access,"
        " or a resource-based policy explicitly denies access"
    )
