"""What only the inside shows: denials, statements, notes, the schema, and versions that have no value yet."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

from holdfast.access.principal import operator_of
from holdfast.api import secretsmanager as api
from holdfast.api.base import Operation, Shape
from holdfast.services.call import Trace
from holdfast.services.secretsmanager import records
from holdfast.services.secretsmanager.service import SERVICE

from .conftest import ACCOUNT, REGION, House, PostgresqlHouse

DAY = 86_400_000
TOKEN = "c" * 32
PLACEHOLDER = "r" * 32


@pytest.fixture
def arn(house: House) -> str:
    """The ARN of the secret `s`, which has a value."""
    request = api.CreateSecretRequest(
        Name="s", ClientRequestToken=TOKEN, SecretString="hunter2", Tags=[api.Tag(Key="env", Value="prod")]
    )
    arn = house.call(api.CreateSecret, request).ARN
    assert arn is not None
    return arn


def get(house: House, **members: Any) -> api.GetSecretValueResponse:
    return house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", **members))


# -- authorization ------------------------------------------------------------------------------------------------------

BY_SECRET_ID: list[tuple[Operation[Any, Any], dict[str, Any]]] = [
    (api.DeleteResourcePolicy, {}),
    (api.DeleteSecret, {}),
    (api.DescribeSecret, {}),
    (api.GetResourcePolicy, {}),
    (api.GetSecretValue, {}),
    (api.ListSecretVersionIds, {}),
    (api.PutResourcePolicy, {"ResourcePolicy": "no policy"}),
    (api.PutSecretValue, {"SecretString": "x", "ClientRequestToken": TOKEN}),
    (api.CancelRotateSecret, {}),
    (api.RestoreSecret, {}),
    (api.RotateSecret, {}),
    (api.TagResource, {"Tags": []}),
    (api.UntagResource, {"TagKeys": []}),
    (api.UpdateSecret, {"ClientRequestToken": TOKEN}),
    (api.UpdateSecretVersionStage, {"VersionStage": "l"}),
    (api.ValidateResourcePolicy, {"ResourcePolicy": "no policy"}),
]
WITHOUT: list[tuple[Operation[Any, Any], Shape]] = [
    (api.BatchGetSecretValue, api.BatchGetSecretValueRequest(SecretIdList=["s"])),
    (api.GetRandomPassword, api.GetRandomPasswordRequest()),
    (api.ListSecrets, api.ListSecretsRequest()),
]


def test_every_operation_is_tried() -> None:
    tried = {operation.name for operation, _ in (*BY_SECRET_ID, *WITHOUT)} | {"CreateSecret"}
    assert tried == set(SERVICE.operations)


@pytest.mark.parametrize(("operation", "members"), BY_SECRET_ID, ids=lambda p: getattr(p, "name", ""))
def test_who_may_nothing_learns_nothing(
    house: House, arn: str, operation: Operation[Any, Any], members: dict[str, Any]
) -> None:
    """Denied before anything else is looked at, and a missing secret by the id that was sent."""
    house.principal = operator_of(ACCOUNT)
    action = f"secretsmanager:{operation.name}"
    for secret_id, resource in (("s", arn), (arn, arn), ("none", "none"), (arn[:-1], arn[:-1]), ("arn:x", "arn:x")):
        error = house.error(operation, operation.input(SecretId=secret_id, **members))
        assert (error.code, error.message) == (
            "AccessDeniedException",
            f"User: arn:aws:holdfast::{ACCOUNT}:operator is not authorized to perform: {action} on resource: "
            f"{resource} because no identity-based policy allows the {action} action",
        )


@pytest.mark.parametrize("name", ["s", "new"])
def test_who_may_not_create_is_told_the_name(house: House, arn: str, name: str) -> None:
    """Not the ARN: whether there is a secret of the name already does not show."""
    house.principal = operator_of(ACCOUNT)
    error = house.error(api.CreateSecret, api.CreateSecretRequest(Name=name, ClientRequestToken=TOKEN))
    assert (error.code, error.message) == (
        "AccessDeniedException",
        f"User: arn:aws:holdfast::{ACCOUNT}:operator is not authorized to perform: secretsmanager:CreateSecret on "
        f"resource: {name} because no identity-based policy allows the secretsmanager:CreateSecret action",
    )


@pytest.mark.parametrize(("operation", "value"), WITHOUT, ids=lambda p: getattr(p, "name", ""))
def test_actions_without_a_resource(house: House, operation: Operation[Any, Any], value: Shape) -> None:
    house.principal = operator_of(ACCOUNT)
    action = f"secretsmanager:{operation.name}"
    assert house.error(operation, value).message == (
        f"User: arn:aws:holdfast::{ACCOUNT}:operator is not authorized to perform: {action} because no identity-based "
        f"policy allows the {action} action"
    )


def test_what_creating_and_batches_ask_for(house: House, arn: str) -> None:
    house.call(api.CreateSecret, api.CreateSecretRequest(Name="t", ClientRequestToken=TOKEN, Tags=[api.Tag(Key="a")]))
    asked = [(decision.action, decision.resource) for decision in house.last_call.decisions]
    prefix = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:t-"
    assert [action for action, _ in asked] == ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
    assert all(resource.startswith(prefix) for _, resource in asked)
    filters = [api.Filter(Key="name", Values=["s"])]
    house.call(api.BatchGetSecretValue, api.BatchGetSecretValueRequest(Filters=filters))
    assert [decision.action for decision in house.last_call.decisions] == [
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:ListSecrets",
    ]
    inner = [t for t in house.last_call.traces if isinstance(t, Trace) and t.operation.name == "GetSecretValue"]
    assert [[(d.action, d.resource) for d in trace.call.decisions] for trace in inner] == [
        [("secretsmanager:GetSecretValue", arn)]
    ]


# -- statements ---------------------------------------------------------------------------------------------------------


def test_reading_a_value_is_one_statement_of_ours(house: House, arn: str) -> None:
    statements: list[str] = []

    def trace(cursor: object, text: str, parameters: object) -> bool:
        statements.append(text)
        return True

    house.database.writing.exec_trace = trace
    for members in ({}, {"VersionId": TOKEN}, {"VersionStage": "AWSCURRENT"}):
        for secret_id in ("s", arn):
            statements.clear()
            house.call(api.GetSecretValue, api.GetSecretValueRequest(SecretId=secret_id, **members))
            assert len([text for text in statements if "secret" in text]) == 1
    house.database.writing.exec_trace = None


@pytest.mark.parametrize(("statement", "count"), [(records.READ_VALUE_BY_LABEL, 3), (records.READ_VALUE_BY_VERSION, 2)])
def test_each_table_is_read_by_its_whole_key(house: House, statement: Any, count: int) -> None:
    plan = house.rows(f"EXPLAIN QUERY PLAN {statement.text}", "", "", "", "")
    steps = [step[3] for step in plan if "USING" in step[3]]
    assert len(steps) == count
    assert all("USING PRIMARY KEY (account=? AND region=? AND name=?" in step for step in steps)


# -- notes --------------------------------------------------------------------------------------------------------------


def test_an_access_is_noted_once_a_day(house: House, arn: str) -> None:
    today = house.now - house.now % DAY
    get(house)
    assert house.notes == {
        (records.SECRET_ACCESS, (ACCOUNT, REGION, "s", arn[-6:])): today,
        (records.VERSION_ACCESS, (ACCOUNT, REGION, "s", TOKEN)): today,
    }
    described = house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId=arn))
    assert described.LastAccessedDate == today / 1000
    house.write_notes()
    get(house)
    assert not house.notes
    described = house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId=arn))
    assert described.LastAccessedDate == today / 1000
    house.now += DAY
    get(house)
    assert set(house.notes.values()) == {today + DAY}
    listed = house.call(api.ListSecrets, api.ListSecretsRequest()).SecretList or []
    assert [entry.LastAccessedDate for entry in listed] == [(today + DAY) / 1000]


def test_a_note_is_not_for_a_successor_of_the_name(house: House, arn: str) -> None:
    assert arn
    get(house)
    house.call(api.DeleteSecret, api.DeleteSecretRequest(SecretId="s", ForceDeleteWithoutRecovery=True))
    house.call(api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken=TOKEN))
    house.write_notes()
    assert house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).LastAccessedDate is None


# -- the schema ---------------------------------------------------------------------------------------------------------


def test_no_value_is_in_the_tables(house: House, arn: str) -> None:
    assert arn
    tables = [name for (name,) in house.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert {"secret", "secret_version", "secret_label"} <= set(tables)
    assert not any("hunter2" in str(row) or b"hunter2".hex() in str(row) for t in tables
                   for row in house.rows(f"SELECT * FROM {t}"))  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"INSERT INTO secret_label SELECT account, region, name, label, '{TOKEN}' FROM secret_label",
        "INSERT INTO secret_label SELECT account, region, name, 'l', 'no such version' FROM secret_label",
        "DELETE FROM secret_version",
        "DELETE FROM secret",
        "UPDATE secret_version SET data_key = NULL",
        "UPDATE secret_version SET kind = 'other'",
        "UPDATE secret SET version_count = 101",
    ],
)
def test_the_schema_refuses_what_must_not_be(house: House, arn: str, text: str) -> None:
    assert arn
    with pytest.raises(apsw.ConstraintError):
        house.execute(text)


# -- the deletion job ---------------------------------------------------------------------------------------------------


def test_an_outdated_job_does_no_harm(house: House, arn: str) -> None:
    job = SERVICE.jobs["secretsmanager.delete-secret"]
    payload = {"name": "s", "suffix": arn[-6:]}

    def run(payload: dict[str, str]) -> None:
        with house.transaction(writable=True):
            job(house.last_call, "s", payload)

    run(payload)
    assert get(house).SecretString == "hunter2"
    house.call(api.DeleteSecret, api.DeleteSecretRequest(SecretId="s"))
    run(payload)
    house.now += 30 * DAY
    house.call(api.RestoreSecret, api.RestoreSecretRequest(SecretId="s"))
    house.call(api.DeleteSecret, api.DeleteSecretRequest(SecretId="s"))
    run(payload)
    house.now += 31 * DAY
    house.error(api.DescribeSecret, api.DescribeSecretRequest(SecretId="absent"))
    run({**payload, "suffix": "zzzzzz"})
    assert len(house.rows("SELECT name FROM secret")) == 1
    run(payload)
    run(payload)
    for table in ("secret", "secret_version", "secret_label"):
        assert house.rows(f"SELECT name FROM {table}") == []


# -- versions without a value -------------------------------------------------------------------------------------------


@pytest.fixture
def reserved(house: House, arn: str) -> str:
    """The version that a rotation would reserve; rotation itself comes later, so its rows are written here."""
    assert arn
    house.execute(
        "INSERT INTO secret_version (account, region, name, version_id, created, last_accessed) VALUES (?, ?, ?, ?, ?, 0)",
        ACCOUNT,
        REGION,
        "s",
        PLACEHOLDER,
        house.now,
    )
    house.execute(
        "INSERT INTO secret_label (account, region, name, label, version_id) VALUES (?, ?, 's', 'AWSPENDING', ?)",
        ACCOUNT,
        REGION,
        PLACEHOLDER,
    )
    house.execute(
        "UPDATE secret SET version_count = 2, stages = ?",
        f'{{"{TOKEN}":["AWSCURRENT"],"{PLACEHOLDER}":["AWSPENDING"]}}',
    )
    return PLACEHOLDER


def test_a_reserved_version_cannot_be_read(house: House, reserved: str) -> None:
    def text(**members: Any) -> str | None:
        error = house.error(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s", **members))
        assert error.code == "ResourceNotFoundException"
        return error.message

    by_label = "Secrets Manager can't find the specified secret value for staging label: AWSPENDING"
    assert text(VersionStage="AWSPENDING") == by_label
    assert text(VersionStage="AWSPENDING", VersionId=reserved) == by_label
    assert text(VersionId=reserved) == (
        f"Secrets Manager can't find the specified secret value for VersionId: {reserved}"
    )
    assert get(house).SecretString == "hunter2"
    listed = house.call(api.ListSecretVersionIds, api.ListSecretVersionIdsRequest(SecretId="s")).Versions or []
    assert {entry.VersionId: entry.KmsKeyIds for entry in listed} == {
        TOKEN: ["DefaultEncryptionKey"],
        reserved: None,
    }


def put(value: str, stages: list[str] | None = None) -> api.PutSecretValueRequest:
    return api.PutSecretValueRequest(
        SecretId="s", ClientRequestToken=PLACEHOLDER, SecretString=value, VersionStages=stages
    )


def test_a_reserved_version_is_filled_once(house: House, reserved: str) -> None:
    answer = house.call(api.PutSecretValue, put("new", ["AWSPENDING"]))
    assert (answer.VersionId, answer.VersionStages) == (reserved, ["AWSPENDING"])
    assert get(house, VersionStage="AWSPENDING").SecretString == "new"
    assert get(house).SecretString == "hunter2"
    assert house.call(api.PutSecretValue, put("new", ["AWSPENDING"])).VersionId == reserved
    assert house.error(api.PutSecretValue, put("other", ["AWSPENDING"])).code == "ResourceExistsException"
    assert house.rows("SELECT version_count FROM secret") == [(2,)]


def test_filling_without_labels_makes_it_current(house: House, reserved: str) -> None:
    answer = house.call(api.PutSecretValue, put("new"))
    assert answer.VersionStages == ["AWSCURRENT", "AWSPENDING"]
    assert get(house, VersionStage="AWSPREVIOUS").SecretString == "hunter2"
    assert get(house).VersionId == reserved


def test_a_reserved_version_cannot_become_current(house: House, reserved: str) -> None:
    request = api.UpdateSecretVersionStageRequest(
        SecretId="s", VersionStage="AWSCURRENT", MoveToVersionId=reserved, RemoveFromVersionId=TOKEN
    )
    assert house.error(api.UpdateSecretVersionStage, request).code == "InvalidRequestException"
    assert get(house).SecretString == "hunter2"


def test_a_reserved_version_blocks_its_token(house: House, reserved: str) -> None:
    update = api.UpdateSecretRequest(SecretId="s", ClientRequestToken=reserved, SecretString="x")
    assert house.error(api.UpdateSecret, update).code == "ResourceExistsException"
    # A change of the key has nothing to re-encrypt in it.
    house.call(api.UpdateSecret, api.UpdateSecretRequest(SecretId="s", ClientRequestToken="k" * 32, KmsKeyId=""))


# -- bounded work -------------------------------------------------------------------------------------------------------


def test_a_listing_reads_a_bounded_number_of_rows(house: House) -> None:
    """2,500 secrets, one of them tagged: found in three calls, none of which reads more than 1,000."""
    for number in range(2500):
        secret = records.Secret(
            ACCOUNT, REGION, f"s{number:04}", "AbCdEf", "", "", "", house.now + number, 0, 0, 0, "", 0, "{}",
            '{"found":""}' if number == 100 else "",
        )  # fmt: skip
        with house.transaction(writable=True) as tx:
            records.insert_secret(tx, secret)
    token, pages = None, list[list[str | None]]()
    while not pages or token:
        request = api.ListSecretsRequest(Filters=[api.Filter(Key="tag-key", Values=["found"])], NextToken=token)
        answer = house.call(api.ListSecrets, request)
        pages.append([entry.Name for entry in answer.SecretList or []])
        token = answer.NextToken
    assert pages == [[], [], ["s0100"]]
    # Few names are sorted at once, in any order; many are read in order.
    for prefix, expected in (("s01", [f"s01{n:02}" for n in range(99, -1, -1)]), ("s", None)):
        filters = [api.Filter(Key="name", Values=[prefix])]
        found: list[str | None] = []
        token = None
        while not found or token:
            request = api.ListSecretsRequest(Filters=filters, NextToken=token, MaxResults=30)
            answer = house.call(api.ListSecrets, request)
            found += [entry.Name for entry in answer.SecretList or []]
            token = answer.NextToken
        assert found == (expected or [f"s{n:04}" for n in range(2499, -1, -1)])


# -- the other engine ---------------------------------------------------------------------------------------------------


def test_a_life_on_postgresql(postgresql_house: PostgresqlHouse) -> None:
    """Every statement with real rows; which secrets a listing finds and how it orders them must not differ."""
    house = postgresql_house
    names = ["Zeta", "alpha", "beta_1", "beta-1", "b%ta"]
    with pytest.raises(api.InvalidParameterException):
        house.call(api.CreateSecret, api.CreateSecretRequest(Name=names.pop(), ClientRequestToken=TOKEN))
    for name in [*names, "s"]:
        house.now += 1
        request = api.CreateSecretRequest(Name=name, ClientRequestToken=TOKEN, SecretString=name, Description=name)
        house.call(api.CreateSecret, request)
    for sort_by in ("created-date", "last-changed-date", "last-accessed-date", "name"):
        for order in ("asc", "desc"):
            found: list[str | None] = []
            token = None
            while not found or token:
                listing = api.ListSecretsRequest(SortBy=sort_by, SortOrder=order, MaxResults=2, NextToken=token)
                answer = house.call(api.ListSecrets, listing)
                found += [entry.Name for entry in answer.SecretList or []]
                token = answer.NextToken
            in_order = [*names, "s"] if "-date" in sort_by and "accessed" not in sort_by else sorted([*names, "s"])
            assert found == (in_order if order == "asc" else in_order[::-1])
    filters = [api.Filter(Key="name", Values=["beta"])]
    answer = house.call(api.ListSecrets, api.ListSecretsRequest(Filters=filters))
    assert [entry.Name for entry in answer.SecretList or []] == ["beta-1", "beta_1"]

    for number in range(100):
        version = f"{number:032}"
        house.now += 1
        house.call(
            api.PutSecretValue,
            api.PutSecretValueRequest(SecretId="s", ClientRequestToken=version, SecretBinary=version.encode()),
        )
        house.now += DAY
    policy = api.PutResourcePolicyRequest(
        SecretId="s",
        ResourcePolicy='{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":'
        '"secretsmanager:GetSecretValue","Resource":"*"}}',
    )
    house.call(api.PutResourcePolicy, policy)
    assert house.error(api.GetSecretValue, api.GetSecretValueRequest(SecretId="s")).code == "AccessDeniedException"
    house.call(api.DeleteResourcePolicy, api.DeleteResourcePolicyRequest(SecretId="s"))
    assert get(house).SecretBinary == f"{99:032}".encode()
    assert get(house, VersionStage="AWSPREVIOUS").VersionId == f"{98:032}"
    assert get(house, VersionId=f"{50:032}").VersionStages is None
    house.write_notes()
    assert (
        house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).LastAccessedDate
        == house.now // DAY * 86400
    )
    listed = house.call(
        api.ListSecretVersionIds, api.ListSecretVersionIdsRequest(SecretId="s", IncludeDeprecated=True)
    ).Versions
    assert [entry.VersionId for entry in listed or []] == [f"{number:032}" for number in range(100)]
    house.call(
        api.UpdateSecretVersionStage,
        api.UpdateSecretVersionStageRequest(SecretId="s", VersionStage="l", MoveToVersionId=f"{50:032}"),
    )
    house.call(
        api.UpdateSecretVersionStage,
        api.UpdateSecretVersionStageRequest(SecretId="s", VersionStage="l", RemoveFromVersionId=f"{50:032}"),
    )
    house.call(api.TagResource, api.TagResourceRequest(SecretId="s", Tags=[api.Tag(Key="a", Value="b")]))
    house.call(api.UpdateSecret, api.UpdateSecretRequest(SecretId="s", ClientRequestToken="k" * 32, KmsKeyId=""))
    house.call(api.DeleteSecret, api.DeleteSecretRequest(SecretId="s", RecoveryWindowInDays=7))
    house.advance(8 * DAY)
    assert house.error(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).code == "ResourceNotFoundException"
    assert house.rows("SELECT COUNT(*) FROM secret_version") == [(4,)]
