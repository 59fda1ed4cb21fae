"""Signature Version 4 for calls that we send: the other half of `sigv4.py`, built from the same steps.

Only what our own clients need is here: the Authorization header, and a body that is in memory.

Threat: a secret in a traceback or a log. `Credentials` leaves secret and token out of its repr.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.wire.sigv4_canonical import (
    ALGORITHM,
    TERMINATOR,
    Scope,
    SignedHeaders,
    canonical_request,
    collapse_blanks,
    signature,
    signing_key,
    string_to_sign,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; with a session token where it is a temporary one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service in one region."""

    credentials: Credentials
    region: str
    service: str

    def sign(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, moment: datetime
    ) -> dict[str, str]:
        """All headers to send: those given, which must include Host and are all signed, and the signature's own.

        `target` is path and query as they go on the wire; `moment` is wall time in UTC.
        """
        date = moment.strftime("%Y%m%dT%H%M%SZ")
        sent = {name.lower(): collapse_blanks(value) for name, value in headers.items()}
        sent["x-amz-date"] = date
        if self.credentials.session_token:
            sent["x-amz-security-token"] = self.credentials.session_token
        parts = (date[:8], self.region, self.service, TERMINATOR)
        scope = Scope("/".join(parts), *parts)
        names = ";".join(sorted(sent))
        payload_hash = hashlib.sha256(body).hexdigest()
        canonical = canonical_request(method, target, sent, SignedHeaders(names), payload_hash, presigned=False)
        key = signing_key(self.credentials.secret_access_key.encode(), scope)
        signed = signature(key, string_to_sign(date, scope, canonical))
        sent["authorization"] = (
            f"{ALGORITHM} Credential={self.credentials.access_key_id}/{scope.text}, "
            f"SignedHeaders={names}, Signature={signed}"
        )
        return sent
