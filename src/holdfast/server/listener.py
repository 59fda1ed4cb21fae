"""The HTTP/1.1 listener: TCP, TLS and the operator's Unix socket, in front of one `handle`.

    listener = Listener(handle, limits=Limits(), wall=clock.wall, monotonic=clock.monotonic, on_error=log)
    port = await listener.listen_tcp("127.0.0.1", 0)
    await listener.listen_unix(data / "control.sock")
    ...
    await listener.drain(10)

Where things are: `http_limits` what a client may take, `http_head` the head of a request and every check on it,
`http_body` bodies, `http_response` responses as bytes, `http_connection` the life of one connection. All of it lies in
the way of every call (benchmarks/bare_listener.py measures it alone): nothing is done for each request that can be done
less often.

INVARIANT: everything runs on the loop's thread; whoever may connect to the Unix socket owns the data directory.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from holdfast.server.accepting import Acceptor
from holdfast.server.http_connection import Connection, Phase
from holdfast.server.http_limits import REASONS, Limits
from holdfast.server.http_response import DateLine
from holdfast.wire.messages import Handle

BACKLOG = 1024


class Listener:
    """Listens, and keeps what its connections share. The counters are plain numbers that anyone may read.

    `wall` gives seconds since 1970 for the Date header, `monotonic` seconds for time-outs; `on_error` is told each
    exception that `handle` raised or caused and must not raise itself.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: Limits,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.handle = handle
        self.limits = limits
        self.on_error = on_error
        self.draining = False
        self.connections: set[Connection] = set()
        self.elsewhere = 0
        """Connections of this listener that other processes have; they count for the limit."""
        self.connections_total = 0
        self.requests_total = 0
        """Requests that were read whole, refused ones among them only if the server was too busy."""
        self.in_flight = 0
        """Requests read and not yet answered."""
        self.refused = dict.fromkeys(REASONS, 0)
        """Reason -> requests and connections turned away."""
        self.bytes_in = 0
        self.bytes_out = 0
        """Over TLS, what is inside it."""
        self.patience = {
            Phase.IDLE: limits.idle_seconds,
            Phase.HEAD: limits.header_seconds,
            Phase.BODY: limits.body_seconds,
            Phase.WORKING: math.inf,  # how long an answer may take is the business of who gives it
            Phase.WRITING: limits.write_seconds,
            Phase.CLOSING: limits.linger_seconds,
        }
        self.date = DateLine(wall)
        self.give: Callable[[socket.socket], bool] | None = None
        """Hands a connection to another process, or says that this one is to take it; None: there is no other one. Set
        before `listen_tcp`."""
        self.parted: Callable[[], None] = lambda: None
        """Called when a connection is closed, or could not be made of what was adopted."""
        self._monotonic = monotonic
        self._acceptors: list[Acceptor] = []
        self._adopting: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.AbstractServer] = []
        self._sockets: list[tuple[Path, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._deadline = math.inf
        self._pending: list[tuple[asyncio.WriteTransport, bytes]] = []

    # -- listening ----------------------------------------------------------------------------------------------------

    async def listen_tcp(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen on every address of `host`; answers the port, which is chosen if 0 is asked. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        bound: list[socket.socket] = []
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                bound.append(_bind(family, (address[0], port, *address[2:])))
                port = bound[0].getsockname()[1]  # one port on all addresses
            for listening in bound:
                if self.give is not None:
                    accepted = partial(self._accepted, self.give, ssl_context)
                    self._acceptors.append(Acceptor(listening, BACKLOG, accepted, self.on_error))
                    continue
                server = await loop.create_server(
                    lambda: Connection(self),
                    sock=listening,
                    ssl=ssl_context,
                    backlog=BACKLOG,
                    ssl_handshake_timeout=self.limits.header_seconds if ssl_context else None,
                    ssl_shutdown_timeout=self.limits.linger_seconds if ssl_context else None,
                )
                self._servers.append(server)
        except BaseException:
            for listening in bound:
                listening.close()
            raise
        self.start_sweeping()
        return port

    def _accepted(
        self,
        give: Callable[[socket.socket], bool],
        ssl_context: ssl.SSLContext | None,
        connected: socket.socket,
    ) -> None:
        # One beyond the limit is refused here.
        if self.own + self.elsewhere < self.limits.connections and give(connected):
            connected.close()
        else:
            self.adopt(connected, ssl_context)

    @property
    def own(self) -> int:
        """Connections that this process has or is about to have."""
        return len(self.connections) + len(self._adopting)

    def adopt(self, connected: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        """Take a connection that was accepted already, here or by another process."""
        task = asyncio.get_running_loop().create_task(self._adopt(connected, ssl_context))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    async def _adopt(self, connected: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self),
                connected,
                ssl=ssl_context,
                ssl_handshake_timeout=self.limits.header_seconds if ssl_context else None,
                ssl_shutdown_timeout=self.limits.linger_seconds if ssl_context else None,
            )
        except (OSError, asyncio.CancelledError):  # no TLS, or gone already
            connected.close()
            self.parted()

    async def listen_unix(self, path: Path) -> None:
        """Listen on a Unix socket, mode 0600, whose requests carry `operator=True`.

        A socket left behind by a dead server is replaced. Raises FileExistsError if anything else is at `path`, OSError
        with EADDRINUSE if a server still listens there.
        """
        listening, inode = _bind_unix(path)
        try:
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: Connection(self, operator=True), sock=listening, backlog=BACKLOG
            )
        except BaseException:
            listening.close()
            raise
        self._servers.append(server)
        self._sockets.append((path, inode))
        self.start_sweeping()

    # -- writing ------------------------------------------------------------------------------------------------------

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write with the other answers of this loop iteration, one right after the other.

        The first of them wakes the clients' machine, which then finds the rest: an eighth less work for each answer under
        load than writing each at once (measured).
        """
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append((transport, data))

    def flush(self) -> None:
        """Write what is pending, now."""
        pending, self._pending = self._pending, []
        for transport, data in pending:
            transport.write(data)

    # -- time ---------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Check the time-outs of every connection. Runs by itself every `sweep_seconds`."""
        now = self._monotonic()
        for connection in tuple(self.connections):
            connection.check(now)
        if now >= self._deadline:
            self._changed.set()

    def start_sweeping(self) -> None:
        """Have time-outs end from now on; listening does that too."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.limits.sweep_seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.start_sweeping()
        self.sweep()

    # -- stopping -----------------------------------------------------------------------------------------------------

    def lost(self, connection: Connection) -> None:
        """`connection` is closed."""
        self.connections.discard(connection)
        self.parted()
        if not self.connections:
            self._changed.set()

    async def drain(self, seconds: float) -> None:
        """Accept no more, close idle connections, let accepted requests be answered; after `seconds` cut the rest."""
        self.draining = True
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()
        for server in self._servers:
            server.close()
        for path, inode in self._sockets:
            _remove_own(path, inode)
        self._sockets.clear()
        self._deadline = self._monotonic() + seconds
        for connection in tuple(self.connections):
            connection.drain()
        while self.connections and self._monotonic() < self._deadline:
            self._changed.clear()
            await self._changed.wait()
        for task in tuple(self._adopting):
            task.cancel()
        self.flush()
        for connection in tuple(self.connections):
            connection.abort()
        while self.connections:
            self._changed.clear()
            await self._changed.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    # -- what it does -------------------------------------------------------------------------------------------------

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """(name, help, value) of every counter, as `server/metrics.py` takes them."""
        yield "holdfast_http_connections", "Connections open", len(self.connections) + self.elsewhere
        yield "holdfast_http_connections_total", "Connections since the start", self.connections_total
        yield "holdfast_http_requests_total", "Requests read since the start", self.requests_total
        yield "holdfast_http_requests_in_flight", "Requests read and not yet answered", self.in_flight
        yield "holdfast_http_bytes_in_total", "Bytes read since the start", self.bytes_in
        yield "holdfast_http_bytes_out_total", "Bytes written since the start", self.bytes_out
        for reason, count in self.refused.items():
            name = f"holdfast_http_refused_{reason.replace('-', '_')}_total"
            yield name, f"Requests and connections turned away: {reason}", count


def server_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later with a certificate (and its chain) and its private key, both PEM, the key not encrypted.

    Raises OSError if a file cannot be read, ssl.SSLError if the two do not belong together or are not PEM, ValueError
    if the key is encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9325, 4.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])

    def no_password() -> str:
        # Without this OpenSSL asks on the terminal and the server hangs.
        raise ValueError("the TLS key is encrypted; give one that is not")

    context.load_cert_chain(certificate, key, no_password)
    return context


def _bind(family: int, address: tuple[str | int, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
    except BaseException:
        listening.close()
        raise
    return listening


def _bind_unix(path: Path) -> tuple[socket.socket, int]:
    """The bound socket and its inode."""
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.bind(str(path))
        path.chmod(0o600)  # nobody can connect before listen(): there is no moment with a wider mode
        return listening, path.lstat().st_ino
    except BaseException:
        listening.close()
        raise


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "this is not a socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # its backlog is full: somebody listens
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))


def _remove_own(path: Path, inode: int) -> None:
    """Remove the socket unless a later server has put its own there."""
    try:
        if path.lstat().st_ino == inode:
            path.unlink()
    except FileNotFoundError:
        pass
