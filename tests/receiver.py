"""A web hook that really listens: keeps what it is sent, and answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.issuer import Authority


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes
    connection: int
    """The client's port: the same for all requests of one connection."""


Reply = int | tuple[int, dict[str, str], bytes]


class Receiver:
    """Listens on 127.0.0.1. `answer` decides about each request, in its own thread; 200 at first."""

    def __init__(self, authority: Authority | None = None) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                received = Received(self.command, self.path, headers, body, self.client_address[1])
                with receiver._arrival:
                    receiver.received.append(received)
                    receiver._arrival.notify_all()
                reply = receiver.answer(received)
                with receiver._arrival:
                    receiver._arrival.notify_all()
                status, more, content = reply if isinstance(reply, tuple) else (reply, {}, b"")
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler._serve)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is what some tests are about."""

        self.received: list[Received] = []
        self.answer: Callable[[Received], Reply] = lambda _: 200
        self._arrival = threading.Condition()
        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        if authority is not None:
            self._server.socket = authority.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{'http' if authority is None else 'https'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def wait_for(self, condition: Callable[[list[Received]], object], seconds: float = 20.0) -> None:
        """Until what arrived fulfils a condition; AssertionError when it does not in time."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: condition(self.received), seconds), (
                f"{len(self.received)} requests arrived, and that is not what was awaited"
            )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
