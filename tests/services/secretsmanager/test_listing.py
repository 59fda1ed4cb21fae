"""ListSecrets: orders, filters, pages."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account, Server

from .conftest import ONE_TRY
from .refusals import refused

NAMES = ["alpha", "Beta", "beta/one", "beta/two", "delta"]


@pytest.fixture(scope="module")
def account(holdfast_session_server: Server) -> Account:
    """An account with these secrets and no others, made in this order; the last is scheduled for deletion."""
    account = holdfast_session_server.create_account()
    secrets = account.client("secretsmanager", config=ONE_TRY)
    for number, name in enumerate(NAMES):
        tags = [{"Key": "place", "Value": f"{number}"}, {"Key": "team", "Value": "blue" if number % 2 else "red"}]
        secrets.create_secret(Name=name, SecretString=name, Description=f"The {name} Secret", Tags=tags)
    secrets.create_secret(Name="ended")
    secrets.delete_secret(SecretId="ended")
    # Changed and read in orders of their own.
    secrets.update_secret(SecretId="alpha", Description="The alpha Secret")
    secrets.get_secret_value(SecretId="Beta")
    # What a read leaves is written with the next batch; the order below is told from what is written.
    for _ in range(1000):
        if listed(secrets, SortBy="last-accessed-date", SortOrder="desc")[0] == "Beta":
            return account
    pytest.fail("the access was not noted")


def listed(secrets: Any, **arguments: Any) -> list[str]:
    return [secret["Name"] for secret in secrets.list_secrets(**arguments)["SecretList"]]


def only(key: str, *values: str) -> list[dict[str, Any]]:
    return [{"Key": key, "Values": list(values)}]


def test_an_entry(secrets: Any) -> None:
    [entry] = secrets.list_secrets(Filters=only("name", "beta/one"))["SecretList"]
    described = secrets.describe_secret(SecretId="beta/one")
    assert entry.pop("SecretVersionsToStages") == described.pop("VersionIdsToStages")
    del described["ResponseMetadata"]
    assert entry == described
    assert entry["Tags"] == [{"Key": "place", "Value": "2"}, {"Key": "team", "Value": "red"}]


def test_the_default_is_newest_first(secrets: Any) -> None:
    answer = secrets.list_secrets()
    assert [secret["Name"] for secret in answer["SecretList"]] == NAMES[::-1]
    assert "NextToken" not in answer


def test_orders(secrets: Any) -> None:
    assert listed(secrets, SortOrder="asc") == NAMES
    assert listed(secrets, SortBy="created-date", SortOrder="desc") == NAMES[::-1]
    assert listed(secrets, SortBy="name", SortOrder="asc") == sorted(NAMES)
    assert listed(secrets, SortBy="name", SortOrder="desc") == sorted(NAMES, reverse=True)
    assert listed(secrets, SortBy="name") == sorted(NAMES, reverse=True)
    assert listed(secrets, SortBy="last-changed-date", SortOrder="asc") == [*NAMES[1:], "alpha"]
    assert listed(secrets, SortBy="last-changed-date")[0] == "alpha"


def test_deleted_ones_are_listed_only_when_asked_for(secrets: Any) -> None:
    everything = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert [secret["Name"] for secret in everything] == ["ended", *NAMES[::-1]]
    assert ["DeletedDate" in secret for secret in everything] == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (only("name", "beta"), ["beta/one", "beta/two"]),
        (only("name", "beta/t", "al"), ["alpha", "beta/two"]),
        (only("name", "!beta"), ["alpha", "Beta", "delta"]),
        (only("name", "ended"), []),
        (only("description", "the SECRET delta"), ["delta"]),
        (only("tag-key", "place"), NAMES),
        (only("tag-key", "!place"), []),
        (only("tag-value", "blue"), ["Beta", "beta/two"]),
        (only("tag-value", "!blue", "!4"), ["alpha", "beta/one"]),
        (only("all", "BETA"), ["Beta", "beta/one", "beta/two"]),
        (only("all", "red 2"), ["beta/one"]),
        (only("primary-region", "us"), []),
        (only("owning-service", "!rds"), NAMES),
        ([*only("name", "b", "B"), *only("tag-value", "blue")], ["Beta", "beta/two"]),
        ([*only("name", "b"), *only("name", "beta/o")], ["beta/one"]),
        ([*only("name", "b"), *only("name", "a")], []),
    ],
)
def test_filters(secrets: Any, filters: list[dict[str, Any]], names: list[str]) -> None:
    assert listed(secrets, Filters=filters, SortOrder="asc") == names
    assert listed(secrets, Filters=filters, SortBy="name") == sorted(names, reverse=True)


@pytest.mark.parametrize("sort_by", ["created-date", "last-accessed-date", "last-changed-date", "name"])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("filters", [None, only("name", "", "x"), only("tag-key", "place")])
def test_pages(secrets: Any, sort_by: str, order: str, filters: list[dict[str, Any]] | None) -> None:
    arguments: dict[str, Any] = {"SortBy": sort_by, "SortOrder": order} | ({"Filters": filters} if filters else {})
    whole = listed(secrets, **arguments)
    assert sorted(whole) == sorted(NAMES)
    for size in (1, 2, 5):
        pages = secrets.get_paginator("list_secrets").paginate(**arguments, PaginationConfig={"PageSize": size})
        found = [[secret["Name"] for secret in page["SecretList"]] for page in pages]
        assert [name for page in found for name in page] == whole
        assert all(len(page) <= size for page in found)


def test_a_page_goes_on_after_what_was_read(holdfast: Account) -> None:
    """A keyset: what is made or removed meanwhile neither repeats nor hides another secret."""
    secrets = holdfast.client("secretsmanager")
    for name in "bdfh":
        secrets.create_secret(Name=name)
    first = secrets.list_secrets(SortBy="name", SortOrder="asc", MaxResults=2)
    secrets.delete_secret(SecretId="d", ForceDeleteWithoutRecovery=True)
    for name in "ae":
        secrets.create_secret(Name=name)
    rest = secrets.list_secrets(SortBy="name", SortOrder="asc", MaxResults=5, NextToken=first["NextToken"])
    assert [secret["Name"] for secret in rest["SecretList"]] == ["e", "f", "h"]


def test_tokens_belong_to_one_listing(account: Account, secrets: Any) -> None:
    token = secrets.list_secrets(MaxResults=1)["NextToken"]
    other = account.server.create_account().client("secretsmanager")
    for client, arguments in (
        (secrets, {"NextToken": "x"}),
        (secrets, {"NextToken": token, "SortBy": "name"}),
        (secrets, {"NextToken": token, "SortOrder": "asc"}),
        (secrets, {"NextToken": token, "IncludePlannedDeletion": True}),
        (secrets, {"NextToken": token, "Filters": only("name", "a")}),
        (other, {"NextToken": token}),
        (account.client("secretsmanager", region_name="eu-west-1"), {"NextToken": token}),
    ):
        code, _ = refused(client.list_secrets, **arguments)
        assert code == "InvalidNextTokenException"


def test_bad_requests(secrets: Any) -> None:
    code, text = refused(secrets.list_secrets, Filters=only("color", "x"))
    assert code == "ValidationException"
    assert text.startswith(
        "1 validation error detected: Value 'color' at 'filters.1.member.key' failed to satisfy constraint: "
        "Member must satisfy enum value set: ["
    )
    assert refused(secrets.list_secrets, Filters=only("name", "*"))[0] == "ValidationException"
    assert refused(secrets.list_secrets, MaxResults=101)[0] == "ValidationException"
    assert refused(secrets.list_secrets, Filters=[{"Key": "name"}])[0] == "InvalidParameterException"
    assert refused(secrets.list_secrets, Filters=[{"Values": ["x"]}])[0] == "InvalidParameterException"
