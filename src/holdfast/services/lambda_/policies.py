"""Resource policies of functions: what AddPermission adds up to, one policy for each qualifier; mostly pure.

Users and roles are kept as `services/named_principals.py` says.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from holdfast.access.decision import PolicyKind
from holdfast.access.policy import CompiledPolicy, PolicyError, compile_policy
from holdfast.api import lambda_ as api
from holdfast.services import named_principals
from holdfast.services.named_principals import UnknownPrincipal, shown_policy

if TYPE_CHECKING:
    from holdfast.services.call import Call

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
NAME = "resource policy of the function"
LONGEST = 20_480
BAD_PRINCIPAL = "The provided principal was invalid. Please check the principal and try again."
_SERVICE = re.compile(
    r"[a-z0-9][a-z0-9.-]*\.amazonaws\.com(?:\.cn)?|[a-z0-9.-]+\.amazon\.com|alexa-appkit\.amazon\.com"
)


def _compile(text: str) -> CompiledPolicy:
    return compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)


_compiled = lru_cache(maxsize=1024)(_compile)


def compiled(text: str) -> CompiledPolicy | None:
    """The policy of a qualifier; None when it has none."""
    return _compiled(text) if text else None


def principal_element(call: Call, principal: str) -> object:
    """The Principal of a statement; InvalidParameterValueException."""
    if principal == "*":
        return "*"
    if len(principal) == 12 and principal.isdecimal():
        return {"AWS": f"arn:{call.partition}:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise api.InvalidParameterValueException(BAD_PRINCIPAL)


def new_statement(call: Call, value: api.AddPermissionRequest, resource: str) -> dict[str, Any]:
    """The statement that a request asks for, in the order in which AWS shows it."""
    assert value.Principal is not None
    statement: dict[str, Any] = {
        "Sid": value.StatementId,
        "Effect": "Allow",
        "Principal": principal_element(call, value.Principal),
        "Action": value.Action,
        "Resource": resource,
    }
    condition: dict[str, Any] = {}
    if value.SourceAccount:
        condition["StringEquals"] = {"AWS:SourceAccount": value.SourceAccount}
    if value.PrincipalOrgID:
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = value.PrincipalOrgID
    if value.SourceArn:
        condition["ArnLike"] = {"AWS:SourceArn": value.SourceArn}
    if condition:
        statement["Condition"] = condition
    return statement


def principal_of(call: Call, statement: dict[str, Any]) -> str:
    """The principal of a statement as AddPermission takes it: an account by its number."""
    (shown,) = statements_of(shown_policy(call, policy_text([statement])))
    element = shown["Principal"]
    if isinstance(element, str):
        return element
    (name,) = element.values()
    account = _ROOT.fullmatch(name)
    return account[1] if account else name


def statements_of(text: str) -> list[dict[str, Any]]:
    return json.loads(text)["Statement"] if text else []


def policy_text(statements: list[dict[str, Any]]) -> str:
    """The policy of these statements; empty for none."""
    if not statements:
        return ""
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def lasting_policy(call: Call, text: str) -> str:
    """A policy with unique ids for users and roles; InvalidParameterValueException for one that is not there."""
    try:
        compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)
    except PolicyError:
        raise api.InvalidParameterValueException(BAD_PRINCIPAL) from None
    if len(text) > LONGEST:
        raise api.PolicyLengthExceededException(
            f"The final policy size ({len(text)}) is bigger than the limit ({LONGEST})."
        )
    try:
        return named_principals.lasting_policy(call, text, kept_ids=True)
    except UnknownPrincipal:
        raise api.InvalidParameterValueException(BAD_PRINCIPAL) from None
