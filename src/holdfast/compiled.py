"""The compiled form of the modules that every call goes through, where there is one.

`make setup` compiles them with mypyc (scripts/compile.py) into FOLDER, beside the virtual environment's other files; the
sources stay what is read, changed and tested, and everything works without a compiler. `use` has Python load the compiled
modules in place of their sources, all or none: they are one library and know each other's layouts.

INVARIANT: a module is loaded compiled only if its source is, byte for byte, what was compiled, so nobody runs another
program than the one that stands there.
Threat: none of its own. Who can write FOLDER can write `site-packages` beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

VARIABLE = "HOLDFAST_COMPILED"
"""`0` has the sources run although there is a compiled form."""
PACKAGE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "lib" / "holdfast-compiled"
MANIFEST = "manifest.json"

COMPILED = "compiled"
NOT_COMPILED = "interpreted"
TURNED_OFF = f"interpreted ({VARIABLE}=0)"
OTHER_PYTHON = "interpreted (what was compiled is for another Python)"
CHANGED = "interpreted (sources have changed since they were compiled)"
TOO_LATE = "interpreted (modules were loaded before)"

_forms = [NOT_COMPILED]
"""The last one counts."""


def form() -> str:
    """How this process runs: COMPILED, or why not."""
    return _forms[-1]


def use(environment: Mapping[str, str] = os.environ, folder: Path = FOLDER) -> str:
    """Load the compiled modules from now on, if there are any that fit; answers `form()`."""
    _forms.append(_find(environment, folder))
    return form()


def source_digests(modules: Sequence[str], package: Path = PACKAGE) -> dict[str, str]:
    """Module -> SHA-256 of its source as it stands now, empty for one that is gone."""
    return {module: _digest(package, module) for module in modules}


def source_of(module: str) -> str:
    """The path of a module's source below the folder of the package."""
    return "/".join(module.split(".")[1:]) + ".py"


def this_python() -> str:
    """What compiled modules depend on: the name that Python puts into theirs."""
    return EXTENSION_SUFFIXES[0]


def _digest(package: Path, module: str) -> str:
    try:
        return hashlib.sha256((package / source_of(module)).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _find(environment: Mapping[str, str], folder: Path) -> str:
    if environment.get(VARIABLE) == "0":
        return TURNED_OFF
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return NOT_COMPILED
    if manifest["python"] != this_python():
        return OTHER_PYTHON
    sources: dict[str, str] = manifest["sources"]
    if source_digests(list(sources)) != sources:
        return CHANGED
    if not sys.modules.keys().isdisjoint(sources):
        return TOO_LATE
    sys.meta_path.insert(0, CompiledFinder(folder, [*sources, manifest["library"]]))
    return COMPILED


class CompiledFinder(MetaPathFinder):
    """Finds the compiled modules before their sources are looked for."""

    def __init__(self, folder: Path, modules: Sequence[str]) -> None:
        self._paths = {module: str(folder / f"{module}{this_python()}") for module in modules}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        found = self._paths.get(fullname)
        if found is None:
            return None
        return spec_from_file_location(fullname, found, loader=ExtensionFileLoader(fullname, found))
