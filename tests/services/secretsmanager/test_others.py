"""GetRandomPassword, GetResourcePolicy, and what is absent."""

from __future__ import annotations

import string
from typing import Any

import pytest

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager.service import SERVICE
from holdfast.testing import Account
from tests.raw_client import client_of

from .refusals import NOT_FOUND, refused


def test_a_password(secrets: Any) -> None:
    password = secrets.get_random_password()["RandomPassword"]
    assert len(password) == 32
    for characters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation):
        assert set(password) & set(characters)
    assert password != secrets.get_random_password()["RandomPassword"]


def test_a_password_as_rotation_templates_ask_for_it(secrets: Any) -> None:
    excluded = ":/@\"'\\"
    password = secrets.get_random_password(
        ExcludeCharacters=excluded,
        PasswordLength=4096,
        ExcludeNumbers=False,
        ExcludePunctuation=False,
        ExcludeUppercase=True,
        ExcludeLowercase=False,
        RequireEachIncludedType=True,
    )["RandomPassword"]
    assert len(password) == 4096
    usable = set(string.ascii_lowercase + string.digits + string.punctuation) - set(excluded)
    assert set(password) == usable


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            {"PasswordLength": 3},
            ("InvalidParameterException", "Password length is too short based on the required types."),
        ),
        (
            {"ExcludeCharacters": string.digits},
            ("InvalidParameterException", "All characters of the desired type have been excluded."),
        ),
        (
            {"PasswordLength": 4097},
            (
                "ValidationException",
                "1 validation error detected: Value '4097' at 'passwordLength' failed to satisfy constraint: "
                "Member must have value less than or equal to 4096",
            ),
        ),
    ],
)
def test_no_such_password(secrets: Any, arguments: dict[str, Any], error: tuple[str, str]) -> None:
    assert refused(secrets.get_random_password, **arguments) == error


def test_a_secret_has_no_resource_policy(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name)["ARN"]
    answer = secrets.get_resource_policy(SecretId=name)
    del answer["ResponseMetadata"]
    assert answer == {"ARN": arn, "Name": name}
    assert refused(secrets.get_resource_policy, SecretId=f"{name}x") == NOT_FOUND
    code, text = refused(secrets.get_resource_policy, SecretId=name, PolicyName="mine")
    assert code == "NotImplementedException"
    assert "PolicyName" in text


@pytest.mark.parametrize("operation", sorted(set(api.OPERATIONS) - set(SERVICE.operations)))
def test_what_is_absent_says_so(account: Account, operation: str) -> None:
    with client_of(account) as client:
        answer = client.call("secretsmanager", operation, SecretId="x")
    assert (answer.status, answer.error) == (400, "NotImplementedException")
    assert operation in answer.body.get("Message", answer.body.get("message", ""))
