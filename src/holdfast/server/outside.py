"""What this server asks of other hosts: the doors of `services.outside`, and documents that are fetched and kept.

    URL -> addresses -> may they be reached? -> connect to one of exactly these -> ask -> an answer within limits

`outside_places.py` says where this server may go, `outside_http.py` speaks HTTP, `outside_queues.py` puts messages into
queues, `outside_mail.py` hands mails to a relay. Nothing follows a redirect, and a name is resolved once, so that neither a
redirect nor a second answer of the DNS leads anywhere that was not checked. Nothing of what came back is in an error's text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from holdfast.server.outside_http import Client, Connection, Destination, Nothing, Response, request_bytes
from holdfast.server.outside_mail import Mailer
from holdfast.server.outside_places import Place, Reach, port_of, resolve, web_address
from holdfast.server.outside_queues import Queues
from holdfast.server.outside_settings import OutsideSettings
from holdfast.server.outside_trust import trusting
from holdfast.services.outside import Answer, BadAnswer, Letter, Outgoing, QueueAttribute, Unreachable

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SECONDS = 5.0
"""For a whole fetch, from resolving the name to the last byte."""
LONGEST_BODY = 256 << 10
KEPT = 256
"""Documents."""
ANEW_SECONDS = 10.0
"""Between two fetches of one address that were asked for although a copy is fresh."""
FAILED_SECONDS = 2.0
"""How long a failure is answered from memory."""


class Web:
    """`services.outside.Outside`. One per server; everything runs on the loop's thread."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        settings: OutsideSettings | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._settings = settings or OutsideSettings()
        self._reach = Reach.PRIVATE if self._settings.allow_private_targets else Reach.PUBLIC
        self._kept: dict[str, _Document] = {}
        self._context: ssl.SSLContext | None = None
        self._client = Client(monotonic, wall, self._trust)
        self._queues = Queues(self._client, wall, self._settings.queues, self._reach)
        self._mailer = Mailer(self._settings.mail, wall, self._trust)

    async def close(self) -> None:
        """Close what is kept open; nothing may be under way."""
        await self._client.close()

    async def post(self, outgoing: Outgoing) -> Answer:
        """See `services.outside.Outside.post`."""
        return await self._client.send(outgoing, self._reach)

    async def enqueue(
        self,
        queue: str,
        body: str,
        attributes: Mapping[str, str | QueueAttribute] = MappingProxyType({}),
        *,
        group: str = "",
        deduplication: str = "",
    ) -> None:
        """See `services.outside.Outside.enqueue`."""
        await self._queues.send(queue, body, attributes, group, deduplication)

    async def mail(self, letter: Letter) -> None:
        """See `services.outside.Outside.mail`."""
        await self._mailer.send(letter)

    async def _trust(self) -> ssl.SSLContext:
        if self._context is None:
            # Reading the system's certificates takes tens of milliseconds.
            self._context = await asyncio.to_thread(trusting, self._settings.ca_file)
        return self._context

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
                return await self._get(web_address(url), thumbprints)
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        except ssl.SSLError:
            raise BadAnswer("TLS failed") from None
        except OSError:
            raise Unreachable("no connection") from None

    async def _get(self, parts: SplitResult, thumbprints: Sequence[str]) -> bytes:
        host = parts.hostname or ""
        place = await resolve(host, port_of(parts), self._reach)
        if parts.scheme != "https":
            return await _exchange(parts, place, None)
        context = await self._trust()
        try:
            return await _exchange(parts, place, context)
        except ssl.SSLCertVerificationError:
            # As AWS does: thumbprints count where no known authority vouches for the certificate.
            pinned = await _pinned(host, place, thumbprints) if thumbprints else None
            if pinned is None:
                raise BadAnswer("the certificate is not trusted") from None
        return await _exchange(parts, place, pinned)


class _Document:
    """A fetch under way or done."""

    __slots__ = ("anew", "began", "task")

    def __init__(self, task: asyncio.Task[bytes], began: float, anew: float) -> None:
        self.task = task
        self.began = began
        self.anew = anew
        """When a fetch was last forced."""


async def _exchange(parts: SplitResult, place: Place, context: ssl.SSLContext | None) -> bytes:
    """One GET over a connection of its own."""
    asked = Outgoing("GET", "", {"Accept": "application/json"})
    reader, writer = await place.connect(context, parts.hostname if context else None)
    response = _Page(longest=LONGEST_BODY, cut=False)
    destination = Destination(parts.scheme, parts.hostname or "", place.port, Reach.PUBLIC)
    try:
        await Connection(destination, reader, writer).exchange(request_bytes(parts, asked, close=True), response)
    except Nothing:
        raise BadAnswer("the answer ended early") from None
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    return response.body


class _Page(Response):
    """An answer that is good only with status 200 and as it is."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.begun and self.status != 200:
            raise self._refuse(f"status {self.status}")
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise self._refuse("the answer is encoded")


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
