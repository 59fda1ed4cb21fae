"""GetResourcePolicy. Secrets have no resource policies yet; infrastructure code asks for one all the same."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.api.base import NotImplementedException
from holdfast.services.call import Call
from holdfast.services.secretsmanager.finding import find_active


def get_resource_policy(call: Call, value: api.GetResourcePolicyRequest) -> api.GetResourcePolicyResponse:
    """The secret's ARN and name, and no policy: there is none."""
    found = find_active(call, value.SecretId, "secretsmanager:GetResourcePolicy")
    if value.PolicyName is not None:
        raise NotImplementedException(
            "Holdfast does not implement the parameter PolicyName of secretsmanager:GetResourcePolicy yet."
        )
    return api.GetResourcePolicyResponse(ARN=found.arn, Name=found.secret.name)
