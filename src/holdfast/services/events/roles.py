"""Roles that EventBridge is given: who may give one, whether it lets EventBridge in, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import EMPTY_CONTEXT, Context
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.principal import service_principal
from holdfast.access.request import AccessRequest
from holdfast.api.base import ValidationException
from holdfast.services.arn import parse_arn

if TYPE_CHECKING:
    from holdfast.access.policy import CompiledPolicy
    from holdfast.services.call import Call

EVENTS = service_principal("events.amazonaws.com")


def pass_role(call: Call, role_arn: str, rule_arn: str) -> None:
    """Raise unless the caller may give this role to EventBridge, and the role lets EventBridge in."""
    arn = parse_arn(role_arn)
    if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
        raise ValidationException("Parameter RoleArn is not valid. Reason: Provided Arn is not in correct format.")
    context: Context = {"iam:PassedToService": EVENTS.service, "iam:AssociatedResourceArn": rule_arn}
    call.authorize("iam:PassRole", role_arn, context, owner=arn.account)
    if not assumable(call, role_arn, rule_arn):
        raise ValidationException(f"Provided role '{role_arn}' cannot be assumed by principal '{EVENTS.service}'.")


def assumable(call: Call, role_arn: str, rule_arn: str) -> bool:
    """Whether the role exists and its trust policy lets EventBridge assume it for a rule."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = call.surroundings.principals.role(call.tx, account, name)
    if role is None or role.arn != role_arn:
        return False
    context: Context = {"aws:SourceArn": rule_arn, "aws:SourceAccount": rule_arn.split(":")[4]}
    request = AccessRequest("sts:AssumeRole", role_arn, account, context, call)
    return evaluate(Identity(EVENTS), request, resource_policy=role.trust, resource_kind="trust").allowed


def role_may(
    call: Call,
    role_arn: str,
    action: str,
    resource: str,
    owner: str,
    context: Context = EMPTY_CONTEXT,
    resource_policy: CompiledPolicy | None = None,
) -> bool:
    """Whether a role may do something; it decides about the role, not about a caller, and is not recorded."""
    identity = call.surroundings.principals.identity(call.tx, role_arn)
    if identity is None:
        return False
    request = AccessRequest(action, resource, owner, context, call)
    return evaluate(identity, request, resource_policy=resource_policy).allowed
