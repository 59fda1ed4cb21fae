"""What KMS does by itself when its moment has come: delete keys, rotate keys.

A job reads the key's state again: it may have changed since the job was scheduled.
"""

from __future__ import annotations

from typing import Any

from holdfast.services.call import Call
from holdfast.services.kms import events, grant_records, keys, records, rules
from holdfast.services.kms.rotation_operations import AUTOMATIC


def delete_key(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """Delete a key whose waiting period is over, with its material, aliases, tags and grants. Nothing can bring it back."""
    key = records.read_key(call.tx, call.account, call.region, subject)
    if key is None:
        return
    if not rules.deletion_is_due(key.lifecycle, call.now):
        keys.schedule_jobs(call, subject, key.lifecycle)
        return
    for statement in (
        grant_records.DELETE_GRANTS,
        records.DELETE_ALIASES_OF_KEY,
        records.DELETE_TAGS,
        records.DELETE_MATERIALS,
        records.DELETE_KEY,
    ):
        call.tx.run(statement, call.account, call.region, subject)
    arn = keys.arn_of(call, call.account, subject)
    call.service_event("kms", "DeleteKey", arn, {"keyId": subject})
    events.deleted(call, arn, subject)


def rotate_key(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """Give a key new material on its schedule. One that is not enabled now is rotated when it is enabled again."""
    key = records.read_key(call.tx, call.account, call.region, subject)
    if key is None:
        return
    if not rules.rotation_is_due(key.lifecycle, call.now):
        keys.schedule_jobs(call, subject, key.lifecycle)
        return
    keys.rotate(call, key, AUTOMATIC)
    details = {"keyId": subject, "rotationType": AUTOMATIC}
    call.service_event("kms", "RotateKey", keys.arn_of(call, call.account, subject), details)
    keys.change_lifecycle(call, key, rules.rotated(key.lifecycle, call.now))
