"""Who may do what with a key, and how KMS says no.

The condition keys of a request are put together only when a policy asks for one (`KeyContext`), since most decisions
need none and some cost a query. AWS managed keys have a fixed policy, which is decided here; a customer managed key's
policy leaves the decision to the account's (`policies.check_key_policy`).

Threat: a service that is asked by name for a key of another account. Whoever calls is authorized as the caller, and the
owner of the key is part of the question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from holdfast.access.decision import Context, ContextValue, Decision, Outcome, denial_text
from holdfast.api.base import AccessDeniedException
from holdfast.services.kms import policies, records

if TYPE_CHECKING:
    from holdfast.services.call import Call

SYMMETRIC = "SYMMETRIC_DEFAULT"
ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
KMS_ORIGIN = "AWS_KMS"


class Owned(Protocol):
    """What a decision needs to know of a key."""

    @property
    def key_id(self) -> str: ...

    @property
    def managed_for(self) -> str: ...


class KeyContext(Mapping[str, ContextValue]):
    """The condition keys of one request for one key (or for one that does not exist), made when first asked for.

    It reads from the call's transaction: use it inside the operation only.
    """

    __slots__ = ("_account", "_built", "_call", "_encryption_context", "_key", "_more", "_request_alias")

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
        self._built: dict[str, ContextValue] | None = None

    def _all(self) -> dict[str, ContextValue]:
        if self._built is None:
            self._built = self._build()
        return self._built

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
                built[f"kms:EncryptionContext:{name}"] = value
        if self._key is not None:
            built |= {
                "kms:KeySpec": SYMMETRIC,
                "kms:KeyUsage": ENCRYPT_DECRYPT,
                "kms:KeyOrigin": KMS_ORIGIN,
                "kms:MultiRegion": False,
            }
            where = (call.tx, self._account, call.region, self._key.key_id)
            if aliases := records.alias_names(*where):
                built["kms:ResourceAliases"] = aliases
            for name, value in records.read_tags(*where).items():
                built[f"aws:ResourceTag/{name}"] = value
        if self._more:
            built |= self._more
        return built

    def __getitem__(self, name: str) -> ContextValue:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def check(call: Call, action: str, arn: str, account: str, key: Owned | None, context: Context) -> Decision:
    """Decide and record one action on a key. `arn` is the key's, or what the caller named when there is no such key."""
    if (
        key is not None
        and key.managed_for
        and not policies.managed_key_allows(key.managed_for, action, call.via_service, call.account == account)
    ):
        return deny(call, action, arn)
    return call.check(action, arn, context, owner=account)


def authorize(
    call: Call, action: str, arn: str, account: str, key: Owned | None, context: Context, named: str = ""
) -> None:
    """Raise AccessDeniedException unless the caller may do `action` to the key.

    `named` is the ARN of the alias by which the caller named the key. A key of another account is denied by that name:
    its own would tell a stranger that the alias exists, and what it stands for.
    """
    decision = check(call, action, arn, account, key, context)
    if not decision.allowed:
        if named and account != call.account:
            decision = replace(decision, resource=named)
        raise AccessDeniedException(denial_text(decision))


def deny(call: Call, action: str, arn: str) -> Decision:
    """Record that no key policy allows the action."""
    decision = Decision(Outcome.IMPLICIT_DENY, action, arn, call.principal.arn, missing="key-policy")
    call.decisions.append(decision)
    return decision


def ciphertext_denial(decision: Decision) -> AccessDeniedException:
    """The denial of a request that named no key, only a ciphertext.

    One text for a key that does not exist, one in another Region or account, and one whose policy does not allow it, so
    that nothing is learned about keys. A lack of one's own IAM policies is named as usual.
    """
    if decision.missing not in ("key-policy", "resource-policy"):
        return AccessDeniedException(denial_text(decision))
    return AccessDeniedException(
        f"User: {decision.principal} is not authorized to perform: {decision.action} on the resource associated with"
        " this ciphertext because the resource does not exist in this Region, no resource-based policies allow access,"
        " or a resource-based policy explicitly denies access"
    )
