"""One client connection: bytes in, requests to `handle`, responses out in the order of the requests.

    data_received ─► head ─► body ─► Exchange ─► handle(request, exchange.reply)
                                        │                        │
                                     in order ◄──────────────────┘  at once, or later and in any order
                                        ▼
                                 transport.write, one call for each response

Nothing here asks for the time. The listener's sweep calls `check`, which remembers since when the connection is in the
phase it is in; so a request costs no timer and no clock.

INVARIANT: each request that was handed over gets exactly one response, in order, unless the client is gone. After a
refusal or the last response nothing more is read as a request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, cast

from holdfast.server.http_body import Body, ChunkedBody, LengthBody
from holdfast.server.http_head import CHUNKED, HeadReader, check_partial
from holdfast.server.http_limits import Refusal, bad_framing, malformed
from holdfast.server.http_response import CLOSE, CONTINUE, INTERNAL_ERROR, KEEP_ALIVE, BadResponse, encode, of_refusal
from holdfast.wire.messages import Request, Response

if TYPE_CHECKING:
    from holdfast.server.listener import Listener

AT_ONCE = 16 * 1024
"""Bytes: longer answers do not wait for the end of the loop iteration."""
REFUSED_AT_ONCE = 64
"""Connections beyond the limit that are kept for a moment to be told so; the next ones are only cut."""


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "the next request"
    HEAD = "the rest of a head, or the first byte of the first request"
    BODY = "the rest of a body"
    WORKING = "an answer of ours"
    WRITING = "the client, to read"
    CLOSING = "the client, to close"


class Exchange:
    """One request that was read, and its response when there is one."""

    __slots__ = ("_connection", "answered", "connection_line", "head_only", "response")

    def __init__(self, connection: Connection, connection_line: str, head_only: bool) -> None:
        self._connection = connection
        self.connection_line = connection_line
        self.head_only = head_only
        self.answered = False
        self.response: Response | None = None

    def reply(self, response: Response) -> None:
        """`wire.messages.Reply`. Raises RuntimeError the second time."""
        if self.answered:
            raise RuntimeError("a request was answered twice")
        self.answered = True
        self.response = response
        connection = self._connection
        connection.listener.in_flight -= 1
        if connection.exchanges:  # none once the client is gone
            connection.write_ready()


class Connection(asyncio.Protocol):
    """Made by the listener for each client."""

    __slots__ = (
        "_blocked",
        "_body",
        "_continue_due",
        "_ended",
        "_finished",
        "_held",
        "_last",
        "_limits",
        "_mark",
        "_operator",
        "_peer",
        "_reader",
        "_reading",
        "_refused",
        "_requests",
        "_rest",
        "_secure",
        "_since",
        "_tls",
        "_transport",
        "exchanges",
        "listener",
    )

    def __init__(self, listener: Listener, *, operator: bool = False) -> None:
        self.listener = listener
        self._limits = listener.limits
        self._operator = operator
        self._transport: asyncio.Transport
        self._reader = HeadReader(listener.limits)
        self._peer = ""
        self._secure = False
        self._tls: tuple[str, str] | None = None
        self.exchanges: deque[Exchange] = deque()
        self._requests = 0
        self._rest = b""
        """What was read and cannot be used yet: part of a head, or whole requests while the connection is held."""
        self._body: Body | None = None
        self._continue_due = False
        self._reading = False
        self._held = False
        """Not reading: too many requests wait for an answer, or too much for the client to read."""
        self._blocked = False
        """The client does not read what is written for it."""
        self._ended = False
        """The client sends nothing more."""
        self._last = False
        """No further request is read."""
        self._refused = False
        self._finished = False
        """The last byte is written."""
        self._mark: tuple[Phase, int] | None = None
        self._since = 0.0

    # -- the transport's calls ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        listener = self.listener
        listener.connections.add(self)
        listener.connections_total += 1
        if not self._operator:
            peer = transport.get_extra_info("peername")
            if not peer:
                # Reset already. What it sent before could still be read, and would be done for nobody's address: no
                # condition on aws:SourceIp would meet it, and no record would tell where it came from.
                self._last = self._finished = True
                self._transport.abort()
                return
            self._peer = peer[0]
            channel: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
            if channel is not None:
                self._secure = True
                cipher = channel.cipher()
                self._tls = (channel.version() or "", cipher[0] if cipher else "")
            excess = len(listener.connections) + listener.elsewhere - self._limits.connections
            if excess > REFUSED_AT_ONCE:
                listener.refused["connections"] += 1
                self._last = self._finished = True
                self._transport.abort()
            elif excess > 0:
                self._refuse(Refusal(503, "connections", "too many connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._finished = self._last = True
        self._rest = b""
        self._body = None
        self.exchanges.clear()
        self._reader.close()
        self.listener.lost(self)

    def data_received(self, data: bytes) -> None:
        self.listener.bytes_in += len(data)
        if self._last:
            return
        if self._rest:
            data = self._rest + data
            self._rest = b""
        self._read(data)

    def eof_received(self) -> bool:
        if self._finished:
            return False
        self._ended = True
        if not self._held:
            self._end_input()
        return not self._secure  # TLS has no half-closed connections: True would have no effect

    def pause_writing(self) -> None:
        self._blocked = True
        self._hold()

    def resume_writing(self) -> None:
        self._blocked = False
        self._resume()

    # -- reading ------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        self._reading = True
        try:
            position = self._read_requests(data)
            if position < len(data) and not self._last:
                self._rest = data[position:]
        except Refusal as refusal:
            self._refuse(refusal)
        finally:
            self._reading = False

    def _read_requests(self, data: bytes) -> int:
        """Hand over every request that is whole; answers the position after what is used up. Raises Refusal."""
        position, size = 0, len(data)
        while position < size and not self._last:
            if self._blocked or len(self.exchanges) >= self._limits.pipelined:
                self._hold()
                break
            body = self._body
            if body is None:
                end = data.find(b"\r\n\r\n", position)
                if end < 0:
                    check_partial(data[position:], self._limits)
                    break
                position = self._begin(data, position, end + 4)
            else:
                end = body.feed(data, position)
                if end == position:
                    break
                self._reader.feed_body(data[position:end])
                position = end
                if body.done:
                    self._body = None
                    self._dispatch(body.take())
        return position

    def _begin(self, data: bytes, position: int, end: int) -> int:
        """Read the head that ends at `end`, and the body if all of it is there; answers the position after it."""
        reader = self._reader
        reader.read(data[position:end])
        length = reader.length
        if length == 0:
            self._dispatch(b"")
        elif 0 < length <= len(data) - end:
            body = data[end : end + length]
            end += length
            reader.feed_body(body)
            self._dispatch(body)
        else:
            self._body = ChunkedBody(self._limits) if length == CHUNKED else LengthBody(length)
            # A client that has begun its body does not wait for leave to (RFC 9110, 10.1.1).
            self._continue_due = reader.expects_continue and end == len(data)
            if self._continue_due and not self.exchanges:
                self._write_continue()
        return end

    def _dispatch(self, body: bytes) -> None:
        """Hand over the request whose head was read last."""
        reader, listener = self._reader, self.listener
        if not reader.complete:
            raise bad_framing("the body does not end where its length says")
        self._requests += 1
        listener.requests_total += 1
        connection_line = ""
        if not reader.keep_alive or listener.draining:
            self._last = True
        elif not reader.http11:
            connection_line = KEEP_ALIVE
        exchange = Exchange(self, connection_line, reader.method == "HEAD")
        self.exchanges.append(exchange)
        listener.in_flight += 1
        if listener.in_flight > self._limits.in_flight and not self._operator:
            refusal = Refusal(503, "in-flight", "too many requests at once")
            listener.refused[refusal.reason] += 1
            exchange.reply(of_refusal(refusal, self._limits))
            return
        request = Request(
            reader.method, reader.target, reader.headers, body, self._peer, self._secure, self._operator, self._tls
        )
        try:
            listener.handle(request, exchange.reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must get an answer and the others go on
            listener.on_error(error)
            if not exchange.answered:
                exchange.reply(INTERNAL_ERROR)

    def _hold(self) -> None:
        self._held = True
        self._transport.pause_reading()

    def _resume(self) -> None:
        """Go on reading if nothing stands against it any more."""
        if not self._held or self._blocked or self._finished or len(self.exchanges) >= self._limits.pipelined:
            return
        self._held = False
        self._transport.resume_reading()
        rest, self._rest = self._rest, b""
        if rest and not self._last:
            self._read(rest)
        if self._ended and not self._held:
            self._end_input()

    def _end_input(self) -> None:
        """The client has sent all it will: answer what it asked, then close."""
        if not self._last and (self._rest or self._body is not None):
            self._refuse(malformed("the request is not complete"))
        self._last = True
        if not self.exchanges:
            self._finish()

    # -- answering ----------------------------------------------------------------------------------------------------

    def write_ready(self) -> None:
        """Write the responses whose turn it is."""
        exchanges, listener = self.exchanges, self.listener
        while exchanges and (response := exchanges[0].response) is not None:
            exchange = exchanges.popleft()
            line = CLOSE if self._last and not exchanges else exchange.connection_line
            try:
                data = encode(response, listener.date.now(), line, exchange.head_only)
            except BadResponse as error:
                listener.on_error(error)
                data = encode(INTERNAL_ERROR, listener.date.now(), line, exchange.head_only)
            listener.bytes_out += len(data)
            if self._rest or exchanges or len(data) > AT_ONCE:
                # What is pipelined or large must meet the transport now: it says when the client lags.
                listener.flush()
                self._transport.write(data)
            else:
                listener.write(self._transport, data)
        if not exchanges:
            if self._last:
                self._finish()
            elif self._continue_due and self._body is not None:
                self._write_continue()
        if self._held and not self._reading:
            self._resume()

    def _write_continue(self) -> None:
        self._continue_due = False
        self.listener.flush()  # answers before it go first
        self.listener.bytes_out += len(CONTINUE)
        self._transport.write(CONTINUE)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in place of `handle`, after the requests before it, and read no further."""
        self.listener.refused[refusal.reason] += 1
        self._last = self._refused = True
        self._rest = b""
        self._body = None
        exchange = Exchange(self, "", False)
        exchange.answered = True
        exchange.response = of_refusal(refusal, self._limits)
        self.exchanges.append(exchange)
        self.write_ready()

    def _finish(self) -> None:
        """All is written: close.

        Closing with bytes unread resets the connection, and a reset may overtake the answer. So after a refusal only
        our half is closed; what still comes is read and discarded until the client closes or the sweep does
        (RFC 9112, 9.6).
        """
        if self._finished:
            return
        self._finished = True
        self.listener.flush()
        if self._ended or not (self._refused or self._rest):
            self._transport.close()
            return
        if not self._secure:
            self._transport.write_eof()
        self._transport.resume_reading()

    # -- the listener's calls -----------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End a phase that lasts too long; `now` is monotonic. The phase counts from the first check that meets it."""
        phase = self._phase()
        mark = (phase, self._requests)
        if mark != self._mark:
            self._mark = mark
            self._since = now
        elif now - self._since >= self.listener.patience[phase]:
            self._time_out(phase)

    def drain(self) -> None:
        """Take no further request; close as soon as nothing is owed."""
        if self._finished:
            self._transport.close()
        elif self.exchanges:
            self._last = True
        elif not self._rest and self._body is None:
            self._last = True
            self._finish()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def _phase(self) -> Phase:
        if self._transport.get_write_buffer_size():
            return Phase.WRITING
        if self._finished:
            return Phase.CLOSING
        if self._body is not None:
            return Phase.BODY
        if self._rest and not self._held:
            return Phase.HEAD
        if self.exchanges:
            return Phase.WORKING
        return Phase.IDLE if self._requests else Phase.HEAD

    def _time_out(self, phase: Phase) -> None:
        refused = self.listener.refused
        if phase is Phase.BODY:
            self._refuse(Refusal(408, "body-time", "the body took too long"))
        elif phase is Phase.HEAD and self._rest:
            self._refuse(Refusal(408, "header-time", "the headers took too long"))
        elif phase is Phase.WRITING:
            refused["write-time"] += 1
            self._transport.abort()
        elif phase is Phase.CLOSING:
            self._transport.abort()
        else:
            refused["idle-time"] += 1
            self._last = True
            self._finish()
