"""UpdateSecretVersionStage and ListSecretVersionIds."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.api import secretsmanager as api

from .conftest import House
from .refusals import MARKED_FOR_DELETION, NOT_FOUND, refused

DAY = 86_400_000


@pytest.fixture
def pair(secrets: Any, name: str) -> tuple[str, str]:
    """The secret `name` with a previous and a current version."""
    first = secrets.create_secret(Name=name, SecretString="1")["VersionId"]
    return first, secrets.put_secret_value(SecretId=name, SecretString="2")["VersionId"]


def stages(secrets: Any, name: str) -> dict[str, list[str]]:
    return {v: sorted(s) for v, s in secrets.describe_secret(SecretId=name)["VersionIdsToStages"].items()}


# -- UpdateSecretVersionStage -------------------------------------------------------------------------------------------


def test_attaching_moving_and_detaching(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, second = pair
    before = secrets.describe_secret(SecretId=name)
    answer = secrets.update_secret_version_stage(SecretId=name, VersionStage="l", MoveToVersionId=first)
    assert (answer["ARN"], answer["Name"]) == (before["ARN"], name)
    assert stages(secrets, name) == {first: ["AWSPREVIOUS", "l"], second: ["AWSCURRENT"]}
    after = secrets.describe_secret(SecretId=name)
    assert after["LastChangedDate"] > before["LastChangedDate"]
    # There already: nothing happens.
    secrets.update_secret_version_stage(SecretId=name, VersionStage="l", MoveToVersionId=first)
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="l", MoveToVersionId=first, RemoveFromVersionId=first
    )
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] == after["LastChangedDate"]
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="l", MoveToVersionId=second, RemoveFromVersionId=first
    )
    assert stages(secrets, name) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT", "l"]}
    secrets.update_secret_version_stage(SecretId=name, VersionStage="l", RemoveFromVersionId=second)
    assert stages(secrets, name) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_moving_current_back(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, second = pair
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second
    )
    assert stages(secrets, name) == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "1"


def test_as_rotation_functions_finish(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, second = pair
    token = str(uuid.uuid4())
    secrets.put_secret_value(SecretId=name, SecretString="3", ClientRequestToken=token, VersionStages=["AWSPENDING"])
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=second
    )
    assert stages(secrets, name) == {token: ["AWSCURRENT", "AWSPENDING"], second: ["AWSPREVIOUS"]}
    secrets.update_secret_version_stage(SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    assert stages(secrets, name) == {token: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    assert first not in stages(secrets, name)


def test_detaching_the_last_label_deprecates(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, _ = pair
    secrets.update_secret_version_stage(SecretId=name, VersionStage="AWSPREVIOUS", RemoveFromVersionId=first)
    listed = secrets.list_secret_version_ids(SecretId=name)["Versions"]
    assert first not in [version["VersionId"] for version in listed]
    assert secrets.get_secret_value(SecretId=name, VersionId=first)["SecretString"] == "1"


def test_refusals(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, second = pair
    unknown = str(uuid.uuid4())

    def error(**arguments: str) -> tuple[str, str]:
        return refused(secrets.update_secret_version_stage, SecretId=name, **arguments)

    def must_be_set(label: str) -> tuple[str, str]:
        return (
            "InvalidParameterException",
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the version "
            f"that currently has the staging label {label}.",
        )

    assert error(VersionStage="AWSCURRENT", MoveToVersionId=first) == (
        "InvalidParameterException",
        "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "
        f"{second}, so you must explicitly reference that version in RemoveFromVersionId.",
    )
    moving = {"VersionStage": "AWSCURRENT", "MoveToVersionId": first}
    assert error(**moving, RemoveFromVersionId=first) == must_be_set("AWSCURRENT")
    assert error(VersionStage="AWSPREVIOUS", RemoveFromVersionId=second) == must_be_set("AWSPREVIOUS")
    assert error(VersionStage="free", MoveToVersionId=first, RemoveFromVersionId=second) == must_be_set("free")
    assert error(VersionStage="AWSCURRENT", RemoveFromVersionId=second) == (
        "InvalidParameterException",
        "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    )
    assert error(VersionStage="AWSCURRENT")[0] == "InvalidParameterException"
    no_version = (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {unknown}",
    )
    assert error(VersionStage="l", MoveToVersionId=unknown) == no_version
    assert error(VersionStage="l", RemoveFromVersionId=unknown) == no_version
    assert error(**moving, RemoveFromVersionId=unknown) == no_version
    assert stages(secrets, name) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_at_most_twenty_labels(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    first, second = pair
    for number in range(18):
        secrets.update_secret_version_stage(SecretId=name, VersionStage=f"l{number}", MoveToVersionId=first)
    code, _ = refused(secrets.update_secret_version_stage, SecretId=name, VersionStage="more", MoveToVersionId=second)
    assert code == "LimitExceededException"


def test_a_missing_or_scheduled_secret(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    arguments = {"VersionStage": "l", "MoveToVersionId": pair[0]}
    assert refused(secrets.update_secret_version_stage, SecretId=f"{name}x", **arguments) == NOT_FOUND
    secrets.delete_secret(SecretId=name)
    assert refused(secrets.update_secret_version_stage, SecretId=name, **arguments) == MARKED_FOR_DELETION


# -- ListSecretVersionIds -----------------------------------------------------------------------------------------------


def test_listing(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    third = secrets.put_secret_value(SecretId=name, SecretString="3")["VersionId"]
    listed = secrets.list_secret_version_ids(SecretId=name)
    assert (listed["ARN"], listed["Name"]) == (secrets.describe_secret(SecretId=name)["ARN"], name)
    assert {v["VersionId"]: v["VersionStages"] for v in listed["Versions"]} == {
        pair[1]: ["AWSPREVIOUS"],
        third: ["AWSCURRENT"],
    }
    for version in listed["Versions"]:
        assert version["KmsKeyIds"] == ["DefaultEncryptionKey"]
        assert abs(version["CreatedDate"] - datetime.now(UTC)) < timedelta(minutes=5)
        assert "LastAccessedDate" not in version
    everything = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    [deprecated] = [version for version in everything if version["VersionId"] == pair[0]]
    assert "VersionStages" not in deprecated
    assert len(everything) == 3


def test_pages_of_versions(secrets: Any, name: str) -> None:
    made = {secrets.create_secret(Name=name, SecretString="x")["VersionId"]}
    made |= {secrets.put_secret_value(SecretId=name, SecretString=str(n))["VersionId"] for n in range(6)}
    pages = _pages(secrets, name)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert {version for page in pages for version in page} == made


def _pages(secrets: Any, name: str) -> list[list[str]]:
    pages: list[list[str]] = []
    more: dict[str, str] = {}
    while not pages or more:
        page = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=3, **more)
        pages.append([version["VersionId"] for version in page["Versions"]])
        more = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
    return pages


@pytest.mark.usefixtures("pair")
def test_tokens_belong_to_one_listing(secrets: Any, name: str) -> None:
    token = secrets.list_secret_version_ids(SecretId=name, MaxResults=1)["NextToken"]
    secrets.create_secret(Name=f"{name}x")
    for arguments in (
        {"SecretId": name, "NextToken": "x"},
        {"SecretId": name, "NextToken": token, "IncludeDeprecated": True},
        {"SecretId": f"{name}x", "NextToken": token},
    ):
        code, _ = refused(secrets.list_secret_version_ids, **arguments)
        assert code == "InvalidNextTokenException"


def test_listing_versions_of_a_missing_or_scheduled_secret(secrets: Any, name: str, pair: tuple[str, str]) -> None:
    assert refused(secrets.list_secret_version_ids, SecretId=f"{name}x") == NOT_FOUND
    secrets.delete_secret(SecretId=name)
    assert len(secrets.list_secret_version_ids(SecretId=name)["Versions"]) == len(pair)


# -- version clean-up ---------------------------------------------------------------------------------------------------


def put(house: House, number: int) -> str:
    version = f"{number:032}"
    house.call(
        api.PutSecretValue,
        api.PutSecretValueRequest(SecretId="s", ClientRequestToken=version, SecretString=str(number)),
    )
    return version


def count(house: House) -> int:
    [(rows,)] = house.rows("SELECT COUNT(*) FROM secret_version")
    [(counted,)] = house.rows("SELECT version_count FROM secret")
    assert rows == counted
    return rows


def test_young_versions_are_kept_and_old_ones_make_room(house: House) -> None:
    house.call(api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32))
    for number in range(100):
        put(house, number)
        house.now += 60_000
    error = house.error(
        api.PutSecretValue,
        api.PutSecretValueRequest(SecretId="s", ClientRequestToken="x" * 32, SecretString="x"),
    )
    assert error.code == "LimitExceededException"
    assert count(house) == 100
    # The oldest becomes a day old; a second later it makes room for the next, and only it.
    house.now += DAY - 100 * 60_000
    put(house, 100)
    assert count(house) == 100
    [(gone,)] = house.rows("SELECT COUNT(*) FROM secret_version WHERE version_id = ?", f"{0:032}")
    assert gone == 0
    assert house.error(
        api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", VersionId=f"{0:032}")
    ).code == "ResourceNotFoundException"  # fmt: skip
    kept = house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", VersionId=f"{1:032}"))
    assert (kept.SecretString, kept.VersionStages) == ("1", None)
    # UpdateSecret makes room the same way.
    house.now += DAY
    house.call(
        api.UpdateSecret,
        api.UpdateSecretRequest(SecretId="s", ClientRequestToken="u" * 32, SecretString="u"),
    )
    assert count(house) == 100


def test_labelled_versions_are_never_removed(house: House) -> None:
    house.call(api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32))
    oldest = put(house, 0)
    house.call(
        api.UpdateSecretVersionStage,
        api.UpdateSecretVersionStageRequest(SecretId="s", VersionStage="keep", MoveToVersionId=oldest),
    )
    for number in range(1, 100):
        put(house, number)
    house.now += 10 * DAY
    for number in range(100, 105):
        put(house, number)
    got = house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", VersionStage="keep"))
    assert got.SecretString == "0"
    assert count(house) == 100


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text))
def test_any_text_is_a_label(tmp_path_factory: pytest.TempPathFactory, label: str) -> None:
    house = House(tmp_path_factory.mktemp("labels") / "store.db")
    try:
        house.call(api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32, SecretString="x"))
        house.call(
            api.UpdateSecretVersionStage,
            api.UpdateSecretVersionStageRequest(SecretId="s", VersionStage=label, MoveToVersionId="c" * 32),
        )
        got = house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", VersionStage=label))
        assert label in (got.VersionStages or [])
    finally:
        house.database.close()
