"""Secrets read through Parameter Store: with boto3, and with identities whose policies allow one thing each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.access.decision import PolicyKind
from holdfast.access.grounds import Identity
from holdfast.access.policy import compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api import kms, secretsmanager, ssm
from holdfast.api.base import AccessDeniedException
from holdfast.services.ssm.secret_references import medium_date, parse_secret_reference, source_result
from holdfast.testing import Account

from .house import ACCOUNT, REGION, House
from .refusals import refused

PREFIX = "/aws/reference/secretsmanager/"
NAME = "app/db+x=1@host"
VALUE = '{"password":"a=b&c<d>\'e\'é\u2028"}'
TOKEN = "11111111-2222-4333-8444-555555555555"
WHERE = ("aws", "us-east-1", ACCOUNT)


@pytest.fixture
def secret(holdfast: Account) -> Any:
    """A secret with two versions."""
    client = holdfast.client("secretsmanager")
    made = client.create_secret(Name=NAME, SecretString="first", ClientRequestToken=TOKEN)
    return client.put_secret_value(SecretId=made["ARN"], SecretString=VALUE)


# -- what is answered --------------------------------------------------------------------------------------------------


def test_the_current_version(ssm: Any, secret: Any) -> None:
    answer = ssm.get_parameter(Name=f"{PREFIX}{NAME}", WithDecryption=True)["Parameter"]
    modified, source = answer.pop("LastModifiedDate"), answer.pop("SourceResult")
    assert answer == {
        "Name": f"{PREFIX}{NAME}", "Type": "SecureString", "Value": VALUE, "Version": 0, "ARN": secret["ARN"],
    }  # fmt: skip
    date, arn = medium_date(modified.timestamp()), secret["ARN"].replace("=", "\\u003d")
    # The text to the letter: this order, nothing between the parts, Gson's escapes.
    escaped = '{\\"password\\":\\"a\\u003db\\u0026c\\u003cd\\u003e\\u0027e\\u0027é\\u2028\\"}'
    assert source == (
        f'{{"ARN":"{arn}","name":"app/db+x\\u003d1@host","versionId":"{secret["VersionId"]}",'
        f'"secretString":"{escaped}","versionStages":["AWSCURRENT"],"createdDate":"{date}"}}'
    )
    assert json.loads(source)["secretString"] == VALUE


@pytest.mark.parametrize(
    ("selector", "value", "stages"),
    [
        ("AWSPREVIOUS", "first", ["AWSPREVIOUS"]),
        (TOKEN, "first", ["AWSPREVIOUS"]),
        ("AWSCURRENT", VALUE, ["AWSCURRENT"]),
    ],
)
def test_a_selector(ssm: Any, secret: Any, selector: str, value: str, stages: list[str]) -> None:
    for secret_id in (NAME, secret["ARN"]):
        asked = f"{PREFIX}{secret_id}:{selector}"
        answer = ssm.get_parameter(Name=asked, WithDecryption=True)["Parameter"]
        assert (answer["Name"], answer["Selector"]) == (f"{PREFIX}{secret_id}", f":{selector}")
        assert (answer["Value"], answer["ARN"]) == (value, secret["ARN"])
        source = json.loads(answer["SourceResult"])
        assert (source["secretString"], source["versionStages"], source["name"]) == (value, stages, NAME)


def test_a_parameter_arn_names_a_reference_too(holdfast: Account, ssm: Any, secret: Any) -> None:
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter{PREFIX}{NAME}"
    assert secret
    assert ssm.get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"] == VALUE
    away = arn.replace(holdfast.region, "eu-north-1")
    assert refused(ssm.get_parameter, Name=away, WithDecryption=True)[0] == "ParameterNotFound"


def test_a_binary_secret(holdfast: Account, ssm: Any) -> None:
    holdfast.client("secretsmanager").create_secret(Name="b", SecretBinary=b"\x00\xff?")
    answer = ssm.get_parameter(Name=f"{PREFIX}b", WithDecryption=True)["Parameter"]
    assert answer["Value"] == "AP8/"
    source = json.loads(answer["SourceResult"])
    assert source["secretBinary"] == "AP8/"
    assert list(source) == ["ARN", "name", "versionId", "secretBinary", "versionStages", "createdDate"]


def test_parameters_and_secrets_together(ssm: Any, secret: Any) -> None:
    assert secret
    ssm.put_parameter(Name="/z", Value="plain", Type="String")
    missing, malformed = f"{PREFIX}none:AWSCURRENT", f"{PREFIX}{NAME}:a*b"
    names = ["/z", missing, malformed, f"{PREFIX}{NAME}:AWSPREVIOUS", f"{PREFIX}{NAME}", "/none"]
    answer = ssm.get_parameters(Names=names, WithDecryption=True)
    assert [(p["Name"], p.get("Selector"), p["Value"]) for p in answer["Parameters"]] == [
        (f"{PREFIX}{NAME}", None, VALUE),
        (f"{PREFIX}{NAME}", ":AWSPREVIOUS", "first"),
        ("/z", None, "plain"),
    ]
    assert sorted(answer["InvalidParameters"]) == sorted([missing, malformed, "/none"])


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decryption", [{}, {"WithDecryption": False}])
def test_decryption_must_be_asked_for(ssm: Any, secret: Any, decryption: Any) -> None:
    assert secret
    expected = ("ValidationException", "WithDecryption flag must be True for retrieving a Secret Manager secret.")
    assert refused(ssm.get_parameter, Name=f"{PREFIX}{NAME}", **decryption) == expected
    assert refused(ssm.get_parameters, Names=[f"{PREFIX}{NAME}"], **decryption) == expected


@pytest.mark.parametrize("asked", ["none", "none:AWSCURRENT", f"{NAME}:AWSPENDING", f"{NAME}:{TOKEN[:-1]}0"])
def test_what_is_not_there(ssm: Any, secret: Any, asked: str) -> None:
    assert secret
    assert refused(ssm.get_parameter, Name=f"{PREFIX}{asked}", WithDecryption=True) == (
        "ParameterNotFound",
        f"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret {PREFIX}{asked} not found.",
    )


@pytest.mark.parametrize("asked", [f"{NAME}:a/b", f"{NAME}:", f"{NAME}:a:b", "", ":AWSCURRENT"])
def test_what_cannot_be_referred_to(ssm: Any, secret: Any, asked: str) -> None:
    assert secret
    code, _ = refused(ssm.get_parameter, Name=f"{PREFIX}{asked}", WithDecryption=True)
    assert code == "ValidationException"


def test_a_secret_that_is_marked_for_deletion(holdfast: Account, ssm: Any, secret: Any) -> None:
    holdfast.client("secretsmanager").delete_secret(SecretId=secret["ARN"])
    assert refused(ssm.get_parameter, Name=f"{PREFIX}{NAME}", WithDecryption=True) == (
        "ValidationException",
        "An error occurred (InvalidRequestException) when referencing Secrets Manager: You can't perform this operation "
        "on the secret because it was marked for deletion.",
    )


def test_other_operations_know_no_references(ssm: Any, secret: Any) -> None:
    assert secret
    name = f"{PREFIX}s"
    assert refused(ssm.get_parameter_history, Name=name)[0] == "ParameterNotFound"
    assert refused(ssm.put_parameter, Name=name, Value="x", Type="String")[0] == "AccessDeniedException"
    assert ssm.get_parameters_by_path(Path="/aws", Recursive=True)["Parameters"] == []
    assert ssm.describe_parameters()["Parameters"] == []


# -- who may -----------------------------------------------------------------------------------------------------------


USER = Principal(PrincipalKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/app", "AIDAAPPLICATION00001")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "store.db")
    yield house
    house.database.close()


class Scene:
    """A secret under a customer's key, and the three statements that reading it through Parameter Store takes."""

    def __init__(self, house: House) -> None:
        self.house = house
        key = house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
        assert key is not None
        request = secretsmanager.CreateSecretRequest(
            Name="s", ClientRequestToken=TOKEN, SecretString="hunter2", KmsKeyId=key.KeyId
        )
        self.arn = house.call(secretsmanager.CreateSecret, request).ARN or ""
        self.parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PREFIX}s"
        self.statements: list[dict[str, Any]] = [
            {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": self.parameter},
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": self.arn},
            {
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": key.Arn,
                "Condition": {
                    "StringEquals": {
                        "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
                        "kms:EncryptionContext:SecretARN": self.arn,
                    }
                },
            },
        ]

    def allow(self, statements: list[dict[str, Any]]) -> None:
        policies = ()
        if statements:
            text = json.dumps({"Version": "2012-10-17", "Statement": statements})
            policies = (compile_policy(text, name="inline policy read on user/app", kind=PolicyKind.IDENTITY),)
        self.house.identity = Identity(USER, policies)

    def read(self) -> str | None:
        request = ssm.GetParameterRequest(Name=f"{PREFIX}s", WithDecryption=True)
        answer = self.house.call(ssm.GetParameter, request).Parameter
        assert answer is not None
        return answer.Value


@pytest.fixture
def scene(house: House) -> Scene:
    return Scene(house)


def test_three_statements_are_enough(scene: Scene) -> None:
    scene.allow(scene.statements)
    assert scene.read() == "hunter2"


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_each_of_them_is_needed(scene: Scene, removed: int) -> None:
    """And each one that is missing has a denial of its own."""
    scene.allow([statement for index, statement in enumerate(scene.statements) if index != removed])
    with pytest.raises(AccessDeniedException) as caught:
        scene.read()
    prefix = "An error occurred (AccessDeniedException) when referencing Secrets Manager: "
    assert (
        caught.value.message
        == [
            f"User: {USER.arn} is not authorized to perform: ssm:GetParameter on resource: {scene.parameter} because no "
            "identity-based policy allows the ssm:GetParameter action",
            f"{prefix}User: {USER.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: {scene.arn} "
            "because no identity-based policy allows the secretsmanager:GetSecretValue action",
            f"{prefix}Access to KMS is not allowed",
        ][removed]
    )


def test_several_parameters_are_another_action(scene: Scene) -> None:
    scene.allow(scene.statements)
    request = ssm.GetParametersRequest(Names=[f"{PREFIX}s"], WithDecryption=True)
    denied = scene.house.error(ssm.GetParameters, request).message or ""
    assert f"ssm:GetParameters on resource: {scene.parameter}" in denied
    scene.statements[0]["Action"] = "ssm:GetParameters"
    scene.allow(scene.statements)
    answer = scene.house.call(ssm.GetParameters, request)
    assert [p.Value for p in answer.Parameters or []] == ["hunter2"]
    # A denial of one denies the call, also by Secrets Manager.
    scene.allow(scene.statements[:1])
    assert scene.house.error(ssm.GetParameters, request).code == "AccessDeniedException"


def test_a_denial_does_not_tell_whether_there_is_a_secret(scene: Scene) -> None:
    scene.allow([])
    for name in ("s", "none", "none:AWSCURRENT"):
        request = ssm.GetParameterRequest(Name=f"{PREFIX}{name}", WithDecryption=True)
        error = scene.house.error(ssm.GetParameter, request)
        resource = scene.parameter.removesuffix("s") + name.partition(":")[0]
        assert error.message == (
            f"User: {USER.arn} is not authorized to perform: ssm:GetParameter on resource: {resource} because no "
            "identity-based policy allows the ssm:GetParameter action"
        )


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 9, 26, 19, 29, 54, 999_000, UTC), "Sep 26, 2026, 7:29:54 PM"),
        (datetime(2026, 1, 2, 0, 3, 4, 0, UTC), "Jan 2, 2026, 12:03:04 AM"),
        (datetime(2026, 12, 31, 12, 0, 0, 0, UTC), "Dec 31, 2026, 12:00:00 PM"),
        (datetime(2026, 5, 9, 11, 59, 59, 0, UTC), "May 9, 2026, 11:59:59 AM"),
    ],
)
def test_dates(moment: datetime, text: str) -> None:
    assert medium_date(moment.timestamp()) == text


@given(st.text())
def test_a_source_result_is_the_same_json_without_characters_of_html(value: str) -> None:
    got = secretsmanager.GetSecretValueResponse(ARN="a", Name="n", VersionId="v", SecretString=value, CreatedDate=1.0)
    text = source_result(got, None)
    assert not set(text) & set("<>&='\u2028\u2029")
    assert json.loads(text)["secretString"] == value


SECRET_NAMES = st.text("abcXYZ019/_+=.@-", min_size=1)


@given(SECRET_NAMES, st.text("abcAWS019._-"), st.booleans())
def test_references_are_taken_apart(name: str, selector: str, by_arn: bool) -> None:
    secret_id = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name}-AbCdEf" if by_arn else name
    text = f"{PREFIX}{secret_id}" + (f":{selector}" if selector else "")
    found = parse_secret_reference(text, *WHERE)
    assert found is not None
    assert (found.secret_id, found.selector, found.well_formed) == (secret_id, selector, True)
    assert (found.arn, found.local) == (f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{PREFIX}{secret_id}", True)
    without_slash = parse_secret_reference(text.removeprefix("/"), *WHERE)
    assert without_slash is not None
    assert without_slash.name == found.name


@pytest.mark.parametrize("text", ["/a", "/aws/reference/secretsmanagers/x", "arn:aws:s3:::b", "arn:x", f"/a{PREFIX}b"])
def test_other_names_are_no_references(text: str) -> None:
    assert parse_secret_reference(text, *WHERE) is None
