"""Resource policies of parameters: what may stand in one, whom it shares the parameter with, and the compiled form.

Users and roles are kept as `services/named_principals.py` says.

INVARIANT: what a stored policy denies is denied: a stored text that does not compile raises, it is never left out.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import msgspec

from holdfast.access.decision import PolicyKind
from holdfast.access.policy import CompiledPolicy, PolicyError, compile_policy, read_policy
from holdfast.access.principals import account_of
from holdfast.api import ssm as api
from holdfast.services.named_principals import UnknownPrincipal, lasting_policy

if TYPE_CHECKING:
    from holdfast.services.call import Call

NAME = "resource policy of the parameter"
MAXIMUM_POLICY = 1024
"""Bytes."""
ACTIONS = frozenset(("ssm:getparameter", "ssm:getparameters", "ssm:getparameterhistory", "ssm:describeparameters"))
"""What a parameter can be shared for, in lower case."""


@lru_cache(maxsize=1024)
def compiled(text: str) -> CompiledPolicy | None:
    """The policy of a parameter's row, None when it has none."""
    return compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE) if text else None


def hash_of(policy_id: str, text: str) -> str:
    """The PolicyHash of a stored policy."""
    return hashlib.sha256(f"{policy_id}\n{text}".encode()).hexdigest()


def check(text: str, resource: str) -> None:
    """Raise unless a text is a policy that shares the parameter with the ARN `resource`.

    MalformedResourcePolicyDocumentException, ResourcePolicyLimitExceededException.
    """
    if len(text.encode()) > MAXIMUM_POLICY:
        raise api.ResourcePolicyLimitExceededException(
            f"A policy can't be greater than {MAXIMUM_POLICY} bytes in size.",
            Limit=MAXIMUM_POLICY,
            LimitType="PolicySize",
        )
    try:
        statements = read_policy(text, PolicyKind.RESOURCE).statements
    except PolicyError as error:
        raise api.MalformedResourcePolicyDocumentException(error.message) from None
    for statement in statements:
        if statement.actions_negated or not {action.lower() for action in statement.actions} <= ACTIONS:
            raise api.MalformedResourcePolicyDocumentException(
                "The policy document is malformed: a parameter is shared for ssm:GetParameter, ssm:GetParameters, "
                "ssm:GetParameterHistory and ssm:DescribeParameters only."
            )
        if statement.resources_negated or set(statement.resources) != {resource}:
            raise api.MalformedResourcePolicyDocumentException(
                f"The policy document is malformed: its Resource must be {resource}."
            )


def lasting(call: Call, text: str) -> str:
    """A valid policy with unique ids for users and roles. MalformedResourcePolicyDocumentException for one not there."""
    try:
        return lasting_policy(call, text)
    except UnknownPrincipal:
        raise api.MalformedResourcePolicyDocumentException(
            "The policy document has a principal that does not exist."
        ) from None


def consumers(text: str, owner: str) -> set[str]:
    """The other accounts that a policy, as it was sent, names: those to whom its parameter is listed as shared."""
    document: Any = msgspec.json.decode(text)
    found: Any = document["Statement"]
    statements: list[dict[str, Any]] = [found] if isinstance(found, dict) else found
    accounts: set[str] = set()
    for statement in statements:
        element: Any = statement.get("Principal")
        if statement["Effect"] == "Allow" and isinstance(element, dict):
            named: Any = cast("dict[str, Any]", element).get("AWS", [])
            accounts.update(_account(value) for value in ([named] if isinstance(named, str) else named))
    return accounts - {"", owner}


def _account(principal: str) -> str:
    """The account of an AWS principal; empty for everybody and for unique ids."""
    return account_of(principal) or (principal.split(":")[4] if principal.startswith("arn:") else "")
