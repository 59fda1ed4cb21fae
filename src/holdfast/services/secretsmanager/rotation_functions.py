"""Which function rotates a secret: one that Holdfast offers by itself, or one of the user's.

The built-in ones have the names that users know from AWS, as functions of every account and Region:
`arn:aws:lambda:eu-central-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationSingleUser`. They act as the
service-linked role of the secret's account; a user's function is invoked as secretsmanager.amazonaws.com, which its
resource policy must admit.
"""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException, NotImplementedException
from holdfast.rotation.engine import Engine
from holdfast.services.arn import parse_arn
from holdfast.services.call import Call

PRINCIPAL = "secretsmanager.amazonaws.com"
ROLE = "AWSServiceRoleForHoldfastRotation"
"""Who reads and writes secrets for the built-in rotations."""
CANNOT_INVOKE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the "
    f"principal {PRINCIPAL}."
)
BAD_ARN = "The RotationLambdaARN is not the ARN of a Lambda function."


def function_name(call: Call, function_arn: str, account: str) -> str:
    """The name in an unqualified function ARN of this account and Region; empty for any other."""
    arn = parse_arn(function_arn)
    if arn is None or arn.service != "lambda" or (arn.account, arn.region) != (account, call.region):
        return ""
    kind, _, name = arn.resource.partition(":")
    return name if kind == "function" and ":" not in name else ""


def engine_of(call: Call, function_arn: str, account: str) -> Engine | None:
    """The built-in engine behind a function's ARN; None for a user's function."""
    return call.surroundings.rotation.engines.get(function_name(call, function_arn, account))


def require_function(call: Call, function_arn: str, secret_arn: str, account: str) -> None:
    """Raise unless the caller may invoke the function, and Secrets Manager may for this secret."""
    arn = parse_arn(function_arn)
    if arn is None or arn.service != "lambda" or not arn.resource.startswith("function:"):
        raise api.InvalidParameterException(BAD_ARN)
    call.authorize("lambda:InvokeFunction", function_arn, owner=arn.account)
    name = function_name(call, function_arn, account)
    rotation = call.surroundings.rotation
    if name in rotation.engines:
        return
    functions = call.surroundings.functions
    if functions.exists(call, function_arn):
        if functions.admits(call, function_arn, PRINCIPAL, secret_arn, account):
            return
    elif name in rotation.absent:
        raise NotImplementedException(f"{name}: {rotation.absent[name]}")
    raise AccessDeniedException(CANNOT_INVOKE)
