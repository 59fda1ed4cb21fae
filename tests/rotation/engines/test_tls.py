"""What `ssl` in a secret means: verified TLS or nothing, first TLS and then plaintext, or plaintext."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from holdfast.rotation.engine import EngineSettings, RotationError, Values
from holdfast.rotation.engines import ENGINES
from tests.canaries import canary, places
from tests.databases import Certificates
from tests.rotation.engines.families import (
    STRATEGIES,
    Family,
    MariaDBFamily,
    MongoDBFamily,
    PostgreSQLFamily,
    Rotation,
)


@pytest.fixture(params=["postgresql_15", "mariadb_tls", "mongodb_tls"])
def with_tls(request: pytest.FixtureRequest) -> Family:
    kind: Any = {"p": PostgreSQLFamily, "ma": MariaDBFamily, "mo": MongoDBFamily}
    name: str = request.param
    return kind[name[:1] if name[0] == "p" else name[:2]](request.getfixturevalue(name))


@pytest.fixture(params=["postgresql_16", "mariadb", "mongodb"])
def without_tls(request: pytest.FixtureRequest) -> Family:
    kind: Any = {"p": PostgreSQLFamily, "ma": MariaDBFamily, "mo": MongoDBFamily}
    name: str = request.param
    return kind[name[:1] if name[0] == "p" else name[:2]](request.getfixturevalue(name))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("also", [{"ssl": True}, {"ssl": "true"}, {}], ids=["true", "text", "absent"])
def test_verified(with_tls: Family, certificates: Certificates, strategy: str, also: dict[str, Any]) -> None:
    rotation = Rotation(with_tls, strategy, EngineSettings(certificates.bundle), **also)
    assert rotation.findings()["tls"] == (
        True,
        "The connection is encrypted, and the server's certificate and name are verified.",
    )
    for _ in range(2):
        rotation.rotate()
        with_tls.log_in(rotation.current)
    assert rotation.current.get("ssl") == also.get("ssl")


def test_an_authority_that_is_not_ours_is_refused(with_tls: Family) -> None:
    rotation = Rotation(with_tls, "SingleUser", ssl=True)
    rotation.create()
    with pytest.raises(RotationError, match=r"(?i)certificate"):
        rotation.set()
    with_tls.log_in(rotation.current)


def test_a_name_that_is_not_the_certificates_is_refused(with_tls: Family, certificates: Certificates) -> None:
    rotation = Rotation(with_tls, "SingleUser", EngineSettings(certificates.bundle), ssl=True)
    rotation.current = {**rotation.current, "host": "127.0.0.2" if socket.has_ipv6 else "127.1"}
    rotation.create()
    with pytest.raises(RotationError):
        rotation.set()


def test_true_never_falls_back(without_tls: Family, certificates: Certificates) -> None:
    rotation = Rotation(without_tls, "SingleUser", EngineSettings(certificates.bundle), ssl=True)
    rotation.create()
    with pytest.raises(RotationError, match=r"(?i)ssl|tls"):
        rotation.set()
    without_tls.log_in(rotation.current)


def test_absent_falls_back_and_a_rehearsal_says_so(without_tls: Family, certificates: Certificates) -> None:
    rotation = Rotation(without_tls, "SingleUser", EngineSettings(certificates.bundle))
    passed, text = rotation.findings()["tls"]
    assert not passed
    assert "plaintext" in text
    rotation.rotate()
    without_tls.log_in(rotation.current)


def test_false_is_plaintext(without_tls: Family) -> None:
    rotation = Rotation(without_tls, "SingleUser", ssl=False)
    assert rotation.findings()["tls"] == (True, 'The connection is plaintext, as "ssl": false asks for.')
    rotation.rotate()
    without_tls.log_in(rotation.current)


# -- a server that has no TLS and asks for the password itself ---------------------------------------------------------------


class Thief:
    """A listener that is nobody's database; `script` answers each connection. It keeps what it was sent."""

    def __init__(self) -> None:
        self.got = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self, script: Any) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                with suppress(OSError):
                    script(self, connection)

    def read(self, connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        self.got += data
        return data


def postgresql_thief(thief: Thief, connection: socket.socket) -> None:
    data = thief.read(connection)
    if len(data) < 8:
        return
    if struct.unpack_from(">I", data, 4) == (80877103,):  # SSLRequest
        connection.sendall(b"N")
        data = thief.read(connection)
    if data:
        connection.sendall(b"R" + struct.pack(">II", 8, 3))  # AuthenticationCleartextPassword
        thief.read(connection)


def mysql_thief(thief: Thief, connection: socket.socket) -> None:
    # Protocol 10; capabilities without CLIENT_SSL, with PLUGIN_AUTH.
    greeting = b"\x0a5.7.0\0" + struct.pack("<I", 1) + b"12345678\0" + struct.pack("<H", 0xF7FF) + b"\x21\x02\0"
    greeting += struct.pack("<H", 0x0008) + b"\x15" + b"\0" * 10 + b"123456789012\0" + b"mysql_native_password\0"
    connection.sendall(struct.pack("<I", len(greeting)) + greeting)
    thief.read(connection)
    switch = b"\xfemysql_clear_password\0"
    connection.sendall(len(switch).to_bytes(3, "little") + b"\x02" + switch)
    thief.read(connection)


@contextmanager
def running_thief(script: Any) -> Generator[Thief]:
    thief = Thief()
    thread = threading.Thread(target=thief.run, args=(script,))
    thread.start()
    try:
        yield thief
    finally:
        thief.listener.shutdown(socket.SHUT_RDWR)
        thief.listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("function", "kind", "script"),
    [
        ("SecretsManagerRDSPostgreSQLRotationSingleUser", "postgres", postgresql_thief),
        ("SecretsManagerRDSMySQLRotationSingleUser", "mysql", mysql_thief),
    ],
)
@pytest.mark.parametrize("also", [{}, {"ssl": True}, {"ssl": False}], ids=["absent", "true", "false"])
def test_only_false_hands_the_password_itself_to_a_plaintext_server(
    certificates: Certificates, function: str, kind: str, script: Any, also: dict[str, Any]
) -> None:
    with running_thief(script) as thief:
        fields = {
            "engine": kind, "host": "127.0.0.1", "port": thief.port, "username": "app", "password": canary(), **also
        }  # fmt: skip
        engine = ENGINES[function]
        values = Values(fields, engine.pending(fields, canary()))
        with pytest.raises(RotationError) as raised:
            engine.set_secret(values, EngineSettings(certificates.bundle, 2))
    assert bool(list(places(thief.got))) is (also.get("ssl") is False)
    assert not list(places(str(raised.value).encode()))
