"""The socket between the process that writes and a reader: frames of one kind and one payload each, in order.

    4 bytes length of what follows | 1 byte kind | payload (MessagePack)

Both ends are the same program, started by the same server on a socket that nobody else has. What an audit batch is as
bytes is decided here, in `encode_batch` and `decode_batch`, and nowhere else.

INVARIANT: frames arrive in the order they were sent. So what a reader left behind before it said FLUSHED is on its way
before that, and a batch is kept before any later one.
Threat: the first frame holds the root key. It is never in a log, a repr, an argument or an environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, cast

import msgspec

from holdfast.server.http_limits import Limits
from holdfast.server.notebook import Batch
from holdfast.services.cloudtrail.lines import Line as Record
from holdfast.services.cloudtrail.pages import Page
from holdfast.wire.messages import Request, Response

HEAD: Final = 5
"""Bytes before a payload."""


class Kind(IntEnum):
    """What a frame says."""

    ORDER = 0
    """To a reader, first of all: `Order`."""
    READY = 1
    """From a reader: it takes connections."""
    FORWARD = 2
    """From a reader: a request to answer."""
    ANSWER = 3
    """To a reader: the answer."""
    BATCH = 4
    """From a reader: records and notes of reads."""
    KEPT = 5
    """To a reader: whether a batch is on disk."""
    FLUSH = 6
    """To a reader: hand over what reads left so far."""
    FLUSHED = 7
    """From a reader: it is on disk, or cannot be."""
    PARTED = 8
    """From a reader: so many of its connections are closed."""
    COUNTS = 9
    """From a reader: what it counted since it last said so."""
    DRAIN = 10
    """To a reader: take no more, finish, and end."""
    ALIVE = 11
    """From a reader, each second: its loop goes round."""


class Order(msgspec.Struct, frozen=True):
    """What a reader is made of."""

    root_keys: str
    database: str
    home_account: str
    home_region: str
    clock_offset: int
    audit_window: float
    limits: Limits
    tls: tuple[str, str] | None
    """The files of the certificate and of its key."""
    log: tuple[str, str]

    def __repr__(self) -> str:
        return "<Order>"


class Counts(msgspec.Struct, frozen=True):
    """What a reader counted since the last time: plain numbers of `Metrics` and of the listener."""

    calls: dict[tuple[str, str, str], int]
    seconds: dict[str, list[float]]
    listener: dict[str, int]
    refused: dict[str, int]


encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_counts = msgspec.msgpack.Decoder(Counts).decode
decode_number = msgspec.msgpack.Decoder(int).decode
decode_float = msgspec.msgpack.Decoder(float).decode
decode_outcome = msgspec.msgpack.Decoder(tuple[int, bool]).decode
"""(number, whether it succeeded)"""
_decode_request = msgspec.msgpack.Decoder(
    tuple[int, str, str, dict[str, str], bytes, str, bool, tuple[str, str] | None]
).decode
_decode_answer = msgspec.msgpack.Decoder(tuple[int, int, bytes, list[tuple[str, str]]]).decode
_decode_batch = msgspec.msgpack.Decoder(
    tuple[
        int,
        list[tuple[str, str, int, int, int, bytes]],
        list[tuple[str, str, int, str, int, int, bytes, bytes]],
        dict[tuple[str, Any], Any],
        int,
    ]
).decode


def encode_request(number: int, request: Request) -> bytes:
    return encode(
        (
            number,
            request.method,
            request.target,
            request.headers,
            request.body,
            request.peer,
            request.secure,
            request.tls,
        )
    )


def decode_request(payload: bytes) -> tuple[int, Request]:
    number, method, target, headers, body, peer, secure, tls = _decode_request(payload)
    return number, Request(method, target, headers, body, peer, secure, False, tls)


def encode_answer(number: int, response: Response) -> bytes:
    return encode((number, response.status, response.body, response.headers))


def decode_answer(payload: bytes) -> tuple[int, Response]:
    number, status, body, headers = _decode_answer(payload)
    return number, Response(status, body, headers)


def encode_batch(number: int, batch: Batch) -> bytes:
    pages = [(p.account, p.region, p.event_time, p.marks, p.count, p.content) for p in batch.pages]
    apart = [(r.account, r.region, r.now, r.request_id, r.number, r.marks, r.head, r.tail) for r in batch.apart]
    return encode((number, pages, apart, batch.notes, batch.count))


def decode_batch(payload: bytes) -> tuple[int, Batch]:
    number, pages, apart, notes, count = _decode_batch(payload)
    return number, Batch([Page(*page) for page in pages], [Record(*record) for record in apart], notes, count)


class LineEnd(asyncio.Protocol):
    """One end. `take` gets each frame; `lost` is called once, when the other end is gone."""

    def __init__(self, take: Callable[[int, bytes], None], lost: Callable[[], None]) -> None:
        self._take = take
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._pending: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    def data_received(self, data: bytes) -> None:
        unread = self._unread
        unread += data
        position, size = 0, len(unread)
        while size - position >= HEAD:
            end = position + 4 + int.from_bytes(unread[position : position + 4], "big")
            if end > size:
                break
            kind = unread[position + 4]
            payload = bytes(memoryview(unread)[position + HEAD : end])
            position = end
            self._take(kind, payload)
        if position:
            del unread[:position]

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame, with the others of this loop iteration."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(frame(kind, payload))

    def flush(self) -> None:
        """Write what is pending, now."""
        if self._transport is None:
            return  # with the first of the connection
        pending, self._pending = self._pending, []
        if pending and not self._transport.is_closing():
            self._transport.write(b"".join(pending))

    @property
    def unsent(self) -> int:
        """Bytes that the other end has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Send what is pending, and then nothing more."""
        self.flush()
        if self._transport is not None:
            self._transport.close()


def frame(kind: Kind, payload: bytes) -> bytes:
    return (len(payload) + 1).to_bytes(4, "big") + bytes((kind,)) + payload
