"""DeleteSecret and RestoreSecret, and the end of a recovery window."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from holdfast.testing import Server

from .refusals import MARKED_FOR_DELETION, NOT_FOUND, refused

SECOND = timedelta(seconds=1)


def test_a_secret_ends_after_its_window(holdfast_server: Server) -> None:
    secrets = holdfast_server.client("secretsmanager")
    secrets.create_secret(Name="seven", SecretString="x")
    secrets.create_secret(Name="thirty", SecretString="x")
    secrets.create_secret(Name="restored", SecretString="x")
    asked = holdfast_server.now()
    seven = secrets.delete_secret(SecretId="seven", RecoveryWindowInDays=7)
    thirty = secrets.delete_secret(SecretId="thirty")
    secrets.delete_secret(SecretId="restored", RecoveryWindowInDays=7)
    assert abs(seven["DeletionDate"] - asked - timedelta(days=7)) < 60 * SECOND
    assert abs(thirty["DeletionDate"] - asked - timedelta(days=30)) < 60 * SECOND
    deleted = secrets.describe_secret(SecretId="seven")["DeletedDate"]
    assert deleted == seven["DeletionDate"] - timedelta(days=7)
    secrets.restore_secret(SecretId="restored")

    holdfast_server.advance(seven["DeletionDate"] - holdfast_server.now() - SECOND * 30)
    assert secrets.describe_secret(SecretId="seven")["DeletedDate"] == deleted
    assert deleted in [
        secret.get("DeletedDate") for secret in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    ]
    assert refused(secrets.create_secret, Name="seven")[0] == "InvalidRequestException"
    holdfast_server.advance(SECOND * 60)
    assert refused(secrets.describe_secret, SecretId="seven") == NOT_FOUND
    assert secrets.get_secret_value(SecretId="restored")["SecretString"] == "x"
    # The name is free, and its new secret is another one.
    assert secrets.create_secret(Name="seven", SecretString="y")["ARN"] != seven["ARN"]

    holdfast_server.advance(days=23)
    assert refused(secrets.describe_secret, SecretId="thirty") == NOT_FOUND
    assert secrets.get_secret_value(SecretId="seven")["SecretString"] == "y"
    assert holdfast_server.control("GetStatus")["DueJobs"] == 0 or not [
        secret for secret in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] if "DeletedDate" in secret
    ]


def test_scheduled_again_after_a_restore(holdfast_server: Server) -> None:
    secrets = holdfast_server.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
    holdfast_server.advance(days=5)
    secrets.restore_secret(SecretId="s")
    secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
    holdfast_server.advance(days=5)
    assert "DeletedDate" in secrets.describe_secret(SecretId="s")
    holdfast_server.advance(days=3)
    assert refused(secrets.describe_secret, SecretId="s") == NOT_FOUND


@pytest.mark.parametrize("window", [-1, 0, 6, 31, 2**40])
def test_windows(secrets: Any, name: str, window: int) -> None:
    secrets.create_secret(Name=name)
    assert refused(secrets.delete_secret, SecretId=name, RecoveryWindowInDays=window) == (
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )


def test_window_and_force(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    assert refused(secrets.delete_secret, SecretId=name, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True) == (
        "InvalidParameterException",
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    )
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=False)


def test_scheduled_twice(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    secrets.delete_secret(SecretId=name)
    assert refused(secrets.delete_secret, SecretId=name) == (
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was already scheduled for deletion.",
    )


def test_what_a_scheduled_secret_refuses(secrets: Any, name: str) -> None:
    version = secrets.create_secret(Name=name, SecretString="x")["VersionId"]
    secrets.delete_secret(SecretId=name)
    for call, arguments in (
        (secrets.get_secret_value, {}),
        (secrets.put_secret_value, {"SecretString": "y"}),
        (secrets.update_secret, {"SecretString": "y"}),
        (secrets.update_secret_version_stage, {"VersionStage": "l", "MoveToVersionId": version}),
        (secrets.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (secrets.untag_resource, {"TagKeys": ["a"]}),
        (secrets.get_resource_policy, {}),
    ):
        assert refused(call, SecretId=name, **arguments) == MARKED_FOR_DELETION
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == {version: ["AWSCURRENT"]}


def test_restoring(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    before = secrets.describe_secret(SecretId=name)
    secrets.delete_secret(SecretId=name)
    restored = secrets.restore_secret(SecretId=arn)
    assert (restored["ARN"], restored["Name"]) == (arn, name)
    after = secrets.describe_secret(SecretId=name)
    assert "DeletedDate" not in after
    assert after["VersionIdsToStages"] == before["VersionIdsToStages"]
    assert after["LastChangedDate"] > before["LastChangedDate"]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    # An active secret has nothing to restore.
    assert secrets.restore_secret(SecretId=name)["ARN"] == arn
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] == after["LastChangedDate"]


def test_forced(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    secrets.put_secret_value(SecretId=name, SecretString="y")
    deleted = secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert (deleted["ARN"], deleted["Name"]) == (arn, name)
    for call in (secrets.describe_secret, secrets.get_secret_value, secrets.restore_secret):
        assert refused(call, SecretId=name) == NOT_FOUND


def test_forced_while_scheduled(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="x")
    secrets.delete_secret(SecretId=name)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=name, SecretString="y")


def test_a_missing_secret(secrets: Any, name: str) -> None:
    assert refused(secrets.delete_secret, SecretId=name) == NOT_FOUND
    assert refused(secrets.restore_secret, SecretId=name) == NOT_FOUND
    deleted = secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert deleted["Name"] == name
    assert re.search(rf":secret:{name}-[A-Za-z0-9]{{6}}$", deleted["ARN"])
    arn = deleted["ARN"]
    again = secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert (again["ARN"], again["Name"]) == (arn, name)
    assert refused(secrets.delete_secret, SecretId="arn:aws:x", ForceDeleteWithoutRecovery=True) == NOT_FOUND
