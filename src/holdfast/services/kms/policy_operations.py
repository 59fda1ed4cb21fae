"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. A key has one policy, named `default`."""

from __future__ import annotations

from holdfast.access.decision import Context
from holdfast.api import kms
from holdfast.services.call import Call
from holdfast.services.kms import keys, policies, records
from holdfast.services.kms.policies import POLICY_NAME


def get_key_policy(call: Call, value: kms.GetKeyPolicyRequest) -> kms.GetKeyPolicyResponse:
    """The policy as it was set, the default one, or the fixed one of an AWS managed key."""
    key, _, account = keys.manage(call, value.KeyId, "kms:GetKeyPolicy")
    _check_name(value.PolicyName)
    if key.managed_for:
        policy = policies.managed_policy(key.managed_for, call.partition, account, call.region)
    else:
        policy = key.policy or policies.default_policy(call.partition, account)
    return kms.GetKeyPolicyResponse(Policy=policy, PolicyName=POLICY_NAME)


def put_key_policy(call: Call, value: kms.PutKeyPolicyRequest) -> kms.PutKeyPolicyOutput:
    """Another policy, if it is one that Holdfast honours (`policies.check_key_policy`)."""
    assert value.Policy is not None
    bypass = bool(value.BypassPolicyLockoutSafetyCheck)
    context: Context = {"kms:BypassPolicyLockoutSafetyCheck": bypass}
    key, _, account = keys.manage(call, value.KeyId, "kms:PutKeyPolicy", context)
    _check_name(value.PolicyName)
    policies.check_key_policy(value.Policy, call.partition, account, bypass_lockout_check=bypass)
    call.tx.run(records.WRITE_POLICY, value.Policy, account, call.region, key.key_id)
    return kms.PutKeyPolicyOutput()


def list_key_policies(call: Call, value: kms.ListKeyPoliciesRequest) -> kms.ListKeyPoliciesResponse:
    """The names of a key's policies: one, so there is never a second page and no marker was ever handed out."""
    keys.manage(call, value.KeyId, "kms:ListKeyPolicies")
    if value.Marker is not None:
        raise kms.InvalidMarkerException("The marker is not valid.")
    return kms.ListKeyPoliciesResponse(PolicyNames=[POLICY_NAME], Truncated=False)


def _check_name(name: str | None) -> None:
    if name not in (None, POLICY_NAME):
        raise kms.NotFoundException("No such policy exists")
