"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies, and how a new policy is taken. A key has one policy, named `default`.

Threat: a policy by which nobody can ever change the key's policy again. It is refused unless the caller says that this
is meant (BypassPolicyLockoutSafetyCheck).
"""

from __future__ import annotations

from holdfast.access.decision import Context, Decision, PolicyKind
from holdfast.access.evaluate import evaluate
from holdfast.access.policy import CompiledPolicy
from holdfast.access.request import AccessRequest
from holdfast.api import kms
from holdfast.services.call import Call
from holdfast.services.kms import keys, policies, records
from holdfast.services.kms.authorization import KeyContext
from holdfast.services.kms.policies import INVALID_PRINCIPALS, LOCKED_OUT, POLICY_NAME
from holdfast.services.named_principals import UnknownPrincipal, lasting_policy, shown_policy


def get_key_policy(call: Call, value: kms.GetKeyPolicyRequest) -> kms.GetKeyPolicyResponse:
    """The policy as it was set, the default one, or the fixed one of an AWS managed key."""
    key, _, account = keys.manage(call, value.KeyId, "kms:GetKeyPolicy")
    _check_name(value.PolicyName)
    if key.policy:
        policy = shown_policy(call, key.policy)
    else:
        policy = policies.policy_text(key.managed_for, "", call.partition, account, call.region)
    return kms.GetKeyPolicyResponse(Policy=policy, PolicyName=POLICY_NAME)


def put_key_policy(call: Call, value: kms.PutKeyPolicyRequest) -> kms.PutKeyPolicyOutput:
    """Another policy, from now on."""
    assert value.Policy is not None
    bypass = bool(value.BypassPolicyLockoutSafetyCheck)
    more: Context = {"kms:BypassPolicyLockoutSafetyCheck": bypass}
    key, arn, account = keys.manage(call, value.KeyId, "kms:PutKeyPolicy", more)
    _check_name(value.PolicyName)
    context = KeyContext(call, account, key, more=more)
    policy = accept_policy(call, value.Policy, arn, context, bypass=bypass)
    call.tx.run(records.WRITE_POLICY, policy, account, call.region, key.key_id)
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


def accept_policy(call: Call, text: str, arn: str, context: Context, *, bypass: bool) -> str:
    """The policy that a customer sends for the key `arn` of the caller's account, as it is to be stored.

    `context` is that of the request. Raises MalformedPolicyDocumentException and LimitExceededException.
    """
    policies.new_policy(text)
    try:
        stored = lasting_policy(call, text)
    except UnknownPrincipal:
        raise kms.MalformedPolicyDocumentException(INVALID_PRINCIPALS) from None
    if not bypass and _locks_out(_subsequent(call, policies.new_policy(stored), arn, context)):
        raise kms.MalformedPolicyDocumentException(LOCKED_OUT)
    return stored


def _subsequent(call: Call, policy: CompiledPolicy, arn: str, context: Context) -> Decision:
    """What the policy would make of the caller's next PutKeyPolicy. It decides nothing now, so it is not recorded."""
    request = AccessRequest("kms:PutKeyPolicy", arn, call.account, context, call)
    return evaluate(call.identity, request, resource_policy=policy, resource_kind="key")


def _locks_out(decision: Decision) -> bool:
    """Whether it is the key policy that stands in the way.

    "The key policy must allow the calling principal to make a subsequent PutKeyPolicy request on the KMS key" (KMS API
    reference, PutKeyPolicy). One that leaves it to the account's IAM policies does; those can be changed.
    """
    return not decision.allowed and decision.missing == PolicyKind.KEY
