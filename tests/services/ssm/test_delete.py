"""DeleteParameter and DeleteParameters."""

from __future__ import annotations

from typing import Any

from .refusals import BAD_NAME, NOT_FOUND, refused


def test_everything_goes(ssm: Any) -> None:
    ssm.put_parameter(Name="/n", Value="1", Type="String", Tags=[{"Key": "k", "Value": "v"}])
    ssm.put_parameter(Name="/n", Value="2", Overwrite=True)
    ssm.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["l"])
    answer = ssm.delete_parameter(Name="n")
    assert set(answer) == {"ResponseMetadata"}
    assert refused(ssm.get_parameter, Name="/n") == NOT_FOUND
    assert refused(ssm.get_parameter_history, Name="/n") == NOT_FOUND
    assert refused(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId="/n")[0] == "InvalidResourceId"
    assert ssm.describe_parameters(ParameterFilters=[{"Key": "tag:k"}])["Parameters"] == []
    label = [{"Key": "Label", "Values": ["l"]}]
    assert ssm.get_parameters_by_path(Path="/", ParameterFilters=label)["Parameters"] == []


def test_refusals(ssm: Any) -> None:
    assert refused(ssm.delete_parameter, Name="nothing") == NOT_FOUND
    assert refused(ssm.delete_parameter, Name="a b") == BAD_NAME
    assert refused(ssm.delete_parameter, Name="n:1") == BAD_NAME
    assert refused(ssm.delete_parameter, Name="arn:aws:ssm:us-east-1:123456789012:parameter/n") == BAD_NAME


def test_several(ssm: Any) -> None:
    for name in ("a", "/b", "/c/d"):
        ssm.put_parameter(Name=name, Value="1", Type="String")
    answer = ssm.delete_parameters(Names=["/c/d", "nothing", "a b", "b", "a:1"])
    assert answer["DeletedParameters"] == ["/c/d", "b"]
    assert answer["InvalidParameters"] == ["nothing", "a b", "a:1"]
    assert [p["Name"] for p in ssm.describe_parameters()["Parameters"]] == ["a"]
    assert refused(ssm.delete_parameters, Names=[f"n{n}" for n in range(11)])[0] == "ValidationException"


def test_all_or_none(ssm: Any) -> None:
    ssm.put_parameter(Name="a", Value="1", Type="String")
    assert refused(ssm.delete_parameters, Names=["a", "/aws/x"])[0] == "AccessDeniedException"
    assert ssm.get_parameter(Name="a")["Parameter"]["Value"] == "1"
