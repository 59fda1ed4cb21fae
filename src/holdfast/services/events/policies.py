"""Resource policies of event buses: what PutPermission adds up to, or the whole of it as Policy; mostly pure.

Users and roles are kept as `services/named_principals.py` says.

INVARIANT: what a stored policy denies is denied: a stored text that does not compile raises, it is never left out.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from holdfast.access.decision import PolicyKind
from holdfast.access.policy import CompiledPolicy, PolicyError, compile_policy
from holdfast.api import events as api
from holdfast.api.base import ValidationException
from holdfast.services import named_principals
from holdfast.services.named_principals import UnknownPrincipal

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.events.names import BusAt

NAME = "resource policy of the event bus"
LONGEST = 10_240
"""Bytes (EventBridge quotas, "Maximum event bus policy size")."""
ORGANISATION = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID"}


@lru_cache(maxsize=1024)
def compiled(text: str) -> CompiledPolicy | None:
    """The policy of a bus; None when it has none."""
    return compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE) if text else None


def statements_of(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    found: Any = json.loads(text)["Statement"]
    return [found] if isinstance(found, dict) else found


def policy_text(statements: list[dict[str, Any]]) -> str:
    """The policy of these statements; empty for none."""
    if not statements:
        return ""
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, ensure_ascii=False, separators=(",", ":"))


def new_statement(call: Call, value: api.PutPermissionRequest, where: BusAt) -> dict[str, Any]:
    """The statement that Action, Principal, StatementId and Condition ask for."""
    if not (value.Action and value.Principal and value.StatementId):
        raise ValidationException("Parameter(s) Action, Principal and StatementId must be specified, or Policy.")
    principal: object = value.Principal
    if value.Principal != "*":
        principal = {"AWS": f"arn:{call.partition}:iam::{value.Principal}:root"}
    statement: dict[str, Any] = {
        "Sid": value.StatementId,
        "Effect": "Allow",
        "Principal": principal,
        "Action": value.Action,
        "Resource": where.arn(call.partition),
    }
    if value.Condition is not None:
        condition = value.Condition
        # "the Type must be StringEquals, the Key aws:PrincipalOrgID" (API reference, Condition).
        if {"Type": condition.Type, "Key": condition.Key} != ORGANISATION:
            raise ValidationException("Parameter Condition is not valid. Reason: Type must be StringEquals and Key "
                                      "aws:PrincipalOrgID.")  # fmt: skip
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": condition.Value}}
    return statement


def lasting_policy(call: Call, text: str) -> str:
    """A policy with unique ids for users and roles; ValidationException for a text that is none, or names nobody."""
    if len(text.encode()) > LONGEST:
        raise api.PolicyLengthExceededException(f"The policy is longer than {LONGEST} bytes.")
    try:
        compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)
    except PolicyError as error:
        raise ValidationException(f"Parameter Policy is not valid. Reason: {error.message}") from None
    try:
        return named_principals.lasting_policy(call, text, kept_ids=True)
    except UnknownPrincipal as error:
        raise ValidationException(
            f"Parameter Policy is not valid. Reason: Invalid principal in policy: {error.args[0]}"
        ) from None


def shown_policy(call: Call, text: str) -> str:
    """A stored policy as DescribeEventBus shows it."""
    return named_principals.shown_policy(call, text) if text else ""
