"""GetResourcePolicy, PutResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy.

Threats: a policy that lets in everybody (refused when the caller asks for that), and one by which its author shuts
themselves out (always refused).
"""

from __future__ import annotations

from holdfast.access.evaluate import evaluate
from holdfast.access.request import AccessRequest
from holdfast.api import secretsmanager as api
from holdfast.api.base import NotImplementedException
from holdfast.services import named_principals
from holdfast.services.call import Call
from holdfast.services.named_principals import UnknownPrincipal, shown_policy
from holdfast.services.secretsmanager import policies, records
from holdfast.services.secretsmanager.finding import RequestContext, add_resource_keys, find_active

PUT_RESOURCE_POLICY = "secretsmanager:PutResourcePolicy"
SYNTAX_CHECK = "POLICY_SYNTAX"
BROAD_ACCESS_CHECK = "BROAD_ACCESS"
LOCKOUT_CHECK = "LOCKOUT"


def get_resource_policy(call: Call, value: api.GetResourcePolicyRequest) -> api.GetResourcePolicyResponse:
    """The policy as it was put; none at all when the secret has none."""
    found = find_active(call, value.SecretId, "secretsmanager:GetResourcePolicy")
    _refuse_name("GetResourcePolicy", value.PolicyName)
    policy = found.secret.policy
    return api.GetResourcePolicyResponse(
        ARN=found.arn, Name=found.secret.name, ResourcePolicy=shown_policy(call, policy) if policy else None
    )


def put_resource_policy(call: Call, value: api.PutResourcePolicyRequest) -> api.PutResourcePolicyResponse:
    """Another policy in place of the one that is there, if any."""
    assert value.ResourcePolicy is not None
    assert value.SecretId is not None
    context: RequestContext = {}
    if value.BlockPublicPolicy is not None:
        context["secretsmanager:BlockPublicPolicy"] = value.BlockPublicPolicy
    secret, arn = find_active(call, value.SecretId, PUT_RESOURCE_POLICY, context)
    _refuse_name("PutResourcePolicy", value.PolicyName)
    policies.check_grammar(value.ResourcePolicy)
    stored = _lasting_policy(call, value.ResourcePolicy)
    if value.BlockPublicPolicy and policies.is_broad(stored):
        raise api.PublicPolicyException(policies.BROAD)
    add_resource_keys(context, secret.region, secret.tags, secret.type, secret.rotation)
    context["secretsmanager:SecretId"] = value.SecretId
    if _locks_out(call, stored, arn, secret.account, context):
        raise api.InvalidRequestException(policies.LOCKED_OUT)
    records.write_policy(call.tx, secret, stored, call.now)
    return api.PutResourcePolicyResponse(ARN=arn, Name=secret.name)


def _lasting_policy(call: Call, text: str) -> str:
    """A valid policy with unique ids for users and roles. MalformedPolicyDocumentException for one that is not there."""
    try:
        return named_principals.lasting_policy(call, text)
    except UnknownPrincipal:
        raise api.MalformedPolicyDocumentException(policies.UNSUPPORTED_PRINCIPAL) from None


def delete_resource_policy(call: Call, value: api.DeleteResourcePolicyRequest) -> api.DeleteResourcePolicyResponse:
    """No policy any more; a secret that has none stays as it is."""
    secret, arn = find_active(call, value.SecretId, "secretsmanager:DeleteResourcePolicy")
    _refuse_name("DeleteResourcePolicy", value.PolicyName)
    if secret.policy:
        records.write_policy(call.tx, secret, "", call.now)
    return api.DeleteResourcePolicyResponse(ARN=arn, Name=secret.name)


def validate_resource_policy(
    call: Call, value: api.ValidateResourcePolicyRequest
) -> api.ValidateResourcePolicyResponse:
    """Whether PutResourcePolicy with BlockPublicPolicy would take a policy, and why not. It takes both permissions."""
    assert value.ResourcePolicy is not None
    resource, owner = "*", call.account
    context: RequestContext = {}
    for action in ("secretsmanager:ValidateResourcePolicy", PUT_RESOURCE_POLICY):
        if value.SecretId is None:
            call.authorize(action, "*")
        else:
            secret, resource = find_active(call, value.SecretId, action)
            owner = secret.account
            context = {"secretsmanager:SecretId": value.SecretId}
            add_resource_keys(context, secret.region, secret.tags, secret.type, secret.rotation)
    errors: list[api.ValidationErrorsEntry] = []
    try:
        policies.check_grammar(value.ResourcePolicy)
        policy = _lasting_policy(call, value.ResourcePolicy)
    except api.MalformedPolicyDocumentException as error:
        errors.append(api.ValidationErrorsEntry(CheckName=SYNTAX_CHECK, ErrorMessage=error.message))
    else:
        if policies.is_broad(policy):
            errors.append(api.ValidationErrorsEntry(CheckName=BROAD_ACCESS_CHECK, ErrorMessage=policies.BROAD))
        if _locks_out(call, policy, resource, owner, context):
            errors.append(api.ValidationErrorsEntry(CheckName=LOCKOUT_CHECK, ErrorMessage=policies.LOCKED_OUT))
    return api.ValidateResourcePolicyResponse(PolicyValidationPassed=not errors, ValidationErrors=errors)


def _locks_out(call: Call, policy: str, arn: str, owner: str, context: RequestContext) -> bool:
    """Whether the caller's next PutResourcePolicy would be denied. It decides nothing now, so it is not recorded."""
    request = AccessRequest(PUT_RESOURCE_POLICY, arn, owner, context, call)
    return not evaluate(call.identity, request, resource_policy=policies.compiled(policy)).allowed


def _refuse_name(operation: str, name: str | None) -> None:
    """The model has a name for policies that no document tells the meaning of."""
    if name is not None:
        raise NotImplementedException(
            f"Holdfast does not implement the parameter PolicyName of secretsmanager:{operation} yet."
        )
