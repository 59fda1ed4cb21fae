"""DescribeParameters: every filter key and option, the older form, pages."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import BAD_REQUIREMENTS, refused


@pytest.fixture(scope="module")
def some(shared: Any) -> Any:
    def tags(**values: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in values.items()]

    shared.put_parameter(Name="/tangent-3", Value="1", Type="String", Tags=tags(env="prod", team="a"))
    shared.put_parameter(Name="tangram-4", Value="2", Type="StringList", Tags=tags(env="test"))
    shared.put_parameter(Name="standby-5", Value="3", Type="SecureString", Tags=tags(env="production"))
    shared.put_parameter(Name="/x/tan", Value="4", Type="String", Tags=tags(team="a"))
    shared.put_parameter(Name="/x/y/z", Value="5", Type="SecureString")
    return shared


def names(ssm: Any, *filters: dict[str, Any], size: int = 50) -> list[str]:
    pages = ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=list(filters), PaginationConfig={"PageSize": size}
    )
    return [p["Name"] for page in pages for p in page["Parameters"]]


def asked(key: str, *values: str, option: str = "") -> dict[str, Any]:
    return {"Key": key, **({"Option": option} if option else {}), **({"Values": list(values)} if values else {})}


CASES: list[tuple[list[dict[str, Any]], set[str]]] = [
    ([asked("Name", "/tangent-3")], {"/tangent-3"}),
    ([asked("Name", "tangent-3", "/tangram-4", "nothing", option="Equals")], {"/tangent-3", "tangram-4"}),
    ([asked("Name", "tan", option="BeginsWith")], {"/tangent-3", "tangram-4"}),
    ([asked("Name", "/tan", "/x/", option="BeginsWith")], {"/tangent-3", "tangram-4", "/x/tan", "/x/y/z"}),
    ([asked("Name", "/tan", option="Contains")], {"/tangent-3", "tangram-4", "/x/tan"}),
    ([asked("Name", "tan", option="Contains")], {"/tangent-3", "tangram-4", "standby-5", "/x/tan"}),
    ([asked("Type", "String")], {"/tangent-3", "/x/tan"}),
    ([asked("Type", "String", option="BeginsWith")], {"/tangent-3", "/x/tan", "tangram-4"}),
    ([asked("Type", "StringList", "SecureString")], {"tangram-4", "standby-5", "/x/y/z"}),
    ([asked("KeyId", "alias/aws/ssm")], {"standby-5", "/x/y/z"}),
    ([asked("KeyId", "alias/", option="BeginsWith")], {"standby-5", "/x/y/z"}),
    ([asked("Path", "/x")], {"/x/tan"}),
    ([asked("Path", "/x", option="Recursive")], {"/x/tan", "/x/y/z"}),
    ([asked("Path", "/", "/x/y", option="OneLevel")], {"/tangent-3", "tangram-4", "standby-5", "/x/y/z"}),
    ([asked("Path", "/", "/x", option="Recursive")], {"/tangent-3", "tangram-4", "standby-5", "/x/tan", "/x/y/z"}),
    ([asked("Tier", "Standard"), asked("Path", "/x")], {"/x/tan"}),
    ([asked("Tier", "Advanced")], set()),
    ([asked("DataType", "te", option="BeginsWith"), asked("Name", "/x/tan")], {"/x/tan"}),
    ([asked("DataType", "aws:ec2:image")], set()),
    ([asked("tag:env")], {"/tangent-3", "tangram-4", "standby-5"}),
    ([asked("tag:env", "prod")], {"/tangent-3"}),
    ([asked("tag:env", "prod", "test", "other")], {"/tangent-3", "tangram-4"}),
    ([asked("tag:env", "prod", option="BeginsWith")], {"/tangent-3", "standby-5"}),
    ([asked("tag:env"), asked("tag:team", "a")], {"/tangent-3"}),
    ([asked("tag:nothing")], set()),
    (
        [asked("Type", "SecureString"), asked("Path", "/x", option="Recursive"), asked("KeyId", "alias/aws/ssm")],
        {"/x/y/z"},
    ),
]


@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize(("filters", "expected"), CASES)
def test_filters(some: Any, filters: list[dict[str, Any]], expected: set[str], size: int) -> None:
    found = names(some, *filters, size=size)
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("Name", "tan", {"/tangent-3", "tangram-4"}),
        ("Type", "String", {"/tangent-3", "/x/tan"}),
        ("KeyId", "alias/aws/ssm", {"standby-5", "/x/y/z"}),
    ],
)
def test_the_older_filters(some: Any, key: str, value: str, expected: set[str]) -> None:
    found = some.describe_parameters(Filters=[{"Key": key, "Values": [value]}])["Parameters"]
    assert {p["Name"] for p in found} == expected


def test_refusals(some: Any) -> None:
    both = {"Filters": [{"Key": "Type", "Values": ["String"]}], "ParameterFilters": [asked("Type", "String")]}
    assert refused(some.describe_parameters, **both) == (
        "ValidationException",
        "You can use either Filters or ParameterFilters in a single request.",
    )
    assert refused(some.describe_parameters, ParameterFilters=[asked("Label", "x")])[0] == "InvalidFilterKey"
    twice = [asked("Type", "String"), asked("Type", "StringList")]
    assert refused(some.describe_parameters, ParameterFilters=twice)[0] == "InvalidFilterKey"
    assert refused(some.describe_parameters, ParameterFilters=[asked("Type", "String", option="Like")]) == (
        "InvalidFilterOption",
        "The following filter option is not valid: Like. Valid options include: [BeginsWith, Equals].",
    )
    assert refused(some.describe_parameters, ParameterFilters=[asked("Type", "Text")])[0] == "InvalidFilterValue"
    assert refused(some.describe_parameters, ParameterFilters=[asked("Name")])[0] == "InvalidFilterValue"
    assert refused(some.describe_parameters, ParameterFilters=[asked("Path", "x")]) == BAD_REQUIREMENTS
    code, text = refused(some.describe_parameters, ParameterFilters=[asked("Nothing", "x")])
    assert code == "ValidationException"
    assert "tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType" in text
    assert refused(some.describe_parameters, MaxResults=51)[0] == "ValidationException"


def test_pages(some: Any) -> None:
    whole = names(some)
    assert len(whole) == 5
    assert names(some, size=1) == names(some, size=2) == whole
    first = some.describe_parameters(MaxResults=2)
    token = first["NextToken"]
    assert refused(some.describe_parameters, NextToken=token, ParameterFilters=[asked("Type", "String")])[0] == (
        "InvalidNextToken"
    )
    assert refused(some.describe_parameters, NextToken="nonsense")[0] == "InvalidNextToken"


def test_what_is_deleted_between_two_pages(ssm: Any) -> None:
    for name in "abcd":
        ssm.put_parameter(Name=name, Value="1", Type="String")
    token = ssm.describe_parameters(MaxResults=2)["NextToken"]
    for name in "bc":
        ssm.delete_parameter(Name=name)
    assert [p["Name"] for p in ssm.describe_parameters(NextToken=token)["Parameters"]] == ["d"]


def test_no_values_and_nothing_of_others(some: Any) -> None:
    assert not any("Value" in p for p in some.describe_parameters()["Parameters"])
    assert some.describe_parameters(Shared=True)["Parameters"] == []
