"""Did the holder of the key sign this request? AWS Signature Version 4, header form and presigned form.

`parse` reads what a request presents; `verify` proves it with the secret access key and answers an object, not a bool.
Neither does I/O or knows the time: the caller looks up the key between the two and passes the wall clock in.

    presented = parse(request)                    # None: nothing was signed; malformed parts raise
    verified = verify(presented, request, secret=..., now=..., service="secretsmanager", keys=..., version=...)

Order of checks, as AWS answers them: parts, date, clock window, signed headers, scope, key, signature. The session
token is the caller's to check afterwards, since only the caller knows sessions.
INVARIANT: whatever a request holds ends in a `SignatureError` or in a proof. A proof covers method, path, query, host,
every x-amz-* header, every header listed as signed, and the body unless `body_signed` is False. An unsigned
content-type is accepted, as AWS does: tools that send presigned requests add one of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from holdfast.wire.messages import Request
from holdfast.wire.regions import PARTITION_OF
from holdfast.wire.sigv4_canonical import (
    TERMINATOR,
    UNSIGNED_PAYLOAD,
    SigningKey,
    SigningKeys,
    Steps,
    canonical_request,
    signing_key,
    string_to_sign,
)
from holdfast.wire.sigv4_errors import (
    CredentialScopeError,
    HeaderNotSigned,
    PayloadHashError,
    RequestExpired,
    SignatureExpired,
    SignatureMismatch,
    SignatureNotYetCurrent,
    UnrecognizedClientException,
)
from holdfast.wire.sigv4_parse import Presented, parse

__all__ = ["WINDOW_MINUTES", "Presented", "SigningKeys", "Verified", "parse", "verify"]

WINDOW_MINUTES = 15


_PARTITION_OF: Final = PARTITION_OF


class Verified:
    """Proof that whoever sent the request holds the secret access key of `presented.access_key_id`."""

    __slots__ = ("body_signed", "presented")

    def __init__(self, presented: Presented, body_signed: bool) -> None:
        self.presented = presented
        self.body_signed = body_signed
        """False for UNSIGNED-PAYLOAD: the body could be anybody's."""


def verify(
    presented: Presented,
    request: Request,
    *,
    secret: bytes | Callable[[], bytes] | None,
    now: float,
    service: str | tuple[str, ...],
    window_minutes: int = WINDOW_MINUTES,
    honour_expires: bool = True,
    keys: SigningKeys | None = None,
    version: Hashable = None,
) -> Verified:
    """Prove that the sender holds the secret access key, or raise a SignatureError.

    - `secret`: the secret access key, or a function that unwraps it and is called only if `keys` lacks the signing key.
      None says that no such active key exists; that is answered after everything AWS looks at before it.
    - `now`: wall clock, seconds since 1970.
    - `service`: the signing names the scope may have; AWS's text shows the first.
    - `honour_expires`: False gives a presigned request the clock window, whatever its X-Amz-Expires says.
    - `keys`, `version`: the cache of signing keys, and what identifies the state of the row that holds the secret.
    """
    if keys is not None and version is None:
        raise TypeError("without the version of its row, a signing key could outlive its secret")
    scope = presented.scope
    _check_clock(presented, int(now), window_minutes, honour_expires)
    unsigned = presented.signed_headers.unsigned(request.headers)
    if unsigned:
        raise HeaderNotSigned(unsigned)
    _check_scope(presented, service)
    if secret is None:
        raise UnrecognizedClientException
    payload_hash, payload_agrees = _payload_hash(request)
    canonical = canonical_request(
        request.method,
        request.target,
        request.headers,
        presented.signed_headers,
        payload_hash,
        presigned=presented.form == "presigned",
    )
    text = string_to_sign(presented.date, scope, canonical)
    name = (presented.access_key_id, version, scope.text)
    held = None if keys is None else keys.get(name)
    key = held or SigningKey(signing_key(secret if isinstance(secret, bytes) else secret(), scope))
    matches = presented.signature.isascii() and compare_digest(key.signature(text), presented.signature)
    if not (matches and payload_agrees):
        raise SignatureMismatch(Steps(canonical, text))
    if keys is not None and held is None:
        keys.put(name, key)
    return Verified(presented, payload_hash != UNSIGNED_PAYLOAD)


def _check_clock(presented: Presented, now: int, window_minutes: int, honour_expires: bool) -> None:
    age = now - presented.timestamp
    window = window_minutes * 60
    if age < -window:
        raise SignatureNotYetCurrent(presented.date, now, window_minutes)
    if presented.expires is not None and honour_expires:
        if age > presented.expires:
            raise RequestExpired
    elif age > window:
        raise SignatureExpired(presented.date, now, window_minutes)


def _check_scope(presented: Presented, service: str | tuple[str, ...]) -> None:
    scope = presented.scope
    signed_on = presented.date[:8]
    right = scope.region in _PARTITION_OF and scope.terminator == TERMINATOR and scope.date == signed_on
    services = service if isinstance(service, tuple) else (service,)
    if right and scope.service in services:
        return
    wrong = {
        "region": scope.region not in _PARTITION_OF,
        "service": scope.service not in services,
        "terminator": scope.terminator != TERMINATOR,
        "date": scope.date != signed_on,
    }
    raise CredentialScopeError(scope, presented.date, services[0], [part for part, is_so in wrong.items() if is_so])


def _payload_hash(request: Request) -> tuple[str, bool]:
    """The last line of the canonical request, and whether x-amz-content-sha256 agrees with it.

    The header's word is never taken for the hash of the body. UNSIGNED-PAYLOAD is accepted over TLS only, where nobody
    between the two ends could exchange the body; STREAMING-* (signed or unsigned chunks) is S3's and refused.
    """
    declared = request.headers.get("x-amz-content-sha256")
    if declared == UNSIGNED_PAYLOAD:
        if not request.secure:
            raise PayloadHashError("x-amz-content-sha256 may be UNSIGNED-PAYLOAD over TLS only")
        return UNSIGNED_PAYLOAD, True
    computed = sha256(request.body).hexdigest()
    if declared is None or declared == computed:
        return computed, True
    if len(declared) != 64:
        raise PayloadHashError("The provided 'x-amz-content-sha256' header must be a valid SHA256.")
    return computed, False
