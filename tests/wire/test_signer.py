"""Our signatures, byte for byte those of botocore, and accepted by our own verification."""

from __future__ import annotations

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire import sigv4
from holdfast.wire.messages import Request
from holdfast.wire.signer import Credentials, Signer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "secrets.example:4566"
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
PATHS = st.text("abcXYZ019-_.~%/", max_size=12).filter(lambda path: "%" not in path).map(lambda path: "/" + path)
QUERIES = st.dictionaries(st.sampled_from(["a", "b-c", "X.y"]), st.text("ab12-_.~", max_size=5), max_size=3)


def botocore_headers(method: str, target: str, headers: dict[str, str], body: bytes, token: str) -> dict[str, str]:
    """The headers that botocore would send; its clock is the one that is read afterwards from X-Amz-Date."""
    path, _, query = target.partition("?")
    request = AWSRequest(
        method=method,
        url=f"http://{HOST}{path}",
        headers=headers,
        data=body,
        params=dict(pair.split("=", 1) for pair in query.split("&")) if query else {},
    )
    SigV4Auth(BotocoreCredentials("AKIDEXAMPLE", SECRET, token or None), "holdfast", "eu-central-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    method=st.sampled_from(["GET", "POST"]),
    path=PATHS,
    query=QUERIES,
    value=VISIBLE.map(str.strip),
    body=st.binary(max_size=64),
    token=st.sampled_from(["", "IQoJb3JpZ2luX2VjEXAMPLE//token=="]),
)
def test_the_signature_is_botocores(
    method: str, path: str, query: dict[str, str], value: str, body: bytes, token: str
) -> None:
    target = path + ("?" + "&".join(f"{name}={text}" for name, text in query.items()) if query else "")
    headers = {"Host": HOST, "X-Amz-Target": "Holdfast.GetStatus", "X-Custom": value}
    theirs = botocore_headers(method, target, headers, body, token)
    moment = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = Signer(Credentials("AKIDEXAMPLE", SECRET, token), "eu-central-1", "holdfast")
    ours = signer.sign(method, target, headers, body, moment)
    assert ours["authorization"] == theirs["authorization"]
    assert ours.get("x-amz-security-token", "") == token

    request = Request(method, target, ours, body)
    presented = sigv4.parse(request)
    assert presented is not None
    verified = sigv4.verify(presented, request, secret=SECRET.encode(), now=moment.timestamp(), service="holdfast")
    assert verified.body_signed


def test_credentials_do_not_show_their_secrets() -> None:
    credentials = Credentials("AKIDEXAMPLE", SECRET, "session-token")
    for shown in (repr(credentials), repr(Signer(credentials, "us-east-1", "holdfast"))):
        assert SECRET not in shown
        assert "session-token" not in shown
