"""Requests as they arrive on the wire, signed by botocore: the counterpart whose signatures must verify here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdfast.wire import sigv4
from holdfast.wire.messages import Request

ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "http://localhost:4566"


@dataclass
class Signed:
    """A request, the moment it was signed, and what it was signed for."""

    request: Request
    now: int
    service: str = "secretsmanager"

    def verify(self, **changed: Any) -> sigv4.Verified:
        """Parse and verify at the moment of signing, unless told otherwise."""
        presented = sigv4.parse(self.request)
        assert presented is not None
        arguments: dict[str, Any] = {"secret": SECRET.encode(), "now": self.now, "service": self.service}
        return sigv4.verify(presented, self.request, **{**arguments, **changed})

    def but(self, **changed: Any) -> Signed:
        """The same with another method, target, body or headers. A header given as None is taken away."""
        headers = changed.pop("headers", {})
        merged = {name: value for name, value in {**self.request.headers, **headers}.items() if value is not None}
        return replace(self, request=altered(self.request, headers=merged, **changed))


def altered(request: Request, **changed: Any) -> Request:
    """The same request with other parts."""
    return Request(**{name: getattr(request, name) for name in Request.__slots__} | changed)


def sign(
    method: str = "POST",
    url: str = "/",
    body: bytes = b"{}",
    headers: Iterable[tuple[str, str]] = (),
    *,
    params: list[tuple[str, str]] | None = None,
    service: str = "secretsmanager",
    region: str = "eu-central-1",
    token: str | None = None,
    expires: int | None = None,
) -> Signed:
    """A request signed in the header form, or presigned when it is given an expiry."""
    unsigned = AWSRequest(method=method, url=HOST + url, data=body, params=params)
    for name, value in headers:
        unsigned.headers[name] = value  # appends: a name given twice is sent twice
    credentials = Credentials(ACCESS_KEY_ID, SECRET, token)
    if expires is None:
        SigV4Auth(credentials, service, region).add_auth(unsigned)
    else:
        SigV4QueryAuth(credentials, service, region, expires=expires).add_auth(unsigned)
    prepared = unsigned.prepare()
    return arrived(prepared.method, prepared.url, unsigned.headers.items(), prepared.body or b"", service)


def arrived(method: str, url: str, headers: Iterable[tuple[str, Any]], body: bytes | str, service: str) -> Signed:
    """What a listener makes of a request that botocore would send."""
    parts = urlsplit(url)
    folded = {"host": parts.netloc}
    for name, value in headers:
        text = (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip(" \t")
        name = name.lower()
        folded[name] = f"{folded[name]},{text}" if name in folded else text
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    raw_body = body.encode() if isinstance(body, str) else body
    request = Request(method, target.encode().decode("latin-1"), folded, raw_body)
    if "date" in folded:
        return Signed(request, int(parsedate_to_datetime(folded["date"]).replace(tzinfo=UTC).timestamp()), service)
    date = folded.get("x-amz-date") or parse_qs(parts.query)["X-Amz-Date"][0]
    return Signed(request, int(datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()), service)
