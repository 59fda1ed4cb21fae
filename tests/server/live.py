"""A real listener on loopback in a thread of its own, with clocks that tests move, and a client of raw bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import uvloop

from holdfast.server.http_limits import Limits
from holdfast.server.listener import Listener
from holdfast.wire.messages import Reply, Request, Response

T = TypeVar("T")
PATIENCE = 20.0
"""Seconds of real time after which a test that waits for the listener has failed."""


@dataclass(frozen=True)
class Answer:
    """One response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(PATIENCE)
        self._read = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self) -> None:
        """Send nothing more."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read the next response, an interim one too."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head = self._taken(self._read.index(b"\r\n\r\n") + 4)[:-4]
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), f"repeated headers: {lines}"
        status = int(first.split(" ")[1])
        length = 0 if head_only or status in (100, 204, 304) else int(headers["content-length"])
        while len(self._read) < length:
            self._more()
        return Answer(status, headers, self._taken(length))

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while piece := self.socket.recv(65536):
            self._read += piece
        return self._taken(len(self._read))

    def closed(self) -> bool:
        """The server has closed without a further byte; waits for it."""
        return self.rest() == b""

    def _taken(self, length: int) -> bytes:
        taken = bytes(self._read[:length])
        del self._read[:length]
        return taken

    def _more(self) -> None:
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise EOFError(f"closed after {bytes(self._read)!r}")
        self._read += piece


class Live:
    """A listener whose `handle` answers with what it got, unless the test gives another."""

    def __init__(self, limits: Limits) -> None:
        self.now = 1000.0
        self.wall = 784111777.0
        """Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110, 5.6.7."""
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.waiting: list[tuple[Request, Reply]] = []
        """Requests under `/wait`: nobody answers them but the test."""
        self.handle: Callable[[Request, Reply], None] = self.echo
        self._clients: list[Client] = []
        self.loop = uvloop.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.errors.append(RuntimeError(str(context))))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.listener = Listener(
            lambda request, reply: self.handle(request, reply),
            limits=limits,
            wall=lambda: self.wall,
            monotonic=lambda: self.now,
            on_error=self.errors.append,
        )
        self.port = 0

    def echo(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        if request.target.startswith("/wait"):
            self.waiting.append((request, reply))
        else:
            reply(Response(200, b"got " + request.target.encode(), [("Content-Type", "text/plain")]))

    def listen(self, context: ssl.SSLContext | None = None) -> Live:
        self.port = self.run(self.listener.listen_tcp("127.0.0.1", 0, context))
        return self

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` on the loop's thread."""

        async def on_loop() -> T:
            return function()

        return self.run(on_loop())

    def connect(self, *, receive_buffer: int = 0) -> Client:
        connected = socket.socket()
        client = self.keep(Client(connected))
        if receive_buffer:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.connect(("127.0.0.1", self.port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def keep(self, client: Client) -> Client:
        """Close `client` at the end."""
        self._clients.append(client)
        return client

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until `condition` holds; each look is one turn of the loop, never a sleep."""
        for _ in range(200_000):
            if self.call(condition):
                return
        raise AssertionError("it did not come to that")

    def until_read(self, total: int) -> None:
        """Until the listener has read `total` bytes since it started."""
        self.until(lambda: self.listener.bytes_in >= total)

    def pass_time(self, seconds: float) -> None:
        """Move the monotonic clock on: a sweep before, so that every phase has begun, and one after."""
        self.call(self.listener.sweep)
        self.now += seconds
        self.call(self.listener.sweep)

    def close(self) -> None:
        for client in self._clients:
            client.socket.close()
        self.run(self.listener.drain(0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@contextmanager
def listening(limits: Limits | None = None, context: ssl.SSLContext | None = None) -> Generator[Live]:
    """A listener on a free port of loopback. Its own sweep never runs: tests call it."""
    live = Live(limits or Limits(sweep_seconds=3600))
    try:
        yield live.listen(context)
    finally:
        live.close()
