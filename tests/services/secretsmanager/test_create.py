"""CreateSecret, and how DescribeSecret and GetSecretValue tell of what it made."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.testing import Account
from tests.raw_client import client_of

from .refusals import NOT_FOUND, refused

TOKEN = "0f2bdd2c-6a4c-4d8e-a1f6-0d5f6a3d4c11"


def test_with_a_string(account: Account, secrets: Any, name: str) -> None:
    made = secrets.create_secret(Name=name, SecretString="¡hunter2! \x00"[:-1], ClientRequestToken=TOKEN)
    arn = made["ARN"]
    assert re.fullmatch(
        rf"arn:aws:secretsmanager:{account.region}:{account.account}:secret:{name}-[A-Za-z0-9]{{6}}", arn
    )
    assert {k: made[k] for k in made if k != "ResponseMetadata"} == {"ARN": arn, "Name": name, "VersionId": TOKEN}
    got = secrets.get_secret_value(SecretId=name)
    assert got["SecretString"] == "¡hunter2! "
    assert "SecretBinary" not in got
    assert (got["ARN"], got["Name"], got["VersionId"]) == (arn, name, TOKEN)
    assert got["VersionStages"] == ["AWSCURRENT"]
    assert abs(got["CreatedDate"] - datetime.now(UTC)) < timedelta(minutes=5)


def test_with_bytes(secrets: Any, name: str) -> None:
    value = bytes(range(256))
    secrets.create_secret(Name=name, SecretBinary=value)
    got = secrets.get_secret_value(SecretId=name)
    assert got["SecretBinary"] == value
    assert "SecretString" not in got


def test_without_a_value(secrets: Any, name: str) -> None:
    made = secrets.create_secret(Name=name)
    assert "VersionId" not in made
    described = secrets.describe_secret(SecretId=name)
    assert set(described) - {"ResponseMetadata"} == {"ARN", "Name", "CreatedDate", "LastChangedDate"}
    assert described["CreatedDate"] == described["LastChangedDate"]
    assert refused(secrets.get_secret_value, SecretId=name) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )


def test_with_everything(secrets: Any, name: str) -> None:
    secrets.create_secret(
        Name=name,
        Description="für die Datenbank",
        Type="SalesforceClientSecret",
        Tags=[{"Key": "env", "Value": "prod"}, {"Key": "Env", "Value": ""}],
        SecretString="x",
        ClientRequestToken=TOKEN,
    )
    described = secrets.describe_secret(SecretId=name)
    assert described["Description"] == "für die Datenbank"
    assert described["Type"] == "SalesforceClientSecret"
    assert described["Tags"] == [{"Key": "env", "Value": "prod"}, {"Key": "Env", "Value": ""}]
    assert described["VersionIdsToStages"] == {TOKEN: ["AWSCURRENT"]}
    absent = {"KmsKeyId", "RotationEnabled", "LastAccessedDate", "DeletedDate", "ReplicationStatus", "PrimaryRegion"}
    assert not absent & set(described)


def test_last_access_is_a_day(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="x")
    secrets.get_secret_value(SecretId=name)
    day = secrets.describe_secret(SecretId=name)["LastAccessedDate"].astimezone(UTC)
    assert (day.hour, day.minute, day.second, day.microsecond) == (0, 0, 0, 0)
    assert abs(day - datetime.now(UTC)) < timedelta(days=1, minutes=1)
    [version] = secrets.list_secret_version_ids(SecretId=name)["Versions"]
    assert version["LastAccessedDate"] == day


def test_repeated_with_the_same_token(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=TOKEN)
    changed = secrets.describe_secret(SecretId=name)["LastChangedDate"]
    again = secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=TOKEN)
    assert (again["ARN"], again["VersionId"]) == (first["ARN"], TOKEN)
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] == changed
    in_use = (
        "ResourceExistsException",
        f"You can't use ClientRequestToken {TOKEN} because that value is already in use for a version of secret "
        f"{first['ARN']}.",
    )
    assert refused(secrets.create_secret, Name=name, SecretString="y", ClientRequestToken=TOKEN) == in_use
    assert refused(secrets.create_secret, Name=name, SecretBinary=b"x", ClientRequestToken=TOKEN) == in_use
    assert refused(secrets.create_secret, Name=name, ClientRequestToken=TOKEN) == in_use


def test_repeated_without_a_value(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, ClientRequestToken=TOKEN)
    assert secrets.create_secret(Name=name, ClientRequestToken=TOKEN)["ARN"] == first["ARN"]
    exists = ("ResourceExistsException", f"The operation failed because the secret {name} already exists.")
    assert refused(secrets.create_secret, Name=name) == exists
    assert refused(secrets.create_secret, Name=name, SecretString="x", ClientRequestToken=TOKEN) == exists


def test_a_name_that_is_taken(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="x")
    assert refused(secrets.create_secret, Name=name, SecretString="x") == (
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def test_a_name_that_is_scheduled_for_deletion(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=TOKEN)
    secrets.delete_secret(SecretId=name)
    assert refused(secrets.create_secret, Name=name, SecretString="x", ClientRequestToken=TOKEN) == (
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    )


def test_a_name_again_is_another_secret(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=TOKEN)["ARN"]
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    second = secrets.create_secret(Name=name, SecretString="y", ClientRequestToken=TOKEN)["ARN"]
    assert first != second
    assert refused(secrets.get_secret_value, SecretId=first) == NOT_FOUND
    assert secrets.get_secret_value(SecretId=second)["SecretString"] == "y"


def test_names_differ_by_case(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="lower")
    secrets.create_secret(Name=name.upper(), SecretString="upper")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "lower"
    assert secrets.get_secret_value(SecretId=name.upper())["SecretString"] == "upper"


@pytest.mark.parametrize("bad", ["with space", "ümlaut", "colon:", "a" * 511 + "*"])
def test_bad_names(secrets: Any, bad: str) -> None:
    assert refused(secrets.create_secret, Name=bad, SecretString="x") == (
        "InvalidParameterException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    )


def test_the_longest_name(secrets: Any) -> None:
    name = "n" * 512
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    assert secrets.get_secret_value(SecretId=arn)["Name"] == name


def test_both_values(secrets: Any, name: str) -> None:
    assert refused(secrets.create_secret, Name=name, SecretString="x", SecretBinary=b"x") == (
        "InvalidParameterException",
        "You can't specify both a binary secret value and a string secret value in the same secret.",
    )


def test_sizes(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="x" * 65536)
    assert len(secrets.get_secret_value(SecretId=name)["SecretString"]) == 65536
    too_long = (
        "ValidationException",
        "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
        "Member must have length less than or equal to 65536",
    )
    # The second is within the model's limit of characters, but not within the quota of bytes.
    for value in ("x" * 65537, "é" * 32769):
        assert refused(secrets.put_secret_value, SecretId=name, SecretString=value) == too_long
    secrets.put_secret_value(SecretId=name, SecretString="é" * 32768)
    secrets.put_secret_value(SecretId=name, SecretBinary=b"x" * 65536)
    code, text = refused(secrets.put_secret_value, SecretId=name, SecretBinary=b"x" * 65537)
    assert code == "ValidationException"
    assert "'secretBinary'" in text


NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."


@pytest.mark.parametrize("operation", ["CreateSecret", "PutSecretValue", "UpdateSecret"])
def test_raw_requests_need_a_token(account: Account, secrets: Any, name: str, operation: str) -> None:
    if operation != "CreateSecret":
        secrets.create_secret(Name=name)
    identifier = {"Name": name} if operation == "CreateSecret" else {"SecretId": name}
    with client_of(account) as client:
        answer = client.call("secretsmanager", operation, **identifier, SecretString="x")
    assert (answer.status, answer.error, answer.body["Message"]) == (400, "InvalidRequestException", NO_TOKEN)


def test_a_value_that_is_no_text(account: Account, name: str) -> None:
    """JSON can spell half a surrogate pair; no Unicode text holds one."""
    with client_of(account) as client:
        answer = client.call(
            "secretsmanager", "CreateSecret", Name=name, SecretString="\ud800", ClientRequestToken=TOKEN
        )
    assert answer.status == 400


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("AddReplicaRegions", [{"Region": "eu-west-1"}]),
        ("CrossAccountPrimaryARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf"),
    ],
)
def test_what_is_not_built_is_refused_by_name(secrets: Any, name: str, parameter: str, value: Any) -> None:
    assert refused(secrets.create_secret, Name=name, SecretString="x", **{parameter: value}) == (
        "NotImplementedException",
        f"Holdfast does not implement the parameter {parameter} of secretsmanager:CreateSecret yet.",
    )
    assert refused(secrets.describe_secret, SecretId=name) == NOT_FOUND


def test_overwriting_replicas_without_replicas_means_nothing(secrets: Any, name: str) -> None:
    assert secrets.create_secret(Name=name, ForceOverwriteReplicaSecret=True)["Name"] == name


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ([{"Value": "x"}], "You must specify a key for each tag."),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "You can't specify the tag key a more than once."),
        (
            [{"Key": "AWS:x", "Value": "1"}],
            "Tag keys can't begin with the prefix aws:, which is reserved for AWS: AWS:x",
        ),
        ([{"Key": str(n), "Value": ""} for n in range(51)], "You can't have more than 50 tags on a secret."),
    ],
)
def test_bad_tags(secrets: Any, name: str, tags: list[dict[str, str]], text: str) -> None:
    assert refused(secrets.create_secret, Name=name, Tags=tags) == ("InvalidParameterException", text)
    secrets.create_secret(Name=name)
    assert refused(secrets.tag_resource, SecretId=name, Tags=tags) == ("InvalidParameterException", text)


def test_regions_and_accounts_are_apart(account: Account, secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="here")
    elsewhere = account.client("secretsmanager", region_name="eu-west-1")
    assert refused(elsewhere.get_secret_value, SecretId=name) == NOT_FOUND
    elsewhere.create_secret(Name=name, SecretString="there")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "here"
    assert elsewhere.get_secret_value(SecretId=name)["SecretString"] == "there"
    stranger = account.server.create_account().client("secretsmanager")
    assert refused(stranger.get_secret_value, SecretId=name) == NOT_FOUND


def test_the_token_of_an_sdk_becomes_the_version(secrets: Any, name: str) -> None:
    made = secrets.create_secret(Name=name, SecretString="x")
    assert uuid.UUID(made["VersionId"])
