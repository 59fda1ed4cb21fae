"""A key's life: CreateKey, DescribeKey, ListKeys, UpdateKeyDescription, EnableKey, DisableKey, ScheduleKeyDeletion,
CancelKeyDeletion.
"""

from __future__ import annotations

from holdfast.access.decision import Context, ContextValue
from holdfast.api import kms
from holdfast.api.base import ValidationException
from holdfast.services.call import Call
from holdfast.services.kms import keys, records, rules
from holdfast.services.kms.authorization import ENCRYPT_DECRYPT, KMS_ORIGIN, SYMMETRIC
from holdfast.services.kms.grants import check_grant_tokens
from holdfast.services.kms.pages import page_limit, position, truncated
from holdfast.services.kms.policy_operations import accept_policy
from holdfast.services.kms.records import Key
from holdfast.services.kms.rules import KeyState, Lifecycle
from holdfast.services.stored_tags import request_context

OWN_KEYS = "SELF"


def create_key(call: Call, value: kms.CreateKeyRequest) -> kms.CreateKeyResponse:
    """A symmetric encryption key with fresh material, enabled at once."""
    tags = {tag.TagKey or "": tag.TagValue or "" for tag in value.Tags or []}
    context = _creation_context(call, value, tags)
    call.authorize("kms:CreateKey", "*", context)
    if tags:
        call.authorize("kms:TagResource", "*", context)
    _check_kind(value)
    rules.check_new_tags([tag.TagKey or "" for tag in value.Tags or []])
    key_id = call.randomness.uuid4()
    policy = ""
    if value.Policy is not None:
        bypass = bool(value.BypassPolicyLockoutSafetyCheck)
        policy = accept_policy(call, value.Policy, keys.arn_of(call, call.account, key_id), context, bypass=bypass)
    key = keys.insert_key(call, key_id, Lifecycle(), managed_for="", description=value.Description or "", policy=policy)
    for name, text in tags.items():
        call.tx.run(records.WRITE_TAG, call.account, call.region, key_id, name, text)
    return kms.CreateKeyResponse(KeyMetadata=metadata(key, keys.arn_of(call, call.account, key_id), call.account))


def _creation_context(call: Call, value: kms.CreateKeyRequest, tags: dict[str, str]) -> Context:
    context: dict[str, ContextValue] = {
        "kms:CallerAccount": call.account,
        "kms:KeySpec": value.KeySpec or value.CustomerMasterKeySpec or SYMMETRIC,
        "kms:KeyUsage": value.KeyUsage or ENCRYPT_DECRYPT,
        "kms:KeyOrigin": value.Origin or KMS_ORIGIN,
        "kms:MultiRegion": bool(value.MultiRegion),
        "kms:BypassPolicyLockoutSafetyCheck": bool(value.BypassPolicyLockoutSafetyCheck),
    }
    return context | request_context(tags)


def _check_kind(value: kms.CreateKeyRequest) -> None:
    """Only symmetric encryption keys with material made here exist; everything else is refused by its name."""
    if value.KeySpec is not None and value.CustomerMasterKeySpec is not None:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    spec = value.KeySpec or value.CustomerMasterKeySpec or SYMMETRIC
    if spec != SYMMETRIC:
        if value.KeyUsage is None:
            raise ValidationException(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
            )
        raise kms.UnsupportedOperationException(f"Only symmetric encryption keys are implemented: KeySpec {spec}.")
    if value.KeyUsage not in (None, ENCRYPT_DECRYPT):
        raise ValidationException(f"KeyUsage {value.KeyUsage} is not compatible with KeySpec {SYMMETRIC}.")
    if value.MultiRegion:
        raise kms.UnsupportedOperationException("Multi-Region keys are not implemented: MultiRegion.")
    if value.Origin not in (None, KMS_ORIGIN):
        raise kms.UnsupportedOperationException(
            f"Only key material made by KMS itself is implemented: Origin {value.Origin}."
        )
    if value.CustomKeyStoreId is not None:
        raise kms.UnsupportedOperationException("Custom key stores are not implemented: CustomKeyStoreId.")
    if value.XksKeyId is not None:
        raise kms.UnsupportedOperationException("External key stores are not implemented: XksKeyId.")


def metadata(key: Key, arn: str, account: str) -> kms.KeyMetadata:
    """A key as DescribeKey tells it."""
    lifecycle = key.lifecycle
    return kms.KeyMetadata(
        AWSAccountId=account,
        KeyId=key.key_id,
        Arn=arn,
        CreationDate=key.created / 1000,
        Enabled=lifecycle.state is KeyState.ENABLED,
        Description=key.description,
        KeyUsage=ENCRYPT_DECRYPT,
        KeyState=str(lifecycle.state),
        DeletionDate=lifecycle.deletion_due / 1000 if lifecycle.deletion_due else None,
        Origin=KMS_ORIGIN,
        KeyManager="AWS" if key.managed_for else "CUSTOMER",
        CustomerMasterKeySpec=SYMMETRIC,
        KeySpec=SYMMETRIC,
        EncryptionAlgorithms=[SYMMETRIC],
        MultiRegion=False,
        CurrentKeyMaterialId=key.material_id,
    )


def describe_key(call: Call, value: kms.DescribeKeyRequest) -> kms.DescribeKeyResponse:
    """Everything about a key but its policy, tags, aliases and rotation."""
    check_grant_tokens(call, value.GrantTokens)
    found = keys.describe(call, value.KeyId, "kms:DescribeKey", aliases=True)
    return kms.DescribeKeyResponse(KeyMetadata=metadata(*found))


def list_keys(call: Call, value: kms.ListKeysRequest) -> kms.ListKeysResponse:
    """The keys of the caller's account and Region, AWS managed ones included. No other account shares any."""
    call.authorize("kms:ListKeys", "*")
    owners = value.ResourceOwners
    if owners is not None and OWN_KEYS not in owners:
        return kms.ListKeysResponse(Keys=[], Truncated=False)
    limit = page_limit(value.Limit, 100, 1000)
    after = position(call, "ListKeys", owners, value.Marker)
    rows = call.tx.all(records.LIST_KEYS, call.account, call.region, after, limit + 1)
    next_marker = truncated(call, "ListKeys", owners, rows, limit)
    return kms.ListKeysResponse(
        Keys=[
            kms.KeyListEntry(KeyId=key_id, KeyArn=keys.arn_of(call, call.account, key_id)) for (key_id,) in rows[:limit]
        ],
        NextMarker=next_marker,
        Truncated=next_marker is not None,
    )


def update_key_description(call: Call, value: kms.UpdateKeyDescriptionRequest) -> kms.UpdateKeyDescriptionOutput:
    """Another description; an empty one removes it."""
    key, arn, _ = keys.manage(call, value.KeyId, "kms:UpdateKeyDescription")
    rules.require_not_pending(key.lifecycle.state, arn)
    call.tx.run(records.WRITE_DESCRIPTION, value.Description or "", call.account, call.region, key.key_id)
    return kms.UpdateKeyDescriptionOutput()


def enable_key(call: Call, value: kms.EnableKeyRequest) -> kms.EnableKeyOutput:
    """Let a key encrypt and decrypt again. A rotation that it missed follows at once, and the schedule begins anew."""
    key, arn, _ = keys.manage(call, value.KeyId, "kms:EnableKey")
    keys.change_lifecycle(call, key, rules.enable(key.lifecycle, arn, call.now))
    return kms.EnableKeyOutput()


def disable_key(call: Call, value: kms.DisableKeyRequest) -> kms.DisableKeyOutput:
    """Keep a key, but let it neither encrypt nor decrypt."""
    key, arn, _ = keys.manage(call, value.KeyId, "kms:DisableKey")
    keys.change_lifecycle(call, key, rules.disable(key.lifecycle, arn))
    return kms.DisableKeyOutput()


def schedule_key_deletion(call: Call, value: kms.ScheduleKeyDeletionRequest) -> kms.ScheduleKeyDeletionResponse:
    """Delete a key, its material and its aliases for good when the waiting period is over."""
    days = rules.waiting_period(value.PendingWindowInDays)
    context: Context = {"kms:ScheduleKeyDeletionPendingWindowInDays": days}
    key, arn, _ = keys.manage(call, value.KeyId, "kms:ScheduleKeyDeletion", context)
    lifecycle = rules.schedule_deletion(key.lifecycle, arn, days, call.now)
    keys.change_lifecycle(call, key, lifecycle)
    return kms.ScheduleKeyDeletionResponse(
        KeyId=arn,
        DeletionDate=lifecycle.deletion_due / 1000,
        KeyState=str(lifecycle.state),
        PendingWindowInDays=days,
    )


def cancel_key_deletion(call: Call, value: kms.CancelKeyDeletionRequest) -> kms.CancelKeyDeletionResponse:
    """Keep a key after all. It is disabled then."""
    key, arn, _ = keys.manage(call, value.KeyId, "kms:CancelKeyDeletion")
    keys.change_lifecycle(call, key, rules.cancel_deletion(key.lifecycle, arn))
    return kms.CancelKeyDeletionResponse(KeyId=arn)
