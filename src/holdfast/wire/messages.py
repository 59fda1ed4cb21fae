"""One HTTP request and one HTTP response, as every listener hands them over.

The listener in `server/listener.py` and the ASGI adapter both end in one function::

    handle(request: Request, reply: Callable[[Response], None]) -> None

`reply` is called exactly once: before `handle` returns for a read, after the commit for a write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Request:
    """A whole request. The body has been read, within the listener's limits, and de-chunked."""

    method: str
    target: str
    """The request target as it stood on the wire: path and query, not decoded. Latin-1 of the bytes received."""
    headers: dict[str, str]
    """Lower-case name -> value, stripped of outer blanks; repeated headers are joined with a comma, in order."""
    body: bytes = b""
    peer: str = "127.0.0.1"
    """The client's address; empty on a Unix socket."""
    secure: bool = False
    """Arrived over TLS."""
    operator: bool = False
    """Arrived over the 0600 control socket: whoever can open it owns the data directory."""
    tls: tuple[str, str] | None = None
    """Protocol version and cipher suite."""


@dataclass(slots=True)
class Response:
    """What goes back. `content-length`, `date` and `connection` are the listener's to add."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list[tuple[str, str]])
    """Names in their wire spelling; values hold no CR, LF or NUL."""


Reply = Callable[[Response], None]


class Handle(Protocol):
    """The one door between any listener and the house."""

    def __call__(self, request: Request, reply: Reply) -> None: ...
