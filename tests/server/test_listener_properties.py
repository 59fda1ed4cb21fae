"""Rules of the listener that hold for every stream of bytes, however it is cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.live import Client, Live, listening

from holdfast.server.http_limits import Limits

Sent = tuple[str, str, bytes]
"""Method, target and body."""


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with listening(Limits(sweep_seconds=3600, header_bytes=4096, body_bytes=4096)) as live:
        yield live


def handled(live: Live) -> list[Sent]:
    return [(request.method, request.target, request.body) for request in live.requests]


# -- any split of a valid stream --------------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> tuple[Sent, bytes]:
    """A valid request and one way to write it."""
    method = draw(st.sampled_from(["GET", "POST", "PUT"]))
    target = "/" + draw(st.text("ab/%20?=&", max_size=8))
    body = draw(st.binary(max_size=40))
    framing = draw(st.sampled_from(["length", "chunked"]))
    head = [f"{method} {target} HTTP/1.1", draw(st.sampled_from(["Host: a", "host:  a.example:80 "]))]
    head += draw(st.lists(st.sampled_from(["X-A: 1", "x-a:2", "X-Empty:"]), max_size=3))
    if framing == "length":
        head.append(f"Content-Length: {len(body)}")
        wire = body
    else:
        head.append("Transfer-Encoding: chunked")
        wire = b""
        rest = body
        while rest:
            size = draw(st.integers(1, len(rest)))
            wire += b"%x\r\n%b\r\n" % (size, rest[:size])
            rest = rest[size:]
        wire += b"0\r\n\r\n"
    empty_line = draw(st.sampled_from([b"", b"\r\n"]))
    return (method, target, body), empty_line + "\r\n".join([*head, "", ""]).encode() + wire


@settings(max_examples=60, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.data())
def test_a_stream_means_the_same_however_it_is_cut(
    live: Live, stream: list[tuple[Sent, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(wire for _, wire in stream)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12), label="cuts"))
    live.requests.clear()
    client = live.connect()
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        read = live.listener.bytes_in
        client.send(whole[start:end])
        live.until_read(read + end - start)  # so the next piece is a read of its own
    statuses = [client.answer().status for _ in stream]
    client.end()
    assert client.closed()
    client.socket.close()
    assert handled(live) == [sent for sent, _ in stream]
    assert statuses == [200] * len(stream)
    assert live.errors == []


# -- any bytes --------------------------------------------------------------------------------------------------------

FRAGMENTS = [
    *(b"GET", b"POST", b"get", b"CONNECT", b" ", b"  ", b"/", b"/a", b"*", b"http://a/", b"HTTP/1.1", b"HTTP/1.0"),
    *(b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\t", b":", b": ", b"Host: a", b"Host: a\r\n", b"X: "),
    *(b"Content-Length: 3\r\n", b"Content-Length: ", b"3", b"-1", b"+3", b"Transfer-Encoding: chunked\r\n", b"chunked"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n", b"Upgrade: x\r\n"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n"),
    *(b"GET / HTTP/1.0\r\n", b";a=b", b"\xff", b"\x16\x03\x01"),
]
noise = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=3)), max_size=30).map(b"".join),
)


def exchange(live: Live, data: bytes) -> list[int]:
    """Send all, end, and read until the listener closes; answers every final status."""
    live.requests.clear()
    client = live.connect()
    client.send(data)
    client.end()
    answered = Client(client.socket)
    statuses: list[int] = []
    while True:
        try:
            status = answered.answer(head_only=False).status
        except (EOFError, ConnectionResetError):
            break
        if status != 100:
            statuses.append(status)
    client.socket.close()
    return statuses


@settings(max_examples=300, deadline=None)
@given(noise)
def test_no_bytes_crash_or_hang_it(live: Live, data: bytes) -> None:
    statuses = exchange(live, data)
    assert live.errors == []
    assert statuses[: len(live.requests)] == [200] * len(live.requests)
    refusals = statuses[len(live.requests) :]
    assert len(refusals) <= 1
    assert all(status in (400, 408, 413, 414, 417, 431, 501, 503, 505) for status in refusals)
    live.until(lambda: not live.listener.connections)
    assert live.listener.in_flight == 0
    assert exchange(live, b"GET /alive HTTP/1.1\r\nHost: a\r\n\r\n") == [200]


def as_h11_reads(data: bytes) -> tuple[list[Sent], bool]:
    """The requests that another reader finds, and whether it refused what follows."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    connection.receive_data(b"")
    found: list[Sent] = []
    method, target, body = "", "", b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return found, True
        match event:
            case h11.Request():
                method, target, body = event.method.decode(), event.target.decode(), b""
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                found.append((method, target, body))
                connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return found, False
                connection.start_next_cycle()
            case _:
                return found, False


@settings(max_examples=300, deadline=None)
@given(noise)
def test_what_it_accepts_another_reader_understands_the_same(live: Live, data: bytes) -> None:
    exchange(live, data)
    accepted = handled(live)
    theirs, refused = as_h11_reads(data)
    both = min(len(theirs), len(accepted))
    assert refused or both == len(accepted)
    for (method, target, body), ours in zip(theirs[:both], accepted[:both], strict=True):
        assert (method, target.removeprefix("http://a"), body) == ours
