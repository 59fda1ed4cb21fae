"""What Secrets Manager answers. Replication is absent."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager import (
    guard,
    listing_operations,
    password_operations,
    policy_operations,
    records,
    rotation_functions,
    rotation_job,
    rotation_operations,
    rotation_progress,
    rotation_timeline,
    secret_operations,
    tag_operations,
    value_operations,
    version_operations,
)
from holdfast.services.service import Service, read, write
from holdfast.work.due import Retry

SERVICE = Service(
    api=api.API,
    operations={
        "BatchGetSecretValue": read(value_operations.batch_get_secret_value),
        "CancelRotateSecret": write(rotation_operations.cancel_rotate_secret),
        "CreateSecret": write(secret_operations.create_secret),
        "DeleteResourcePolicy": write(policy_operations.delete_resource_policy),
        "DeleteSecret": write(secret_operations.delete_secret),
        "DescribeSecret": read(secret_operations.describe_secret),
        "GetRandomPassword": read(password_operations.get_random_password),
        "GetResourcePolicy": read(policy_operations.get_resource_policy),
        "GetSecretValue": read(value_operations.get_secret_value),
        "ListSecretVersionIds": read(version_operations.list_secret_version_ids),
        "ListSecrets": read(listing_operations.list_secrets),
        "PutResourcePolicy": write(policy_operations.put_resource_policy),
        "PutSecretValue": write(value_operations.put_secret_value),
        "RestoreSecret": write(secret_operations.restore_secret),
        "RotateSecret": write(rotation_operations.rotate_secret),
        "TagResource": write(tag_operations.tag_resource),
        "UntagResource": write(tag_operations.untag_resource),
        "UpdateSecret": write(secret_operations.update_secret),
        "UpdateSecretVersionStage": write(version_operations.update_secret_version_stage),
        "ValidateResourcePolicy": read(policy_operations.validate_resource_policy),
    },
    jobs={
        secret_operations.DELETE_JOB: secret_operations.end_recovery_window,
        rotation_progress.ROTATE_JOB: rotation_job.rotate_secret,
    },
    # What a step does wrong is recorded and planned by the rotation itself; this is for what keeps an attempt from
    # beginning, such as a secret with 100 versions of the last day.
    effects={rotation_progress.ROTATE_JOB: Retry(attempts=0)},
    roles={rotation_progress.ROTATE_JOB: rotation_functions.ROLE},
    own={
        "AbandonRotation": rotation_timeline.abandon_rotation,
        "ForecastRotations": rotation_timeline.forecast_rotations,
        "RehearseRotation": rotation_timeline.rehearse_rotation,
        "RetryRotation": rotation_timeline.retry_rotation,
        "RollBackRotation": rotation_timeline.roll_back_rotation,
        "ShowRotation": rotation_timeline.show_rotation,
    },
    notes={
        records.SECRET_ACCESS: records.note_secret_access,
        records.VERSION_ACCESS: records.note_version_access,
    },
    guard=guard.guard,
)
