"""What decides about a parameter, for questions before the fact (`holdfast can`, `holdfast who-can`). Decides nothing
itself.

What is behind a name counts too: the KMS key of a SecureString, which is asked about as if it were read with decryption,
and the secret that a reference names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.arn import parse_arn
from holdfast.services.service import Asked, Guard
from holdfast.services.ssm import records, rules
from holdfast.services.ssm.answers import tag_context
from holdfast.services.ssm.resource_policies import compiled
from holdfast.services.ssm.rules import PUBLIC, SECURE_STRING
from holdfast.services.ssm.secret_references import parse_secret_reference
from holdfast.services.ssm.tiers import ADVANCED
from holdfast.services.ssm.values import SERVICE

if TYPE_CHECKING:
    from holdfast.services.call import Call

_READS = ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory", "ssm:GetParametersByPath")


def guard(call: Call, action: str, resource: str) -> Guard:
    """The tags of a parameter and what reading it needs beside; a path or what is no name stands for itself."""
    if action == "ssm:DescribeParameters" and resource == "*":
        return Guard(rules.everything_arn(call.partition, call.region, call.account), call.account)
    secret = parse_secret_reference(resource, call.partition, call.region, call.account)
    if secret is not None:
        then = (Asked("secretsmanager:GetSecretValue", secret.secret_id, SERVICE, {}),) if action in _READS else ()
        return Guard(secret.arn, secret.account, then=then)
    reference = rules.parse_reference(resource, call.partition, call.region, call.account)
    if reference is None:
        arn = parse_arn(resource)
        return Guard(resource, arn.account if arn is not None and arn.account else call.account)
    found = records.read_parameter(call.tx, reference.account, call.region, reference.path)
    # What the operator publishes is everybody's own: their identity policies decide (ssm/access.py).
    owner = call.account if reference.account == PUBLIC else reference.account
    if found is None:
        return Guard(reference.arn, owner)
    then: tuple[Asked, ...] = ()
    if found.type == SECURE_STRING and action in (*_READS, "ssm:PutParameter"):
        sealing = "kms:GenerateDataKey" if found.tier == ADVANCED else "kms:Encrypt"
        asked = sealing if action == "ssm:PutParameter" else "kms:Decrypt"
        context = {"kms:EncryptionContext:PARAMETER_ARN": reference.arn}
        then = (Asked(asked, _key_arn(call, reference.account, found.key_id), SERVICE, context),)
    policy = compiled(found.resource_policy)
    return Guard(reference.arn, owner, policy, context=tag_context(found.tags), then=then)


def _key_arn(call: Call, account: str, key_id: str) -> str:
    if key_id.startswith("arn:"):
        return key_id
    named = key_id if key_id.startswith("alias/") else f"key/{key_id}"
    return f"arn:{call.partition}:kms:{call.region}:{account}:{named}"
