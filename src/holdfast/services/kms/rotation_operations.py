"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

A rotation gives a key new material at once, so none is ever in progress. Old material stays until the key is deleted.
"""

from __future__ import annotations

from holdfast.access.decision import Context
from holdfast.api import kms
from holdfast.services.call import Call
from holdfast.services.kms import keys, records, rules
from holdfast.services.kms.pages import page_limit, position, truncated
from holdfast.services.kms.records import Key, Material

ON_DEMAND = "ON_DEMAND"
AUTOMATIC = "AUTOMATIC"
ALL_MATERIAL = "ALL_KEY_MATERIAL"
FIRST_SEQUENCE = 1


def enable_key_rotation(call: Call, value: kms.EnableKeyRotationRequest) -> kms.EnableKeyRotationOutput:
    """Rotate a key by itself, every 90 to 2560 days; 365 unless said otherwise."""
    days = value.RotationPeriodInDays
    context: Context = {"kms:RotationPeriodInDays": rules.DEFAULT_ROTATION_PERIOD if days is None else days}
    key, arn, _ = keys.manage(call, value.KeyId, "kms:EnableKeyRotation", context)
    keys.change_lifecycle(call, key, rules.enable_rotation(key.lifecycle, arn, days, call.now))
    return kms.EnableKeyRotationOutput()


def disable_key_rotation(call: Call, value: kms.DisableKeyRotationRequest) -> kms.DisableKeyRotationOutput:
    """No longer rotate a key by itself."""
    key, arn, _ = keys.manage(call, value.KeyId, "kms:DisableKeyRotation")
    keys.change_lifecycle(call, key, rules.disable_rotation(key.lifecycle, arn))
    return kms.DisableKeyRotationOutput()


def get_key_rotation_status(call: Call, value: kms.GetKeyRotationStatusRequest) -> kms.GetKeyRotationStatusResponse:
    """Whether and when a key rotates by itself."""
    key, arn, _ = keys.describe(call, value.KeyId, "kms:GetKeyRotationStatus", aliases=False)
    lifecycle = key.lifecycle
    if not lifecycle.rotation_enabled:
        return kms.GetKeyRotationStatusResponse(KeyRotationEnabled=False, KeyId=arn)
    return kms.GetKeyRotationStatusResponse(
        KeyRotationEnabled=True,
        KeyId=arn,
        RotationPeriodInDays=lifecycle.rotation_period,
        NextRotationDate=lifecycle.next_rotation / 1000,
    )


def rotate_key_on_demand(call: Call, value: kms.RotateKeyOnDemandRequest) -> kms.RotateKeyOnDemandResponse:
    """Rotate a key now. The schedule of its automatic rotations does not change."""
    key, arn, account = keys.manage(call, value.KeyId, "kms:RotateKeyOnDemand")
    done = call.tx.one(records.COUNT_ON_DEMAND, account, call.region, key.key_id)
    rules.require_rotation_on_demand(key.lifecycle, arn, done[0] if done else 0, call.now)
    keys.rotate(call, key, ON_DEMAND)
    return kms.RotateKeyOnDemandResponse(KeyId=arn)


def list_key_rotations(call: Call, value: kms.ListKeyRotationsRequest) -> kms.ListKeyRotationsResponse:
    """A key's rotations, oldest first; with ALL_KEY_MATERIAL its first material too."""
    key, _, account = keys.manage(call, value.KeyId, "kms:ListKeyRotations")
    limit = page_limit(value.Limit, 100, 1000)
    start = 0 if value.IncludeKeyMaterial == ALL_MATERIAL else FIRST_SEQUENCE
    filters = [key.key_id, start]
    after = position(call, "ListKeyRotations", filters, value.Marker, start)
    rows = call.tx.all(records.LIST_MATERIALS, account, call.region, key.key_id, after, limit + 1)
    next_marker = truncated(call, "ListKeyRotations", filters, rows, limit)
    return kms.ListKeyRotationsResponse(
        Rotations=[_entry(key, Material(*row)) for row in rows[:limit]],
        NextMarker=next_marker,
        Truncated=next_marker is not None,
    )


def _entry(key: Key, material: Material) -> kms.RotationsListEntry:
    first = material.sequence == FIRST_SEQUENCE
    return kms.RotationsListEntry(
        KeyId=key.key_id,
        KeyMaterialId=material.material_id,
        KeyMaterialState="CURRENT" if material.material_id == key.material_id else "NON_CURRENT",
        RotationDate=None if first else material.created / 1000,
        RotationType=None if first else material.rotation_type,
    )
