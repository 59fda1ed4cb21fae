"""One HTTP request and one HTTP response, as every listener hands them over.

Plain classes, not data classes: two of them are made for each call.

The listener in `server/listener.py` and the ASGI adapter both end in one function::

    handle(request: Request, reply: Callable[[Response], None]) -> None

`reply` is called exactly once: before `handle` returns for a read, after the commit for a write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Headers = list[tuple[str, str]]


class Request:
    """A whole request. The body has been read, within the listener's limits, and de-chunked."""

    __slots__ = ("body", "headers", "method", "operator", "peer", "secure", "target", "tls")

    def __init__(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes = b"",
        peer: str = "127.0.0.1",
        secure: bool = False,
        operator: bool = False,
        tls: tuple[str, str] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        """The request target as it stood on the wire: path and query, not decoded. Latin-1 of the bytes received."""
        self.headers = headers
        """Lower-case name -> value, stripped of outer blanks; repeated headers are joined with a comma, in order."""
        self.body = body
        self.peer = peer
        """The client's address; empty on a Unix socket."""
        self.secure = secure
        """Arrived over TLS."""
        self.operator = operator
        """Arrived over the 0600 control socket: whoever can open it owns the data directory."""
        self.tls = tls
        """Protocol version and cipher suite."""

    def _parts(self) -> tuple[object, ...]:
        return (
            self.method,
            self.target,
            self.headers,
            self.body,
            self.peer,
            self.secure,
            self.operator,
            self.tls,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.method, self.target, self.body))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target.partition('?')[0]}>"


class Response:
    """What goes back. `content-length`, `date` and `connection` are the listener's to add."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Headers | None = None) -> None:
        self.status = status
        self.body = body
        self.headers: Headers = [] if headers is None else headers
        """Names in their wire spelling; values hold no CR, LF or NUL."""

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


Reply = Callable[[Response], None]


class Handle(Protocol):
    """The one door between any listener and the house."""

    def __call__(self, request: Request, reply: Reply) -> None: ...
