"""UpdateSecret."""

from __future__ import annotations

import uuid
from typing import Any

from .refusals import MARKED_FOR_DELETION, NOT_FOUND, refused


def test_a_new_value(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="1", Description="d", Tags=[{"Key": "a", "Value": "b"}])
    updated = secrets.update_secret(SecretId=name, SecretString="2")
    assert (updated["ARN"], updated["Name"]) == (first["ARN"], name)
    described = secrets.describe_secret(SecretId=name)
    assert described["VersionIdsToStages"] == {
        first["VersionId"]: ["AWSPREVIOUS"],
        updated["VersionId"]: ["AWSCURRENT"],
    }
    assert (described["Description"], described["Tags"]) == ("d", [{"Key": "a", "Value": "b"}])
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "2"
    secrets.update_secret(SecretId=name, SecretBinary=b"3")
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"3"


def test_the_first_value(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    version = secrets.update_secret(SecretId=name, SecretString="1")["VersionId"]
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == {version: ["AWSCURRENT"]}


def test_metadata_alone_makes_no_version(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="1")
    before = secrets.describe_secret(SecretId=name)
    updated = secrets.update_secret(SecretId=name, Description="new", Type="SnowflakePat")
    assert "VersionId" not in updated
    after = secrets.describe_secret(SecretId=name)
    assert (after["Description"], after["Type"]) == ("new", "SnowflakePat")
    assert after["VersionIdsToStages"] == before["VersionIdsToStages"]
    assert after["LastChangedDate"] > before["LastChangedDate"]
    secrets.update_secret(SecretId=name, Description="")
    assert "Description" not in secrets.describe_secret(SecretId=name)


def test_nothing_to_update(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="1")
    before = secrets.describe_secret(SecretId=name)["LastChangedDate"]
    secrets.update_secret(SecretId=name)
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] == before


def test_a_token_serves_once(secrets: Any, name: str) -> None:
    made = secrets.create_secret(Name=name, SecretString="1")
    token = str(uuid.uuid4())
    secrets.update_secret(SecretId=name, SecretString="2", ClientRequestToken=token)
    for used in (token, made["VersionId"]):
        for value in ("1", "2", "3"):
            assert refused(secrets.update_secret, SecretId=name, SecretString=value, ClientRequestToken=used) == (
                "ResourceExistsException",
                f"You can't use ClientRequestToken {used} because that value is already in use for a version of secret "
                f"{made['ARN']}.",
            )
    # Without a value no version is made, so the token is not looked at.
    secrets.update_secret(SecretId=name, Description="d", ClientRequestToken=token)


def test_both_values(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    assert refused(secrets.update_secret, SecretId=name, SecretString="x", SecretBinary=b"x") == (
        "InvalidParameterException",
        "You can't specify both a binary secret value and a string secret value in the same secret.",
    )


def test_a_missing_or_scheduled_secret(secrets: Any, name: str) -> None:
    assert refused(secrets.update_secret, SecretId=name, Description="x") == NOT_FOUND
    secrets.create_secret(Name=name)
    secrets.delete_secret(SecretId=name)
    assert refused(secrets.update_secret, SecretId=name, Description="x") == MARKED_FOR_DELETION
