"""What several rooms' tests share: real servers that Debian packages, the search for planted values, and two processes.

`make test` runs the files in as many processes as there are cores (pytest-xdist). A file's tests stay together, so what a
module's or a session's fixtures start is started once in each process that needs it, on ports and in directories of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from holdfast.testing import Server
from tests.canaries import places, search_directory
from tests.databases import (
    PostgreSQL,
    certificates,
    debian_postgresql,
    mariadb,
    mariadb_tls,
    mongodb,
    mongodb_tls,
    postgresql_15,
    postgresql_16,
    postgresql_18,
    running,
    throw_away,
)

__all__ = [  # pytest takes fixtures from this module's names
    "certificates",
    "mariadb",
    "mariadb_tls",
    "mongodb",
    "mongodb_tls",
    "postgresql_15",
    "postgresql_16",
    "postgresql_18",
]

# An example may take its time, whatever else the machine does: a test that bounds work counts processor time itself.
settings.register_profile("holdfast", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("holdfast")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Debian's PostgreSQL on a throw-away directory; yields a connection string."""
    with throw_away() as directory, running(PostgreSQL(debian_postgresql(), directory, trust=True)) as server:
        yield f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"


# -- in several processes -------------------------------------------------------------------------------------------------

MOST_PROCESSES = 4
"""Each has its own PostgreSQL and servers: more would need much memory, and make tests late that watch a time."""
LONGEST_FIRST = (
    "tests/clients/terraform/",
    "tests/durability/",
    "tests/rotation/",
    "tests/clients/aws_cli/",
    "tests/cli/",
    "tests/server/test_readers.py",
    "tests/services/sts/test_assume_role",
    "tests/test_compiled.py",
    "tests/access/test_agreement.py",
)
"""Files and folders that take many seconds. They begin first, so that no process ends long after the others."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many `-n auto` is; fewer where only some cores may be used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order in which processes take files; among themselves long ones and short ones stay in random order."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _place(item.nodeid))


def _place(test: str) -> int:
    return next((place for place, begin in enumerate(LONGEST_FIRST) if test.startswith(begin)), len(LONGEST_FIRST))


# -- no secret in anything that the suite printed or left behind ----------------------------------------------------------

LEAKS: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What each test printed and logged."""
    if report.passed:  # a failed assertion shows the values it compared
        for name, text in report.sections:
            LEAKS.extend(f"{report.nodeid} {name}: {place!r}" for place in places(text.encode("utf-8", "replace")))


@pytest.fixture(scope="session", autouse=True)
def search_servers_before_they_go() -> Iterator[None]:
    """Every throw-away server's directory and log, before it is removed."""
    remove: Any = Server.close

    def close(self: Server) -> None:
        if self.process is not None:
            self.stop()
        log = Path(f"{self.directory}.log")
        LEAKS.extend(f"data directory: {line}" for line in search_directory(self.directory))
        if log.exists():
            LEAKS.extend(f"server log: {place!r}" for place in places(log.read_bytes()))
        remove(self)

    Server.close = close
    yield
    Server.close = remove


def pytest_sessionfinish(session: pytest.Session) -> None:
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:  # one process of several: what it found is for the one that reports
        told["leaks"] = LEAKS
    elif LEAKS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    LEAKS.extend(getattr(node, "workeroutput", {}).get("leaks", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEAKS:
        terminalreporter.section("planted values that came out", red=True)
        for leak in sorted(set(LEAKS))[:20]:
            terminalreporter.line(leak)
