"""Outbound HTTP: the one way in which this server reaches another host that somebody else named.

    URL -> addresses -> may they be reached? -> connect to one of exactly these -> GET -> status 200, within limits

Nothing follows a redirect, and the name is resolved once, so that neither a redirect nor a second answer of the DNS leads
anywhere that was not checked.

Threat: server-side request forgery. Whoever may name a provider could make this server talk to hosts that only it can
reach. So only public addresses are reached; with `allow_private_targets` loopback and private ones too, and never
link-local ones, where clouds keep their instance metadata. Nothing of what came back is in an error's text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httptools

from holdfast.services.outside import BadAnswer, Unreachable

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SECONDS = 5.0
"""For the whole exchange, from resolving the name to the last byte."""
LONGEST_BODY = 256 << 10
LONGEST_HEAD = 32 << 10
KEPT = 256
"""Documents."""
ANEW_SECONDS = 10.0
"""Between two fetches of one address that were asked for although a copy is fresh."""
FAILED_SECONDS = 2.0
"""How long a failure is answered from memory."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def may_reach(address: Address, *, private: bool) -> bool:
    """Whether an address is for us to reach; `private`: loopback and private networks count too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return may_reach(inner, private=private)
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        # Python counts ::1 as reserved.
        return private and address.is_loopback
    return address.is_global or private


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class Web:
    """`services.outside.Outside`. One per server; everything runs on the loop's thread."""

    def __init__(self, monotonic: Callable[[], float], *, allow_private_targets: bool) -> None:
        self._monotonic = monotonic
        self._private = allow_private_targets
        self._kept: dict[str, _Document] = {}
        self._context: ssl.SSLContext | None = None

    async def document(
        self, url: str, *, max_age: float, thumbprints: Sequence[str] = (), anew: bool = False
    ) -> tuple[bytes, bool]:
        """See `services.outside.Outside.document`. Whoever asks while it is being fetched waits for the same fetch."""
        # Trust is part of the name: a copy fetched under one account's thumbprint is not for another account.
        name = "\n".join((url, *sorted(thumbprints)))
        kept = self._kept.get(name)
        now = self._monotonic()
        if kept is not None and not kept.task.done():
            return await asyncio.shield(kept.task), True
        if kept is not None:
            failed = kept.task.cancelled() or kept.task.exception() is not None
            recent = now - kept.began < (FAILED_SECONDS if failed else max_age)
            if recent and not (anew and not failed and now - kept.anew >= ANEW_SECONDS):
                return await asyncio.shield(kept.task), False
        task = asyncio.get_running_loop().create_task(self._fetch(url, thumbprints))
        # A failure that nobody waits for any more is not for the log.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        last_anew = float("-inf") if kept is None else kept.anew
        self._kept.pop(name, None)
        self._kept[name] = _Document(task, now, now if anew else last_anew)
        return await asyncio.shield(task), True

    async def _fetch(self, url: str, thumbprints: Sequence[str]) -> bytes:
        try:
            async with asyncio.timeout(SECONDS):
                return await self._get(_parts(url), thumbprints)
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        except ssl.SSLError:
            raise BadAnswer("TLS failed") from None
        except OSError:
            raise Unreachable("no connection") from None

    async def _get(self, parts: SplitResult, thumbprints: Sequence[str]) -> bytes:
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        place = await self._resolve(host, parts.port or (443 if secure else 80))
        if not secure:
            return await _exchange(parts, place, None)
        if self._context is None:
            # Reading the system's certificates takes tens of milliseconds.
            self._context = await asyncio.to_thread(ssl.create_default_context)
        try:
            return await _exchange(parts, place, self._context)
        except ssl.SSLCertVerificationError:
            # As AWS does: thumbprints count where no known authority vouches for the certificate.
            pinned = await _pinned(host, place, thumbprints) if thumbprints else None
            if pinned is None:
                raise BadAnswer("the certificate is not trusted") from None
        return await _exchange(parts, place, pinned)

    async def _resolve(self, host: str, port: int) -> Place:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not may_reach(ipaddress.ip_address(address.partition("%")[0]), private=self._private):
                raise Unreachable("its address is not a public one")
        if not addresses:
            raise Unreachable("its name has no address")
        return Place(addresses, port)


class Place(NamedTuple):
    """Where a name leads; every address was looked at."""

    addresses: list[str]
    port: int

    async def connect(
        self, context: ssl.SSLContext | None, host: str | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one."""
        for address in self.addresses[:-1]:
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection(address, self.port, ssl=context, server_hostname=host)
        return await asyncio.open_connection(self.addresses[-1], self.port, ssl=context, server_hostname=host)


class _Document:
    """A fetch under way or done."""

    __slots__ = ("anew", "began", "task")

    def __init__(self, task: asyncio.Task[bytes], began: float, anew: float) -> None:
        self.task = task
        self.began = began
        self.anew = anew
        """When a fetch was last forced."""


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAnswer("not an address that can be fetched")
    return parts


async def _exchange(parts: SplitResult, place: Place, context: ssl.SSLContext | None) -> bytes:
    """One GET over a connection of its own."""
    reader, writer = await place.connect(context, parts.hostname if context else None)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: Holdfast\r\nAccept: application/json\r\n"
        writer.write(f"{head}Accept-Encoding: identity\r\nConnection: close\r\n\r\n".encode())
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await reader.read(65536)
            if not data:
                break
            try:
                parser.feed_data(data)
            except httptools.HttpParserError:
                raise answer.error or BadAnswer("not HTTP") from None
            if parser.get_status_code() and parser.get_status_code() != 200:
                raise BadAnswer(f"status {parser.get_status_code()}")
        if not answer.complete and not (answer.begun and answer.until_close):
            raise BadAnswer("the answer ended early")
        return b"".join(answer.body)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


class _Answer:
    """What httptools reports of a response."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.begun = False
        """The head was read."""
        self.complete = False
        self.until_close = True
        self.error: BadAnswer | None = None
        self._size = 0
        self._head = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        if self._head > LONGEST_HEAD:
            self.error = BadAnswer("the answer is too long")
            raise self.error
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self.until_close = False
        if name.lower() == b"content-encoding" and value.lower() != b"identity":
            self.error = BadAnswer("the answer is encoded")
            raise self.error

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LONGEST_BODY:
            self.error = BadAnswer("the answer is too long")
            raise self.error
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


# -- certificates that no authority vouches for -------------------------------------------------------------------------


async def _pinned(host: str, place: Place, thumbprints: Sequence[str]) -> ssl.SSLContext | None:
    """A context that trusts one certificate alone: the one of the server's chain that has a thumbprint of the list.

    The chain is only looked at here; the connection that is used verifies itself, its host name too, under this trust.
    """
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname = False
    looking.verify_mode = ssl.CERT_NONE
    _, writer = await place.connect(looking, host)
    try:
        chain = _chain(writer.get_extra_info("ssl_object"))
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    wanted = {thumbprint.lower() for thumbprint in thumbprints}
    for certificate in chain:
        # SHA-1 is what IAM's thumbprints are; finding a second certificate for a given one is not feasible (NIST SP
        # 800-107r1 §4.1, second preimage).
        if hashlib.sha1(certificate, usedforsecurity=False).hexdigest() in wanted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=certificate)
            # It may be an intermediate one, or the server's own.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            return context
    return None


def _chain(connection: Any) -> list[bytes]:
    """The certificates that a server sent, DER."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain())
    # Until 3.13 the only way to it; the names have been the same since 3.10.
    found = connection._sslobj.get_unverified_chain()  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in found]
