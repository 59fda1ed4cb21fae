"""Rules of grants: what one may say, what a grant may pass on, and the tokens that name one.

A grant is usable from the moment it is made: there is one store, so nothing is "eventually consistent". A grant token
therefore adds nothing to a request, but a wrong one is refused as AWS refuses it.

INVARIANT: whoever may create a grant only because of a grant gives away nothing that the grant itself does not give
(KMS developer guide, "Granting CreateGrant permission").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from holdfast.access.evaluate import constraint_pairs
from holdfast.access.grounds import GrantStatement
from holdfast.api import kms
from holdfast.api.base import ValidationException
from holdfast.services.kms.grant_records import EQUALS, SUBSET, Grant
from holdfast.services.kms.named_principals import principal_name
from holdfast.vault.errors import DecryptError

if TYPE_CHECKING:
    from holdfast.services.call import Call

MAXIMUM_GRANTS = 50_000
"""Of one key (KMS developer guide, "Resource quotas")."""
MAXIMUM_PAIRS = 8
MAXIMUM_LENGTH = 384
"""Pairs of a constraint and characters of its encryption context (KMS API reference, CreateGrant, Constraints)."""
OF_SYMMETRIC_KEYS = frozenset(
    {
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
        "CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
    }
)  # fmt: skip
"""KMS developer guide, "Grant operations"."""

_GRANT_ID = re.compile(r"[0-9a-f]{64}")
_TOKEN_SCOPE = b"kms grant token"
Constraints = dict[str, dict[str, str]]


def check_operations(operations: Sequence[str]) -> tuple[str, ...]:
    """The operations of a new grant, each once. The model has refused names that no grant can have."""
    if not operations:
        raise ValidationException("Operations must name at least one grant operation.")
    unsupported = sorted(set(operations) - OF_SYMMETRIC_KEYS)
    if unsupported:
        raise ValidationException(
            f"The grant operations {', '.join(unsupported)} are not supported for a symmetric encryption key."
        )
    return tuple(sorted(set(operations)))


def check_constraints(given: kms.GrantConstraints | None) -> Constraints:
    """The constraint on the encryption context of a new grant by its name; empty without one."""
    if given is None:
        return {}
    found = {EQUALS: given.EncryptionContextEquals, SUBSET: given.EncryptionContextSubset}
    constraints = {name: pairs for name, pairs in found.items() if pairs}
    if len(constraints) > 1:
        raise ValidationException(f"Specify {EQUALS} or {SUBSET}, not both.")
    for name, pairs in constraints.items():
        if len(pairs) > MAXIMUM_PAIRS:
            raise ValidationException(f"{name} can have at most {MAXIMUM_PAIRS} encryption context pairs.")
        if sum(len(key) + len(value) for key, value in pairs.items()) > MAXIMUM_LENGTH:
            raise ValidationException(f"The encryption context of {name} can have at most {MAXIMUM_LENGTH} characters.")
    return constraints


def check_grant_count(count: int) -> None:
    """Refuse a grant more when a key already has `count` of them."""
    if count >= MAXIMUM_GRANTS:
        raise kms.LimitExceededException(f"A KMS key can have at most {MAXIMUM_GRANTS} grants.")


def check_grant_id(grant_id: str) -> None:
    """Refuse what no grant is called."""
    if not _GRANT_ID.fullmatch(grant_id):
        raise kms.InvalidGrantIdException(f"Invalid grant ID {grant_id}")


def grant_not_found(grant_id: str) -> kms.NotFoundException:
    return kms.NotFoundException(f"Grant ID {grant_id} not found")


def may_pass_on(
    parent: GrantStatement,
    operations: Sequence[str],
    constraints: Mapping[str, Mapping[str, str]],
    source_arn: str = "",
) -> bool:
    """Whether a grant is wide enough to allow a child grant: no operation more, and no constraint looser."""
    if not parent.operations.issuperset(operations) or parent.source_arn not in ("", source_arn):
        return False
    equals, subset = constraints.get(EQUALS), constraints.get(SUBSET)
    if parent.equals is not None:
        return equals is not None and constraint_pairs(equals.items()) == constraint_pairs(parent.equals.items())
    if parent.subset is not None:
        pairs = equals or subset or {}
        return not constraint_pairs(parent.subset.items()) - constraint_pairs(pairs.items())
    return True


def who_may_retire(grant: Grant, issuer_root: str) -> list[GrantStatement]:
    """The retiring principal, the grantee of a grant that says RetireGrant, and the account that made it.

    "Permission to retire a grant is determined primarily by the grant. A policy alone cannot allow access to this
    operation" (KMS developer guide, "AWS KMS permissions").
    """
    retire = frozenset({"RetireGrant"})
    found = [GrantStatement(grant.grant_id, issuer_root, retire)]
    if grant.retiring:
        found.append(GrantStatement(grant.grant_id, principal_name(grant.retiring), retire))
    if "RetireGrant" in grant.operations:
        found.append(GrantStatement(grant.grant_id, principal_name(grant.grantee), retire))
    return found


# Tokens


def grant_token(call: Call, grant: Grant) -> str:
    """A token that names a grant. It is no secret, and another one each time."""
    payload = [grant.account, call.region, grant.key_id, grant.grant_id]
    return call.vault.seal_token(_TOKEN_SCOPE, msgspec.json.encode(payload))


def named_by_token(call: Call, token: str) -> tuple[str, str, str]:
    """(account, key id, grant id). Raises InvalidGrantTokenException for what was not made here, for this Region."""
    try:
        payload = call.vault.open_token(_TOKEN_SCOPE, token)
    except DecryptError:
        raise kms.InvalidGrantTokenException("The grant token is not valid.") from None
    account, region, key_id, grant_id = msgspec.json.decode(payload, type=tuple[str, str, str, str])
    if region != call.region:
        raise kms.InvalidGrantTokenException("The grant token is not valid.")
    return account, key_id, grant_id


def check_grant_tokens(call: Call, tokens: Sequence[str] | None) -> None:
    """Refuse a request with a token that was never handed out."""
    for token in tokens or ():
        named_by_token(call, token)
