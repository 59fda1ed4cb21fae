"""GetParameter, GetParameters, GetParameterHistory."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account
from tests.raw_client import client_of

from .refusals import BAD_NAME, NOT_FOUND, refused


@pytest.fixture
def versions(ssm: Any) -> Any:
    """/a/b with three versions, the second one labelled `two`; and c."""
    ssm.put_parameter(Name="/a/b", Value="v1", Type="String")
    ssm.put_parameter(Name="/a/b", Value="v2", Overwrite=True)
    ssm.put_parameter(Name="/a/b", Value="v3", Overwrite=True)
    ssm.label_parameter_version(Name="/a/b", ParameterVersion=2, Labels=["two"])
    ssm.put_parameter(Name="c", Value="vc", Type="StringList")
    return ssm


def test_what_a_parameter_is(holdfast: Account, versions: Any) -> None:
    found = versions.get_parameter(Name="/a/b")["Parameter"]
    assert found.pop("LastModifiedDate").microsecond % 1000 == 0
    assert found == {
        "Name": "/a/b",
        "Type": "String",
        "Value": "v3",
        "Version": 3,
        "ARN": f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/b",
        "DataType": "text",
    }


@pytest.mark.parametrize(("selector", "version"), [(":1", 1), (":3", 3), (":two", 2)])
def test_selectors(holdfast: Account, versions: Any, selector: str, version: int) -> None:
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/b"
    for name in ("/a/b", arn):
        found = versions.get_parameter(Name=f"{name}{selector}")["Parameter"]
        assert (found["Name"], found["Selector"], found["Version"]) == ("/a/b", selector, version)
        assert (found["Value"], found["ARN"]) == (f"v{version}", arn)


def test_what_is_not_there(versions: Any) -> None:
    assert refused(versions.get_parameter, Name="/a") == NOT_FOUND
    assert refused(versions.get_parameter, Name="/a/b/c:1") == NOT_FOUND
    assert refused(versions.get_parameter, Name="/a/b:4") == (
        "ParameterVersionNotFound",
        "Systems Manager could not find version 4 of /a/b. Verify the version and try again.",
    )
    assert refused(versions.get_parameter, Name="/a/b:99999999999999999999")[0] == "ParameterVersionNotFound"
    assert refused(versions.get_parameter, Name="/a/b:three") == (
        "ParameterVersionNotFound",
        "Systems Manager could not find label three for parameter /a/b. Verify the label and try again.",
    )


def test_not_found_has_no_text_at_all(holdfast: Account) -> None:
    with client_of(holdfast) as raw:
        answer = raw.call("ssm", "GetParameter", Name="nothing")
    assert (answer.status, answer.body) == (400, {"__type": "ParameterNotFound"})


@pytest.mark.parametrize("name", ["a b", "a/b", "/a/", "/a/b:", "/a/b:1:2", "ssm", "n@x", "arn:aws:ssm:x:y:document/a"])
def test_malformed_names(ssm: Any, name: str) -> None:
    assert refused(ssm.get_parameter, Name=name) == BAD_NAME


def test_an_arn_of_elsewhere(holdfast: Account, ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="v", Type="String")
    foreign = f"arn:aws:ssm:{holdfast.region}:999999999999:parameter/n"
    code, text = refused(ssm.get_parameter, Name=foreign)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: ssm:GetParameter on resource: {foreign}" in text
    assert refused(ssm.get_parameters, Names=["n", foreign])[0] == "AccessDeniedException"
    assert refused(ssm.get_parameter_history, Name=foreign)[0] == "AccessDeniedException"
    away = f"arn:aws:ssm:eu-west-1:{holdfast.account}:parameter/n"
    assert refused(ssm.get_parameter, Name=away) == NOT_FOUND


def test_with_and_without_the_leading_slash(ssm: Any) -> None:
    ssm.put_parameter(Name="bare", Value="1", Type="String")
    ssm.put_parameter(Name="/rooted", Value="2", Type="String")
    assert ssm.get_parameter(Name="/bare")["Parameter"]["Name"] == "bare"
    assert ssm.get_parameter(Name="rooted")["Parameter"]["Name"] == "/rooted"


# -- several ------------------------------------------------------------------------------------------------------


def test_several_in_order_and_the_rest_as_given(versions: Any) -> None:
    asked = ["c", "nothing", "/a/b:two", "/a/b", "/a/b:9", "a b", "/a/b:nope", "c:1"]
    answer = versions.get_parameters(Names=asked)
    found = [(p["Name"], p.get("Selector"), p["Value"]) for p in answer["Parameters"]]
    assert found == [("/a/b", None, "v3"), ("/a/b", ":two", "v2"), ("c", None, "vc"), ("c", ":1", "vc")]
    assert answer["InvalidParameters"] == ["nothing", "/a/b:9", "a b", "/a/b:nope"]


def test_a_name_is_asked_for_once(ssm: Any) -> None:
    code, text = refused(ssm.get_parameters, Names=["n", "m", "n"])
    assert code == "ValidationException"
    assert "'[n, m, n]' at 'names'" in text


def test_ten_names_at_most(ssm: Any) -> None:
    assert refused(ssm.get_parameters, Names=[f"n{n}" for n in range(11)])[0] == "ValidationException"


# -- history ------------------------------------------------------------------------------------------------------


def test_history(holdfast: Account, versions: Any) -> None:
    versions.put_parameter(Name="/a/b", Value="v4", Overwrite=True, Description="fourth", AllowedPattern="v.")
    history = versions.get_parameter_history(Name="/a/b")["Parameters"]
    assert [(v["Version"], v["Value"], v["Labels"]) for v in history] == [
        (1, "v1", []),
        (2, "v2", ["two"]),
        (3, "v3", []),
        (4, "v4", []),
    ]
    last = history[3]
    last.pop("LastModifiedDate")
    assert last == {
        "Name": "/a/b",
        "Type": "String",
        "LastModifiedUser": f"arn:aws:iam::{holdfast.account}:root",
        "Description": "fourth",
        "Value": "v4",
        "AllowedPattern": "v.",
        "Version": 4,
        "Labels": [],
        "Tier": "Standard",
        "Policies": [],
        "DataType": "text",
    }
    assert "Description" not in history[0]


def test_history_in_pages(versions: Any) -> None:
    first = versions.get_parameter_history(Name="/a/b", MaxResults=2)
    assert [v["Version"] for v in first["Parameters"]] == [1, 2]
    second = versions.get_parameter_history(Name="/a/b", MaxResults=2, NextToken=first["NextToken"])
    assert [v["Version"] for v in second["Parameters"]] == [3]
    assert "NextToken" not in second
    assert refused(versions.get_parameter_history, Name="c", NextToken=first["NextToken"])[0] == "InvalidNextToken"
    assert refused(versions.get_parameter_history, Name="/a/b", NextToken="x")[0] == "InvalidNextToken"
    assert refused(versions.get_parameter_history, Name="/a/b", MaxResults=51)[0] == "ValidationException"


def test_history_of_what_is_not_there(holdfast: Account, versions: Any) -> None:
    assert refused(versions.get_parameter_history, Name="nothing") == NOT_FOUND
    assert refused(versions.get_parameter_history, Name="/a/b:1") == BAD_NAME
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/b"
    assert len(versions.get_parameter_history(Name=arn)["Parameters"]) == 3


def test_service_time_is_shown(holdfast_server: Any) -> None:
    ssm = holdfast_server.client("ssm")
    ssm.put_parameter(Name="n", Value="1", Type="String")
    holdfast_server.advance(days=3)
    ssm.put_parameter(Name="n", Value="2", Overwrite=True)
    first, second = (v["LastModifiedDate"] for v in ssm.get_parameter_history(Name="n")["Parameters"])
    assert 3 * 86400 <= (second - first).total_seconds() < 3 * 86400 + 600
    assert ssm.get_parameter(Name="n")["Parameter"]["LastModifiedDate"] == second
    assert ssm.get_parameter(Name="n:1")["Parameter"]["LastModifiedDate"] == first
