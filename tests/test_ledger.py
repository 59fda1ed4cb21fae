"""The ledger tells the truth about what is served, and is fresh."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).parent.parent / "scripts" / "generate_ledger.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_ledger", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh() -> None:
    script = _script()
    assert script.TARGET.read_text() == script.render(), "run `make generate`"
