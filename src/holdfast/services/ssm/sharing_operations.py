"""PutResourcePolicy, GetResourcePolicies, DeleteResourcePolicy: sharing an advanced parameter with other accounts.

A parameter has one policy at most. Whoever replaces or deletes it names its id and its hash, so that nobody overwrites
what they have not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import ssm as api
from holdfast.api.base import NotImplementedException
from holdfast.services.arn import parse_arn
from holdfast.services.named_principals import shown_policy
from holdfast.services.ssm import records, resource_policies, rules, tiers
from holdfast.services.ssm.answers import required, tag_context
from holdfast.services.ssm.records import Parameter

if TYPE_CHECKING:
    from holdfast.services.call import Call

NO_POLICY = "No policies with the specified policy ID and hash could be found."
CONFLICT = (
    "The hash provided in the call doesn't match the stored hash. This exception is thrown when trying to update an "
    "obsolete policy version or when multiple requests to update a policy are sent."
)


def put_resource_policy(call: Call, value: api.PutResourcePolicyRequest) -> api.PutResourcePolicyResponse:
    """Share a parameter, or with PolicyId and PolicyHash replace how it is shared.

    Raises ResourceNotFoundException, ResourcePolicyInvalidParameterException for a standard parameter, and the errors of
    policies.
    """
    found = _authorized(call, "ssm:PutResourcePolicy", required(value.ResourceArn))
    text = required(value.Policy)
    if found.tier != tiers.ADVANCED:
        raise api.ResourcePolicyInvalidParameterException(
            "Only parameters of the advanced-parameter tier can be shared.", ParameterNames=["ResourceArn"]
        )
    resource_policies.check(text, required(value.ResourceArn))
    stored = resource_policies.lasting(call, text)
    if value.PolicyId is None and value.PolicyHash is None:
        if found.resource_policy:
            raise api.ResourcePolicyLimitExceededException(
                "A parameter can have one policy. To replace it, send its PolicyId and PolicyHash.",
                Limit=1,
                LimitType="PolicyCount",
            )
        policy_id = call.randomness.uuid4()
    else:
        _check_current(found, value.PolicyId, value.PolicyHash)
        policy_id = found.resource_policy_id
    records.write_resource_policy(
        call.tx, found, call.region, stored, policy_id, resource_policies.consumers(text, found.account)
    )
    return api.PutResourcePolicyResponse(PolicyId=policy_id, PolicyHash=resource_policies.hash_of(policy_id, stored))


def get_resource_policies(call: Call, value: api.GetResourcePoliciesRequest) -> api.GetResourcePoliciesResponse:
    """The policy of a parameter, if it has one. Raises ResourceNotFoundException."""
    found = _authorized(call, "ssm:GetResourcePolicies", required(value.ResourceArn))
    if value.NextToken:
        raise api.ResourcePolicyInvalidParameterException(
            "The specified token isn't valid.", ParameterNames=["NextToken"]
        )
    text, policy_id = found.resource_policy, found.resource_policy_id
    if not text:
        return api.GetResourcePoliciesResponse(Policies=[])
    entry = api.GetResourcePoliciesResponseEntry(
        PolicyId=policy_id,
        PolicyHash=resource_policies.hash_of(policy_id, text),
        Policy=shown_policy(call, text),
    )
    return api.GetResourcePoliciesResponse(Policies=[entry])


def delete_resource_policy(call: Call, value: api.DeleteResourcePolicyRequest) -> api.DeleteResourcePolicyResponse:
    """Share a parameter no more. Raises ResourceNotFoundException, ResourcePolicyNotFoundException,
    ResourcePolicyConflictException."""
    found = _authorized(call, "ssm:DeleteResourcePolicy", required(value.ResourceArn))
    _check_current(found, value.PolicyId, value.PolicyHash)
    records.write_resource_policy(call.tx, found, call.region, "", "", set())
    return api.DeleteResourcePolicyResponse()


def _check_current(found: Parameter, policy_id: str | None, policy_hash: str | None) -> None:
    if not found.resource_policy or policy_id != found.resource_policy_id:
        raise api.ResourcePolicyNotFoundException(NO_POLICY)
    if policy_hash != resource_policies.hash_of(found.resource_policy_id, found.resource_policy):
        raise api.ResourcePolicyConflictException(CONFLICT)


def _authorized(call: Call, action: str, text: str) -> Parameter:
    """The caller's own parameter that an ARN names."""
    arn = parse_arn(text)
    if arn is not None and arn.service == "ssm" and not arn.resource.startswith("parameter/"):
        kind = arn.resource.partition("/")[0]
        call.authorize(action, text, owner=arn.account)
        raise NotImplementedException(f"Holdfast does not implement {action} for resources of the type {kind}.")
    reference = rules.parse_reference(text, call.partition, call.region, call.account) if arn else None
    if reference is None or reference.selector:
        call.authorize(action, text)
        raise api.ResourcePolicyInvalidParameterException(
            "The resource ARN isn't that of a parameter.", ParameterNames=["ResourceArn"]
        )
    mine = reference.local and reference.account == call.account
    found = records.read_parameter(call.tx, call.account, call.region, reference.path) if mine else None
    call.authorize(action, reference.arn, tag_context(found.tags if found else ""), owner=reference.account)
    if found is None:
        raise api.ResourceNotFoundException("The specified parameter to be shared could not be found.")
    return found
