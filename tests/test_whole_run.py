"""What tests/conftest.py promises of a whole run, in one process and in several: a planted value that comes out fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRINTS = """
from tests.canaries import canary

def test_prints():
    print(canary())
"""
LEAVES = """
from holdfast.testing import Server
from tests.canaries import canary

def test_leaves():
    server = Server()
    (server.directory / "store.db").write_text(canary())
    server.close()
"""
KEEPS = """
import pytest
from holdfast.testing import Server
from tests.canaries import canary

def test_keeps():
    server = Server()
    (server.directory / "store.db").write_text("value")
    server.close()
    assert canary()

def test_is_left_out():
    pytest.skip("a reason to name")
"""
HEADING = "planted values that came out"


@pytest.fixture(params=["one process", "two processes"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return ("-n", "2", "--dist", "loadfile") if request.param == "two processes" else ("-n", "0")


def run(folder: Path, options: tuple[str, ...], **files: str) -> tuple[int, str]:
    """The exit code and the output of this project's configuration and fixtures on some test files."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    project = ("-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", "-p", "no:cacheprovider")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *project, *options, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def test_what_a_test_prints_and_what_a_server_leaves(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Each of them in a process of its own, where there are two."""
    code, output = run(tmp_path, options, prints=PRINTS, leaves=LEAVES)
    assert code == pytest.ExitCode.TESTS_FAILED
    found = output[output.index(HEADING) :]
    assert found.count("test_prints.py::test_prints Captured stdout call: ") == 1
    assert found.count("data directory: store.db: ") == 1
    assert "2 passed" in found


def test_what_is_kept(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, output = run(tmp_path, options, keeps=KEEPS, empty="")
    assert code == 0, output
    assert HEADING not in output
    assert "Using --randomly-seed=" in output
    assert "a reason to name" in output
    assert "1 passed, 1 skipped" in output
