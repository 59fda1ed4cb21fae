"""Why a signature was not accepted, for the operator: the likely cause, named after the request was answered.

A signature that does not match says nothing by itself. So the doctor asks what else the client may have signed (the host
before a proxy rewrote it, the body before it was altered, the path before it was decoded) and signs each candidate with
the true secret: one that fits is a proof, not a guess. When none fits, the secret itself is the likely cause.

INVARIANT: no I/O, no clock, and a bounded number of candidates. A diagnosis holds no secret, no session token, no query
and no signature, neither the one sent nor one that would have been right; header values only of Host and Content-Type.
Threat: a guesser who learns from it. It is never on the wire; server/signature_failures.py keeps it for the operator.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from holdfast.wire.sigv4_canonical import (
    TERMINATOR,
    UNSIGNED_PAYLOAD,
    canonical_request,
    signature,
    signing_key,
    string_to_sign,
)
from holdfast.wire.sigv4_errors import (
    AmbiguousSignature,
    CredentialScopeError,
    ExpiredTokenException,
    HeaderNotSigned,
    IncompleteSignatureException,
    MissingAuthenticationTokenException,
    PayloadHashError,
    RequestExpired,
    SignatureError,
    SignatureExpired,
    SignatureMismatch,
    SignatureNotYetCurrent,
    shown,
)

if TYPE_CHECKING:
    from holdfast.wire.messages import Request
    from holdfast.wire.sigv4_parse import Presented

EMPTY_HASH = hashlib.sha256(b"").hexdigest()
MOST_HOSTS = 24
LONGEST_PATH = 512
LONGEST_HEAD = 8192
"""Characters of the path, and of target and headers, up to which candidates are tried: each costs a hash of it all."""
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
_REWRITTEN = ("accept", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent", "via")
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
class Diagnosis:
    """The likely cause, a sentence or two for a person, and the facts behind them."""

    cause: Cause
    text: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Credential:
    """What the server knows of the credentials that a request presents."""

    known: bool
    """Whether there is such a key, active or not; for a session, whether its token is of this server."""
    active: bool = True
    secret: bytes | None = field(default=None, repr=False)
    expires: float | None = None
    """Of a session, wall time."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right request would look like."""

    now: float
    """Wall time when the request was refused."""
    service: str
    """The signing name."""
    hosts: tuple[str, ...] = ()
    """Names, with port, by which this server is called."""


def diagnose(
    error: SignatureError,
    request: Request,
    presented: Presented | None,
    credential: Credential | None,
    expected: Expected,
) -> Diagnosis:
    """Name the likely cause. `presented` is None when nothing that can be read was presented."""
    if isinstance(error, MissingAuthenticationTokenException):
        return Diagnosis(Cause.UNSIGNED, "The request carries no signature: the client has no credentials, or a proxy "
                         "took the Authorization header away.")  # fmt: skip
    if isinstance(error, AmbiguousSignature):
        return Diagnosis(Cause.SIGNED_TWICE, "The request is signed in a header and in the query. Send one of them.")
    if presented is None or isinstance(error, IncompleteSignatureException):
        return Diagnosis(Cause.MALFORMED, f"The signature cannot be read: {shown(error.message or '')}")
    if isinstance(error, SignatureExpired | SignatureNotYetCurrent):
        return _clock(presented, expected)
    if isinstance(error, RequestExpired):
        late = int(expected.now) - presented.timestamp - (presented.expires or 0)
        text = f"The presigned request was valid for {presented.expires} s and came {_span(late)} after its end."
        return Diagnosis(Cause.PRESIGNED_EXPIRED, text, {"seconds_late": str(late)})
    if isinstance(error, ExpiredTokenException):
        return _session_expired(credential, expected)
    if isinstance(error, HeaderNotSigned):
        return _header_added(request, presented)
    if isinstance(error, CredentialScopeError):
        return _scope(presented, expected)
    if isinstance(error, PayloadHashError):
        return Diagnosis(Cause.BODY_HASH_REFUSED, error.message or "")
    if isinstance(error, SignatureMismatch):
        return _mismatch(error, request, presented, credential, expected)
    return _credential(presented, credential)


# What the error says already


def _span(seconds: int) -> str:
    """`1 h 2 min 3 s`."""
    hours, rest = divmod(abs(seconds), 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{amount} {unit}" for amount, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if amount]
    return " ".join(parts) or "0 s"


def _clock(presented: Presented, expected: Expected) -> Diagnosis:
    ahead = presented.timestamp - int(expected.now)
    side = "ahead of" if ahead > 0 else "behind"
    text = f"The request is dated {_span(ahead)} {side} this server's clock: set the client's clock"
    text += "." if ahead > 0 else ", or find out where the request waited so long."
    return Diagnosis(
        Cause.CLOCK_SKEW, text, {"seconds": str(abs(ahead)), "client_clock": "ahead" if ahead > 0 else "behind"}
    )


def _session_expired(credential: Credential | None, expected: Expected) -> Diagnosis:
    ended = credential.expires if credential is not None else None
    if ended is None:
        return Diagnosis(Cause.SESSION_EXPIRED, "The session has ended: get new temporary credentials.")
    late = max(0, int(expected.now - ended))
    text = f"The session ended {_span(late)} ago: get new temporary credentials."
    return Diagnosis(Cause.SESSION_EXPIRED, text, {"seconds": str(late)})


def _header_added(request: Request, presented: Presented) -> Diagnosis:
    signed = presented.signed_headers.names
    names = sorted(name for name in request.headers if name.startswith("x-amz-") and name not in signed)
    if "host" not in signed and ":authority" not in signed:
        return Diagnosis(Cause.MALFORMED, "The client did not sign the Host header.", {"header": "host"})
    listed = ", ".join(shown(name) for name in names[:5])
    text = f"These headers are not signed: {listed}. A proxy added them, or the client set them after signing."
    return Diagnosis(Cause.HEADER_ADDED, text, {"headers": listed})


def _scope(presented: Presented, expected: Expected) -> Diagnosis:
    scope = presented.scope
    details = {"region": shown(scope.region), "service": shown(scope.service), "expected_service": expected.service}
    if scope.service != expected.service:
        text = f"The client signed for the service {shown(scope.service)!r}; this operation is of {expected.service!r}."
        return Diagnosis(Cause.WRONG_SERVICE, text, details)
    if scope.terminator != TERMINATOR or scope.date != presented.date[:8]:
        text = "The credential scope does not end in aws4_request, or its date is not that of the request."
        return Diagnosis(Cause.WRONG_SCOPE, text, details)
    return Diagnosis(Cause.WRONG_REGION, f"The client signed for {shown(scope.region)!r}, which is no region.", details)


def _credential(presented: Presented, credential: Credential | None) -> Diagnosis:
    temporary = presented.access_key_id.startswith("ASIA")
    if presented.session_token is None and temporary:
        text = "The key is a temporary one and the request has no session token: set AWS_SESSION_TOKEN as well."
        return Diagnosis(Cause.TOKEN_MISSING, text)
    if presented.session_token is not None and (credential is None or not credential.known):
        text = "The session token is not of this server for this key, or was altered."
        if not temporary:
            text = "A session token stands beside a key that is not temporary: take AWS_SESSION_TOKEN away."
        return Diagnosis(Cause.FOREIGN_TOKEN, text)
    if credential is None or not credential.known:
        return Diagnosis(
            Cause.UNKNOWN_KEY, "There is no such access key here: it was deleted, or is of another server."
        )
    if not credential.active:
        return Diagnosis(Cause.INACTIVE_KEY, "The access key is inactive.")
    return Diagnosis(Cause.UNKNOWN_KEY, "The user, role or account of these credentials is no more.")


# A signature that does not match


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that the client may have signed instead of what arrived."""

    cause: Cause
    text: str
    method: str
    target: str
    headers: dict[str, str]
    payload_hash: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])


def _mismatch(
    error: SignatureMismatch,
    request: Request,
    presented: Presented,
    credential: Credential | None,
    expected: Expected,
) -> Diagnosis:
    if credential is None or credential.secret is None:
        return Diagnosis(Cause.UNKNOWN, "The signature does not match, and its key is gone meanwhile.")
    head = len(request.target) + sum(len(name) + len(value) for name, value in request.headers.items())
    if len(request.target.partition("?")[0]) > LONGEST_PATH or head > LONGEST_HEAD:
        return Diagnosis(Cause.UNKNOWN, "The signature does not match; the request is too large to look further.")
    payload_hash = error.steps.canonical_request.rpartition("\n")[2]
    key = signing_key(credential.secret, presented.scope)
    for candidate in _candidates(request, presented, payload_hash, expected):
        if _fits(candidate, presented, key):
            return Diagnosis(candidate.cause, candidate.text, candidate.details)
    return _wrong_secret(request, presented, payload_hash, credential.secret)


def _fits(candidate: _Candidate, presented: Presented, key: bytes) -> bool:
    canonical = canonical_request(
        candidate.method,
        candidate.target,
        candidate.headers,
        presented.signed_headers,
        candidate.payload_hash,
        presigned=presented.form == "presigned",
    )
    found = signature(key, string_to_sign(presented.date, presented.scope, canonical))
    return presented.signature.isascii() and hmac.compare_digest(found, presented.signature)


def _candidates(request: Request, presented: Presented, payload_hash: str, expected: Expected) -> Iterator[_Candidate]:
    method, target, headers = request.method, request.target, request.headers
    for name, other in _bodies(headers, payload_hash):
        text = f"The body is not the one that was signed ({name}): something between client and server changed it."
        yield _Candidate(Cause.BODY_ALTERED, text, method, target, headers, other)
    sent = headers.get("host", "")
    for host in _hosts(headers, presented, expected):
        text = (
            f"The client signed for the host {host!r} and {shown(sent)!r} arrived: let the proxy keep the Host header."
        )
        details = {"signed_host": host, "received_host": shown(sent)}
        yield _Candidate(Cause.HOST_REWRITTEN, text, method, target, {**headers, "host": host}, payload_hash, details)
    for path in _paths(target, headers):
        text = "The client signed another path than arrived: a proxy decoded, normalised or cut it."
        yield _Candidate(Cause.PATH_REWRITTEN, text, method, path, headers, payload_hash)
    for other in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        if other != method:
            text = f"The client signed {other} and {shown(method)} arrived: a proxy changed the method."
            yield _Candidate(Cause.METHOD_REWRITTEN, text, other, target, headers, payload_hash)
    yield from _altered_headers(request, presented, payload_hash)


def _bodies(headers: Mapping[str, str], payload_hash: str) -> Iterator[tuple[str, str]]:
    declared = headers.get("x-amz-content-sha256", "")
    if declared != payload_hash and _HEX_HASH.fullmatch(declared):
        yield "x-amz-content-sha256 says another hash", declared
    if payload_hash != EMPTY_HASH:
        yield "an empty one was signed", EMPTY_HASH
    if payload_hash != UNSIGNED_PAYLOAD:
        yield "the client signed UNSIGNED-PAYLOAD", UNSIGNED_PAYLOAD


def _hosts(headers: Mapping[str, str], presented: Presented, expected: Expected) -> list[str]:
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
    for host in (*forwarded, received, *expected.hosts, *own):
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


def _altered_headers(request: Request, presented: Presented, payload_hash: str) -> Iterator[_Candidate]:
    headers, signed = request.headers, presented.signed_headers.names

    def candidate(cause: Cause, name: str, changed: dict[str, str], text: str) -> _Candidate:
        return _Candidate(cause, text, request.method, request.target, changed, payload_hash, {"headers": name})

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
    for name in [name for name in _REWRITTEN if name in signed and name in headers]:
        for value in ("", "identity", "close", "keep-alive", "*/*"):
            text = f"The signed header {name} was changed by a proxy: do not sign it."
            yield candidate(Cause.HEADER_ALTERED, name, {**headers, name: value}, text)


def _wrong_secret(request: Request, presented: Presented, payload_hash: str, secret: bytes) -> Diagnosis:
    """Nothing that could have changed on the way fits: headers that went missing, or the secret."""
    dropped = sorted(presented.signed_headers.names - request.headers.keys() - {":authority"})
    if dropped:
        listed = ", ".join(shown(name) for name in dropped[:5])
        text = f"Signed headers did not arrive: {listed}. A proxy took them away."
        return Diagnosis(Cause.HEADER_DROPPED, text, {"headers": listed})
    whole = _Candidate(Cause.WRONG_SECRET, "", request.method, request.target, request.headers, payload_hash)
    for what, spelling in _misspelt(secret):
        if _fits(whole, presented, signing_key(spelling, presented.scope)):
            return Diagnosis(Cause.WRONG_SECRET, f"The client's secret access key {what}.", {"secret": what})
    rewritten = [name for name in _REWRITTEN if name in presented.signed_headers.names]
    host = shown(request.headers.get("host", ""))
    text = (
        "Most likely the client's secret access key is not the one of this access key. A proxy that changes the Host "
        f"header ({host!r} arrived) or the body, and leaves no trace of what it was, looks the same."
    )
    if rewritten:
        text += f" The client also signs {', '.join(rewritten)}, which proxies change."
    return Diagnosis(Cause.WRONG_SECRET, text)


def _misspelt(secret: bytes) -> Iterator[tuple[str, bytes]]:
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


def plausible_key_id(access_key_id: str) -> str:
    """The access key id, unless it looks like something else that was pasted in its place."""
    right = access_key_id.isalnum() and access_key_id.isupper() and access_key_id.isascii()
    return access_key_id[:128] if right else ""
