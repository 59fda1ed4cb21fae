"""Commands as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from holdfast.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]
SECONDS = 60


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anything that would point a command somewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "AWS_"))}
    return {**kept, "COLUMNS": "100", **(extra or {})}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `holdfast ARGUMENTS` in an empty folder; `environment` is added to a clean one."""

    def run(
        *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path = tmp_path, **options: object
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "holdfast", *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=clean_environment(environment),
            timeout=SECONDS,
            check=False,
            **options,  # pyright: ignore[reportArgumentType, reportCallIssue]
        )

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a movable clock for the tests of one file."""
    with Server(tmp_path_factory.mktemp("data")) as started:
        yield started
