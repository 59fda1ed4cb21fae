"""Each bad request gets AWS's exact error, changes nothing, and leaves the server alive."""

from __future__ import annotations

import hashlib
import http.client
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from holdfast.testing import Server
from holdfast.wire.signer import Credentials, Signer
from tests.bad_input.cases import CASES, Case
from tests.raw_client import client_of

CHANGING = ("audit_record", "audit_head", "access_denial", "signature_failure")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # What a read leaves (its date) is on disk when the read is answered.
    with Server(arguments=("--audit-read-window-milliseconds", "0")) as running:
        with client_of(running.home) as client:
            made = client.call(
                "secretsmanager", "CreateSecret", Name="kept", SecretString="c4n4ry-kept", ClientRequestToken="k" * 32
            )
            assert client.call("secretsmanager", "GetSecretValue", SecretId="kept").status == 200
        assert made.status == 200, made.body
        yield running


def _state(server: Server) -> str:
    """A digest of every table, but for those that change by design: the audit trail, whose newest end is written a second after
    its records, and what is kept of refusals."""
    digest = hashlib.sha256()
    with sqlite3.connect(server.directory / "holdfast.db") as connection:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        for table in tables:
            if table not in CHANGING and not table.startswith("sqlite_"):
                for row in connection.execute(f"SELECT * FROM {table}"):
                    digest.update(repr(row).encode())
    return digest.hexdigest()


def _headers(case: Case, server: Server, host: str, body: bytes) -> dict[str, str]:
    home = server.home
    headers = {"Host": host, "Content-Type": "application/x-amz-json-1.1"}
    if case.target:
        headers["X-Amz-Target"] = case.target
    if case.sign == "none":
        return headers
    key, secret = home.access_key_id, home.secret_access_key
    credentials = Credentials(
        "AKIAAAAAAAAAAAAAAAAA" if case.sign == "wrong-key" else key,
        "x" * 40 if case.sign == "wrong-secret" else secret,
        "token" if case.sign == "token" else "",
    )
    region = "nowhere-1" if case.sign == "wrong-region" else server.region
    service = "ssm" if case.sign == "wrong-service" else case.service
    moment = datetime.now(UTC) + {"past": -1, "future": 1}.get(case.sign, 0) * timedelta(minutes=16)
    signed = Signer(credentials, region, service).sign("POST", "/", headers, body, moment)
    name = next(n for n in signed if n.lower() == "authorization")
    day = moment.strftime("%Y%m%d")
    changed = {
        "wrong-date": (f"/{day}/", "/19990101/"),
        "wrong-terminator": ("aws4_request", "aws3_request"),
        "no-signature": ("Signature=", "Sign="),
        "garbage": (signed[name], "AWS4-HMAC-SHA256 \x80\xff=,,=/////"),
    }.get(case.sign)
    if changed:
        signed[name] = signed[name].replace(*changed)
    if case.sign == "header-added":
        signed["X-Amz-Added"] = "1"
    return signed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_request(case: Case, server: Server) -> None:
    before = _state(server)
    parts = urlsplit(server.endpoint_url)
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    headers = _headers(case, server, parts.netloc, body)
    sent = body.replace(b"kept", b"gone") if case.sign == "body-changed" else body
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    connection.putheader("Content-Length", str(len(sent)))
    connection.endheaders(sent)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == case.status
    assert answer["__type"] == case.code, answer
    assert response.headers["x-amzn-RequestId"]
    text = answer.get("message", answer.get("Message"))
    if case.message is None:
        assert not text, text
    elif case.message.endswith("…"):
        assert text.startswith(case.message[:-1]), text
    else:
        assert text == case.message
    assert _state(server) == before
    with client_of(server.home) as client:
        assert client.call("secretsmanager", "GetSecretValue", SecretId="kept").body["SecretString"] == "c4n4ry-kept"


def test_truncated_and_oversized_bodies(server: Server) -> None:
    parts = urlsplit(server.endpoint_url)
    before = _state(server)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"SecretId":')
    connection.close()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    assert _state(server) == before
