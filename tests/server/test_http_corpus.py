"""Every raw request in `http_corpus`, sent whole and byte by byte, meets the fate that its `.expect` file tells.

Two files make a case. `NNN-name.http` holds the bytes of one connection; `NNN-name.expect` holds lines::

    # why, with the clause of the RFC that says so
    request METHOD TARGET    one request that `handle` gets; in order
    body b"..."              its body, if it is not empty
    header name: value       one of its headers
    status NNN               one response; in order
    maybe 100                an interim response may come before the first one
    refused REASON           the only reason counted in `Listener.refused`
    then open                afterwards the connection carries a further request
    then closed              afterwards the listener closes it
    then waiting             the listener waits; the client ends, and what follows in the file follows
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from httptools import HttpRequestParser
from tests.server.live import Client, Live, listening

from holdfast.server.http_body import ChunkedBody
from holdfast.server.http_head import HeadReader
from holdfast.server.http_limits import Limits, Refusal
from holdfast.wire.messages import Request

CORPUS = Path(__file__).parent / "http_corpus"
FURTHER = b"GET /further HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Expected:
    method: str
    target: str
    body: bytes = b""
    headers: list[str] = field(default_factory=list[str])


@dataclass
class Fate:
    requests: list[Expected] = field(default_factory=list[Expected])
    statuses: list[int] = field(default_factory=list[int])
    refused: str | None = None
    waits: bool = False
    maybe_continue: bool = False
    then: str = ""


def fate_of(path: Path) -> Fate:
    fate = Fate()
    for line in path.read_text("utf-8").splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "#":
                pass
            case "request":
                method, target = rest.split(" ", 1)
                fate.requests.append(Expected(method, target))
            case "body":
                fate.requests[-1].body = ast.literal_eval(rest)
            case "header":
                fate.requests[-1].headers.append(rest)
            case "status":
                fate.statuses.append(int(rest))
            case "maybe":
                fate.maybe_continue = True
            case "refused":
                fate.refused = rest
            case "then" if rest == "waiting":
                fate.waits = True
            case "then":
                fate.then = rest
            case _:
                raise AssertionError(f"{path.name}: {line}")
    assert fate.then in ("open", "closed"), path.name
    return fate


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with listening() as live:
        yield live


NAMES = sorted(path.stem for path in CORPUS.glob("*.http"))


def test_the_corpus_is_there() -> None:
    assert len(NAMES) > 150
    assert sorted(path.stem for path in CORPUS.glob("*.expect")) == NAMES


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", NAMES)
def test_fate(live: Live, name: str, whole: bool) -> None:
    fate = fate_of(CORPUS / f"{name}.expect")
    data = (CORPUS / f"{name}.http").read_bytes()
    live.requests.clear()
    before = dict(live.listener.refused)
    client = live.connect()
    read = live.listener.bytes_in
    send(client, data, whole=whole)
    if fate.waits:
        live.until_read(read + len(data))
        assert live.listener.refused == before
        client.end()
    statuses: list[int] = []
    for number in range(len(fate.statuses)):
        head_only = number < len(fate.requests) and fate.requests[number].method == "HEAD"
        answer = client.answer(head_only=head_only)
        if answer.status == 100 and fate.maybe_continue:
            answer = client.answer()
        statuses.append(answer.status)
        assert answer.headers["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"
        closing = fate.then == "closed" and number == len(fate.statuses) - 1
        assert (answer.headers.get("connection") == "close") is closing
    assert statuses == fate.statuses
    if fate.then == "open":
        client.send(FURTHER)
        assert client.answer().body == b"got /further"
        live.requests.pop()
    else:
        assert closed(client, late=not whole and not fate.refused)
    client.socket.close()
    check_requests(live.requests, fate.requests)
    counted = {reason for reason, count in live.listener.refused.items() if count > before[reason]}
    assert counted == ({fate.refused} if fate.refused else set())
    assert live.errors == []


@pytest.mark.parametrize("name", [name for name in NAMES if 220 <= int(name[:3]) < 240])
def test_a_bad_chunk_is_found_without_the_parser(name: str) -> None:
    """Two readers look for the end of a body; each must find every fault, or they are one reader."""
    body = (CORPUS / f"{name}.http").read_bytes().partition(b"\r\n\r\n")[2]
    with pytest.raises(Refusal):
        ChunkedBody(Limits()).feed(body, 0)


class Deaf:
    """Lets the parser tell the reader of headers, and never of the end of a request."""

    def __init__(self, reader: HeadReader) -> None:
        self.on_header = reader.on_header


@pytest.mark.parametrize(
    "data", [FURTHER, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"], ids=["no body", "body"]
)
def test_a_parser_that_sees_another_end_is_believed(live: Live, data: bytes) -> None:
    live.requests.clear()
    client = live.connect()
    live.until(lambda: len(live.listener.connections) == 1)
    (connection,) = live.listener.connections
    connection._reader._parser = HttpRequestParser(Deaf(connection._reader))
    client.send(data)
    assert client.answer().status == 400
    assert client.closed()
    client.socket.close()
    assert live.requests == []


def test_a_parser_that_sees_an_end_too_early_is_believed() -> None:
    reader = HeadReader(Limits())
    reader.read(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    reader.feed_body(b"ab")
    reader.complete = True
    with pytest.raises(Refusal, match="does not end"):
        reader.feed_body(b"c")


def send(client: Client, data: bytes, *, whole: bool) -> None:
    if whole:
        client.send(data)
        return
    try:
        for position in range(len(data)):
            client.send(data[position : position + 1])
    except (BrokenPipeError, ConnectionResetError):
        pass  # the listener has had enough; what it said before is still to be read


def closed(client: Client, *, late: bool) -> bool:
    """The server has closed without a further byte. What comes `late`, after the answer to the last request that there was
    to be, may meet a closed socket, which resets the connection: nobody waits for bytes that the client said would not come.
    """
    try:
        return client.closed()
    except ConnectionResetError:
        return late


def check_requests(requests: list[Request], expected: list[Expected]) -> None:
    assert [(r.method, r.target, r.body) for r in requests] == [(e.method, e.target, e.body) for e in expected]
    for request, wanted in zip(requests, expected, strict=True):
        for line in wanted.headers:
            name, _, value = line.partition(": ")
            assert request.headers[name] == value
