"""AddTagsToResource, RemoveTagsFromResource, ListTagsForResource."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import BAD_REQUIREMENTS, refused

PARAMETER = {"ResourceType": "Parameter"}


@pytest.fixture
def tagged(ssm: Any) -> Any:
    ssm.put_parameter(
        Name="/n", Value="1", Type="String", Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]
    )
    return ssm


def tags(ssm: Any, name: str = "/n") -> dict[str, str]:
    return {t["Key"]: t["Value"] for t in ssm.list_tags_for_resource(**PARAMETER, ResourceId=name)["TagList"]}


def test_adding_replacing_removing(tagged: Any) -> None:
    assert list(tags(tagged)) == ["a", "b"]
    tagged.add_tags_to_resource(
        **PARAMETER, ResourceId="/n", Tags=[{"Key": "a", "Value": ""}, {"Key": "é:/=+-@ .", "Value": "x"}]
    )
    assert tags(tagged) == {"a": "", "b": "2", "é:/=+-@ .": "x"}
    tagged.remove_tags_from_resource(**PARAMETER, ResourceId="n", TagKeys=["b", "nothing"])
    assert tags(tagged, "n") == {"a": "", "é:/=+-@ .": "x"}
    tagged.put_parameter(Name="/n", Value="2", Overwrite=True)
    assert tags(tagged) == {"a": "", "é:/=+-@ .": "x"}, "tags are the parameter's, not a version's"


def test_filters_follow(tagged: Any) -> None:
    def found(value: str) -> int:
        return len(tagged.describe_parameters(ParameterFilters=[{"Key": "tag:a", "Values": [value]}])["Parameters"])

    assert (found("1"), found("9")) == (1, 0)
    tagged.add_tags_to_resource(**PARAMETER, ResourceId="/n", Tags=[{"Key": "a", "Value": "9"}])
    assert (found("1"), found("9")) == (0, 1)
    tagged.delete_parameter(Name="/n")
    tagged.put_parameter(Name="/n", Value="1", Type="String")
    assert (found("9"), tags(tagged)) == (0, {})


def test_fifty(tagged: Any) -> None:
    more = [{"Key": f"k{n}", "Value": "v"} for n in range(48)]
    tagged.add_tags_to_resource(**PARAMETER, ResourceId="/n", Tags=more)
    assert refused(tagged.add_tags_to_resource, **PARAMETER, ResourceId="/n", Tags=[{"Key": "x", "Value": "v"}])[0] == (
        "TooManyTagsError"
    )
    assert len(tags(tagged)) == 50
    too_many = [{"Key": f"k{n}", "Value": "v"} for n in range(51)]
    assert refused(tagged.put_parameter, Name="m", Value="1", Type="String", Tags=too_many)[0] == "TooManyTagsError"


def test_what_cannot_be_tagged(tagged: Any) -> None:
    one = [{"Key": "k", "Value": "v"}]
    for operation, more in (
        (tagged.add_tags_to_resource, {"Tags": one}),
        (tagged.remove_tags_from_resource, {"TagKeys": ["k"]}),
        (tagged.list_tags_for_resource, {}),
    ):
        assert refused(operation, **PARAMETER, ResourceId="nothing", **more) == ("InvalidResourceId", "")
        assert refused(operation, ResourceType="Document", ResourceId="/n", **more) == ("InvalidResourceType", "")
        assert refused(operation, **PARAMETER, ResourceId="a b", **more) == BAD_REQUIREMENTS
        assert (
            refused(operation, **PARAMETER, ResourceId="arn:aws:ssm:us-east-1:1:parameter/n", **more)
            == BAD_REQUIREMENTS
        )
        assert refused(operation, ResourceType="Nothing", ResourceId="/n", **more)[0] == "ValidationException"


@pytest.mark.parametrize("bad", [[{"Key": "aws:x", "Value": "v"}], [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}],
                                 [{"Key": "k!", "Value": "v"}]])  # fmt: skip
def test_bad_tags(tagged: Any, bad: list[dict[str, str]]) -> None:
    assert refused(tagged.add_tags_to_resource, **PARAMETER, ResourceId="/n", Tags=bad)[0] == "ValidationException"
    assert refused(tagged.put_parameter, Name="m", Value="1", Type="String", Tags=bad)[0] == "ValidationException"
    assert tags(tagged) == {"a": "1", "b": "2"}
