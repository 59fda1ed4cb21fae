"""The generated modules are what the generator writes today, and whole."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import botocore.loaders
import msgspec
import pytest
from tests.wire.counterpart import generator

import holdfast.api
from holdfast.api.base import Api, ServiceError, Shape
from holdfast.wire.shapes import members_of

DIRECTORY = Path(holdfast.api.__file__).parent
MODULES = sorted(path.stem for path in DIRECTORY.glob("*.py") if path.stem not in {"__init__", "base", "operation"})


def module(name: str) -> Any:
    return importlib.import_module(f"holdfast.api.{name}")


def classes(name: str, base: type) -> list[Any]:
    found = vars(module(name)).values()
    return [
        value
        for value in found
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == f"holdfast.api.{name}"
    ]


def test_committed_files_are_fresh() -> None:
    written = generator().generate()
    assert sorted(written) == [f"{name}.py" for name in MODULES]
    stale = [name for name, text in written.items() if (DIRECTORY / name).read_text() != text]
    assert stale == [], "run `make generate`"


def test_generator_is_deterministic() -> None:
    source = next(source for source in generator().SOURCES if source.name == "secretsmanager")
    texts = {generator().Module(source, generator().load_model(source)).render() for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.parametrize("name", MODULES)
def test_every_structure_decodes_and_describes_itself(name: str) -> None:
    structures = classes(name, Shape)
    assert structures
    for structure in structures:
        value = msgspec.json.decode(b"{}", type=structure)
        assert all(getattr(value, member) is None for member in structure.__struct_fields__)
        members = members_of(structure)
        assert [member.name for member in members] == list(structure.__struct_fields__)
        assert set(structure.REQUIRED) <= set(structure.__struct_fields__)
        assert set(structure.SENSITIVE) <= set(structure.__struct_fields__)


@pytest.mark.parametrize("name", MODULES)
def test_every_error_says_what_a_protocol_needs(name: str) -> None:
    for error in classes(name, ServiceError):
        raised = error("text")
        assert raised.code
        assert 400 <= raised.status < 600
        assert raised.query_status in {0, raised.status}
        assert raised.message == "text"


@pytest.mark.parametrize("name", MODULES)
def test_operations_are_the_models(name: str) -> None:
    api: Api = module(name).API
    source = next(source for source in generator().SOURCES if source.name == name)
    model = generator().load_model(source)
    assert list(api.operations) == sorted(source.operations or model["operations"])
    assert sorted([*api.operations, *api.absent]) == sorted(model["operations"])
    for operation_name, operation in api.operations.items():
        expected = model["operations"][operation_name]
        assert operation.service == api.metadata.name == name
        assert operation.name == operation_name
        assert [error.__name__ for error in operation.errors] == [
            error["shape"] for error in expected.get("errors", [])
        ]
        assert operation.no_output == ("output" not in expected)
        assert getattr(module(name), operation_name) is operation


def test_models_are_the_installed_ones() -> None:
    loader = botocore.loaders.Loader()
    for name in ("secretsmanager", "kms", "sts", "ssm"):
        metadata = module(name).METADATA
        assert metadata.api_version == loader.determine_latest_version(name, "service-2")
        assert metadata.signing_name == name
