"""Outbound HTTP against real web servers: what is reached, what is trusted, what is kept."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.issuer import Authority, Site

from holdfast.server import outside
from holdfast.server.outside import Web
from holdfast.server.outside_places import may_reach
from holdfast.server.outside_settings import OutsideSettings
from holdfast.services.outside import BadAnswer, OutsideError, Unreachable

ResultT = TypeVar("ResultT")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.pages["/x"] = (200, {}, b"page")
    yield site
    site.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure_site(authority: Authority) -> Iterator[Site]:
    site = Site(authority)
    site.pages["/x"] = (200, {}, b"page")
    yield site
    site.close()


def run(use: Callable[[Web], Awaitable[ResultT]], clock: Clock | None = None, *, private: bool = True) -> ResultT:
    async def main() -> ResultT:
        web = Web(clock or Clock(), time.time, OutsideSettings(allow_private_targets=private))
        try:
            return await use(web)
        finally:
            await web.close()

    return asyncio.run(main())


def fetch(url: str, *, private: bool = True, thumbprints: tuple[str, ...] = ()) -> bytes:
    return run(lambda web: web.document(url, max_age=0, thumbprints=thumbprints), private=private)[0]


# -- which addresses ----------------------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not may_reach(ipaddress.ip_address(address), private=False)
    assert may_reach(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_that_are_never_reached(address: str) -> None:
    assert not may_reach(ipaddress.ip_address(address), private=False)
    assert not may_reach(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert may_reach(ipaddress.ip_address(address), private=False)


@given(st.ip_addresses())
def test_what_is_not_global_is_not_reached_by_default(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert not may_reach(address, private=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_loopback_is_not_reached_by_default(site: Site, host: str) -> None:
    with pytest.raises(Unreachable):
        fetch(f"http://{host}:{site.port}/x", private=False)
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/x", "file:///etc/passwd", "http:///x", "//localhost/x", "http://a@localhost/x", "x", "",
        "http://localhost:99999/x", "http://localhost/ä", "http://localhost/a b", "http://localhost/\r\nX: y",
        "http://[::1/x", "http://localhost:0/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web(url: str) -> None:
    with pytest.raises(BadAnswer):
        fetch(url)


# -- answers ------------------------------------------------------------------------------------------------------------


def test_a_page(site: Site) -> None:
    assert fetch(f"{site.url}/x") == b"page"
    site.pages["/x?a=b"] = (200, {"Transfer-Encoding": "chunked"}, b"4\r\npage\r\n3\r\n, 2\r\n0\r\n\r\n")
    assert fetch(f"{site.url}/x?a=b") == b"page, 2"


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 404, 500])
def test_any_other_status_is_refused(site: Site, status: int) -> None:
    site.pages["/y"] = (status, {"Location": f"{site.url}/x"}, b"")
    with pytest.raises(BadAnswer, match=str(status)):
        fetch(f"{site.url}/y")
    assert site.asked == ["/y"]


def test_an_endless_page_is_cut_off(site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(b"x" * 65536)

    site.pages["/y"] = endless
    with pytest.raises(BadAnswer, match="too long"):
        fetch(f"{site.url}/y")


def test_an_endless_head_is_cut_off(site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-Header: " + b"x" * 500 + b"\r\n")

    site.pages["/y"] = endless
    with pytest.raises(BadAnswer):
        fetch(f"{site.url}/y")


@pytest.mark.parametrize("sent", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npage"])
def test_what_is_no_answer(site: Site, sent: bytes) -> None:
    site.pages["/y"] = lambda handler: handler.wfile.write(sent)
    with pytest.raises(OutsideError):
        fetch(f"{site.url}/y")


def test_a_compressed_answer_is_refused(site: Site) -> None:
    site.pages["/y"] = (200, {"Content-Encoding": "gzip"}, b"page")
    with pytest.raises(BadAnswer):
        fetch(f"{site.url}/y")


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_who_does_not_answer_in_time_is_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    site.pages["/y"] = lambda _: released.wait(30)
    monkeypatch.setattr(outside, "SECONDS", 0.1)
    with pytest.raises(Unreachable, match="in time"):
        fetch(f"{site.url}/y")
    released.set()


# -- trust --------------------------------------------------------------------------------------------------------------


def test_an_unknown_authority_is_not_trusted(secure_site: Site) -> None:
    with pytest.raises(BadAnswer, match="not trusted"):
        fetch(f"{secure_site.url}/x")
    with pytest.raises(BadAnswer, match="not trusted"):
        fetch(f"{secure_site.url}/x", thumbprints=("0" * 40,))
    assert secure_site.asked == []


def test_a_thumbprint_makes_it_trusted(secure_site: Site, authority: Authority) -> None:
    assert fetch(f"{secure_site.url}/x", thumbprints=("0" * 40, authority.thumbprint.upper())) == b"page"
    assert fetch(f"https://127.0.0.1:{secure_site.port}/x", thumbprints=(authority.leaf_thumbprint,)) == b"page"


def test_a_thumbprint_does_not_vouch_for_another_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "elsewhere.example")
    site = Site(authority)
    try:
        with pytest.raises(BadAnswer):
            fetch(f"{site.url}/x", thumbprints=(authority.thumbprint, authority.leaf_thumbprint))
        assert site.asked == []
    finally:
        site.close()


# -- copies -------------------------------------------------------------------------------------------------------------


def test_a_copy_serves_until_it_is_too_old(site: Site) -> None:
    clock = Clock()
    url = f"{site.url}/x"

    async def use(web: Web) -> None:
        assert await web.document(url, max_age=600) == (b"page", True)
        site.pages["/x"] = (200, {}, b"new")
        clock.now += 599
        assert await web.document(url, max_age=600) == (b"page", False)
        clock.now += 1
        assert await web.document(url, max_age=600) == (b"new", True)

    run(use, clock)
    assert len(site.asked) == 2


def test_a_fresh_one_on_demand_but_not_again_and_again(site: Site) -> None:
    clock = Clock()
    url = f"{site.url}/x"

    async def use(web: Web) -> list[bool]:
        await web.document(url, max_age=600)
        answers: list[bool] = []
        for step in (0.0, 0.0, outside.ANEW_SECONDS, 0.0):
            clock.now += step
            answers.append((await web.document(url, max_age=600, anew=True))[1])
        return answers

    assert run(use, clock) == [True, False, True, False]
    assert len(site.asked) == 3


def test_a_failure_is_remembered_for_a_moment(site: Site) -> None:
    clock = Clock()
    url = f"{site.url}/y"

    async def use(web: Web) -> None:
        for _ in range(3):
            with pytest.raises(BadAnswer):
                await web.document(url, max_age=600, anew=True)
        assert len(site.asked) == 1
        site.pages["/y"] = (200, {}, b"page")
        clock.now += outside.FAILED_SECONDS
        assert await web.document(url, max_age=600) == (b"page", True)

    run(use, clock)


def test_one_fetch_serves_all_who_wait_for_it(site: Site) -> None:
    async def use(web: Web) -> list[tuple[bytes, bool]]:
        return await asyncio.gather(*(web.document(f"{site.url}/x", max_age=600) for _ in range(20)))

    assert run(use) == [(b"page", True)] * 20
    assert site.asked == ["/x"]


def test_a_copy_fetched_under_one_trust_is_not_for_another(secure_site: Site, authority: Authority) -> None:
    url = f"{secure_site.url}/x"

    async def use(web: Web) -> None:
        await web.document(url, max_age=600, thumbprints=(authority.thumbprint,))
        with pytest.raises(BadAnswer):
            await web.document(url, max_age=600)

    run(use)


def test_copies_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "KEPT", 3)

    async def use(web: Web) -> int:
        for number in range(8):
            site.pages[f"/{number}"] = (200, {}, b"page")
            await web.document(f"{site.url}/{number}", max_age=600)
        return len(web._kept)

    assert run(use) == 3
