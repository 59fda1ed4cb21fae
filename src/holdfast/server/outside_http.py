"""HTTP/1.1 as a client: one request on one connection, answers within limits, connections kept for the next request.

Our own, over asyncio and the parser that the listener uses, because no client library lets its caller say which of the
checked addresses to connect to while it still verifies the certificate for the name.

A connection that was kept may have been closed by the other side meanwhile: a request that gets nothing back on one is
sent once more on a new one. Deliveries are at least once anyway.

Threat: an answer without end, a receiver that never finishes, a header with a line break in it. Everything has a limit,
and what cannot be sent as it is is refused, not repaired.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

import httptools

from holdfast.server.outside_places import Place, Reach, port_of, resolve, web_address
from holdfast.services.outside import LONGEST_ANSWER, Answer, BadAnswer, Outgoing, Unreachable

if TYPE_CHECKING:
    from urllib.parse import SplitResult

LONGEST_HEAD = 32 << 10
IDLE_SECONDS = 20.0
"""How long a connection is kept without work; most servers keep theirs for longer."""
KEPT_FOR_ONE = 16
"""Idle connections to one destination."""
KEPT = 256
"""Idle connections in all."""
LONGEST_RETRY_AFTER = 86_400_000

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "te", "upgrade", "expect"})


class Destination(NamedTuple):
    """What a connection is good for."""

    scheme: str
    host: str
    port: int
    reach: Reach


class Nothing(Exception):
    """The connection ended before a single byte of the answer."""


class Connection:
    """One connection, for one request at a time."""

    __slots__ = ("destination", "idle_since", "reader", "writer")

    def __init__(self, destination: Destination, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.destination = destination
        self.reader = reader
        self.writer = writer
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether the other side has not closed it, nor sent what nobody asked for."""
        return not (self.reader.at_eof() or self.writer.is_closing() or getattr(self.reader, "_buffer", b""))

    async def exchange(self, request: bytes, response: Response) -> None:
        """Send, and read until the answer is whole or its limit is reached. Raises Nothing, BadAnswer, OSError."""
        parser = httptools.HttpResponseParser(response)
        response.parser = parser
        begun = False
        try:
            self.writer.write(request)
            await self.writer.drain()
            while not response.complete:
                data = await self.reader.read(65536)
                if not data:
                    break
                begun = True
                parser.feed_data(data)
        except ConnectionError:
            if not begun:
                raise Nothing from None
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if response.complete:
                # What was read is enough: the limit ended it.
                return
            raise response.error or BadAnswer("not HTTP") from None
        if not begun:
            raise Nothing
        if not response.complete and not (response.begun and response.until_close):
            raise BadAnswer("the answer ended early")

    def close(self) -> None:
        self.writer.close()


class _Cut(Exception):
    """Enough was read."""


class Response:
    """What httptools reports of an answer."""

    def __init__(self, *, longest: int = LONGEST_ANSWER, cut: bool = True, bodiless: bool = False) -> None:
        """`cut`: a longer body is cut off, not refused. `bodiless`: there is none whatever its headers say (HEAD)."""
        self.parser: httptools.HttpResponseParser
        self.status = 0
        self.headers: dict[str, str] = {}
        self.begun = False
        """The head was read."""
        self.complete = False
        self.keep = False
        """The connection is good for another request."""
        self.until_close = True
        self.error: BadAnswer | None = None
        self._longest = longest
        self._cut = cut
        self._bodiless = bodiless
        self._body: list[bytes] = []
        self._size = 0
        self._head = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._body)

    def _refuse(self, text: str) -> BadAnswer:
        self.error = BadAnswer(text)
        return self.error

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + 4
        if self._head > LONGEST_HEAD:
            raise self._refuse("the answer is too long")
        lower = name.lower().decode("latin-1")
        if lower in ("content-length", "transfer-encoding"):
            self.until_close = False
        self.headers[lower] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        if self.status < 200:
            return
        self.begun = True
        if self._bodiless:
            self.complete = True
            raise _Cut

    def on_body(self, body: bytes) -> None:
        room = self._longest - self._size
        if len(body) > room:
            if not self._cut:
                raise self._refuse("the answer is too long")
            self._body.append(body[:room])
            self.complete = True
            raise _Cut
        self._size += len(body)
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self.status < 200:  # an interim answer (RFC 9110 §15.2)
            self.headers.clear()
            self.until_close = True
            return
        self.complete = True
        self.keep = self.parser.should_keep_alive() and not self._bodiless


def request_bytes(parts: SplitResult, outgoing: Outgoing, *, close: bool = False) -> bytes:
    """A request as it goes on the wire. Raises BadAnswer for what cannot be sent."""
    if not _TOKEN.fullmatch(outgoing.method):
        raise BadAnswer("a method that cannot be sent")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{outgoing.method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    names: set[str] = set()
    for name, value in outgoing.headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadAnswer("a header that cannot be sent")
        if name.lower() not in _OURS:
            names.add(name.lower())
            lines.append(f"{name}: {value}")
    if "user-agent" not in names:
        lines.append("User-Agent: Holdfast")
    if "accept-encoding" not in names:
        lines.append("Accept-Encoding: identity")
    if outgoing.body or outgoing.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(outgoing.body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + outgoing.body


class Client:
    """One per server; everything runs on the loop's thread."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        context: Callable[[], Awaitable[ssl.SSLContext]],
    ) -> None:
        """`context` gives whom to trust, when the first TLS connection is made."""
        self._monotonic = monotonic
        self._wall = wall
        self._context = context
        self._idle: dict[Destination, list[Connection]] = {}
        self._kept = 0
        self._busy: set[Connection] = set()
        self._lookups: dict[Destination, asyncio.Task[Place]] = {}
        self._closed = False
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, outgoing: Outgoing, reach: Reach) -> Answer:
        """Send a request and wait for its answer. Raises OutsideError."""
        parts = web_address(outgoing.url)
        request = request_bytes(parts, outgoing)
        try:
            async with asyncio.timeout(outgoing.timeout):
                response = await self._send(parts, request, reach, bodiless=outgoing.method == "HEAD")
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        except ssl.SSLCertVerificationError:
            raise BadAnswer("the certificate is not trusted") from None
        except ssl.SSLError:
            raise BadAnswer("TLS failed") from None
        except OSError:
            raise Unreachable("no connection") from None
        retry_after = retry_after_of(response.headers.get("retry-after", ""), self._wall)
        return Answer(response.status, response.headers, response.body, retry_after)

    async def _send(self, parts: SplitResult, request: bytes, reach: Reach, *, bodiless: bool) -> Response:
        destination = Destination(parts.scheme, parts.hostname or "", port_of(parts), reach)
        kept = self._take(destination)
        if kept is not None:
            with contextlib.suppress(Nothing):
                return await self._exchange(kept, request, Response(bodiless=bodiless))
        place = await self._resolve(destination)
        context = await self._context() if destination.scheme == "https" else None
        reader, writer = await place.connect(context, destination.host if context else None)
        try:
            return await self._exchange(Connection(destination, reader, writer), request, Response(bodiless=bodiless))
        except Nothing:
            raise Unreachable("no answer") from None

    async def _resolve(self, destination: Destination) -> Place:
        """Where a destination is; whoever asks while somebody else does waits for the same answer."""
        task = self._lookups.get(destination)
        if task is None:
            lookup = resolve(destination.host, destination.port, destination.reach)
            task = self._lookups[destination] = asyncio.get_running_loop().create_task(lookup)
            task.add_done_callback(lambda done: self._resolved(destination, done))
        return await asyncio.shield(task)

    def _resolved(self, destination: Destination, task: asyncio.Task[Place]) -> None:
        del self._lookups[destination]
        if not task.cancelled():
            task.exception()  # one that nobody waits for any more is not for the log

    async def _exchange(self, connection: Connection, request: bytes, response: Response) -> Response:
        self._busy.add(connection)
        try:
            await connection.exchange(request, response)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if response.keep and not self._closed:
            self._give(connection)
        else:
            connection.close()
        return response

    # -- connections that are kept --------------------------------------------------------------------------------------

    def _take(self, destination: Destination) -> Connection | None:
        kept = self._idle.get(destination, [])
        while kept:
            connection = kept.pop()
            self._kept -= 1
            if connection.usable:
                return connection
            connection.close()
        self._idle.pop(destination, None)
        return None

    def _give(self, connection: Connection) -> None:
        kept = self._idle.setdefault(connection.destination, [])
        if len(kept) >= KEPT_FOR_ONE or self._kept >= KEPT:
            connection.close()
            return
        connection.idle_since = self._monotonic()
        kept.append(connection)
        self._kept += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        """Close what was not used for a while or was closed by the other side; comes again while something is kept."""
        self._sweep = None
        oldest = self._monotonic() - IDLE_SECONDS
        for destination, kept in list(self._idle.items()):
            stay = [each for each in kept if each.idle_since > oldest and each.usable]
            for connection in kept:
                if connection not in stay:
                    connection.close()
            self._kept -= len(kept) - len(stay)
            if stay:
                self._idle[destination] = stay
            else:
                del self._idle[destination]
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._close_idle)

    async def close(self) -> None:
        """End every connection, those that wait for an answer too."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        connections = [*self._busy, *(each for kept in self._idle.values() for each in kept)]
        self._idle.clear()
        self._kept = 0
        for connection in connections:
            connection.writer.transport.abort()
        await asyncio.gather(*(each.writer.wait_closed() for each in connections), return_exceptions=True)


def retry_after_of(text: str, wall: Callable[[], float]) -> int:
    """Milliseconds that a Retry-After header asks for: seconds or a date (RFC 9110 §10.2.3). 0 for anything else."""
    if not text:
        return 0
    if re.fullmatch(r"[0-9]{1,9}", text):
        milliseconds = int(text) * 1000
    else:
        from email.utils import parsedate_to_datetime  # only for the rare date

        try:
            milliseconds = int((parsedate_to_datetime(text).timestamp() - wall()) * 1000)
        except (ValueError, OverflowError):
            return 0
    return min(max(milliseconds, 0), LONGEST_RETRY_AFTER)
