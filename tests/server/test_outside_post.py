"""Requests to real web servers: what is sent, what comes back, which connections are kept, what is refused."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives import serialization
from tests.issuer import Authority
from tests.receiver import Received, Receiver

from holdfast.server import outside_http
from holdfast.server.outside import Web
from holdfast.server.outside_http import retry_after_of
from holdfast.server.outside_settings import OutsideSettings
from holdfast.services.outside import LONGEST_ANSWER, Answer, BadAnswer, Forbidden, Outgoing, Unreachable

ResultT = TypeVar("ResultT")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def run(use: Callable[[Web], Awaitable[ResultT]], **settings: object) -> ResultT:
    async def main() -> ResultT:
        given = OutsideSettings(**{"allow_private_targets": True, **settings})  # pyright: ignore[reportArgumentType]
        web = Web(time.monotonic, time.time, given)
        try:
            return await use(web)
        finally:
            await web.close()

    return asyncio.run(main())


def post(
    url: str,
    method: str = "POST",
    body: bytes = b"{}",
    timeout: float = 10,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    return run(lambda web: web.post(Outgoing(method, url, headers, body, timeout)))


# -- there and back -----------------------------------------------------------------------------------------------------


def test_a_request_and_its_answer(receiver: Receiver) -> None:
    receiver.answer = lambda _: (201, {"X-Thing": "1"}, b"made")
    answer = post(f"{receiver.url}/hook?a=b#c", body=b"\x00body", headers={"Authorization": "Basic eA=="})
    assert (answer.status, answer.headers["x-thing"], answer.body) == (201, "1", b"made")
    (received,) = receiver.received
    assert (received.method, received.path, received.body) == ("POST", "/hook?a=b", b"\x00body")
    assert received.headers["authorization"] == "Basic eA=="
    assert received.headers["host"] == f"localhost:{receiver.port}"
    assert received.headers["user-agent"] == "Holdfast"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods(receiver: Receiver, method: str) -> None:
    receiver.answer = lambda _: (200, {}, b"x")
    assert post(receiver.url, method, b"").body == b"x"
    assert receiver.received[0].method == method


def test_an_answer_to_head_has_no_body_whatever_it_says(receiver: Receiver) -> None:
    receiver.answer = lambda _: (200, {}, b"not sent")
    assert post(receiver.url, "HEAD", b"").body == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: (status, {"Location": f"{receiver.url}/elsewhere"}, b"")
    assert post(receiver.url).status == status
    assert [each.path for each in receiver.received] == ["/"]


def test_a_long_answer_is_cut_off(receiver: Receiver) -> None:
    receiver.answer = lambda _: (200, {}, b"x" * (LONGEST_ANSWER + 100_000))
    assert post(receiver.url).body == b"x" * LONGEST_ANSWER


def test_headers_of_ours_cannot_be_given(receiver: Receiver) -> None:
    given = {"Host": "elsewhere", "Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close"}
    assert post(receiver.url, body=b"whole", headers=given).status == 200
    (received,) = receiver.received
    assert received.headers["host"] == f"localhost:{receiver.port}"
    assert received.body == b"whole"
    assert "transfer-encoding" not in received.headers


@pytest.mark.parametrize(
    ("name", "value"),
    [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("X Y", "b"), ("", "b"), ("X", "a\nb"), ("X", "a\0b"), ("X", "\u20ac")],
)
def test_what_would_be_another_header_is_not_sent(receiver: Receiver, name: str, value: str) -> None:
    with pytest.raises(BadAnswer, match="header"):
        post(receiver.url, headers={name: value})
    with pytest.raises(BadAnswer, match="method"):
        post(receiver.url, method="GET / HTTP/1.1\r\nX:")
    assert receiver.received == []


def test_an_interim_answer_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

        thread = threading.Thread(target=serve)
        thread.start()
        answer = post(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
    assert (answer.status, answer.body) == (200, b"done")
    assert "x-early" not in answer.headers


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("", 0), ("0", 0), ("120", 120_000), ("-1", 0), ("soon", 0), ("99999999", 86_400_000), ("1.5", 0),
        (format_datetime(datetime(2026, 11, 27, 12, 1, tzinfo=UTC), usegmt=True), 60_000),
        (format_datetime(datetime(2026, 11, 27, 11, 0, tzinfo=UTC), usegmt=True), 0),
        (format_datetime(datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(days=9), usegmt=True), 86_400_000),
    ],
)  # fmt: skip
def test_retry_after(text: str, milliseconds: int) -> None:
    assert retry_after_of(text, lambda: datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()) == milliseconds


# -- connections --------------------------------------------------------------------------------------------------------


def test_connections_are_kept_and_bounded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_http, "KEPT_FOR_ONE", 2)

    async def use(web: Web) -> None:
        outgoing = Outgoing("POST", receiver.url)
        for _ in range(3):
            await web.post(outgoing)
        await asyncio.gather(*(web.post(outgoing) for _ in range(6)))
        assert sum(map(len, web._client._idle.values())) <= 2

    run(use)
    assert len({each.connection for each in receiver.received[:3]}) == 1


def test_a_connection_that_was_closed_meanwhile_is_not_an_error() -> None:
    """The server closes the first connection when the second request arrives on it."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answers in (1, 1):
                connection, _ = listening.accept()
                with connection:
                    for _ in range(answers):
                        asked.append(connection.recv(65536))
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()

        async def use(web: Web) -> None:
            for number in range(2):
                url = f"http://127.0.0.1:{listening.getsockname()[1]}/{number}"
                assert (await web.post(Outgoing("POST", url))).status == 200

        run(use)
        thread.join()
    assert [each.split()[1] for each in asked] == [b"/0", b"/1"]


def test_connections_that_nobody_uses_are_closed(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_http, "IDLE_SECONDS", 0.2)

    async def use(web: Web) -> None:
        await web.post(Outgoing("POST", receiver.url))
        assert web._client._idle
        async with asyncio.timeout(5):
            while web._client._idle:  # noqa: ASYNC110 - a timer of the client's does it, which tells nobody
                await asyncio.sleep(0.01)

    run(use)


def test_who_does_not_answer_in_time_is_left(receiver: Receiver) -> None:
    released = threading.Event()

    def answer(_: Received) -> int:
        released.wait(30)
        return 200

    receiver.answer = answer
    with pytest.raises(Unreachable, match="in time"):
        post(receiver.url, timeout=0.1)
    released.set()


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            post(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_a_request_shows_nothing_that_may_be_secret() -> None:
    shown = repr(Outgoing("POST", "https://a.example/token", {"Authorization": "Basic eA=="}, b"body"))
    assert shown == "Outgoing(method='POST', timeout=15.0)"


# -- where to, and whom to trust ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/", "http://0.0.0.0:{port}/", "http://10.1.2.3/", "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00::1]/", "https://127.0.0.1:{port}/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed(receiver: Receiver, url: str) -> None:
    async def use(web: Web) -> None:
        with pytest.raises(Forbidden):
            await web.post(Outgoing("POST", url.format(port=receiver.port)))

    run(use, allow_private_targets=False)
    assert receiver.received == []


def test_link_local_is_refused_even_where_private_addresses_are_allowed() -> None:
    with pytest.raises(Forbidden):
        post("http://169.254.169.254/latest/meta-data/")


def test_a_name_that_leads_to_a_private_address_is_refused(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its addresses is enough: which one is connected to is not for the name's owner to play with."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    async def use(web: Web) -> None:
        with pytest.raises(Forbidden):
            await web.post(Outgoing("POST", f"http://rebound.example:{receiver.port}/"))

    run(use, allow_private_targets=False)
    assert asked == ["rebound.example"]
    assert receiver.received == []


def test_only_a_known_authority_is_trusted_or_one_of_the_settings(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    receiver = Receiver(authority)
    try:
        with pytest.raises(BadAnswer, match="not trusted"):
            post(receiver.url)
        assert receiver.received == []
        answer = run(lambda web: web.post(Outgoing("POST", receiver.url)), ca_file=file)
        assert answer.status == 200
    finally:
        receiver.close()


def test_a_certificate_for_another_host_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "elsewhere.example")
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    receiver = Receiver(authority)
    try:
        with pytest.raises(BadAnswer, match="not trusted"):
            run(lambda web: web.post(Outgoing("POST", receiver.url)), ca_file=file)
        assert receiver.received == []
    finally:
        receiver.close()
