"""What is in the tables, and what a page costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.api import ssm as api
from holdfast.services.ssm import records, version_records
from holdfast.services.ssm.filters import Source
from holdfast.services.ssm.rules import Settings
from holdfast.store.statements import Statement
from holdfast.vault.errors import DecryptError

from .house import ACCOUNT, REGION, START, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "store.db")
    yield house
    house.database.close()


def put(house: House, name: str, value: str, kind: str | None = "String", **more: Any) -> None:
    house.call(api.PutParameter, api.PutParameterRequest(Name=name, Value=value, Type=kind, **more))


def get(house: House, name: str) -> str | None:
    answer = house.call(api.GetParameter, api.GetParameterRequest(Name=name, WithDecryption=True))
    assert answer.Parameter is not None
    return answer.Parameter.Value


# -- at rest ------------------------------------------------------------------------------------------------------


def test_no_value_is_readable(house: House, tmp_path: Path) -> None:
    for kind in ("String", "StringList", "SecureString"):
        put(house, f"/{kind}", f"canary-of-{kind}")
        put(house, f"/{kind}", f"canary-after-{kind}", None, Overwrite=True)
    house.database.writing.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"/StringList" in stored, "names are not secret"
    assert b"canary" not in stored


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_value_opens_only_in_its_own_row(house: House, kind: str) -> None:
    put(house, "/one", "first", kind)
    put(house, "/two", "second", kind)
    column = "value_encrypted" if kind == "SecureString" else "value_sealed"
    house.database.writing.execute(
        f"UPDATE parameter_version SET {column} = (SELECT {column} FROM parameter_version WHERE path = '/one')"
    )
    assert get(house, "/one") == "first"
    with pytest.raises((DecryptError, api.InternalServerError)) as caught:
        get(house, "/two")
    assert "first" not in str(caught.value)


def test_a_version_that_has_a_label_cannot_go(house: House) -> None:
    put(house, "/n", "1")
    house.call(api.LabelParameterVersion, api.LabelParameterVersionRequest(Name="/n", Labels=["l"]))
    with pytest.raises(Exception, match="FOREIGN KEY"), house.transaction() as tx:
        version_records.delete_version(tx, ACCOUNT, REGION, "/n", 1)


def test_a_refused_put_leaves_nothing(house: House) -> None:
    error = house.error(
        api.PutParameter, api.PutParameterRequest(Name="/n", Value="v", Type="SecureString", KeyId="alias/nothing")
    )
    assert isinstance(error, api.InvalidKeyId)
    for table in ("parameter", "parameter_version"):
        assert house.database.reading.execute(f"SELECT COUNT(*) FROM {table}").fetchall() == [(0,)]


# -- what a call costs --------------------------------------------------------------------------------------------


def test_reading_a_parameter_is_one_statement(house: House) -> None:
    put(house, "/t", "v", Tags=[api.Tag(Key="k", Value="v")])
    put(house, "/s", "v", "SecureString")
    house.call(api.LabelParameterVersion, api.LabelParameterVersionRequest(Name="/t", Labels=["l"]))
    for name in ("/t", "/t:1", "/t:l"):
        assert get(house, name) == "v"
        assert house.tx.statements == 1
    assert get(house, "/s") == "v"
    assert house.tx.statements == 2, "ours, and the one of kms:Decrypt"


STATEMENTS = {
    name: statement for name, statement in vars(records).items() if isinstance(statement, Statement)
} | {f"{listing}[{source}]": statement for listing in ("LIST_PARAMETERS", "LIST_VALUES")
     for source, statement in getattr(records, listing).items()}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_every_statement_is_served_by_an_index(house: House, name: str) -> None:
    plan = house.plan(STATEMENTS[name])
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


def test_listings_use_the_index_of_their_order(house: House) -> None:
    assert "INDEX parameter_by_parent" in house.plan(records.LIST_PARAMETERS[Source.CHILDREN])
    assert "INDEX parameter_by_parent" in house.plan(records.LIST_VALUES[Source.CHILDREN])
    assert "INDEX parameter_tag_by_value" in house.plan(records.LIST_PARAMETERS[Source.TAGGED])
    assert "INDEX parameter_label_by_label" in house.plan(records.LIST_LABELLED)


@pytest.fixture
def many(house: House) -> House:
    """3,000 parameters below /deep, of which the last one is a StringList, has a tag and is labelled; and one above."""
    with house.transaction() as tx:
        for number in range(3000):
            path = f"/deep/{number // 10:03}/{number:04}"
            settings = Settings("String" if number < 2999 else "StringList", "", "", "", "Standard", "text")
            records.insert_parameter(tx, ACCOUNT, REGION, path, True, settings, START, "arn")
            kept = version_records.Version(1, settings, START, "arn", b"never opened here", None)
            version_records.insert_version(tx, ACCOUNT, REGION, path, kept)
        last = "/deep/299/2999"
        records.write_tags(tx, ACCOUNT, REGION, last, {"k": "v"})
        version_records.put_label(tx, ACCOUNT, REGION, last, "l", 1)
    put(house, "/zzz", "v")
    return house


def described(house: House, *filters: api.ParameterStringFilter) -> tuple[int, int, int]:
    """(parameters, calls, most rows that one call read) of a whole listing."""
    token, found, calls, most = None, 0, 0, 0
    while calls == 0 or token:
        answer = house.call(
            api.DescribeParameters, api.DescribeParametersRequest(ParameterFilters=list(filters), NextToken=token)
        )
        token, found, calls, most = answer.NextToken, found + len(answer.Parameters or []), calls + 1, max(
            most, house.tx.rows
        )  # fmt: skip
    return found, calls, most


def asked(key: str, *values: str, option: str | None = None) -> api.ParameterStringFilter:
    return api.ParameterStringFilter(Key=key, Option=option, Values=list(values) or None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (3001, 61, 51)),
        ([asked("Name", "/deep/299/2999", "/zzz", "/none")], (2, 1, 2)),
        ([asked("Name", "/deep/29", option="BeginsWith")], (100, 2, 51)),
        ([asked("Path", "/deep/123")], (10, 1, 10)),
        ([asked("Path", "/")], (1, 1, 1)),
        ([asked("Path", "/deep")], (0, 1, 0)),
        ([asked("tag:k", "v")], (1, 1, 1)),
        ([asked("tag:k", "v"), asked("Type", "String")], (0, 1, 1)),
        ([asked("Type", "StringList")], (1, 4, 1000)),
        ([asked("Name", "zz", option="Contains")], (1, 4, 1000)),
        ([asked("tag:k")], (1, 4, 1000)),
        ([asked("KeyId", "x")], (0, 4, 1000)),
    ],
)
def test_a_page_reads_a_bounded_number_of_rows(
    many: House, given: list[api.ParameterStringFilter], expected: tuple[int, int, int]
) -> None:
    assert described(many, *given) == expected


def test_a_level_does_not_read_what_is_below_it(many: House) -> None:
    answer = many.call(api.GetParametersByPath, api.GetParametersByPathRequest(Path="/"))
    assert [p.Name for p in answer.Parameters or []] == ["/zzz"]
    assert many.tx.rows == 1
    answer = many.call(api.GetParametersByPath, api.GetParametersByPathRequest(Path="/deep"))
    assert (answer.Parameters, many.tx.rows) == ([], 0)


def test_a_filtered_level_reads_a_bounded_number_of_values(many: House) -> None:
    token, calls = None, 0
    while calls == 0 or token:
        answer = many.call(
            api.GetParametersByPath,
            api.GetParametersByPathRequest(
                Path="/deep", Recursive=True, ParameterFilters=[asked("Type", "SecureString")], NextToken=token
            ),
        )
        token, calls = answer.NextToken, calls + 1
        assert answer.Parameters == []
        assert many.tx.rows <= 250
    assert calls == 13
