"""LabelParameterVersion and UnlabelParameterVersion."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import BAD_NAME, NOT_FOUND, refused


@pytest.fixture
def three(ssm: Any) -> Any:
    ssm.put_parameter(Name="/n", Value="1", Type="String")
    ssm.put_parameter(Name="/n", Value="2", Overwrite=True)
    ssm.put_parameter(Name="/n", Value="3", Overwrite=True)
    return ssm


def labels(ssm: Any) -> dict[int, list[str]]:
    return {v["Version"]: v["Labels"] for v in ssm.get_parameter_history(Name="/n")["Parameters"]}


def answer(response: dict[str, Any]) -> dict[str, Any]:
    response.pop("ResponseMetadata")
    return response


def test_the_newest_version_by_default(three: Any) -> None:
    assert answer(three.label_parameter_version(Name="/n", Labels=["b", "a"])) == {
        "InvalidLabels": [],
        "ParameterVersion": 3,
    }
    assert labels(three) == {1: [], 2: [], 3: ["a", "b"]}
    three.put_parameter(Name="/n", Value="4", Overwrite=True)
    assert labels(three)[3] == ["a", "b"], "labels stay on their version"


def test_a_label_moves(three: Any) -> None:
    three.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["x", "y"])
    three.label_parameter_version(Name="/n", ParameterVersion=2, Labels=["x", "z"])
    assert labels(three) == {1: ["y"], 2: ["x", "z"], 3: []}
    assert three.get_parameter(Name="/n:x")["Parameter"]["Value"] == "2"


def test_labels_that_break_the_rules_are_named(three: Any) -> None:
    asked = ["good", "1bad", "aws-x", "SSM", "a b", "a:b", "good"]
    response = answer(three.label_parameter_version(Name="/n", ParameterVersion=2, Labels=asked))
    assert response == {"InvalidLabels": ["1bad", "aws-x", "SSM", "a b", "a:b"], "ParameterVersion": 2}
    assert labels(three)[2] == ["good"]


def test_ten_labels(three: Any) -> None:
    three.label_parameter_version(Name="/n", ParameterVersion=1, Labels=[f"l{n}" for n in range(10)])
    three.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["l0", "l9"])
    assert refused(three.label_parameter_version, Name="/n", ParameterVersion=1, Labels=["more"]) == (
        "ParameterVersionLabelLimitExceeded",
        "A parameter version can have a maximum of ten labels.",
    )
    assert len(labels(three)[1]) == 10
    three.label_parameter_version(Name="/n", ParameterVersion=2, Labels=["l0"])
    three.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["more"])
    assert "more" in labels(three)[1]


def test_taking_labels_off(three: Any) -> None:
    three.label_parameter_version(Name="/n", ParameterVersion=1, Labels=["a", "b"])
    three.label_parameter_version(Name="/n", ParameterVersion=2, Labels=["c"])
    response = three.unlabel_parameter_version(Name="/n", ParameterVersion=1, Labels=["b", "c", "nothing", "1x"])
    assert answer(response) == {"RemovedLabels": ["b"], "InvalidLabels": ["c", "nothing", "1x"]}
    assert labels(three) == {1: ["a"], 2: ["c"], 3: []}


def test_what_is_not_there(three: Any) -> None:
    version = (
        "ParameterVersionNotFound",
        "Systems Manager could not find version 7 of /n. Verify the version and try again.",
    )
    for operation in (three.label_parameter_version, three.unlabel_parameter_version):
        assert refused(operation, Name="nothing", ParameterVersion=1, Labels=["a"]) == NOT_FOUND
        assert refused(operation, Name="/n", ParameterVersion=7, Labels=["a"]) == version
        assert refused(operation, Name="/n:1", ParameterVersion=1, Labels=["a"]) == BAD_NAME
        assert refused(operation, Name="/n", ParameterVersion=1, Labels=["x" * 101])[0] == "ValidationException"
