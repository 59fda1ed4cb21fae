"""What a client may have signed in place of what arrived: candidates for the doctor, the likely ones first.

Each is a whole request in which one thing is as it may have been before a proxy or a library changed it: the body, the host,
the path, the method, a header. Their number is bounded by the request's own, whatever it says.

Threat: a request made to cost much. Hosts, segments and headers that are looked at are limited here, the lengths in
`signature_doctor`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from holdfast.wire.sigv4_canonical import UNSIGNED_PAYLOAD
from holdfast.wire.sigv4_errors import shown

if TYPE_CHECKING:
    from holdfast.wire.messages import Request
    from holdfast.wire.sigv4_parse import Presented

EMPTY_HASH = hashlib.sha256(b"").hexdigest()
MOST_HOSTS = 24
DEEPEST_PATH = 8
_HEX_HASH = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")
_MEDIA_TYPES = (
    "application/x-amz-json-1.1",
    "application/x-amz-json-1.0",
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/x-www-form-urlencoded",
    "application/json",
)
REWRITTEN = ("accept", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent", "via")
"""Headers that proxies write anew; nobody should sign them."""


class Cause(StrEnum):
    """What is likely wrong."""

    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    SIGNED_TWICE = "signed-twice"
    CLOCK_SKEW = "clock-skew"
    PRESIGNED_EXPIRED = "presigned-expired"
    SESSION_EXPIRED = "session-expired"
    WRONG_REGION = "wrong-region"
    WRONG_SERVICE = "wrong-service"
    WRONG_SCOPE = "wrong-scope"
    HEADER_ADDED = "header-added"
    HEADER_DROPPED = "header-dropped"
    HEADER_ALTERED = "header-altered"
    HOST_REWRITTEN = "host-rewritten"
    PATH_REWRITTEN = "path-rewritten"
    METHOD_REWRITTEN = "method-rewritten"
    BODY_ALTERED = "body-altered"
    BODY_HASH_REFUSED = "body-hash-refused"
    UNKNOWN_KEY = "unknown-key"
    INACTIVE_KEY = "inactive-key"
    TOKEN_MISSING = "session-token-missing"  # noqa: S105 - a name
    FOREIGN_TOKEN = "foreign-session-token"  # noqa: S105 - a name
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - a name
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that the client may have signed instead of what arrived."""

    cause: Cause
    text: str
    method: str
    target: str
    headers: dict[str, str]
    payload_hash: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])


def candidates(
    request: Request, presented: Presented, payload_hash: str, expected_hosts: Sequence[str]
) -> Iterator[Candidate]:
    method, target, headers = request.method, request.target, request.headers
    for name, other in _bodies(headers, payload_hash):
        text = f"The body is not the one that was signed ({name}): something between client and server changed it."
        yield Candidate(Cause.BODY_ALTERED, text, method, target, headers, other)
    sent = headers.get("host", "")
    for host in _hosts(headers, presented, expected_hosts):
        text = (
            f"The client signed for the host {host!r} and {shown(sent)!r} arrived: let the proxy keep the Host header."
        )
        details = {"signed_host": host, "received_host": shown(sent)}
        yield Candidate(Cause.HOST_REWRITTEN, text, method, target, {**headers, "host": host}, payload_hash, details)
    for path in _paths(target, headers):
        text = "The client signed another path than arrived: a proxy decoded, normalised or cut it."
        yield Candidate(Cause.PATH_REWRITTEN, text, method, path, headers, payload_hash)
    for other in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        if other != method:
            text = f"The client signed {other} and {shown(method)} arrived: a proxy changed the method."
            yield Candidate(Cause.METHOD_REWRITTEN, text, other, target, headers, payload_hash)
    yield from _altered_headers(request, presented, payload_hash)


def _bodies(headers: Mapping[str, str], payload_hash: str) -> Iterator[tuple[str, str]]:
    declared = headers.get("x-amz-content-sha256", "")
    if declared != payload_hash and _HEX_HASH.fullmatch(declared):
        yield "x-amz-content-sha256 says another hash", declared
    if payload_hash != EMPTY_HASH:
        yield "an empty one was signed", EMPTY_HASH
    if payload_hash != UNSIGNED_PAYLOAD:
        yield "the client signed UNSIGNED-PAYLOAD", UNSIGNED_PAYLOAD


def _hosts(headers: Mapping[str, str], presented: Presented, expected: Sequence[str]) -> list[str]:
    """Hosts that the client may have called, the likely ones first, each with and without its port."""
    received = headers.get("host", "")
    forwarded = [host.strip() for host in headers.get("x-forwarded-host", "").split(",")]
    forwarded += [
        found.strip('"') for found in re.findall(r"(?i)\bhost=([^;,\s]{1,260})", headers.get("forwarded", ""))
    ]
    forwarded += [headers.get(name, "") for name in ("x-original-host", "x-host", "x-forwarded-server")]
    ports = [port.strip() for port in headers.get("x-forwarded-port", "").split(",")]
    scope = presented.scope
    own = [f"{scope.service}.{scope.region}.amazonaws.com", f"{scope.service}.amazonaws.com"]
    found: dict[str, None] = {}
    for host in (*forwarded, received, *expected, *own):
        if not _HOST.fullmatch(host):
            continue
        bare = re.sub(r":[0-9]*\Z", "", host)
        for spelling in (
            host,
            bare,
            f"{bare}:443",
            f"{bare}:80",
            *(f"{bare}:{port}" for port in ports if port.isdecimal()),
        ):
            found.setdefault(spelling)
            found.setdefault(spelling.lower())
    found.pop(received, None)
    return list(found)[:MOST_HOSTS]


def _paths(target: str, headers: Mapping[str, str]) -> Iterator[str]:
    """Targets that the client may have sent: encoded otherwise, or with what a proxy cut off."""
    path, mark, query = target.partition("?")
    tail = mark + query
    seen = {target}

    def new(candidates: Iterable[str]) -> Iterator[str]:
        for candidate in candidates:
            if candidate not in seen and candidate.startswith("/"):
                seen.add(candidate)
                yield candidate

    prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
    named = [headers.get(name, "") for name in ("x-original-uri", "x-forwarded-uri", "x-rewrite-url", "x-original-url")]
    plain = unquote(path, "latin-1")
    spellings = [quote(plain, safe=safe, encoding="latin-1") for safe in ("/", "/:", "/:@", "/:=+,@")]
    segments = plain.split("/")
    for kept in range(2, min(len(segments), DEEPEST_PATH)):
        # What followed was one segment, such as an ARN, before its slashes were decoded.
        head = "/".join(quote(segment, safe="", encoding="latin-1") for segment in segments[:kept])
        rest = "/".join(segments[kept:])
        spellings += [f"{head}/{quote(rest, safe=safe, encoding='latin-1')}" for safe in ("", ":")]
    yield from new(f"{prefix}{path}{tail}" for prefix in ((prefix,) if prefix else ()))
    yield from new(named)
    yield from new(f"{spelling}{tail}" for spelling in spellings)
    yield from new((path + "/" + tail, path.rstrip("/") + tail, target.replace("%2B", "+"), target.replace("+", "%2B")))


def _altered_headers(request: Request, presented: Presented, payload_hash: str) -> Iterator[Candidate]:
    headers, signed = request.headers, presented.signed_headers.names

    def candidate(cause: Cause, name: str, changed: dict[str, str], text: str) -> Candidate:
        return Candidate(cause, text, request.method, request.target, changed, payload_hash, {"headers": name})

    if "content-type" in signed:
        received = headers.get("content-type", "")
        bare = received.partition(";")[0].strip()
        for media in dict.fromkeys((bare, f"{bare}; charset=utf-8", f"{bare}; charset=UTF-8", *_MEDIA_TYPES)):
            if media and media != received:
                text = f"The client signed the Content-Type {shown(media)!r} and {shown(received)!r} arrived."
                yield candidate(Cause.HEADER_ALTERED, "content-type", {**headers, "content-type": media}, text)
    if "content-length" in signed:
        for length in (str(len(request.body)), ""):
            text = "The Content-Length that was signed is not the one that arrived: a proxy sent the body in chunks."
            yield candidate(Cause.HEADER_ALTERED, "content-length", {**headers, "content-length": length}, text)
    for name in sorted(signed - headers.keys())[:DEEPEST_PATH]:
        text = f"The signed header {shown(name)} was empty, and a proxy took it away."
        yield candidate(Cause.HEADER_DROPPED, shown(name), {**headers, name: ""}, text)
    for name in [name for name in REWRITTEN if name in signed and name in headers]:
        for value in ("", "identity", "close", "keep-alive", "*/*"):
            text = f"The signed header {name} was changed by a proxy: do not sign it."
            yield candidate(Cause.HEADER_ALTERED, name, {**headers, name: value}, text)


def misspelt(secret: bytes) -> Iterator[tuple[str, bytes]]:
    for blank in (b"\n", b"\r\n", b" ", b"\r"):
        yield "ends in a blank or a line end", secret + blank
    yield "begins with a blank", b" " + secret
    yield "stands in quotation marks", b'"' + secret + b'"'
    yield "stands in quotation marks", b"'" + secret + b"'"
    yield "is percent-encoded", quote(secret, safe="").encode()
    yield "has blanks in the place of its plus signs", secret.replace(b"+", b" ")
    yield "lacks its backslashes or slashes", secret.replace(b"/", b"")
    yield "is cut at its end", secret[:-1]
    yield "is in lower case", secret.lower()
