"""Responses as bytes: status line, headers, body.

INVARIANT: what is written is exactly one response. Header values hold no CR, LF or NUL, and nobody but the listener
says how long a response is or whether the connection stays (RFC 9112, 11.1: response splitting).
Threat: a value that a user chose, a secret's name for instance, ends a header line and begins a forged response.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from holdfast.server.http_limits import Limits, Refusal
from holdfast.wire.messages import Headers, Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = "Connection: close\r\n"
KEEP_ALIVE = "Connection: keep-alive\r\n"
"""HTTP/1.0 must be told; HTTP/1.1 keeps the connection unasked."""

INTERNAL_ERROR = Response(500, b"the request could not be processed\n", [("Content-Type", "text/plain")])
"""For an exception out of `handle`, which should have answered itself."""

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus if status >= 200
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "date", "keep-alive", "upgrade", "trailer"})
_checked_names: Final[set[str]] = set()
_REMEMBERED = 512


class BadResponse(Exception):
    """`handle` answered something that cannot be sent. Says nothing of what it was: it may hold a secret."""


class DateLine:
    """The Date header, made once a second (RFC 9110, 6.6.1)."""

    __slots__ = ("_line", "_second", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._line = ""

    def now(self) -> str:
        """The header line of this moment."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n"
        return self._line


def encode(response: Response, date: str, connection: str, head_only: bool) -> bytes:
    """The response as it goes over the wire; `date` and `connection` are whole header lines. Raises BadResponse."""
    status, body = response.status, response.body
    line = _STATUS_LINES.get(status)
    if line is None:
        raise BadResponse("the status is not one of a final response")
    fields = _field_lines(response.headers)
    if status == 204 or status == 304:  # RFC 9110, 8.6 and 15.4.5: neither has a body
        return f"{line}{date}{connection}{fields}\r\n".encode("latin-1")
    head = f"{line}{date}{connection}{fields}Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
    return head if head_only else head + body


def check(response: Response) -> None:
    """Raises BadResponse unless the response can be sent; for a listener that encodes by itself."""
    encode(response, "", "", True)


def _field_lines(headers: Headers) -> str:
    """The header lines. Raises BadResponse unless every header can be sent, and is `handle`'s to send."""
    lines = ""
    for name, value in headers:
        if name not in _checked_names:
            _check_name(name)
        if "\n" in value or "\r" in value or "\0" in value:
            raise BadResponse("a header value holds CR, LF or NUL")
        lines += f"{name}: {value}\r\n"
    if not lines.isascii() and any(character > "\xff" for character in lines):
        raise BadResponse("a header value is not Latin-1")
    return lines


def of_refusal(refusal: Refusal, limits: Limits) -> Response:
    """What a refused client reads."""
    headers = [("Content-Type", "text/plain")]
    if refusal.status == 503:
        headers.append(("Retry-After", str(limits.retry_after_seconds)))
    return Response(refusal.status, f"{refusal.text}\n".encode(), headers)


def _check_name(name: str) -> None:
    if _TOKEN.fullmatch(name) is None:
        raise BadResponse("a header name is not a token")
    if name.lower() in _OURS:
        raise BadResponse("a header that only the listener may set")
    if len(_checked_names) < _REMEMBERED:
        _checked_names.add(name)
