"""PutParameter: what makes a version, and what is refused in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account

from .refusals import BAD_NAME, NOT_FOUND, refused

SIZE = (
    "ValidationException",
    "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, "
    "upgrade the parameter to use the advanced-parameter tier. For more information, see "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
)  # fmt: skip


POLICIES = '[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"5","Unit":"Hours"}}]'


def value_of(ssm: Any, name: str) -> str:
    return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


@pytest.mark.parametrize("kind", ["String", "StringList", "SecureString"])
@pytest.mark.parametrize("value", ["x", "a,b,,c", "é🔑\n\t\\ \"'", "{{", "}} {{", "y" * 4096, " "])
def test_any_value_comes_back(shared: Any, kind: str, value: str) -> None:
    name = f"any/{kind}/{value.encode().hex()[:40] or 'none'}-{len(value)}"
    assert shared.put_parameter(Name=f"/{name}", Value=value, Type=kind)["Version"] == 1
    assert value_of(shared, f"/{name}") == value


def test_a_new_parameter(holdfast: Account, ssm: Any) -> None:
    answer = ssm.put_parameter(
        Name="/a/b", Value="v", Type="String", Description="what", AllowedPattern="v.*", Tier="Standard"
    )
    assert (answer["Version"], answer["Tier"]) == (1, "Standard")
    found = ssm.describe_parameters()["Parameters"]
    modified = found[0].pop("LastModifiedDate")
    assert found == [
        {
            "Name": "/a/b",
            "ARN": f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/b",
            "Type": "String",
            "LastModifiedUser": f"arn:aws:iam::{holdfast.account}:root",
            "Description": "what",
            "AllowedPattern": "v.*",
            "Version": 1,
            "Tier": "Standard",
            "Policies": [],
            "DataType": "text",
        }
    ]
    assert modified == ssm.get_parameter(Name="/a/b")["Parameter"]["LastModifiedDate"]


def test_overwriting(ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="1", Type="String")
    assert refused(ssm.put_parameter, Name="n", Value="2", Type="String") == (
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
    assert ssm.put_parameter(Name="n", Value="1", Overwrite=True)["Version"] == 2, "unchanged is a version too"
    assert ssm.put_parameter(Name="/n", Value="3", Overwrite=True)["Version"] == 3, "the same parameter"
    found = ssm.get_parameter(Name="n")["Parameter"]
    assert (found["Name"], found["Value"], found["Version"]) == ("n", "3", 3)


def test_overwriting_what_is_not_there_creates_it(ssm: Any) -> None:
    assert refused(ssm.put_parameter, Name="n", Value="1", Overwrite=True) == (
        "ValidationException",
        "A parameter type is required when you create a parameter.",
    )
    assert ssm.put_parameter(Name="n", Value="1", Type="String", Overwrite=True)["Version"] == 1


def test_what_overwriting_keeps(ssm: Any) -> None:
    ssm.put_parameter(
        Name="n", Value="1", Type="String", Description="d", AllowedPattern="\\d", Tags=[{"Key": "k", "Value": "v"}]
    )
    ssm.put_parameter(Name="n", Value="2", Overwrite=True)
    kept = ssm.describe_parameters()["Parameters"][0]
    assert (kept["Description"], kept["AllowedPattern"]) == ("d", "\\d")
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="n")["TagList"] == [
        {"Key": "k", "Value": "v"}
    ]
    # As Terraform sends them: an empty text clears.
    ssm.put_parameter(Name="n", Value="x", Overwrite=True, Description="", AllowedPattern="")
    cleared = ssm.describe_parameters()["Parameters"][0]
    assert not {"Description", "AllowedPattern"} & set(cleared)


def test_a_type_does_not_change(ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="1", Type="String")
    code, _ = refused(ssm.put_parameter, Name="n", Value="1", Type="SecureString", Overwrite=True)
    assert code == "HierarchyTypeMismatchException"


@pytest.mark.parametrize("name", ["a b", "a@b", "a/b", "/a//b", "/a/", "/", "ssm", "/SSM/x", "n:1", "é",
                                  "arn:aws:ssm:us-east-1:123456789012:parameter/a"])  # fmt: skip
def test_bad_names(shared: Any, name: str) -> None:
    assert refused(shared.put_parameter, Name=name, Value="v", Type="String") == BAD_NAME


@pytest.mark.parametrize(
    ("name", "said"), [("aws.test", "aws.test"), ("/aws/x", "aws/x"), ("/AWSsec/lab", "AWSsec/lab")]
)
def test_reserved_names(shared: Any, name: str, said: str) -> None:
    expected = ("AccessDeniedException", f"No access to reserved parameter name: {said}.")
    assert refused(shared.put_parameter, Name=name, Value="v", Type="String") == expected
    assert refused(shared.delete_parameter, Name=name) == expected
    assert refused(shared.delete_parameters, Names=["x", name]) == expected
    assert refused(shared.label_parameter_version, Name=name, Labels=["x"]) == expected


def test_spaces_around_a_name_go(ssm: Any) -> None:
    ssm.put_parameter(Name="  /a/b ", Value="v", Type="String")
    assert ssm.get_parameter(Name=" /a/b")["Parameter"]["Name"] == "/a/b"
    ssm.delete_parameter(Name="/a/b ")
    assert ssm.describe_parameters()["Parameters"] == []


def test_depth_and_length(holdfast: Account, ssm: Any) -> None:
    deepest = "".join(f"/L{n}" for n in range(1, 15)) + "/name"
    ssm.put_parameter(Name=deepest, Value="v", Type="String")
    code, text = refused(ssm.put_parameter, Name=f"{deepest}/x", Value="v", Type="String")
    assert code == "HierarchyLevelLimitExceededException"
    assert text.startswith("Hierarchy depth exceeds maximum")
    room = 1011 - len(f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/")
    longest = "x" * room
    ssm.put_parameter(Name=longest, Value="v", Type="String")
    assert len(ssm.get_parameter(Name=longest)["Parameter"]["ARN"]) == 1011
    assert refused(ssm.put_parameter, Name=f"{longest}x", Value="v", Type="String")[0] == "ValidationException"


@pytest.mark.parametrize("tier", [None, "Standard"])
def test_a_value_too_large(shared: Any, tier: str | None) -> None:
    extra = {"Tier": tier} if tier else {}
    assert refused(shared.put_parameter, Name="refused", Value="x" * 4097, Type="String", **extra) == SIZE
    assert refused(shared.put_parameter, Name="refused", Value="é" * 2049, Type="SecureString", **extra) == SIZE


def test_an_empty_value(shared: Any) -> None:
    assert refused(shared.put_parameter, Name="refused", Value="", Type="String") == (
        "ValidationException",
        "1 validation error detected: Value at 'value' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    )


@pytest.mark.parametrize("value", ["{{ssm:other}}", "a {{b}} c", "{{}}"])
def test_references_in_a_value(shared: Any, value: str) -> None:
    assert refused(shared.put_parameter, Name="refused", Value=value, Type="String") == (
        "ValidationException",
        'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.',
    )


def test_tags_and_overwrite(ssm: Any) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    expected = (
        "ValidationException",
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove "
        "overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
        "RemoveTagsFromResource.",
    )
    assert refused(ssm.put_parameter, Name="n", Value="v", Type="String", Tags=tags, Overwrite=True) == expected
    ssm.put_parameter(Name="n", Value="v", Type="String", Tags=tags, Overwrite=False)


def test_an_allowed_pattern_matches_the_whole_value(ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="100", Type="String", AllowedPattern="\\d{1,4}")
    assert refused(ssm.put_parameter, Name="n", Value="100000", Overwrite=True) == (
        "ParameterPatternMismatchException",
        "Parameter value, cannot be validated against allowedPattern: \\d{1,4}",
    )
    assert value_of(ssm, "n") == "100"
    ssm.put_parameter(Name="n", Value="abc", Overwrite=True, AllowedPattern="[a-z]+")
    code, _ = refused(ssm.put_parameter, Name="s", Value="short", Type="SecureString", AllowedPattern=".{8,20}")
    assert code == "ParameterPatternMismatchException"


@pytest.mark.parametrize("pattern", ["(", "*", "[z-a]"])
def test_an_allowed_pattern_that_is_none(shared: Any, pattern: str) -> None:
    code, text = refused(shared.put_parameter, Name="refused", Value="v", Type="String", AllowedPattern=pattern)
    assert code == "InvalidAllowedPatternException"
    assert "not a valid regular expression" in text


def test_an_allowed_pattern_that_we_cannot_bound(shared: Any) -> None:
    code, text = refused(shared.put_parameter, Name="refused", Value="aa", Type="String", AllowedPattern="(a)\\1")
    assert code == "InvalidAllowedPatternException"
    assert "a back-reference, which Holdfast does not implement" in text


def test_a_hostile_pattern_is_answered(shared: Any) -> None:
    hostile = {"Name": "refused", "Value": "a" * 4000 + "!", "Type": "String", "AllowedPattern": "(a+)+$"}
    assert refused(shared.put_parameter, **hostile)[0] == "ParameterPatternMismatchException"


@pytest.mark.parametrize("kind", ["String", "StringList"])
def test_a_key_without_a_secure_string(shared: Any, kind: str) -> None:
    assert refused(shared.put_parameter, Name="refused", Value="v", Type=kind, KeyId="alias/aws/ssm") == (
        "ValidationException",
        "KeyId is required for SecureString type parameter only",
    )


@pytest.mark.parametrize(
    "members", [{"Policies": POLICIES}, {"Policies": POLICIES, "Tier": "Standard"}, {"DataType": "nothing"},
                {"DataType": "json", "Value": "{}"}]
)  # fmt: skip
def test_what_the_standard_tier_refuses(shared: Any, members: dict[str, str]) -> None:
    code, _ = refused(shared.put_parameter, **{"Name": "refused", "Value": "v", "Type": "String", **members})
    assert code == "ValidationException"
    assert refused(shared.get_parameter, Name="refused") == NOT_FOUND


def test_intelligent_tiering_where_it_is_standard(ssm: Any) -> None:
    answer = ssm.put_parameter(Name="n", Value="v", Type="String", Tier="Intelligent-Tiering", DataType="text")
    assert answer["Tier"] == "Standard"
    assert ssm.describe_parameters()["Parameters"][0]["Tier"] == "Standard"


def test_a_hundred_versions_are_kept(ssm: Any) -> None:
    ssm.put_parameter(Name="/n", Value="1", Type="String")
    for number in range(2, 101):
        ssm.put_parameter(Name="/n", Value=str(number), Overwrite=True)
    ssm.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["first"])
    assert refused(ssm.put_parameter, Name="/n", Value="101", Overwrite=True) == (
        "ParameterMaxVersionLimitExceeded",
        "You attempted to create a new version of /n by calling the PutParameter API with the overwrite flag. Version 1, "
        "the oldest version, can't be deleted because it has a label associated with it. Move the label to another "
        "version of the parameter, and try again.",
    )
    assert ssm.get_parameter(Name="/n")["Parameter"]["Version"] == 100
    ssm.label_parameter_version(Name="/n", ParameterVersion=2, Labels=["first"])
    assert ssm.put_parameter(Name="/n", Value="101", Overwrite=True)["Version"] == 101
    assert refused(ssm.get_parameter, Name="/n:1")[0] == "ParameterVersionNotFound"
    pages = ssm.get_paginator("get_parameter_history").paginate(Name="/n")
    assert [v["Version"] for page in pages for v in page["Parameters"]] == list(range(2, 102))


def test_after_deletion_versions_start_again(ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="1", Type="String")
    ssm.put_parameter(Name="n", Value="2", Overwrite=True)
    ssm.label_parameter_version(Name="n", Labels=["x"])
    ssm.delete_parameter(Name="n")
    assert ssm.put_parameter(Name="/n", Value="3", Type="SecureString")["Version"] == 1
    history = ssm.get_parameter_history(Name="n", WithDecryption=True)["Parameters"]
    assert [(v["Name"], v["Version"], v["Value"], v["Labels"]) for v in history] == [("/n", 1, "3", [])]


def test_accounts_and_regions_are_apart(holdfast: Account, ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="here", Type="String")
    holdfast.client("ssm", region_name="eu-west-1").put_parameter(Name="n", Value="there", Type="String")
    stranger = holdfast.server.create_account().client("ssm")
    assert refused(stranger.get_parameter, Name="n") == ("ParameterNotFound", "")
    assert value_of(ssm, "n") == "here"
