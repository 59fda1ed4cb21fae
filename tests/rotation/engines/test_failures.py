"""What a person reads when a step fails, and that the same step succeeds once the cause is gone."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from holdfast.rotation.engine import EngineSettings, RotationError
from tests.canaries import canary, places
from tests.databases import MariaDB, PostgreSQL, debian_postgresql, running
from tests.mongodb import MongoDB
from tests.rotation.engines.families import (
    STRATEGIES,
    Family,
    MariaDBFamily,
    MongoDBFamily,
    PostgreSQLFamily,
    RedshiftFamily,
    Rotation,
)


def refused(rotation: Rotation, step: str = "set") -> str:
    """The text of the failure. No password is in it, nor in the exceptions behind it that would be shown."""
    rotation.create()
    with pytest.raises(RotationError) as raised:
        getattr(rotation, step)()
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert not list(places(str(raised.value).encode()))
    return str(raised.value)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_database_down(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    up, up_master = rotation.current, rotation.master
    rotation.current = {**up, "port": port}
    rotation.master = up_master and {**up_master, "port": port}
    text = refused(rotation)
    assert f"127.0.0.1:{port}" in text
    assert "Connection refused" in text
    assert refused(rotation, "test").startswith("Cannot connect to ")
    rotation.current, rotation.master, rotation.pending = up, up_master, None
    rotation.rotate()
    family.log_in(rotation.current)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_password_changed_by_hand(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    right = canary("by-hand")
    family.change_by_hand(rotation.current["username"], right)
    text = refused(rotation)
    assert "current password" in text
    assert rotation.current["username"] in text
    rotation.current = {**rotation.current, "password": right}
    rotation.pending = None
    rotation.rotate()
    family.log_in(rotation.current)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_locked_user(family: Family, strategy: str) -> None:
    if isinstance(family, (MongoDBFamily, RedshiftFamily)):
        pytest.skip("MongoDB and Redshift lock nobody")
    rotation = Rotation(family, strategy)
    family.lock(rotation.current["username"])
    text = refused(rotation)
    assert "not permitted to log in" in text or "locked" in text
    family.lock(rotation.current["username"], locked=False)
    rotation.rotate()
    family.log_in(rotation.current)


def test_locked_alternate_stays_locked(family: Family) -> None:
    """Somebody locked it on purpose: a rotation sets its password and then says that it cannot log in."""
    if isinstance(family, (MongoDBFamily, RedshiftFamily)):
        pytest.skip("MongoDB and Redshift lock nobody")
    rotation = Rotation(family, "MultiUser")
    rotation.rotate()
    rotation.rotate()
    family.lock(f"{rotation.current['username']}_clone")
    rotation.create()
    rotation.set()
    text = refused(rotation, "test")
    assert "not permitted to log in" in text or "locked" in text
    family.lock(f"{rotation.current['username']}_clone", locked=False)
    rotation.rotate()
    family.log_in(rotation.current)


def test_wrong_superuser(family: Family) -> None:
    rotation = Rotation(family, "MultiUser")
    right = rotation.master
    assert right
    rotation.master = {**right, "password": canary("wrong")}
    assert "superuser's password" in refused(rotation)
    rotation.master = right
    rotation.rotate()


def test_a_superuser_that_may_do_nothing(family: Family) -> None:
    rotation = Rotation(family, "MultiUser")
    rotation.master = family.make()
    text = refused(rotation)
    assert "refused: " in text
    findings = rotation.findings()
    assert not all(passed for passed, _ in findings.values())


def test_a_listener_that_says_nothing(family: Family) -> None:
    settings = EngineSettings(connect_timeout=1, statement_timeout=1)
    rotation = Rotation(family, "SingleUser", settings, ssl=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rotation.current = {**rotation.current, "port": silent.getsockname()[1]}
        assert "Cannot connect" in refused(rotation)


def test_a_lock_that_is_held_on_the_users(postgresql_15: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_15)
    rotation = Rotation(family, "SingleUser", EngineSettings(statement_timeout=0.3))
    with postgresql_15.admin() as admin:
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE pg_authid IN EXCLUSIVE MODE")
        assert "statement timeout" in refused(rotation)
    rotation.rotate()
    family.log_in(rotation.current)


class Relay:
    """Between a client and a server; once the client has said `word`, the server's answers are lost."""

    def __init__(self, port: int, word: bytes) -> None:
        self._target, self._word = port, word
        self._silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._word in data:
                    self._silent.set()
                if not self._silent.is_set():
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.mark.parametrize(
    ("family", "word"),
    [("postgresql-15", b"ALTER USER"), ("mariadb", b"SET PASSWORD"), ("documentdb", b"updateUser")],
    indirect=["family"],
)
def test_a_server_that_falls_silent_in_the_middle(family: Family, word: bytes) -> None:
    settings = EngineSettings(connect_timeout=2, statement_timeout=0.5)
    rotation = Rotation(family, "SingleUser", settings, ssl=False)
    with closing(Relay(rotation.current["port"], word)) as relay:
        up = rotation.current
        rotation.current = {**up, "port": relay.port}
        assert "refused: " in refused(rotation)
    rotation.current, rotation.pending = up, None
    rotation.rotate()
    family.log_in(rotation.current)


# -- a full disk -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, which only root can make."""
    directory = Path(tempfile.mkdtemp(prefix="holdfast-small-", dir="/tmp"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", directory], check=False).returncode:
        directory.rmdir()
        pytest.skip("a small file system needs root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)
        directory.rmdir()


def test_full_disk_of_postgresql(small_disk: Path) -> None:
    options = "-c max_wal_size=32MB -c min_wal_size=32MB -c wal_keep_size=0 -c shared_buffers=1MB"
    with running(PostgreSQL(debian_postgresql(), small_disk, options=options)) as server:
        rotation = Rotation(PostgreSQLFamily(server), "SingleUser")
        filler = small_disk / "filler"
        texts: list[str] = []
        # While an old snapshot is held, each new password is a new row, and before long it needs a new page.
        with server.admin() as snapshot:
            snapshot.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            snapshot.execute("SELECT count(*) FROM pg_authid")
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"\0" * 4096)
            while not texts:
                rotation.create()
                try:
                    rotation.set()
                    rotation.finish()
                except RotationError as error:
                    texts.append(str(error))
        filler.unlink()
        assert "No space left on device" in texts[0]
        assert not list(places(texts[0].encode()))
        rotation.rotate()
        rotation.family.log_in(rotation.current)


def test_full_disk_of_a_mongodb_double() -> None:
    with running(MongoDB()) as server:
        rotation = Rotation(MongoDBFamily(server), "SingleUser")
        server.disk_full = True
        assert "No space left on device" in refused(rotation)
        server.disk_full = False
        rotation.rotate()
        rotation.family.log_in(rotation.current)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_mongodb_double_that_knows_one_mechanism(mechanism: str) -> None:
    with running(MongoDB(mechanisms=(mechanism,))) as server:
        rotation = Rotation(MongoDBFamily(server), "MultiUser")
        rotation.rotate()
        rotation.family.log_in(rotation.current)


# -- an alternate user that was half made ------------------------------------------------------------------------------------


def test_mariadb_finishes_a_user_that_a_crash_left_locked(mariadb: MariaDB) -> None:
    """Its statements commit one by one: after each of them the rest must follow, and nobody logs in before."""
    family = MariaDBFamily(mariadb)
    for after in range(1, 3):
        rotation = Rotation(family, "MultiUser")
        rotation.create()
        user = rotation.current["username"]
        statements = [f"CREATE USER {family.account(user + '_clone')} ACCOUNT LOCK"]
        statements += [f"GRANT INSERT ON shop.* TO {family.account(user + '_clone')}"]
        for statement in statements[:after]:
            family.run(statement)
        rotation.rotate()
        family.log_in(rotation.current)


# -- drivers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "extra", "function", "kind"),
    [
        ("psycopg", "postgresql", "SecretsManagerRDSPostgreSQLRotationSingleUser", "postgres"),
        ("psycopg", "postgresql", "SecretsManagerRedshiftRotationSingleUser", "redshift"),
        ("pymysql", "mysql", "SecretsManagerRDSMariaDBRotationSingleUser", "mariadb"),
        ("pymongo", "documentdb", "SecretsManagerMongoDBRotationSingleUser", "mongo"),
    ],
)
def test_a_driver_that_is_missing_is_named(module: str, extra: str, function: str, kind: str) -> None:
    program = f"""
import sys
sys.modules[{module!r}] = None
from holdfast.rotation.engine import EngineSettings, Values
from holdfast.rotation.engines import ENGINES
assert not {{"psycopg", "pymysql", "pymongo"}} & {{name for name, loaded in sys.modules.items() if loaded}}
fields = dict(engine={kind!r}, host="127.0.0.1", username="a", password="b", port=1)
engine = ENGINES[{function!r}]
print([finding.text for finding in engine.rehearse(Values(fields), EngineSettings())][-1])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"needs the Python package {module}" in done.stdout
    assert f"pip install 'holdfast[{extra}]'" in done.stdout
