"""What several rooms' tests share: real servers that Debian packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Debian's PostgreSQL on a throw-away directory; yields a connection string."""
    with throw_away() as directory, running(PostgreSQL(debian_postgresql(), directory, trust=True)) as server:
        yield f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"


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
    if LEAKS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEAKS:
        terminalreporter.section("planted values that came out", red=True)
        for leak in LEAKS[:20]:
            terminalreporter.line(leak)
