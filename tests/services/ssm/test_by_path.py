"""GetParametersByPath."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import BAD_REQUIREMENTS, refused

NAMES = ["/app", "/app/b", "/app/a", "/app/a/x", "/app/a/x/deep", "/app-2/z", "/apple", "bare", "/Other"]


@pytest.fixture
def tree(ssm: Any) -> Any:
    for name in NAMES:
        ssm.put_parameter(Name=name, Value=f"value of {name}", Type="String")
    return ssm


def names(ssm: Any, **arguments: Any) -> list[str]:
    pages = ssm.get_paginator("get_parameters_by_path").paginate(**arguments)
    return [p["Name"] for page in pages for p in page["Parameters"]]


def test_one_level(tree: Any) -> None:
    assert names(tree, Path="/app") == ["/app/a", "/app/b"]
    assert names(tree, Path="/app/") == ["/app/a", "/app/b"]
    assert names(tree, Path=" /app/a ") == ["/app/a/x"]
    assert names(tree, Path="/") == ["/Other", "/app", "/apple", "bare"]


def test_all_levels(tree: Any) -> None:
    assert names(tree, Path="/app", Recursive=True) == ["/app/a", "/app/a/x", "/app/a/x/deep", "/app/b"]
    assert sorted(names(tree, Path="/", Recursive=True)) == sorted(NAMES)
    assert names(tree, Path="/app/a/x/deep", Recursive=True) == []


def test_nothing_below_is_a_success(tree: Any) -> None:
    assert names(tree, Path="/nowhere", Recursive=True) == []
    assert names(tree, Path="/aws/service/list", Recursive=True) == []


def test_what_is_returned(tree: Any) -> None:
    found = tree.get_parameters_by_path(Path="/app/a")["Parameters"][0]
    single = tree.get_parameter(Name="/app/a/x")["Parameter"]
    assert found == single


@pytest.mark.parametrize("path", ["app", "a b", "/a b", "//", "/a//b", "/ssm", "/a:1"])
def test_bad_paths(ssm: Any, path: str) -> None:
    assert refused(ssm.get_parameters_by_path, Path=path) == BAD_REQUIREMENTS


def test_ten_at_most(tree: Any) -> None:
    assert refused(tree.get_parameters_by_path, Path="/", MaxResults=11)[0] == "ValidationException"


def test_tokens_belong_to_their_listing(tree: Any) -> None:
    first = tree.get_parameters_by_path(Path="/app", Recursive=True, MaxResults=1)
    token = first["NextToken"]
    for other in (
        {"Path": "/app", "Recursive": False},
        {"Path": "/", "Recursive": True},
        {"Path": "/app", "Recursive": True, "ParameterFilters": [{"Key": "Type", "Values": ["String"]}]},
        {"Path": "/app", "Recursive": True, "NextToken": token[:-2]},
    ):
        code, text = refused(tree.get_parameters_by_path, **{"NextToken": token, **other})
        assert (code, text) == ("InvalidNextToken", "The specified token isn't valid.")
    assert (
        tree.get_parameters_by_path(Path="/app/", Recursive=True, NextToken=token)["Parameters"][0]["Name"]
        == "/app/a/x"
    )


def test_three_hundred_parameters(ssm: Any) -> None:
    expected = [f"/many/{n:03}" for n in range(300)]
    for name in reversed(expected):
        ssm.put_parameter(Name=name, Value=name, Type="String")
    assert names(ssm, Path="/many") == expected
    assert names(ssm, Path="/", Recursive=True, PaginationConfig={"PageSize": 7}) == expected
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/many"))
    assert [len(page["Parameters"]) for page in pages] == [10] * 30
    described = ssm.get_paginator("describe_parameters").paginate()
    assert [p["Name"] for page in described for p in page["Parameters"]] == expected


def test_filters(ssm: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name="/f/a", Value="1", Type="String")
    ssm.put_parameter(Name="/f/b", Value="2", Type="SecureString")
    ssm.put_parameter(Name="/f/c", Value="3", Type="SecureString", KeyId=key)
    ssm.put_parameter(Name="/f/d/e", Value="4", Type="StringList")

    def found(*filters: dict[str, Any]) -> list[str]:
        return names(ssm, Path="/f", Recursive=True, ParameterFilters=list(filters), PaginationConfig={"PageSize": 1})

    assert found({"Key": "Type", "Values": ["SecureString"]}) == ["/f/b", "/f/c"]
    assert found({"Key": "Type", "Option": "BeginsWith", "Values": ["String"]}) == ["/f/a", "/f/d/e"]
    assert found({"Key": "KeyId", "Values": [key]}) == ["/f/c"]
    assert found({"Key": "KeyId", "Option": "BeginsWith", "Values": ["alias/"]}) == ["/f/b"]
    assert found({"Key": "KeyId", "Values": [key]}, {"Key": "Type", "Values": ["String"]}) == []


def test_labelled_versions(ssm: Any) -> None:
    for name in ("/l/a", "/l/b", "/l/c/d", "/m"):
        ssm.put_parameter(Name=name, Value="old", Type="String")
        ssm.put_parameter(Name=name, Value="new", Overwrite=True)
        ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["prod"])
    ssm.label_parameter_version(Name="/l/b", ParameterVersion=2, Labels=["test", "also"])
    ssm.label_parameter_version(Name="/l/b", ParameterVersion=1, Labels=["blue"])

    def found(path: str, *labels: str, recursive: bool = True, size: int = 10) -> list[tuple[str, int, str]]:
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path,
            Recursive=recursive,
            ParameterFilters=[{"Key": "Label", "Values": list(labels)}],
            PaginationConfig={"PageSize": size},
        )
        parameters = [p for page in pages for p in page["Parameters"]]
        assert {p["Value"] for p in parameters if p["Version"] == 1} <= {"old"}
        return [(p["Name"], p["Version"], p["Selector"]) for p in parameters]

    prod = [("/l/a", 1, ":prod"), ("/l/b", 1, ":prod"), ("/l/c/d", 1, ":prod")]
    for size in (1, 2, 10):
        assert found("/l", "prod", size=size) == prod
        assert found("/l", "prod", recursive=False, size=size) == prod[:2]
        assert found("/", "prod", size=size) == [*prod, ("/m", 1, ":prod")]
        several = found("/l", "prod", "test", "also", "blue", size=size)
        assert [(name, version) for name, version, _ in several] == [
            ("/l/a", 1),
            ("/l/b", 1),
            ("/l/b", 2),
            ("/l/c/d", 1),
        ]
    assert found("/l", "nothing") == []


@pytest.mark.parametrize("key", ["Name", "Path", "Tier", "DataType", "tag:x"])
def test_filters_that_are_not_for_paths(ssm: Any, key: str) -> None:
    code, _ = refused(ssm.get_parameters_by_path, Path="/", ParameterFilters=[{"Key": key, "Values": ["/x"]}])
    assert code == "InvalidFilterKey"


def test_an_option_that_is_not_for_labels(ssm: Any) -> None:
    label = {"Key": "Label", "Option": "BeginsWith", "Values": ["x"]}
    assert refused(ssm.get_parameters_by_path, Path="/", ParameterFilters=[label]) == (
        "InvalidFilterOption",
        "The following filter option is not valid: BeginsWith. Valid options include: [Equals].",
    )
