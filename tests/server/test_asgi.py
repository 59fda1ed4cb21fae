"""The ASGI adapter under a real uvicorn on loopback, and the corners of the protocol that uvicorn does not reach."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
import uvicorn

from holdfast.server.asgi import Application, Message, Scope
from holdfast.wire.messages import Handle, Headers, Reply, Request, Response

LIMIT = 100_000


class Hosted:
    """uvicorn in a thread of its own, and what the application saw."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.life: list[str] = []
        self.handle: Callable[[Request, Reply], None] = self.echo
        application = Application(
            lambda request, reply: self.handle(request, reply),
            body_bytes=LIMIT,
            on_error=self.errors.append,
            lifespan=self.lifespan,
        )
        config = uvicorn.Config(application, log_config=None, lifespan="on", http="httptools", loop="uvloop", ws="none")
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        assert self._started.wait(20)

    def echo(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        reply(Response(200, b"got " + request.target.encode(), [("Content-Type", "text/plain")]))

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        self.life.append("begun")
        self._started.set()
        yield
        self.life.append("ended")

    def ask(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, headers or {}, encode_chunked=not isinstance(body, bytes | None))
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), [(n.lower(), v) for n, v in answer.getheaders()])
        finally:
            connection.close()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Hosted]:
    hosted = Hosted()
    yield hosted
    hosted.close()
    assert hosted.life == ["begun", "ended"]


@pytest.fixture
def hosted(server: Hosted) -> Hosted:
    server.requests.clear()
    server.errors.clear()
    server.handle = server.echo
    return server


def test_a_request_under_uvicorn(hosted: Hosted) -> None:
    answer = hosted.ask("POST", "/a%2Fb?c=%20d&e", b"{}", {"X-Amz-Target": "a.B", "X-A": " b "})
    assert (answer.status, answer.body) == (200, b"got /a%2Fb?c=%20d&e")
    (request,) = hosted.requests
    assert (request.method, request.target, request.body) == ("POST", "/a%2Fb?c=%20d&e", b"{}")
    assert (request.peer, request.secure, request.operator, request.tls) == ("127.0.0.1", False, False, None)
    assert request.headers["x-amz-target"] == "a.B"
    assert request.headers["x-a"] == "b"
    headers = dict(answer.headers)
    assert headers["content-type"] == "text/plain"
    assert headers["content-length"] == str(len(answer.body))


def test_an_answer_that_comes_later(hosted: Hosted) -> None:
    def handle(request: Request, reply: Reply) -> None:
        asyncio.get_running_loop().call_soon(lambda: reply(Response(200, b"late")))

    hosted.handle = handle
    assert hosted.ask("GET", "/").body == b"late"


def test_head(hosted: Hosted) -> None:
    answer = hosted.ask("HEAD", "/")
    assert (answer.status, answer.body, dict(answer.headers)["content-length"]) == (200, b"", "5")


def test_no_body_for_204(hosted: Hosted) -> None:
    hosted.handle = lambda request, reply: reply(Response(204, b"never sent"))
    answer = hosted.ask("GET", "/")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in dict(answer.headers)


def test_the_length_of_the_body(hosted: Hosted) -> None:
    assert hosted.ask("POST", "/", b"x" * LIMIT).status == 200
    assert hosted.requests[0].body == b"x" * LIMIT
    answer = hosted.ask("POST", "/", b"x" * (LIMIT + 1))
    assert (answer.status, dict(answer.headers)["connection"]) == (413, "close")
    assert len(hosted.requests) == 1


def test_the_length_of_a_chunked_body(hosted: Hosted) -> None:
    assert hosted.ask("POST", "/", iter([b"x" * (LIMIT // 2)] * 2)).status == 200
    assert hosted.requests[0].body == b"x" * LIMIT
    assert hosted.ask("POST", "/", iter([b"x" * (LIMIT // 2)] * 2 + [b"x"])).status == 413
    assert len(hosted.requests) == 1


def test_repeated_headers(hosted: Hosted) -> None:
    def ask(*lines: str) -> bytes:
        with socket.create_connection(("127.0.0.1", hosted.port), 20) as connected:
            connected.sendall("\r\n".join(["GET / HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
            return b"".join(iter(lambda: connected.recv(65536), b""))

    assert ask("Host: a", "X-A: 1", "x-a: 2").startswith(b"HTTP/1.1 200 ")
    assert hosted.requests[0].headers["x-a"] == "1,2"
    assert ask("Host: a", "Host: b").startswith(b"HTTP/1.1 400 ")
    assert len(hosted.requests) == 1


def test_an_exception_is_a_500(hosted: Hosted) -> None:
    failure = ValueError("secret in the text")

    def handle(request: Request, reply: Reply) -> None:
        raise failure

    hosted.handle = handle
    answer = hosted.ask("GET", "/")
    assert (answer.status, b"secret" in answer.body) == (500, False)
    assert hosted.errors == [failure]


def test_an_exception_after_the_answer(hosted: Hosted) -> None:
    def handle(request: Request, reply: Reply) -> None:
        reply(Response(200, b"fine"))
        reply(Response(200, b"twice"))

    hosted.handle = handle
    assert hosted.ask("GET", "/").body == b"fine"
    assert [str(error) for error in hosted.errors] == ["a request was answered twice"]


@pytest.mark.parametrize("headers", [[("X-Name", "a\r\nSet-Cookie: b")], [("Content-Length", "0")], [("X", "\u20ac")]])
def test_a_response_that_cannot_be_sent_is_a_500(hosted: Hosted, headers: Headers) -> None:
    hosted.handle = lambda request, reply: reply(Response(200, b"", headers))
    answer = hosted.ask("GET", "/")
    assert answer.status == 500
    assert "set-cookie" not in dict(answer.headers)
    assert len(hosted.errors) == 1


# -- the protocol itself ----------------------------------------------------------------------------------------------


def run(application: Application, scope: Scope, *messages: Message) -> list[Message]:
    """Call the application with these messages; answers what it sent."""
    incoming = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent


def application(
    handle: Handle = lambda request, reply: reply(Response(200)),
    errors: list[BaseException] | None = None,
    lifespan: Any = None,
) -> Application:
    return Application(handle, body_bytes=10, on_error=(errors or []).append, lifespan=lifespan)


HTTP: Scope = {"type": "http", "method": "GET", "path": "/\u00e9", "headers": [], "scheme": "https"}


def test_a_scope_with_nothing_optional() -> None:
    requests: list[Request] = []

    def handle(request: Request, reply: Reply) -> None:
        requests.append(request)
        reply(Response(200))

    sent = run(application(handle), HTTP, {"type": "http.request"})
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert requests == [Request("GET", "/\u00c3\u00a9", {}, b"", "", secure=True)]


def test_a_client_that_leaves_before_the_end_of_its_body() -> None:
    def handle(request: Request, reply: Reply) -> None:
        raise AssertionError("half a request is none")

    begun = {"type": "http.request", "body": b"a", "more_body": True}
    assert run(application(handle), HTTP, begun, {"type": "http.disconnect"}) == []


@pytest.mark.parametrize("length", [b"11", b"9" * 5000])
def test_an_announced_length_is_refused_unread(length: bytes) -> None:
    sent = run(application(), {**HTTP, "headers": [(b"content-length", length)]})
    assert sent[0]["status"] == 413


def test_another_scope_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="websocket"):
        run(application(), {"type": "websocket"})


@pytest.mark.parametrize(("when", "expected"), [("enter", "startup.failed"), ("exit", "shutdown.failed")])
def test_a_life_that_fails(when: str, expected: str) -> None:
    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncGenerator[None]:
        if when == "enter":
            raise ValueError("secret in the text")
        yield
        raise ValueError("secret in the text")

    errors: list[BaseException] = [KeyError("earlier")]
    startup, shutdown = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    sent = run(application(errors=errors, lifespan=lifespan), {"type": "lifespan"}, startup, shutdown)
    assert sent[-1] == {"type": f"lifespan.{expected}", "message": "ValueError"}
    assert len(errors) == 2


def test_a_life_without_anything_in_it() -> None:
    sent = run(application(), {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
