"""What each operation asks before it answers: the action, the resource, the condition keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.access.principal import operator_of
from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, Operation

from .house import ACCOUNT, ARN, REGION, House

NAME = "/app/x"
TAGS = {"aws:ResourceTag/env": "prod", "ssm:resourceTag/env": "prod"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "store.db")
    tags = [api.Tag(Key="env", Value="prod")]
    house.call(api.PutParameter, api.PutParameterRequest(Name=NAME, Value="secret", Type="String", Tags=tags))
    yield house
    house.database.close()


def request(operation: Operation[Any, Any], name: str) -> Any:
    members: dict[str, Any] = {"Name": name}
    match operation.name:
        case "GetParameters" | "DeleteParameters":
            members = {"Names": [name]}
        case "LabelParameterVersion":
            members |= {"Labels": ["l"]}
        case "UnlabelParameterVersion":
            members |= {"Labels": ["l"], "ParameterVersion": 1}
        case "AddTagsToResource":
            members = {"ResourceType": "Parameter", "ResourceId": name, "Tags": [api.Tag(Key="k", Value="v")]}
        case "RemoveTagsFromResource":
            members = {"ResourceType": "Parameter", "ResourceId": name, "TagKeys": ["k", "l"]}
        case "ListTagsForResource":
            members = {"ResourceType": "Parameter", "ResourceId": name}
        case "PutParameter":
            members |= {"Value": "v", "Type": "String", "Overwrite": True}
        case _:
            pass
    return operation.input(**members)


EXTRA: dict[str, dict[str, Any]] = {
    "AddTagsToResource": {"aws:RequestTag/k": "v", "aws:TagKeys": ["k"]},
    "RemoveTagsFromResource": {"aws:TagKeys": ["k", "l"]},
    "PutParameter": {"ssm:Overwrite": "true"},
}
ON_A_PARAMETER = [
    api.AddTagsToResource, api.DeleteParameter, api.DeleteParameters, api.GetParameter, api.GetParameterHistory,
    api.GetParameters, api.LabelParameterVersion, api.ListTagsForResource, api.PutParameter, api.RemoveTagsFromResource,
    api.UnlabelParameterVersion,
]  # fmt: skip


@pytest.mark.parametrize("operation", ON_A_PARAMETER, ids=lambda operation: operation.name)
def test_the_parameter_and_its_tags(house: House, operation: Operation[Any, Any]) -> None:
    house.call(operation, request(operation, NAME))
    assert house.asked == [(f"ssm:{operation.name}", f"{ARN}{NAME}", TAGS | EXTRA.get(operation.name, {}))]


@pytest.mark.parametrize("operation", ON_A_PARAMETER, ids=lambda operation: operation.name)
def test_a_denial_does_not_tell_whether_there_is_a_parameter(house: House, operation: Operation[Any, Any]) -> None:
    house.principal = operator_of(ACCOUNT)
    for name in (NAME, "/app/nothing"):
        error = house.error(operation, request(operation, name))
        assert isinstance(error, AccessDeniedException)
        assert error.message == (
            f"User: {house.principal.arn} is not authorized to perform: ssm:{operation.name} on resource: {ARN}{name} "
            f"because no identity-based policy allows the ssm:{operation.name} action"
        )


def test_a_malformed_name_among_several_is_asked_for_as_it_was_sent(house: House) -> None:
    house.call(api.GetParameters, api.GetParametersRequest(Names=["a b", NAME]))
    assert [resource for _, resource, _ in house.asked] == [f"{ARN}/a b", f"{ARN}{NAME}"]
    house.call(api.DeleteParameters, api.DeleteParametersRequest(Names=["a b"]))
    assert house.asked == [("ssm:DeleteParameters", f"{ARN}/a b", {})]


def test_a_selector_is_not_in_the_resource(house: House) -> None:
    house.call(api.GetParameter, api.GetParameterRequest(Name=f"{NAME}:1"))
    assert house.asked[0][1] == f"{ARN}{NAME}"
    house.call(api.GetParameter, api.GetParameterRequest(Name=f"{ARN}{NAME}:1"))
    assert house.asked[0][1] == f"{ARN}{NAME}"


def test_creating_with_tags_is_tagging_too(house: House) -> None:
    tags = [api.Tag(Key="a", Value="1"), api.Tag(Key="b", Value="2")]
    house.call(api.PutParameter, api.PutParameterRequest(Name="new", Value="v", Type="String", Tags=tags))
    tagged = {"aws:RequestTag/a": "1", "aws:RequestTag/b": "2", "aws:TagKeys": ["a", "b"]}
    assert house.asked == [
        ("ssm:PutParameter", f"{ARN}/new", {"ssm:Overwrite": "false", **tagged}),
        ("ssm:AddTagsToResource", f"{ARN}/new", tagged),
    ]


@pytest.mark.parametrize(
    ("path", "recursive", "resource"),
    [("/app", None, "/app"), ("/app/", True, "/app"), ("/", False, "/"), ("/no/where", True, "/no/where")],
)
def test_a_path_is_asked_for_and_nothing_below_it(
    house: House, path: str, recursive: bool | None, resource: str
) -> None:
    house.call(api.GetParametersByPath, api.GetParametersByPathRequest(Path=path, Recursive=recursive))
    expected = {"ssm:Recursive": "true" if recursive else "false"}
    assert house.asked == [("ssm:GetParametersByPath", f"{ARN}{resource}", expected)]


def test_describing_asks_for_everything(house: House) -> None:
    house.call(api.DescribeParameters, api.DescribeParametersRequest())
    assert house.asked == [("ssm:DescribeParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:*", {})]


def test_kms_is_asked_as_the_caller_through_the_service(house: House) -> None:
    put = api.PutParameterRequest(Name="s", Value="v", Type="SecureString")
    house.call(api.PutParameter, put)
    found = house.call(api.GetParameter, api.GetParameterRequest(Name="s", WithDecryption=True))
    assert found.Parameter is not None
    assert found.Parameter.Value == "v"
    house.principal = operator_of(ACCOUNT)
    assert isinstance(house.error(api.PutParameter, put), AccessDeniedException)
