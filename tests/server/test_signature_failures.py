"""A refused signature leaves a diagnosis that the operator can read, and nothing new on the wire."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.raw_client import Answer

from holdfast.server.signature_failures import AT_ONCE_OF_ADDRESS, Allowance
from holdfast.services.holdfast.diagnoses import (
    READ_FAILURE,
    SIGNATURE_FAILED,
    SignatureDiagnosis,
    signature_diagnosis,
    write_failure,
)
from holdfast.services.holdfast.service import SERVICE
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.testing import Account, Server
from holdfast.testing.server import ServerFailed
from holdfast.wire.signer import Credentials, Signer

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as started:
        yield started


def send(
    account: Account, *, headers: dict[str, str] | None = None, age: timedelta = timedelta(0), **changed: str
) -> Answer:
    """ListSecrets, signed for the endpoint and sent with other headers."""
    parts = urlsplit(account.endpoint_url)
    credentials = Credentials(
        changed.get("key", account.access_key_id), changed.get("secret", account.secret_access_key)
    )
    unsigned = {
        "Host": parts.netloc,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "secretsmanager.ListSecrets",
    }
    moment = datetime.now(UTC) - age
    signed = Signer(credentials, account.region, "secretsmanager").sign("POST", "/", unsigned, b"{}", moment)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    try:
        connection.request("POST", "/", b"{}", {**signed, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()), response.headers["x-amzn-RequestId"])
    finally:
        connection.close()


def diagnosis(server: Server, answer: Answer) -> dict[str, Any]:
    return server.control("DiagnoseSignature", RequestId=answer.request_id)


def test_the_operator_reads_what_the_wire_does_not_say(server: Server) -> None:
    home = server.home
    netloc = urlsplit(home.endpoint_url).netloc
    rewritten = send(home, headers={"host": "backend.internal", "x-forwarded-host": netloc})
    wrong = send(home, secret="x" * 40)
    for answer in (rewritten, wrong):
        assert (answer.status, answer.body) == (400, {"__type": "InvalidSignatureException", "message": MISMATCH})
    found = diagnosis(server, rewritten)
    assert found["Cause"] == "host-rewritten"
    assert found["Details"] == {"signed_host": netloc, "received_host": "backend.internal"}
    assert (found["Account"], found["AccessKeyId"]) == (home.account, home.access_key_id)
    assert (found["Service"], found["Operation"]) == ("secretsmanager", "ListSecrets")
    assert diagnosis(server, wrong)["Cause"] == "wrong-secret"
    unknown = send(home, key="AKIAIOSFODNN7EXAMPLE")
    found = diagnosis(server, unknown)
    assert (found["Cause"], found["AccessKeyId"]) == ("unknown-key", "AKIAIOSFODNN7EXAMPLE")
    assert "Account" not in found
    late = diagnosis(server, send(home, age=timedelta(minutes=20)))
    assert late["Cause"] == "clock-skew"
    assert late["Details"]["client_clock"] == "behind"
    assert 1200 <= int(late["Details"]["seconds"]) < 1260


def test_an_inactive_key_is_told_from_an_unknown_one(server: Server) -> None:
    account = server.create_account()
    iam = account.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    answer = send(account, key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert answer.body == {
        "__type": "UnrecognizedClientException",
        "message": "The security token included in the request is invalid.",
    }
    found = diagnosis(server, answer)
    assert (found["Cause"], found["Account"]) == ("inactive-key", account.account)


def ask(account: Account, request_id: str) -> tuple[int, str]:
    """DiagnoseSignature as the root user of an account."""
    parts = urlsplit(account.endpoint_url)
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "Holdfast.DiagnoseSignature",
    }
    body = json.dumps({"RequestId": request_id}).encode()
    signer = Signer(Credentials(account.access_key_id, account.secret_access_key), account.region, "holdfast")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    try:
        connection.request("POST", "/", body, signer.sign("POST", "/", headers, body, datetime.now(UTC)))
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_only_the_operator_and_the_home_account_may_ask(server: Server) -> None:
    refused = send(server.home, secret="x" * 40).request_id
    assert '"Cause":"wrong-secret"' in ask(server.home, refused)[1]
    stranger = server.create_account()
    known, unknown = ask(stranger, refused), ask(stranger, "no-such-request")
    assert known == unknown
    assert "AccessDeniedException" in known[1]
    with pytest.raises(ServerFailed, match="DiagnosisNotFoundException"):
        server.control("DiagnoseSignature", RequestId="no-such-request")


def test_diagnoses_survive_a_restart_and_a_flood_is_not_looked_into(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as first:
        answers = [send(first.home, secret="x" * 40) for _ in range(int(AT_ONCE_OF_ADDRESS) + 15)]
        assert {answer.error for answer in answers} == {"InvalidSignatureException"}
    with Server(tmp_path / "data") as second:
        assert diagnosis(second, answers[0])["Cause"] == "wrong-secret"
        with pytest.raises(ServerFailed, match="DiagnosisNotFoundException"):
            diagnosis(second, answers[-1])


def test_an_allowance_fills_with_time() -> None:
    allowance = Allowance(2.0, 3.0, 100.0)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(100.4)
    assert allowance.take(100.6)
    assert [allowance.take(200.0) for _ in range(4)] == [True, True, True, False]


def test_only_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.services.holdfast.diagnoses.KEPT", 3)
    database = SqliteDatabase(tmp_path / "store.db", synchronous="OFF")
    tx = SqliteTransaction(database.writing, writable=True)
    tx.execute("BEGIN")
    migrate(tx, database.execute)
    made = SignatureDiagnosis(1, "wrong-secret", "text", {"a": "b"}, "InvalidSignatureException", "kms", "ListKeys")
    for number in range(5):
        SERVICE.notes[SIGNATURE_FAILED](tx, f"request-{number}", replace_moment(made, number))
    write_failure(tx, "request-4", replace_moment(made, 99))
    assert [tx.one(READ_FAILURE, f"request-{number}") is None for number in range(5)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert signature_diagnosis(tx, "request-4") == replace_moment(made, 4)
    tx.execute("COMMIT")
    database.close()


def replace_moment(made: SignatureDiagnosis, moment: int) -> SignatureDiagnosis:
    return SignatureDiagnosis(moment, *(getattr(made, name) for name in made.__struct_fields__[1:]))
