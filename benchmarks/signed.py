"""Really signed requests in the shape that boto3 sends, made before the clock runs.

Header names, their order and what is signed are those of boto3 1.44 (JSON protocol); `User-Agent` has its length. A
request is bytes, ready for a socket; its signature is good for five minutes.
"""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.wire.signer import Credentials, Signer

TARGET_PREFIXES = {
    "events": "AWSEvents",
    "kms": "TrentService",
    "secretsmanager": "secretsmanager",
    "ssm": "AmazonSSM",
}
USER_AGENT = (
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1.0 md/arch#x86_64 "
    f"lang/python#{platform.python_version()} md/pyimpl#CPython m/Z,e,E,N,b cfg/retry-mode#standard Botocore/1.44.5"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go and who signs them."""

    port: int
    credentials: Credentials

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation with its parameters."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


def sign(endpoint: Endpoint, region: str, call: Call, moment: datetime | None = None) -> bytes:
    """One request."""
    return sign_all(endpoint, region, [call], moment)[0]


def sign_all(endpoint: Endpoint, region: str, calls: Iterable[Call], moment: datetime | None = None) -> list[bytes]:
    """Requests in the order of `calls`."""
    now = moment or datetime.now(UTC)
    signers = {service: Signer(endpoint.credentials, region, service) for service in TARGET_PREFIXES}
    return [_request(endpoint.host, signers[call.service], call, now) for call in calls]


def identity(endpoint: Endpoint, region: str) -> bytes:
    """`sts:GetCallerIdentity` on the Query protocol."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = {"Host": endpoint.host, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return _wire(Signer(endpoint.credentials, region, "sts"), headers, body, datetime.now(UTC))


def _request(host: str, signer: Signer, call: Call, now: datetime) -> bytes:
    headers = {
        "Host": host,
        "X-Amz-Target": f"{TARGET_PREFIXES[call.service]}.{call.operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    return _wire(signer, headers, json.dumps(dict(call.parameters)).encode(), now)


def _wire(signer: Signer, headers: dict[str, str], body: bytes, now: datetime) -> bytes:
    signed = signer.sign("POST", "/", headers, body, now)
    lines = [
        "POST / HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "Accept-Encoding: identity",
        f"User-Agent: {USER_AGENT}",
        f"X-Amz-Date: {signed['x-amz-date']}",
        *([f"X-Amz-Security-Token: {token}"] if (token := signed.get("x-amz-security-token")) else []),
        f"Authorization: {signed['authorization']}",
        f"amz-sdk-invocation-id: {uuid.uuid4()}",
        "amz-sdk-request: attempt=1; max=3",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
