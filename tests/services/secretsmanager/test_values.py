"""GetSecretValue, PutSecretValue and BatchGetSecretValue."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.testing import Account

from .refusals import MARKED_FOR_DELETION, NOT_FOUND, refused


def token() -> str:
    return str(uuid.uuid4())


# -- GetSecretValue -----------------------------------------------------------------------------------------------------


def test_by_every_kind_of_id(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    for secret_id in (name, arn, arn[:-7]):
        assert secrets.get_secret_value(SecretId=secret_id)["ARN"] == arn
        assert secrets.describe_secret(SecretId=secret_id)["ARN"] == arn


def test_by_ids_that_name_none(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    wrong_suffix = arn[:-6] + ("aaaaaa" if not arn.endswith("aaaaaa") else "bbbbbb")
    elsewhere = arn.replace("us-east-1", "us-west-2")
    for secret_id in (f"{name}x", wrong_suffix, elsewhere, arn[:-1], "arn:aws:s3:::bucket", name + arn[-7:]):
        assert refused(secrets.get_secret_value, SecretId=secret_id) == NOT_FOUND
        assert refused(secrets.describe_secret, SecretId=secret_id) == NOT_FOUND


def test_a_name_that_ends_like_an_arn(secrets: Any, name: str) -> None:
    """The documented hazard: without its random part the ARN of such a secret looks whole."""
    name = f"{name}-sixsix"
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    assert secrets.get_secret_value(SecretId=name)["ARN"] == arn
    assert secrets.get_secret_value(SecretId=arn)["ARN"] == arn
    assert refused(secrets.get_secret_value, SecretId=arn[:-7]) == NOT_FOUND


def test_another_accounts_secret_looks_like_none(account: Account, secrets: Any, name: str) -> None:
    """Whether there is a secret behind an ARN must not show in the denial, nor its random part."""
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    other = account.server.create_account()
    stranger = other.client("secretsmanager")
    for secret_id in (arn, arn[:-7], arn[:-6] + "zzzzzz", f"{arn[:-7]}/none"):
        for call in (stranger.get_secret_value, stranger.describe_secret, stranger.delete_secret):
            code, text = refused(call, SecretId=secret_id)
            action = {"get_secret_value": "GetSecretValue", "describe_secret": "DescribeSecret"}.get(
                call.__name__, "DeleteSecret"
            )
            assert code == "AccessDeniedException"
            assert text == (
                f"User: arn:aws:iam::{other.account}:root is not authorized to perform: secretsmanager:{action} on "
                f"resource: {secret_id} because no resource-based policy allows the secretsmanager:{action} action"
            )
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"


@pytest.fixture
def versions(secrets: Any, name: str) -> list[str]:
    """The secret `name` with five versions: deprecated, previous, current, custom label, AWSPENDING."""
    ids = [secrets.create_secret(Name=name, SecretString="0")["VersionId"]]
    for number, stages in ((1, None), (2, None), (3, ["custom:label/1"]), (4, ["AWSPENDING"])):
        more = {} if stages is None else {"VersionStages": stages}
        ids.append(secrets.put_secret_value(SecretId=name, SecretString=str(number), **more)["VersionId"])
    return ids


def test_selecting_a_version(secrets: Any, name: str, versions: list[str]) -> None:
    def get(**arguments: str) -> tuple[str, Any]:
        got = secrets.get_secret_value(SecretId=name, **arguments)
        assert got["VersionId"] == versions[int(got["SecretString"])]
        return got["SecretString"], got.get("VersionStages")

    assert get() == ("2", ["AWSCURRENT"])
    assert get(VersionStage="AWSPREVIOUS") == ("1", ["AWSPREVIOUS"])
    assert get(VersionStage="custom:label/1") == ("3", ["custom:label/1"])
    assert get(VersionStage="AWSPENDING") == ("4", ["AWSPENDING"])
    assert get(VersionId=versions[0]) == ("0", None)
    assert get(VersionId=versions[3], VersionStage="custom:label/1") == ("3", ["custom:label/1"])


def test_selecting_no_version(secrets: Any, name: str, versions: list[str]) -> None:
    unknown = token()
    no_version = (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {unknown}",
    )
    assert refused(secrets.get_secret_value, SecretId=name, VersionId=unknown) == no_version
    assert refused(secrets.get_secret_value, SecretId=name, VersionId=unknown, VersionStage="AWSCURRENT") == no_version
    assert refused(secrets.get_secret_value, SecretId=name, VersionStage="none") == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: none",
    )
    for version in (versions[0], versions[1]):
        assert refused(secrets.get_secret_value, SecretId=name, VersionId=version, VersionStage="AWSCURRENT") == (
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )


@pytest.mark.parametrize("secret_id", ["", "x" * 2049])
def test_lengths_of_ids(secrets: Any, secret_id: str) -> None:
    from botocore.exceptions import ParamValidationError

    if not secret_id:
        with pytest.raises(ParamValidationError):
            secrets.get_secret_value(SecretId=secret_id)
        return
    code, text = refused(secrets.get_secret_value, SecretId=secret_id)
    assert code == "ValidationException"
    assert text.endswith(
        "at 'secretId' failed to satisfy constraint: Member must have length less than or equal to 2048"
    )


# -- PutSecretValue -----------------------------------------------------------------------------------------------------


def test_labels_follow_the_current_version(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="1")["VersionId"]
    put = secrets.put_secret_value(SecretId=name, SecretString="2")
    second = put["VersionId"]
    assert put["VersionStages"] == ["AWSCURRENT"]
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == {
        first: ["AWSPREVIOUS"],
        second: ["AWSCURRENT"],
    }
    third = secrets.put_secret_value(SecretId=name, SecretBinary=b"3")["VersionId"]
    assert secrets.describe_secret(SecretId=name)["VersionIdsToStages"] == {
        second: ["AWSPREVIOUS"],
        third: ["AWSCURRENT"],
    }


def test_the_first_version_is_current_in_any_case(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    put = secrets.put_secret_value(SecretId=name, SecretString="1", VersionStages=["a", "a", "b"])
    assert sorted(put["VersionStages"]) == ["AWSCURRENT", "a", "b"]
    put = secrets.put_secret_value(SecretId=name, SecretString="2", VersionStages=["a"])
    assert put["VersionStages"] == ["a"]
    stages = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert sorted(map(sorted, stages.values())) == [["AWSCURRENT", "b"], ["a"]]


def test_put_changes_the_date(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="1")
    before = secrets.describe_secret(SecretId=name)
    secrets.put_secret_value(SecretId=name, SecretString="2")
    after = secrets.describe_secret(SecretId=name)
    assert after["LastChangedDate"] > before["LastChangedDate"]
    assert after["CreatedDate"] == before["CreatedDate"]


def test_put_again_with_the_same_token(secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=name, SecretString="1")["ARN"]
    mine = token()
    secrets.put_secret_value(SecretId=name, SecretString="2", ClientRequestToken=mine, VersionStages=["AWSPENDING"])
    before = secrets.describe_secret(SecretId=name)
    again = secrets.put_secret_value(SecretId=name, SecretString="2", ClientRequestToken=mine)
    assert (again["VersionId"], again["VersionStages"]) == (mine, ["AWSPENDING"])
    after = secrets.describe_secret(SecretId=name)
    assert (before["VersionIdsToStages"], before["LastChangedDate"]) == (
        after["VersionIdsToStages"],
        after["LastChangedDate"],
    )
    for other in ({"SecretString": "3"}, {"SecretBinary": b"2"}):
        assert refused(secrets.put_secret_value, SecretId=name, ClientRequestToken=mine, **other) == (
            "ResourceExistsException",
            f"You can't use ClientRequestToken {mine} because that value is already in use for a version of secret "
            f"{arn}.",
        )


def test_one_token_from_many_threads(account: Account, name: str) -> None:
    """SDKs repeat a call whose answer was lost: all of them must succeed and make one version."""
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="0")
    mine = token()

    def put(value: str) -> str:
        try:
            return secrets.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=mine)["VersionId"]
        except secrets.exceptions.ResourceExistsException:
            return "exists"

    with ThreadPoolExecutor(8) as pool:
        same = list(pool.map(put, ["same"] * 16))
        other = list(pool.map(put, ["other"] * 8))
    assert same == [mine] * 16
    assert other == ["exists"] * 8
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "same"
    assert len(secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]) == 2


def test_one_token_with_two_values_at_once(account: Account, name: str) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name=name)
    mine = token()

    def put(value: str) -> str | None:
        try:
            secrets.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=mine)
        except secrets.exceptions.ResourceExistsException:
            return None
        return value

    with ThreadPoolExecutor(8) as pool:
        stored = [value for value in pool.map(put, [str(n) for n in range(8)]) if value is not None]
    assert stored == [secrets.get_secret_value(SecretId=name)["SecretString"]]


def test_put_needs_one_value(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    assert refused(secrets.put_secret_value, SecretId=name) == (
        "InvalidRequestException",
        "You must provide either SecretString or SecretBinary.",
    )
    assert refused(secrets.put_secret_value, SecretId=name, SecretString="x", SecretBinary=b"x") == (
        "InvalidParameterException",
        "You can't specify both a binary secret value and a string secret value in the same secret.",
    )


def test_put_takes_no_rotation_token_that_nobody_was_given(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    assert refused(secrets.put_secret_value, SecretId=name, SecretString="x", RotationToken=token()) == (
        "InvalidParameterException",
        "The RotationToken is not one that a rotation of this secret was given.",
    )


def test_at_most_twenty_labels(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="1")
    secrets.put_secret_value(SecretId=name, SecretString="2", VersionStages=[f"l{n}" for n in range(19)])
    code, _ = refused(secrets.put_secret_value, SecretId=name, SecretString="3", VersionStages=["one more"])
    assert code == "LimitExceededException"
    # A label that only moves takes no room.
    secrets.put_secret_value(SecretId=name, SecretString="3", VersionStages=["l0"])


def test_a_missing_secret(secrets: Any, name: str) -> None:
    assert refused(secrets.get_secret_value, SecretId=name) == NOT_FOUND
    assert refused(secrets.put_secret_value, SecretId=name, SecretString="x") == NOT_FOUND


# -- BatchGetSecretValue ------------------------------------------------------------------------------------------------


def test_a_batch_tells_good_and_bad(account: Account, secrets: Any, name: str) -> None:
    arn = secrets.create_secret(Name=f"{name}/a", SecretString="a")["ARN"]
    secrets.create_secret(Name=f"{name}/b", SecretBinary=b"b")
    secrets.create_secret(Name=f"{name}/empty")
    secrets.create_secret(Name=f"{name}/gone", SecretString="x")
    secrets.delete_secret(SecretId=f"{name}/gone")
    foreign = account.server.create_account().client("secretsmanager")
    foreign_arn = foreign.create_secret(Name=name, SecretString="x")["ARN"]
    ids = [arn, f"{name}/b", f"{name}/none", f"{name}/empty", f"{name}/gone", foreign_arn]
    got = secrets.batch_get_secret_value(SecretIdList=ids)
    assert [(v["Name"], v.get("SecretString"), v.get("SecretBinary")) for v in got["SecretValues"]] == [
        (f"{name}/a", "a", None),
        (f"{name}/b", None, b"b"),
    ]
    assert got["SecretValues"][0]["ARN"] == arn
    assert got["SecretValues"][0]["VersionStages"] == ["AWSCURRENT"]
    assert {"VersionId", "CreatedDate"} <= set(got["SecretValues"][0])
    assert [(e["SecretId"], e["ErrorCode"]) for e in got["Errors"]] == [
        (f"{name}/none", "ResourceNotFoundException"),
        (f"{name}/empty", "ResourceNotFoundException"),
        (f"{name}/gone", "InvalidRequestException"),
        (foreign_arn, "AccessDeniedException"),
    ]
    assert got["Errors"][2]["Message"] == MARKED_FOR_DELETION[1]
    assert "NextToken" not in got


def test_a_batch_notes_the_access(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="a")
    secrets.batch_get_secret_value(SecretIdList=[name])
    assert "LastAccessedDate" in secrets.describe_secret(SecretId=name)


def test_a_batch_by_filters(secrets: Any, name: str) -> None:
    names = [f"{name}/{n:02}" for n in range(25)]
    for each in names:
        secrets.create_secret(Name=each, SecretString=each)
    found: list[str] = []
    token, calls = None, 0
    while calls == 0 or token:
        more = {"NextToken": token} if token else {}
        got = secrets.batch_get_secret_value(Filters=[{"Key": "name", "Values": [name]}], **more)
        found += [value["SecretString"] for value in got["SecretValues"]]
        assert not got["Errors"]
        assert len(got["SecretValues"]) <= 20
        token, calls = got.get("NextToken"), calls + 1
    assert sorted(found) == names
    assert calls == 2
    assert len(secrets.batch_get_secret_value(
        Filters=[{"Key": "name", "Values": [name]}], MaxResults=3
    )["SecretValues"]) == 3  # fmt: skip


@pytest.mark.parametrize("arguments", [{}, {"SecretIdList": ["a"], "Filters": [{"Key": "name", "Values": ["a"]}]}])
def test_a_batch_is_either_of_the_two(secrets: Any, arguments: dict[str, Any]) -> None:
    assert refused(secrets.batch_get_secret_value, **arguments) == (
        "InvalidParameterException",
        "You must specify either SecretIdList or Filters, and not both.",
    )


@pytest.mark.parametrize("arguments", [{"MaxResults": 5}, {"NextToken": "x"}])
def test_a_list_of_ids_has_no_pages(secrets: Any, arguments: dict[str, Any]) -> None:
    code, _ = refused(secrets.batch_get_secret_value, SecretIdList=["a"], **arguments)
    assert code == "InvalidParameterException"


def test_a_batch_has_at_most_twenty(secrets: Any) -> None:
    code, text = refused(secrets.batch_get_secret_value, SecretIdList=[str(n) for n in range(21)])
    assert code == "ValidationException"
    assert "secretIdList" in text


def test_a_bad_token_of_a_batch(secrets: Any) -> None:
    filters = [{"Key": "name", "Values": ["a"]}]
    code, _ = refused(secrets.batch_get_secret_value, Filters=filters, NextToken="x")
    assert code == "InvalidNextTokenException"
