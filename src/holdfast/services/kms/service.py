"""What KMS answers. Asymmetric and HMAC keys, imported material, custom key stores and replicas are absent."""

from __future__ import annotations

from holdfast.api import kms
from holdfast.services.kms import (
    alias_operations,
    cryptographic_operations,
    grant_operations,
    guard,
    jobs,
    key_operations,
    policy_operations,
    rotation_operations,
    rules,
    tag_operations,
)
from holdfast.services.service import Service, read, write

SERVICE = Service(
    api=kms.API,
    operations={
        "CancelKeyDeletion": write(key_operations.cancel_key_deletion),
        "CreateAlias": write(alias_operations.create_alias),
        "CreateGrant": write(grant_operations.create_grant),
        "CreateKey": write(key_operations.create_key),
        "Decrypt": read(cryptographic_operations.decrypt),
        "DeleteAlias": write(alias_operations.delete_alias),
        "DescribeKey": read(key_operations.describe_key),
        "DisableKey": write(key_operations.disable_key),
        "DisableKeyRotation": write(rotation_operations.disable_key_rotation),
        "EnableKey": write(key_operations.enable_key),
        "EnableKeyRotation": write(rotation_operations.enable_key_rotation),
        "Encrypt": read(cryptographic_operations.encrypt),
        "GenerateDataKey": read(cryptographic_operations.generate_data_key),
        "GenerateDataKeyWithoutPlaintext": read(cryptographic_operations.generate_data_key_without_plaintext),
        "GenerateRandom": read(cryptographic_operations.generate_random),
        "GetKeyPolicy": read(policy_operations.get_key_policy),
        "GetKeyRotationStatus": read(rotation_operations.get_key_rotation_status),
        "ListAliases": read(alias_operations.list_aliases),
        "ListGrants": read(grant_operations.list_grants),
        "ListKeyPolicies": read(policy_operations.list_key_policies),
        "ListKeyRotations": read(rotation_operations.list_key_rotations),
        "ListKeys": read(key_operations.list_keys),
        "ListResourceTags": read(tag_operations.list_resource_tags),
        "ListRetirableGrants": read(grant_operations.list_retirable_grants),
        "PutKeyPolicy": write(policy_operations.put_key_policy),
        "ReEncrypt": read(cryptographic_operations.re_encrypt),
        "RetireGrant": write(grant_operations.retire_grant),
        "RevokeGrant": write(grant_operations.revoke_grant),
        "RotateKeyOnDemand": write(rotation_operations.rotate_key_on_demand),
        "ScheduleKeyDeletion": write(key_operations.schedule_key_deletion),
        "TagResource": write(tag_operations.tag_resource),
        "UntagResource": write(tag_operations.untag_resource),
        "UpdateAlias": write(alias_operations.update_alias),
        "UpdateKeyDescription": write(key_operations.update_key_description),
    },
    jobs={
        rules.DELETE_JOB: jobs.delete_key,
        rules.ROTATE_JOB: jobs.rotate_key,
    },
    guard=guard.guard,
)
