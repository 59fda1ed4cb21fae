"""From a FunctionName to a function that the caller may act on.

INVARIANT: authorization comes before existence, and a caller of another account is denied in the same words whether the
function is there or not.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access.decision import EMPTY_CONTEXT, Context, ContextValue
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.principal import service_principal
from holdfast.access.request import AccessRequest
from holdfast.api import lambda_ as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.identifiers import LATEST, Reference, parse_function_arn, reference
from holdfast.services.lambda_.policies import compiled
from holdfast.services.lambda_.records import Function, Version
from holdfast.services.lambda_.rules import NOT_ASSUMABLE
from holdfast.services.stored_tags import resource_context

LAMBDA = service_principal("lambda.amazonaws.com")


class Found(NamedTuple):
    """A function, and where it was looked for."""

    where: Reference
    function: Function

    def arn(self, call: Call) -> str:
        """Without a qualifier."""
        return self.where._replace(qualifier="").arn(call.partition)


def refer(call: Call, name: str | None, qualifier: str | None = None) -> Reference:
    assert name is not None
    return reference(call.account, call.region, name, qualifier)


def not_found(call: Call, where: Reference) -> api.ResourceNotFoundException:
    return api.ResourceNotFoundException(f"Function not found: {where.arn(call.partition)}")


def find(call: Call, where: Reference, action: str, context: Context = EMPTY_CONTEXT) -> Found:
    """The function, after the caller was authorized for `action` on what the reference names.

    Raises AccessDeniedException, ResourceNotFoundException.
    """
    function = records.read_function(call.tx, where.key)
    keys: dict[str, ContextValue] = {**context}
    policy = None
    if function is not None:
        keys.update(resource_context(function.tags))
        policy = records.read_policy(call.tx, where.key, policy_qualifier(where.qualifier))
    call.authorize(
        action,
        where.arn(call.partition),
        keys,
        owner=where.account,
        resource_policy=compiled(policy.text) if policy else None,
    )
    if function is None:
        raise not_found(call, where)
    return Found(where, function)


def find_version(call: Call, where: Reference, action: str) -> tuple[Found, Version]:
    """The function and the version that the reference names."""
    found = find(call, where, action)
    version = records.resolve(call.tx, where)
    if version is None:
        raise not_found(call, where)
    return found, version


def policy_qualifier(qualifier: str) -> str:
    """Under which qualifier a policy is kept: `$LATEST` is the function itself."""
    return "" if qualifier == LATEST else qualifier


def check_revision(given: str | None, current: str) -> None:
    from holdfast.services.lambda_.rules import CHANGED

    if given is not None and given != current:
        raise api.PreconditionFailedException(CHANGED)


# -- the execution role -------------------------------------------------------------------------------------------------


def check_role(call: Call, where: Reference, role_arn: str) -> None:
    """Whether the caller may give this role to this function, and the role lets Lambda in."""
    account = role_arn.split(":")[4]
    function = where._replace(qualifier="").arn(call.partition)
    context: Context = {"iam:PassedToService": LAMBDA.service, "iam:AssociatedResourceArn": function}
    call.authorize("iam:PassRole", role_arn, context, owner=account)
    if account != call.account:
        raise AccessDeniedException("Cross-account pass role is not allowed.")
    if not trusts_lambda(call, role_arn):
        raise api.InvalidParameterValueException(NOT_ASSUMABLE)


def trusts_lambda(call: Call, role_arn: str) -> bool:
    """Whether the role exists and its trust policy lets Lambda assume it."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = call.surroundings.principals.role(call.tx, account, name)
    if role is None or role.arn != role_arn:
        return False
    request = AccessRequest("sts:AssumeRole", role_arn, account, {}, call)
    return evaluate(Identity(LAMBDA), request, resource_policy=role.trust, resource_kind="trust").allowed


# -- for other services -------------------------------------------------------------------------------------------------


def exists(call: Call, function_arn: str) -> bool:
    """`services.functions.Functions.exists`."""
    where = parse_function_arn(function_arn)
    return where is not None and records.resolve(call.tx, where) is not None


def admits(call: Call, function_arn: str, service: str, source_arn: str, source_account: str) -> bool:
    """`services.functions.Functions.admits`. It decides about the service, not about the caller, and is not recorded."""
    where = parse_function_arn(function_arn)
    if where is None:
        return False
    policy = records.read_policy(call.tx, where.key, policy_qualifier(where.qualifier))
    if policy is None:
        return False
    context: Context = {"aws:SourceArn": source_arn, "aws:SourceAccount": source_account}
    request = AccessRequest("lambda:InvokeFunction", where.arn(call.partition), where.account, context, call)
    identity = Identity(service_principal(service))
    return evaluate(identity, request, resource_policy=compiled(policy.text)).allowed
