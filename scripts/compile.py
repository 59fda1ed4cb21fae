"""Compile the modules that every call goes through, for this Python: a third of the CPU of a call.

    python scripts/compile.py [--check] [--profile]

Makes `holdfast.compiled.FOLDER` anew: a shared library, a small module for each source, and a manifest with the digests of
the sources, by which `holdfast.compiled.use` knows whether they still are what was compiled. Needs mypyc (build
requirements) and a C compiler with Python's header files. docs/adr/0020 says why, and what may be in MODULES.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import compiled

if TYPE_CHECKING:
    from setuptools import Extension

MODULES = (
    "holdfast.access.decision",
    "holdfast.access.evaluate",
    "holdfast.access.grounds",
    "holdfast.access.principal",
    "holdfast.access.request",
    "holdfast.api.operation",
    "holdfast.remember",
    "holdfast.server.audit",
    "holdfast.server.authenticate",
    "holdfast.server.denials",
    "holdfast.server.directory",
    "holdfast.server.exchange",
    "holdfast.server.http_body",
    "holdfast.server.http_connection",
    "holdfast.server.http_head",
    "holdfast.server.http_response",
    "holdfast.server.listener",
    "holdfast.server.metrics",
    "holdfast.server.notebook",
    "holdfast.server.pipeline",
    "holdfast.server.reading",
    "holdfast.server.surroundings",
    "holdfast.services.call",
    "holdfast.services.cloudtrail.elements",
    "holdfast.services.cloudtrail.lines",
    "holdfast.services.cloudtrail.marks",
    "holdfast.services.cloudtrail.pages",
    "holdfast.services.cloudtrail.rules",
    "holdfast.services.holdfast.records",
    "holdfast.services.kms.authorization",
    "holdfast.services.kms.cryptographic_operations",
    "holdfast.services.kms.grants",
    "holdfast.services.kms.identifiers",
    "holdfast.services.kms.keys",
    "holdfast.services.kms.policies",
    "holdfast.services.kms.records",
    "holdfast.services.kms.rules",
    "holdfast.services.secretsmanager.finding",
    "holdfast.services.secretsmanager.identifiers",
    "holdfast.services.secretsmanager.policies",
    "holdfast.services.secretsmanager.records",
    "holdfast.services.secretsmanager.rules",
    "holdfast.services.secretsmanager.value_operations",
    "holdfast.services.secretsmanager.values",
    "holdfast.services.service",
    "holdfast.store.group_commit",
    "holdfast.store.sqlite",
    "holdfast.store.statements",
    "holdfast.vault.chain_key",
    "holdfast.vault.derivation",
    "holdfast.vault.kms_blob",
    "holdfast.vault.randomness",
    "holdfast.vault.sealing",
    "holdfast.vault.vault",
    "holdfast.wire.errors",
    "holdfast.wire.json_protocol",
    "holdfast.wire.messages",
    "holdfast.wire.sigv4",
    "holdfast.wire.sigv4_canonical",
    "holdfast.wire.sigv4_parse",
    "holdfast.wire.validation",
    "holdfast.work.clock",
)
"""Where a call spends its time. One library: calls between them are calls of C, attributes are fields."""

COMPILER = ("-fno-semantic-interposition", "-fvisibility=hidden")
LINKER = ("-Wl,-Bsymbolic",)
"""Nobody replaces a function of the library from outside: calls inside it go straight there and may be put in place. A tenth of
the CPU of a call (docs/adr/0020)."""
COUNTING = ("-fprofile-generate", "-fprofile-update=single")
COUNTED = ("-fprofile-use", "-fprofile-correction", "-fprofile-partial-training", "-Wno-missing-profile")
"""How often each branch is taken is counted in a server under calls (benchmarks/training.py), and what is seldom done is
moved out of the way of the rest: a tenth of the CPU of a call. What the training does not reach is compiled as without it."""
ROOT = Path(__file__).resolve().parent.parent
PROFILE = "profile"
"""In the manifest: empty, or how the attempt to compile with counts went."""

USED = "used"
"""There: it went well."""
OPTIONS = ("--ignore-missing-imports", "--follow-imports=silent", "--no-error-summary", "--hide-error-context")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the hot modules.")
    parser.add_argument("--check", action="store_true", help="only say, by the exit code, whether it is to be done")
    parser.add_argument("--profile", action="store_true", help="twice: the second time by what the first one counted")
    given = parser.parse_args()
    if given.check:
        current = is_current(profile=given.profile)
        if current and given.profile:
            print(end=without_counts())
        raise SystemExit(0 if current else 1)
    with tempfile.TemporaryDirectory(prefix="holdfast-compile-") as name:
        folder = Path(name)
        extensions = generate(folder)
        counts = counted(folder, extensions) if given.profile else ""
        more = COUNTED if counts == USED else ()
        install(build(folder, extensions, (*COMPILER, *more), LINKER), compiled.FOLDER, counts)


def is_current(*, profile: bool) -> bool:
    """Whether what lies in the folder was made from exactly these modules, as they are now, for this Python; with `profile`,
    whether it was tried to use counts, too."""
    try:
        manifest = json.loads((compiled.FOLDER / compiled.MANIFEST).read_bytes())
    except FileNotFoundError:
        return False
    if profile and not manifest.get(PROFILE):
        return False
    return manifest["python"] == compiled.this_python() and manifest["sources"] == compiled.source_digests(MODULES)


def without_counts(folder: Path = compiled.FOLDER) -> str:
    """A line for who set this up if counts were wanted and could not be had; else nothing. It is not tried again by itself:
    what failed once most likely fails again, five minutes later."""
    manifest = folder / compiled.MANIFEST
    if json.loads(manifest.read_bytes())[PROFILE] == USED:
        return ""
    return (
        f'setup: compiled without counts, so a call takes a tenth more CPU: see "{PROFILE}" in {manifest} '
        "and the end of .venv/compile.log; without that manifest, `make setup` tries again\n"
    )


def generate(folder: Path) -> list[Extension]:
    """The modules as C, made in `folder` from a copy, so that nothing is left beside the sources.

    mypyc prints what it does not like and exits.
    """
    # Not needed to find out that nothing is to be done.
    from mypyc.build import mypycify

    sources = folder / "sources"
    shutil.copytree(compiled.PACKAGE, sources / "holdfast", ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(sources)
    paths = [f"holdfast/{compiled.source_of(module)}" for module in MODULES]
    extensions: Any = mypycify([*OPTIONS, *paths], opt_level="3", debug_level="0")
    return extensions


def build(folder: Path, extensions: list[Extension], compiler: tuple[str, ...], linker: tuple[str, ...]) -> Path:
    """Compile the C; the folder with the results. The objects lie where an earlier build put them: counts are found so."""
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    extensions = [copy(extension) for extension in extensions]
    for extension in extensions:
        extension.extra_compile_args = [*extension.extra_compile_args, *compiler]
        extension.extra_link_args = [*extension.extra_link_args, *linker]
    command = build_ext(Distribution({"name": "holdfast-compiled", "ext_modules": extensions}))
    command.build_lib, command.build_temp, command.force = str(results), str(folder / "objects"), True
    command.ensure_finalized()
    command.run()
    return results


def counted(folder: Path, extensions: list[Extension]) -> str:
    """Compile so that branches are counted, and have a server count; whether the counts can be used, or why not."""
    training = folder / "training"
    try:
        results = build(folder, extensions, (*COMPILER, *COUNTING), (*LINKER, "-fprofile-generate"))
        install(results, training, "")
        subprocess.run([sys.executable, "-m", "benchmarks.training", training], cwd=ROOT, check=True, timeout=300)
    except Exception as error:  # noqa: BLE001 - another compiler, no free port: what is compiled without counts is as good, but slower
        return f"failed: {error}"
    return USED if any(folder.rglob("*.gcda")) else "failed: nothing was counted"


def install(results: Path, folder: Path, counts: str) -> None:
    """Put the results in place of what was compiled before; the manifest comes last and makes them count."""
    suffix = compiled.this_python()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    library = ""
    for path in results.rglob(f"*{suffix}"):
        module = ".".join(path.relative_to(results).parts).removesuffix(suffix)
        if module not in MODULES:
            library = module
        shutil.copy2(path, folder / f"{module}{suffix}")
    sources = compiled.source_digests(MODULES, results.parent / "sources" / "holdfast")
    manifest = {"python": suffix, "library": library, "sources": sources, PROFILE: counts}
    (folder / compiled.MANIFEST).write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main()
