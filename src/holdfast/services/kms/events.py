"""KMS's events, in AWS's shapes ("Monitor KMS keys with Amazon EventBridge", KMS developer guide).

Key material is never imported here, so none expires: `KMS Imported Key Material Expiration` has no cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.services.call import Call

SOURCE = "aws.kms"
ROTATION = "KMS CMK Rotation"
DELETION = "KMS CMK Deletion"
ORIGIN = "AWS_KMS"


def rotated(call: Call, arn: str, key_id: str, rotation_type: str, previous: str, current: str) -> None:
    """A key has new material, which `current` names."""
    detail = {
        "key-id": key_id,
        "key-origin": ORIGIN,
        "rotation-type": rotation_type,
        "previous-key-material-id": previous,
        "current-key-material-id": current,
    }
    call.emit(SOURCE, ROTATION, (arn,), detail)


def deleted(call: Call, arn: str, key_id: str) -> None:
    """A key is gone, its waiting period being over."""
    call.emit(SOURCE, DELETION, (arn,), {"key-id": key_id})
