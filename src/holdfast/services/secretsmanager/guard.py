"""What decides about a secret, for questions before the fact (`holdfast can`, `holdfast who-can`). Decides nothing itself.

A secret's value is reached through its KMS key, as the caller: the check that follows is the one that denies with
nothing but "Access to KMS is not allowed".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.secretsmanager import records, rules
from holdfast.services.secretsmanager.finding import RequestContext, add_resource_keys, look_up, refer
from holdfast.services.secretsmanager.identifiers import DEFAULT_KEY, is_default_key, owner_of
from holdfast.services.secretsmanager.policies import compiled
from holdfast.services.secretsmanager.values import SERVICE_NAME
from holdfast.services.service import Asked, Guard

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.secretsmanager.finding import Found

_READS = ("secretsmanager:GetSecretValue",)
_WRITES = ("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret", "secretsmanager:RotateSecret")


def guard(call: Call, action: str, resource: str) -> Guard:
    """The policy and the tags of a secret, and the use of its key where the action needs the value."""
    found = look_up(call, resource)
    keys: RequestContext = {"secretsmanager:SecretId": resource}
    if found is None:
        return Guard(resource, owner_of(call.account, resource), context=keys)
    add_resource_keys(keys, found.secret.region, found.secret.tags, found.secret.type, found.secret.rotation)
    return Guard(
        found.arn,
        found.secret.account,
        compiled(found.secret.policy),
        context=keys,
        then=_through_the_key(call, action, found),
    )


def _through_the_key(call: Call, action: str, found: Found) -> tuple[Asked, ...]:
    if action in _READS:
        wanted = "kms:Decrypt"
    elif action in _WRITES:
        wanted = "kms:GenerateDataKey"
    else:
        return ()
    context = {"kms:EncryptionContext:SecretARN": found.arn}
    return (Asked(wanted, _key_of(call, action, found), SERVICE_NAME, context),)


def _key_of(call: Call, action: str, found: Found) -> str:
    """The ARN of the key that a value is under, or that the next one will be."""
    secret = found.secret
    key = secret.kms_key_id
    reference = refer(call, found.arn)
    if action in _READS and reference is not None:
        row = records.read_value(call.tx, reference, None, rules.CURRENT)
        if row is not None and row[records.VALUE_KMS_KEY] is not None:
            key = row[records.VALUE_KMS_KEY]
    if key.startswith("arn:") and not is_default_key(call.partition, secret.account, secret.region, key):
        return key
    if is_default_key(call.partition, secret.account, secret.region, key):
        key = DEFAULT_KEY
    named = key if key.startswith("alias/") else f"key/{key}"
    return f"arn:{call.partition}:kms:{secret.region}:{secret.account}:{named}"
