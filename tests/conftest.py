"""What several rooms' tests share: real servers that Debian packages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.testing import Server
from tests.canaries import places, search_directory


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _postgresql_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parent.parent.name))
    if not found:
        pytest.fail("PostgreSQL is not installed; `make test` installs it")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's PostgreSQL on a throw-away directory; yields a connection string."""
    binaries = _postgresql_binaries()
    directory = Path("/tmp") / f"holdfast-postgresql-{os.getpid()}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    prefix: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(directory, "postgres", "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    data = directory / "data"
    port = free_port()

    def run(*command: str) -> None:
        done = subprocess.run([*prefix, *command], cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    # ICU or libc collation on purpose is not C: the schema itself must ask for byte order.
    run(str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c fsync=off"
    run(str(binaries / "pg_ctl"), "-D", str(data), "-o", options, "-w", "-l", str(directory / "log"), "start")
    try:
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(directory, ignore_errors=True)


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
