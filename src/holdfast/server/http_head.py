"""The head of one HTTP/1.1 request: request line, headers, and where its body ends.

Two readers look at every request. The listener finds the end of the head and of the body itself; llhttp (through
`httptools`) reads the same bytes and must arrive at the same ends. Where they disagree the request is refused.

llhttp is strict about field lines: it refuses bare CR and LF, folded lines, blanks before the colon, control characters
and doubtful lengths (RFC 9112, 2.2, 5 and 6.3). What it lets pass is refused here: other protocols and versions, more
than one blank in the request line, fragments, a missing or repeated Host, transfer codings beside chunked, chunked in
HTTP/1.0, trailers.
`tests/server/http_corpus` holds each of these cases, whoever refuses it.

INVARIANT: no request reaches `handle` whose framing, Host or target another reader could understand differently.
Threat: request smuggling through a proxy in front, cache and host confusion, header injection.
"""

from __future__ import annotations

import re
from typing import Final

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from holdfast.server.http_limits import Limits, Refusal, bad_framing, body_too_long, malformed

CHUNKED = -1
"""The value of `HeadReader.length` for a chunked body."""

# RFC 9112, 3: one blank between the parts; RFC 3986, 2: printable ASCII. `#` never goes over the wire (RFC 9110, 7.1).
_USUAL_LINE: Final = b"POST / HTTP/1.1\r\n"
"""Of every call on the JSON protocols."""
_ORIGIN_LINE: Final = re.compile(rb"([A-Z-]+) (/[!\"$-~]*) HTTP/1\.([01])\r\n")
_OTHER_LINE = re.compile(rb"([A-Z-]+) ([!\"$-~]+) HTTP/1\.([01])\r\n")
_ANY_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/[0-9]\.[0-9]\r\n")
_ABSOLUTE = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://([^/?]*)(.*)")
# RFC 9110, 7.2: uri-host [":" port]; a name, an IPv4 address, or an IPv6 address in brackets.
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\])(?::[0-9]{1,5})?")
_LENGTH_DIGITS: Final = 18
_SINGLE: Final = frozenset({"host", "content-length", "transfer-encoding", "expect"})
"""Repeated, these mean something else to the next reader; all others are joined with a comma (RFC 9110, 5.3)."""

_names: Final[dict[bytes, str]] = {}
_hosts: Final[set[str]] = set()
_REMEMBERED = 512
"""Spellings kept of each of the two above: they repeat with every request. Clients choose them, hence the bound."""


class HeadReader:
    """Reads the requests of one connection, one after the other. The attributes are those of the last `read`."""

    __slots__ = (
        "_limits",
        "_parser",
        "_repeated",
        "complete",
        "expects_continue",
        "headers",
        "http11",
        "keep_alive",
        "length",
        "method",
        "refusal",
        "target",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._repeated = 0
        self.refusal: Refusal | None = None
        self.method = ""
        self.target = ""
        """In origin form, or `*`."""
        self.headers: dict[str, str] = {}
        self.http11 = True
        self.keep_alive = True
        self.length = 0
        """Bytes of body that follow; CHUNKED when only the body itself says."""
        self.expects_continue = False
        self.complete = False
        """llhttp has seen the end of the request."""

    def close(self) -> None:
        """Part with the parser, which refers back to this reader."""
        self._parser = None

    # -- called by httptools ------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _names.get(name) or _name(name)
        text = value.decode("latin-1").rstrip(" \t")
        headers = self.headers
        if key in headers:
            self._repeated += 1
            if key in _SINGLE:
                self.refusal = Refusal(400, "host" if key == "host" else "framing", f"{key} is repeated")
            text = f"{headers[key]},{text}"
        headers[key] = text

    def on_message_complete(self) -> None:
        self.complete = True

    # -- called by the connection -------------------------------------------------------------------------------------

    def read(self, head: bytes) -> None:
        """Read a head, from the request line to the empty line inclusive. Raises Refusal."""
        if head.startswith(_USUAL_LINE):
            self.method = "POST"
            self.target = "/"
            self.http11 = True
        else:
            head = self._read_line(head)
        if len(head) > self._limits.header_bytes:
            raise headers_too_long()
        headers: dict[str, str] = {}
        self.headers = headers
        self._repeated = 0
        self.complete = False
        self._feed_head(head)
        if len(headers) + self._repeated > self._limits.header_count:
            raise Refusal(431, "header-size", "too many headers")
        if headers.get("host") not in _hosts or self.target[0] != "/":
            self._check_target(headers)
        connection = headers.get("connection")
        self.keep_alive = self.http11 if connection is None else _keep_alive(connection, self.http11)
        self.expects_continue = False
        self.length = 0
        if "content-length" in headers or "transfer-encoding" in headers:
            self._find_length(headers)

    def _read_line(self, head: bytes) -> bytes:
        """The request line in general; the head from there on."""
        line = _ORIGIN_LINE.match(head)
        if line is None:
            # RFC 9112, 2.2: one empty line before the request line is forgiven; old clients end a body with it.
            head = head.removeprefix(b"\r\n")
            line = _request_line(head)
        method, target, minor = line.groups()
        if len(target) > self._limits.target_bytes:
            raise target_too_long()
        self.method = method.decode("ascii")
        self.target = target.decode("ascii")
        self.http11 = minor == b"1"
        return head

    def feed_body(self, piece: bytes) -> None:
        """Show llhttp a piece of the body as it came over the wire. Raises Refusal if it cannot be that."""
        assert self._parser is not None
        if self.complete:
            raise bad_framing("the body does not end where its length says")
        try:
            self._parser.feed_data(piece)
        except HttpParserError:
            raise bad_framing("the body is not framed as announced") from None

    def _feed_head(self, head: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(head)
        except HttpParserInvalidMethodError:
            raise _unknown_method() from None
        except HttpParserUpgrade:
            raise _upgrade() from None
        except HttpParserError as error:
            if self.refusal is not None:
                raise self.refusal from None
            raise _refusal_of(str(error)) from None
        if self.refusal is not None:
            raise self.refusal

    def _check_target(self, headers: dict[str, str]) -> None:
        host = headers.get("host")
        if host is None:
            if self.http11:
                raise Refusal(400, "host", "host is missing")
        elif host not in _hosts:
            _check_host(host)
        target = self.target
        if target[0] == "/":
            return
        if target == "*" and self.method == "OPTIONS":
            return
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise malformed("the request target is neither a path nor an address")
        authority, path = absolute.groups()
        # RFC 9112, 3.2.2 lets the target win over Host; a request in which they differ is not sent by mistake.
        if authority.lower() != (authority if host is None else host).lower():
            raise Refusal(400, "host", "host and request target disagree")
        _check_host(authority)
        self.target = path if path.startswith("/") else "/" + path

    def _find_length(self, headers: dict[str, str]) -> None:
        length = headers.get("content-length")
        if "transfer-encoding" in headers:
            if length is not None:
                raise bad_framing("content-length and transfer-encoding exclude each other")
            if not self.http11:
                raise bad_framing("HTTP/1.0 has no transfer-encoding")
            if headers["transfer-encoding"] != "chunked":
                raise _unknown_coding()
            self.length = CHUNKED
        else:
            if length is None or not (length.isascii() and length.isdecimal() and len(length) <= _LENGTH_DIGITS):
                raise bad_framing("content-length is not a number of bytes")
            self.length = int(length)
            if self.length > self._limits.body_bytes:
                raise body_too_long()
        if "expect" in headers and self.http11:  # RFC 9110, 10.1.1: HTTP/1.0 knows no expectations
            if headers["expect"].lower() != "100-continue":
                raise Refusal(417, "expectation", "the only expectation is 100-continue")
            self.expects_continue = self.length != 0


def check_partial(data: bytes, limits: Limits) -> None:
    """Refuse the begun head `data` as soon as nothing that follows can make it right. Raises Refusal."""
    if b"\n" in data and data.count(b"\n") != data.count(b"\r\n"):
        raise malformed("a line must end with CR LF")
    if data[:1] == b"\r":
        data = data[2:]
    if b"\r\n" in data:
        _request_line(data)
    elif data and not data[:1].isalpha():
        raise malformed("this is not an HTTP request")
    elif len(data) > limits.target_bytes + 32:  # a method, two blanks and the version
        raise target_too_long()
    if len(data) > limits.header_bytes:
        raise headers_too_long()


def target_too_long() -> Refusal:
    return Refusal(414, "target-size", "the request target is too long")


def headers_too_long() -> Refusal:
    return Refusal(431, "header-size", "the headers are too long")


def _upgrade() -> Refusal:
    return Refusal(501, "upgrade", "only HTTP/1.1 is spoken here")


def _unknown_method() -> Refusal:
    return Refusal(501, "method", "the method is not known")


def _unknown_coding() -> Refusal:
    """RFC 9112, 6.1 asks for 501."""
    return Refusal(501, "framing", "the only transfer-encoding is chunked")


def _name(name: bytes) -> str:
    key = name.decode("ascii").lower()
    if len(_names) < _REMEMBERED:
        _names[name] = key
    return key


def _check_host(host: str) -> None:
    if _HOST.fullmatch(host) is None:
        raise Refusal(400, "host", "host is not a name or an address")
    if len(_hosts) < _REMEMBERED:
        _hosts.add(host)


def _keep_alive(connection: str, http11: bool) -> bool:
    """RFC 9112, 9.3: close wins, then the version."""
    options = {option.strip(" \t") for option in connection.lower().split(",")}
    return "close" not in options and (http11 or "keep-alive" in options)


def _request_line(head: bytes) -> re.Match[bytes]:
    line = _ORIGIN_LINE.match(head) or _OTHER_LINE.match(head)
    if line is not None:
        return line
    line = _ANY_LINE.match(head)
    if line is None:
        raise malformed("the request line is malformed")
    method, target = line.groups()
    if b"#" in target:
        raise malformed("the request target has a fragment")
    if _OTHER_LINE.match(method + b" / HTTP/1.1\r\n") is None:
        raise _unknown_method()
    raise Refusal(505, "version", "only HTTP/1.0 and HTTP/1.1 are spoken here")


def _refusal_of(text: str) -> Refusal:
    """What llhttp's complaint means. Its texts are its own constants: they repeat nothing of the request."""
    if text.startswith("Request has invalid `Transfer-Encoding`"):
        return _unknown_coding()
    return bad_framing(text) if "Content-Length" in text or "Transfer-Encoding" in text else malformed(text)
