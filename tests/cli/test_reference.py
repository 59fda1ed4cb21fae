"""docs/reference is what the program declares, and every exit code in it can be told from the others."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from holdfast.server.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "scripts" / "generate_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_fresh(generator: ModuleType) -> None:
    for name, text in generator.generate().items():
        assert (ROOT / "docs" / "reference" / name).read_text() == text, f"{name}: run `make generate`"


def test_every_setting_is_documented(generator: ModuleType) -> None:
    page = generator.settings_page()
    for declared in SETTINGS.values():
        for name in (declared.flag, declared.variable):
            assert page.count(f"`{name}`") >= 1


def test_exit_codes_are_distinct(generator: ModuleType) -> None:
    codes = [code for code, _ in generator.exit_codes()]
    assert len(codes) == len(set(codes))
    assert set(range(10)) <= set(codes)
