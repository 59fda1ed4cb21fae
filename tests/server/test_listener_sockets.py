"""The listener on TLS, on a Unix socket, and on addresses and paths that it cannot have."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.server.live import Client, Live, listening

from holdfast.server.http_limits import Limits
from holdfast.server.listener import server_tls_context
from holdfast.wire.messages import Response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NOW = datetime.now(UTC)


def self_signed(directory: Path, password: bytes | None = None) -> tuple[Path, Path]:
    """A certificate for `localhost` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return paths


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(pair: tuple[Path, Path]) -> Iterator[Live]:
    with listening(Limits(sweep_seconds=3600), server_tls_context(*pair)) as live:
        yield live


def connect(live: Live, pair: tuple[Path, Path], ciphers: str = "", **versions: ssl.TLSVersion) -> Client:
    context = ssl.create_default_context(cafile=str(pair[0]))
    if ciphers:
        context.set_ciphers(ciphers)
    for name, version in versions.items():
        setattr(context, name, version)
    plain = live.connect()
    plain.socket = context.wrap_socket(plain.socket, server_hostname="localhost")
    return plain


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_request_over_tls(secure: Live, pair: tuple[Path, Path], version: ssl.TLSVersion) -> None:
    client = connect(secure, pair, maximum_version=version)
    client.send(GET + b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    assert [client.answer().body for _ in range(2)] == [b"got /", b"got /2"]
    channel = client.socket
    assert isinstance(channel, ssl.SSLSocket)
    cipher = channel.cipher()
    assert cipher is not None
    assert [(request.secure, request.tls) for request in secure.requests] == [
        (True, (channel.version(), cipher[0]))
    ] * 2
    assert channel.selected_alpn_protocol() is None
    assert ("ECDHE" in cipher[0] and "GCM" in cipher[0]) or cipher[0].startswith("TLS_")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_tls_is_refused(secure: Live, pair: tuple[Path, Path]) -> None:
    with pytest.raises(ssl.SSLError):
        connect(secure, pair, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_old_ciphers_are_refused(secure: Live, pair: tuple[Path, Path]) -> None:
    with pytest.raises(ssl.SSLError):
        connect(secure, pair, ciphers="ECDHE-ECDSA-AES128-SHA256", maximum_version=ssl.TLSVersion.TLSv1_2)


def test_a_large_answer_and_a_large_body_over_tls(secure: Live, pair: tuple[Path, Path]) -> None:
    secure.handle = lambda request, reply: reply(Response(200, request.body * 4))
    body = os.urandom(1 << 20)
    client = connect(secure, pair)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert client.answer().body == body * 4
    assert client.closed()


def test_a_refusal_over_tls_is_seen(secure: Live, pair: tuple[Path, Path]) -> None:
    client = connect(secure, pair)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
    assert client.answer().status == 413


def test_plain_http_at_the_tls_port_is_not_left_waiting(secure: Live) -> None:
    client = secure.connect()
    client.send(GET)
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()
    assert secure.requests == []


def test_a_key_that_is_encrypted_is_refused_without_asking(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="encrypted"):
        server_tls_context(*self_signed(tmp_path, b"password"))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(ssl.SSLError):
        server_tls_context(pair[0], self_signed(tmp_path)[1])


# -- TCP --------------------------------------------------------------------------------------------------------------


def test_every_address_of_a_host_gets_the_same_port() -> None:
    with listening() as live:
        port = live.run(live.listener.listen_tcp("localhost", 0))
        names = {str(address[4][0]) for address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
        for name in names:
            with socket.create_connection((name, port)) as connected:
                client = Client(connected)
                client.send(GET)
                assert client.answer().status == 200
                assert live.requests[-1].peer == name


def test_a_port_that_is_taken() -> None:
    with listening() as live, pytest.raises(OSError, match="use") as caught:
        live.run(live.listener.listen_tcp("127.0.0.1", live.port))
    assert caught.value.errno == errno.EADDRINUSE


# -- the operator's socket --------------------------------------------------------------------------------------------


def connect_unix(live: Live, path: Path) -> Client:
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(str(path))
    return live.keep(Client(connected))


def test_the_operators_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    before = os.umask(0)
    try:
        with listening() as live:
            live.run(live.listener.listen_unix(path))
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
            client = connect_unix(live, path)
            client.send(GET)
            assert client.answer().status == 200
            (request,) = live.requests
            assert (request.operator, request.peer, request.secure) == (True, "", False)
        assert not path.exists()
    finally:
        os.umask(before)


def test_the_operator_gets_in_when_nobody_else_does(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening(Limits(connections=1, in_flight=1, sweep_seconds=3600)) as live:
        live.run(live.listener.listen_unix(path))
        busy = live.connect()
        busy.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        live.until(lambda: len(live.waiting) == 1)
        client = connect_unix(live, path)
        client.send(GET)
        assert client.answer().status == 200
        assert live.connect().answer().status == 503


def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listening() as live:
        live.run(live.listener.listen_unix(path))
        client = connect_unix(live, path)
        client.send(GET)
        assert client.answer().status == 200


def test_a_living_server_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening() as live, listening() as other:
        live.run(live.listener.listen_unix(path))
        with pytest.raises(OSError, match="use") as caught:
            other.run(other.listener.listen_unix(path))
        assert caught.value.errno == errno.EADDRINUSE
        client = connect_unix(live, path)
        client.send(GET)
        assert client.answer().status == 200


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_nothing_but_a_socket_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "control.sock"
    if kind == "file":
        path.write_bytes(b"precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    before = path.lstat()
    with listening() as live, pytest.raises(FileExistsError):
        live.run(live.listener.listen_unix(path))
    assert path.lstat() == before


def test_stopping_leaves_the_socket_of_a_later_server_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening() as later:
        with listening() as live:
            live.run(live.listener.listen_unix(path))
            path.unlink()
            later.run(later.listener.listen_unix(path))
        assert path.is_socket()
        client = connect_unix(later, path)
        client.send(GET)
        assert client.answer().status == 200
