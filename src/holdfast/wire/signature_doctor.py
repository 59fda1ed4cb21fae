"""Why a signature was not accepted, for the operator: the likely cause, named after the request was answered.

A signature that does not match says nothing by itself. So the doctor asks what else the client may have signed (the host
before a proxy rewrote it, the body before it was altered, the path before it was decoded) and signs each candidate with
the true secret: one that fits is a proof, not a guess. When none fits, the secret itself is the likely cause.

INVARIANT: no I/O, no clock, and a bounded number of candidates. A diagnosis holds no secret, no session token, no query
and no signature, neither the one sent nor one that would have been right; header values only of Host and Content-Type.
Threat: a guesser who learns from it. It is never on the wire; server/signature_failures.py keeps it for the operator.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.wire.signature_candidates import REWRITTEN, Candidate, Cause, candidates, misspelt
from holdfast.wire.sigv4_canonical import (
    TERMINATOR,
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

LONGEST_PATH = 512
LONGEST_HEAD = 8192
"""Characters of the path, and of target and headers, up to which candidates are tried: each costs a hash of it all."""


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
    for candidate in candidates(request, presented, payload_hash, expected.hosts):
        if _fits(candidate, presented, key):
            return Diagnosis(candidate.cause, candidate.text, candidate.details)
    return _wrong_secret(request, presented, payload_hash, credential.secret)


def _fits(candidate: Candidate, presented: Presented, key: bytes) -> bool:
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


def _wrong_secret(request: Request, presented: Presented, payload_hash: str, secret: bytes) -> Diagnosis:
    """Nothing that could have changed on the way fits: headers that went missing, or the secret."""
    dropped = sorted(presented.signed_headers.names - request.headers.keys() - {":authority"})
    if dropped:
        listed = ", ".join(shown(name) for name in dropped[:5])
        text = f"Signed headers did not arrive: {listed}. A proxy took them away."
        return Diagnosis(Cause.HEADER_DROPPED, text, {"headers": listed})
    whole = Candidate(Cause.WRONG_SECRET, "", request.method, request.target, request.headers, payload_hash)
    for what, spelling in misspelt(secret):
        if _fits(whole, presented, signing_key(spelling, presented.scope)):
            return Diagnosis(Cause.WRONG_SECRET, f"The client's secret access key {what}.", {"secret": what})
    rewritten = [name for name in REWRITTEN if name in presented.signed_headers.names]
    host = shown(request.headers.get("host", ""))
    text = (
        "Most likely the client's secret access key is not the one of this access key. A proxy that changes the Host "
        f"header ({host!r} arrived) or the body, and leaves no trace of what it was, looks the same."
    )
    if rewritten:
        text += f" The client also signs {', '.join(rewritten)}, which proxies change."
    return Diagnosis(Cause.WRONG_SECRET, text)


def plausible_key_id(access_key_id: str) -> str:
    """The access key id, unless it looks like something else that was pasted in its place."""
    right = access_key_id.isalnum() and access_key_id.isupper() and access_key_id.isascii()
    return access_key_id[:128] if right else ""
