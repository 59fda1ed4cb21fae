"""A small signed client over one keep-alive connection: what a crash test can start a hundred times.

boto3 takes a third of a second to import and retries by itself; here a lost connection is what the caller sees.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from holdfast.testing import Account
from holdfast.wire.signer import Credentials, Signer

TARGETS = {"secretsmanager": "secretsmanager", "ssm": "AmazonSSM", "kms": "TrentService", "holdfast": "Holdfast"}


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: dict[str, Any]
    request_id: str

    @property
    def error(self) -> str:
        return self.body.get("__type", "")


class RawClient:
    """Calls of one account in one region."""

    def __init__(self, endpoint: str, access_key_id: str, secret: str, region: str = "us-east-1") -> None:
        parts = urlsplit(endpoint)
        self._host = parts.netloc
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
        self._credentials = Credentials(access_key_id, secret)
        self._region = region

    def call(self, service: str, operation: str, **values: Any) -> Answer:
        """One call; raises OSError or HTTPException when the server goes away before the whole answer is here."""
        body = json.dumps(values).encode()
        headers = Signer(self._credentials, self._region, service).sign(
            "POST",
            "/",
            {
                "Host": self._host,
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"{TARGETS[service]}.{operation}",
            },
            body,
            datetime.now(UTC),
        )
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        text = response.read()
        return Answer(response.status, json.loads(text or b"{}"), response.headers["x-amzn-RequestId"])

    @property
    def port(self) -> int:
        """Our end of the connection, once there is one."""
        return self._connection.sock.getsockname()[1]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def client_of(account: Account) -> RawClient:
    """A raw client with an account's root credentials."""
    return RawClient(account.endpoint_url, account.access_key_id, account.secret_access_key, account.region)
