"""Compile the modules that every call goes through, for this Python: a third of the CPU of a call.

    python scripts/compile.py [--check]

Makes `holdfast.compiled.FOLDER` anew: a shared library, a small module for each source, and a manifest with the digests of
the sources, by which `holdfast.compiled.use` knows whether they still are what was compiled. Needs mypyc (build
requirements) and a C compiler with Python's header files. docs/adr/0020 says why, and what may be in MODULES.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

from holdfast import compiled

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
OPTIONS = ("--ignore-missing-imports", "--follow-imports=silent", "--no-error-summary", "--hide-error-context")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the hot modules.")
    parser.add_argument("--check", action="store_true", help="only say, by the exit code, whether it is to be done")
    if parser.parse_args().check:
        raise SystemExit(0 if is_current() else 1)
    with tempfile.TemporaryDirectory(prefix="holdfast-compile-") as name:
        install(build(Path(name)))


def is_current() -> bool:
    """Whether what lies in the folder was made from exactly these modules, as they are now, for this Python."""
    try:
        manifest = json.loads((compiled.FOLDER / compiled.MANIFEST).read_bytes())
    except FileNotFoundError:
        return False
    return manifest["python"] == compiled.this_python() and manifest["sources"] == compiled.source_digests(MODULES)


def build(folder: Path) -> Path:
    """Compile in `folder`, from a copy, so that nothing is left beside the sources; the folder with the results.

    mypyc prints what it does not like and exits.
    """
    # Not needed to find out that nothing is to be done.
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    sources, results = folder / "sources", folder / "results"
    shutil.copytree(compiled.PACKAGE, sources / "holdfast", ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(sources)
    paths = [f"holdfast/{compiled.source_of(module)}" for module in MODULES]
    extensions = mypycify([*OPTIONS, *paths], opt_level="3", debug_level="0")
    for extension in extensions:
        extension.extra_compile_args += COMPILER
        extension.extra_link_args += LINKER
    command = build_ext(Distribution({"name": "holdfast-compiled", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(results), str(folder / "objects")
    command.ensure_finalized()
    command.run()
    return results


def install(results: Path) -> None:
    """Put the results in place of what was compiled before; the manifest comes last and makes them count."""
    suffix = compiled.this_python()
    shutil.rmtree(compiled.FOLDER, ignore_errors=True)
    compiled.FOLDER.mkdir(parents=True)
    library = ""
    for path in results.rglob(f"*{suffix}"):
        module = ".".join(path.relative_to(results).parts).removesuffix(suffix)
        if module not in MODULES:
            library = module
        shutil.copy2(path, compiled.FOLDER / f"{module}{suffix}")
    sources = compiled.source_digests(MODULES, results.parent / "sources" / "holdfast")
    manifest = {"python": suffix, "library": library, "sources": sources}
    (compiled.FOLDER / compiled.MANIFEST).write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main()
