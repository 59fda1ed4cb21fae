"""Every operation that is served, asked by those who must get nothing: each call of the scenes is first sent by outsiders.

The SDK makes and signs the request; before it goes out, it is sent without a signature, with the signature that it had 16
minutes ago, with one that only will be valid, with one of a key that does not exist, with a wrong secret, with a part of
the body or of the query changed, and by another account that names everything by ARN. Then the call itself is made, and must
succeed: what was refused would have done something.

The outsiders' answers name no reason but their own credentials, and no row of the store changes but those of the audit trail
and the stranger's own.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from holdfast.api.iam import NoSuchEntityException
from holdfast.server.directory import Directory
from holdfast.testing import Account, Server
from holdfast.wire.signer import Credentials, Signer
from tests.issuer import SigningKey
from tests.rotation.conftest import until
from tests.services.authorization.house import ACCOUNT, EVERYTHING, PREFIXES, REGION, SERVICES
from tests.services.authorization.scenes import SCENES

UNKNOWN = {"UnrecognizedClientException", "InvalidClientTokenId"}
WRONG = {"InvalidSignatureException", "SignatureDoesNotMatch"}
MISSING = {"MissingAuthenticationTokenException", "MissingAuthenticationToken"}
SIGNED_HEADERS = ("Host", "Content-Type", "X-Amz-Target", "X-Amz-Invocation-Type")
FOREIGN = {
    "SecretId": "arn:aws:secretsmanager:{region}:{account}:secret:{value}",
    "Name": "arn:aws:ssm:{region}:{account}:parameter{value}",
    "KeyId": "arn:aws:kms:{region}:{account}:{value}",
    "SourceKeyId": "arn:aws:kms:{region}:{account}:{value}",
    "DestinationKeyId": "arn:aws:kms:{region}:{account}:{value}",
    "TargetKeyId": "arn:aws:kms:{region}:{account}:{value}",
    "FunctionName": "arn:aws:lambda:{region}:{account}:function:{value}",
}
FOREIGN_PATH = re.compile(r"(/[0-9-]+/functions/)([A-Za-z0-9_-]+)")
"""Where Lambda's paths have the name of a function; tags have the ARN."""
OUTSIDERS = 10
REFUSALS = {"signature_failure", "access_denial"}
"""Tables that only keep which requests were refused and why: beside the audit trail, kept for a while, read by nobody who
decides. Each refusal of an outsider is meant to leave a row there."""
OUR_NAMES = {signing_name: name for name, signing_name in PREFIXES.items()}
UNSIGNED = {("sts", "AssumeRoleWithWebIdentity"), ("sts", "AssumeRoleWithSAML")}
"""Take no signature, but a token: tests/services/sts has what the first refuses; the second is absent."""


class Asked(NamedTuple):
    """What a request asks for: everything about it but headers and body."""

    signing_name: str
    method: str
    target: str
    """Path and query, as they go on the wire."""

    def signed(
        self, credentials: Credentials, headers: dict[str, str], body: bytes, moment: datetime
    ) -> dict[str, str]:
        return Signer(credentials, REGION, self.signing_name).sign(self.method, self.target, headers, body, moment)


class Answer(dict[str, Any]):
    """An answer of boto3, read like our own types."""

    def __getattr__(self, name: str) -> Any:
        value = self[name]
        return Answer(value) if isinstance(value, dict) else value


class Doors:
    """Plays scenes on a real server, as a user who may do everything; outsiders knock before each call."""

    def __init__(self, server: Server, home: Account, stranger: Account) -> None:
        self.server = server
        self.home = home
        self.stranger = stranger
        self.key = SigningKey("ES256", "first")
        self.refused: dict[tuple[str, str], set[str]] = {}
        """(service, operation) -> the kinds of outsiders that were refused."""
        self._database = sqlite3.connect(f"file:{server.directory / 'holdfast.db'}?mode=ro", uri=True)
        self._tables = [
            name
            for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "audit_")) and name not in REFUSALS
        ]
        iam = home.client("iam")
        iam.create_user(UserName="caller")
        iam.put_user_policy(UserName="caller", PolicyName="everything", PolicyDocument=EVERYTHING)
        key = iam.create_access_key(UserName="caller")["AccessKey"]
        self._credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        self._clients: dict[str, Any] = {}
        parts = urlsplit(server.endpoint_url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)

    def close(self) -> None:
        self._connection.close()
        self._database.close()
        for client in self._clients.values():
            client.close()

    # -- what a scene asks for ------------------------------------------------------------------------------------------

    def call(self, service: str, name: str, **members: Any) -> Any:
        """One call of a scene, after the outsiders'."""
        if (service, name) in UNSIGNED:
            return None
        here = json.loads(json.dumps(members, default=_bytes), object_hook=_unbytes)
        try:
            answer = self._client(service)._make_api_call(name, _at(here, self.home.account))
            return Answer({member: _whole(value) for member, value in answer.items()})
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                raise NoSuchEntityException from None
            raise

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            create: Any = Session().client
            client = create(
                PREFIXES[service],
                region_name=REGION,
                endpoint_url=self.server.endpoint_url,
                aws_access_key_id=self._credentials.access_key_id,
                aws_secret_access_key=self._credentials.secret_access_key,
                config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
            )
            client.meta.events.register("before-send", self._knock)
            self._clients[service] = client
        return self._clients[service]

    # -- outsiders ------------------------------------------------------------------------------------------------------

    def _knock(self, request: Any, event_name: str, **_: Any) -> None:
        signing_name, operation = event_name.replace("-", "").split(".")[1:3]
        service = OUR_NAMES[signing_name]
        parts = urlsplit(request.url)
        asked = Asked(signing_name, request.method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        headers = {name: _text(request.headers[name]) for name in SIGNED_HEADERS if name in request.headers}
        headers["Host"] = parts.netloc
        self._settle()
        before = self._rows()
        kinds = self.refused.setdefault((service, operation), set())
        for kind, codes, sent, target, data in self._outsiders(asked, headers, body):
            status, code, text = self._send(asked.method, target, sent, data)
            assert status == 403 if parts.path != "/" else status in (400, 403), (operation, kind, text)
            assert code in codes, (operation, kind, text)
            kinds.add(kind)
        self._as_stranger(asked, operation, headers, body)
        kinds.add("stranger")
        assert self._rows() == before, operation

    def _outsiders(
        self, asked: Asked, headers: dict[str, str], body: bytes
    ) -> Iterator[tuple[str, set[str], dict[str, str], str, bytes]]:
        """Kind, the codes that refuse it, headers, target and body."""
        own = self._credentials
        now = datetime.now(UTC)

        def signed(credentials: Credentials, minutes: int = 0) -> dict[str, str]:
            moment = now + timedelta(minutes=minutes)
            return asked.signed(credentials, headers, body, moment)

        here = asked.target
        there = f"{here}{'&' if '?' in here else '?'}Marker=x"
        yield "unsigned", MISSING, headers, here, body
        yield "replayed after 16 minutes", WRONG, signed(own, -16), here, body
        yield "expired yesterday", WRONG, signed(own, -24 * 60), here, body
        yield "not yet valid", WRONG, signed(own, 16), here, body
        yield "unknown key", UNKNOWN, signed(Credentials("AKIAAAAAAAAAAAAAAAAA", own.secret_access_key)), here, body
        yield "wrong secret", WRONG, signed(Credentials(own.access_key_id, "x" * 40)), here, body
        yield "no session", UNKNOWN, signed(Credentials(own.access_key_id, own.secret_access_key, "token")), here, body
        yield "changed query", WRONG, signed(own), there, body
        query = headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        yield "changed body", WRONG, signed(own), here, body + (b"&Marker=x" if query else b" ")

    def _as_stranger(self, asked: Asked, operation: str, headers: dict[str, str], body: bytes) -> None:
        """Another account's root user, who names what is ours: whatever it is answered is its own, or a refusal."""
        if "X-Amz-Target" in headers or operation == "CreateFunction":
            body = json.dumps(_foreign(asked.signing_name, json.loads(body), self.home.account)).encode()
        whole = quote(FOREIGN["FunctionName"].format(region=REGION, account=self.home.account, value=""), safe="")
        asked = asked._replace(target=FOREIGN_PATH.sub(rf"\g<1>{whole}\g<2>", asked.target))
        if operation == "CreateAccountAlias":  # one name for all accounts, and whoever comes first has it
            body = body.replace(b"a-test", b"another")
        credentials = Credentials(self.stranger.access_key_id, self.stranger.secret_access_key)
        sent = asked.signed(credentials, headers, body, datetime.now(UTC))
        status, _, text = self._send(asked.method, asked.target, sent, body)
        assert status < 500, (operation, text)
        if asked.signing_name == "lambda" and operation != "ListFunctions":  # everything else names a function
            assert status == 403, (operation, text)
        if status < 300 and operation != "GetAccessKeyInfo":
            # The policies that a stranger wrote may name whom they like: IAM's answers have them percent-encoded.
            assert f":{self.home.account}:" not in text, (operation, text)
            assert f'"{self.home.account}"' not in text, (operation, text)

    def _send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, str, str]:
        """Status, error code and text of the answer."""
        self._connection.request(method, target, body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        code = response.headers.get("x-amzn-errortype", "").partition(":")[0]
        return response.status, "" if response.status < 300 else code or _code(text), text

    def _settle(self) -> None:
        """Wait until no job is due, so that what changes during a knock is the knock's doing."""
        due = "SELECT count(*) FROM due_job WHERE state = 'running' OR state = 'waiting' AND due <= ?"
        until(lambda: self._database.execute(due, (time.time() * 1000,)).fetchone() == (0,))

    def _rows(self) -> dict[str, list[str]]:
        """Every row of every table, but the stranger's own."""
        own = (self.stranger.account, self.stranger.access_key_id)
        found: dict[str, list[str]] = {}
        for table in self._tables:
            rows = (repr(row) for row in self._database.execute(f"SELECT * FROM {table}"))
            found[table] = sorted(row for row in rows if not any(text in row for text in own))
        return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _bytes(value: bytes) -> dict[str, str]:
    return {"$bytes": value.hex()}


def _unbytes(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["$bytes"]) if "$bytes" in value else value


def _at(value: Any, account: str) -> Any:
    """The scene's values with the real account in them."""
    if isinstance(value, dict):
        return {name: _at(each, account) for name, each in value.items()}
    if isinstance(value, list):
        return [_at(each, account) for each in value]
    return value.replace(ACCOUNT, account) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """A member of an answer, read to its end where it is a stream."""
    return value.read() if isinstance(value, StreamingBody) else value


def _foreign(service: str, members: dict[str, Any], account: str) -> dict[str, Any]:
    """The same request about the same things, named as another account's."""
    found = dict(members)
    for name, form in FOREIGN.items():
        value = found.get(name)
        if not isinstance(value, str) or value.startswith("arn:") or (name == "Name" and service != "ssm"):
            continue
        if name.endswith("KeyId") and not value.startswith("alias/"):
            value = f"key/{value}"
        found[name] = form.format(region=REGION, account=account, value=value)
    return found


def _code(text: str) -> str:
    found = re.search(r'"__type":\s*"(?:[^"#]*#)?([^"]+)"|<Code>([^<]+)</Code>', text)
    assert found, text
    return found[1] or found[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # What a read leaves (dates of use) is on disk when the read is answered.
    with Server(arguments=("--audit-read-window-milliseconds", "0")) as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
def test_outsiders_get_nothing(server: Server, service: str) -> None:
    doors = Doors(server, server.create_account(), server.create_account())
    with closing(doors):
        SCENES[service](doors)  # pyright: ignore[reportArgumentType]: what a scene uses of a house
    served = {(service, name) for name in Directory().service(service).operations} - UNSIGNED
    assert served <= set(doors.refused)
    assert {len(kinds) for kinds in doors.refused.values()} == {OUTSIDERS}
