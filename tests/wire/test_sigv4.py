"""What botocore signs verifies; what was changed on the way does not, and the error says what AWS would say."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.signers import RequestSigner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.signing import ACCESS_KEY_ID, SECRET, Signed, altered, arrived, sign

from holdfast.wire import sigv4
from holdfast.wire.messages import Request
from holdfast.wire.sigv4_errors import CredentialScopeError, HeaderNotSigned, SignatureError, SignatureMismatch

SERVICES = (
    *("secretsmanager", "ssm", "appconfig", "kms", "sts", "iam", "events", "sns", "sqs", "lambda", "cloudtrail"),
    *("ecs", "batch", "logs", "monitoring"),
)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)

# --- AWS's own example ------------------------------------------------------------------------------------------------

LIST_USERS = Signed(
    Request(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        {
            "host": "iam.amazonaws.com",
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "x-amz-date": "20150830T123600Z",
            "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        },
    ),
    now=1_440_938_160,
    service="iam",
)


def test_the_example_of_the_aws_documentation() -> None:
    presented = LIST_USERS.verify().presented
    assert presented.access_key_id == "AKIDEXAMPLE"
    assert (presented.scope.date, presented.scope.region, presented.scope.service) == ("20150830", "us-east-1", "iam")
    assert presented.scope.terminator == "aws4_request"
    assert presented.signed_headers.names == {"content-type", "host", "x-amz-date"}
    assert (presented.form, presented.timestamp, presented.session_token) == ("header", 1_440_938_160, None)


def test_a_mismatch_carries_the_steps_of_the_aws_documentation() -> None:
    wrong = LIST_USERS.request.headers["authorization"].replace("5d672d79", "5d672d78")
    with pytest.raises(SignatureMismatch) as caught:
        LIST_USERS.but(headers={"authorization": wrong}).verify()
    assert caught.value.steps.canonical_request.splitlines() == [
        "GET",
        "/",
        "Action=ListUsers&Version=2010-05-08",
        "content-type:application/x-www-form-urlencoded; charset=utf-8",
        "host:iam.amazonaws.com",
        "x-amz-date:20150830T123600Z",
        "",
        "content-type;host;x-amz-date",
        hashlib.sha256(b"").hexdigest(),
    ]
    assert caught.value.steps.string_to_sign.splitlines() == [
        "AWS4-HMAC-SHA256",
        "20150830T123600Z",
        "20150830/us-east-1/iam/aws4_request",
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59",
    ]


def test_nothing_of_a_mismatch_helps_to_forge_or_shows_a_token() -> None:
    signed = sign(token="a-session-token")
    expected = signed.request.headers["authorization"].rpartition("=")[2]
    with pytest.raises(SignatureMismatch) as caught:
        signed.but(headers={"authorization": signed.request.headers["authorization"][:-64] + "0" * 64}).verify()
    error = caught.value
    shown = f"{error} {error!r} {error.message} {error.members} {error.steps!r}"
    assert "a-session-token" not in shown
    assert "a-session-token" in error.steps.canonical_request
    assert expected not in shown + error.steps.canonical_request + error.steps.string_to_sign


# --- real clients -----------------------------------------------------------------------------------------------------

CALLS = [
    ("secretsmanager", "get_secret_value", {"SecretId": "prod/db"}),
    ("ssm", "get_parameters_by_path", {"Path": "/a b/ü", "Recursive": True}),
    ("sts", "get_caller_identity", {}),
    ("lambda", "list_tags", {"Resource": "arn:aws:lambda:eu-central-1:123456789012:function:f"}),
    ("appconfig", "list_applications", {"MaxResults": 5, "NextToken": "a+b/c= ~ü"}),
]


class _Stop(Exception):
    pass


@pytest.mark.parametrize(("service", "operation", "members"), CALLS, ids=[service for service, *_ in CALLS])
@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2luX2VjE//////wEaCXVzLWVhc3QtMSJHMEUC+IQ=="])
def test_a_client_of_the_sdk(service: str, operation: str, members: dict[str, Any], token: str | None) -> None:
    client = botocore.session.get_session().create_client(
        service,
        "eu-central-1",
        endpoint_url="http://localhost:4566",
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
    )
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        sent.append(request)
        raise _Stop

    client.meta.events.register("before-send", keep)
    with pytest.raises(_Stop):
        getattr(client, operation)(**members)
    signed = arrived(sent[0].method, sent[0].url, sent[0].headers.items(), sent[0].body or b"", service)
    presented = signed.verify().presented
    assert (presented.scope.service, presented.session_token) == (service, token)


def test_presigned_caller_identity_as_kubernetes_logins_use_it() -> None:
    session = botocore.session.get_session()
    signer = RequestSigner(
        session.get_service_model("sts").service_id,
        "eu-west-1",
        "sts",
        "v4",
        Credentials(ACCESS_KEY_ID, SECRET, "a+session/token="),
        session.get_component("event_emitter"),
    )
    url = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": "http://localhost:4566/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": "my-cluster"},
            "context": {},
        },
        operation_name="",
        expires_in=60,
    )
    assert isinstance(url, str)
    signed = arrived("GET", url, [("x-k8s-aws-id", "my-cluster"), ("accept", "*/*")], b"", "sts")
    presented = signed.verify().presented
    assert (presented.form, presented.expires, presented.session_token) == ("presigned", 60, "a+session/token=")
    assert presented.signed_headers.names == {"host", "x-k8s-aws-id"}
    with pytest.raises(SignatureMismatch):
        signed.but(headers={"x-k8s-aws-id": "your-cluster"}).verify()
    with pytest.raises(SignatureMismatch):
        signed.but(headers={"x-k8s-aws-id": None}).verify()


# --- whatever botocore signs ------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
SEGMENT = st.sampled_from(["", ".", "..", "%2e%2e", "a+b", "~", "ü", "x;y=1", "tags"]) | TEXT.map(quote)
PATH = st.lists(SEGMENT, max_size=4).map(lambda segments: "/" + "/".join(segments))
QUERY = st.lists(st.tuples(TEXT, TEXT) | st.just(("dup", "+ %2B&=")), max_size=3)
VALUE = st.text('aZ09 \t"%,;:=/', max_size=8)
NAME = st.sampled_from(["content-type", "x-amz-target", "X-Amz-Meta", "my-header", "a%sb", "zz"])
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
        "url": PATH,
        "body": st.binary(max_size=20),
        "headers": st.lists(st.tuples(NAME, VALUE), max_size=4),
        "params": QUERY,
        "service": st.sampled_from(SERVICES),
        "region": st.sampled_from(["us-east-1", "eusc-de-east-1", "cn-north-1", "aws-global", "us-gov-west-1"]),
        "token": st.none() | st.text("aZ0+/=", min_size=1, max_size=9),
    }
)


def parts(presented: sigv4.Presented) -> dict[str, Any]:
    """Everything that was presented, as what it says."""
    found = {name: getattr(presented, name) for name in sigv4.Presented.__slots__}
    return found | {"scope": presented.scope.text, "signed_headers": presented.signed_headers.names}


@given(REQUESTS)
def test_what_botocore_signs_verifies(arguments: dict[str, Any]) -> None:
    signed = sign(**arguments)
    verified = signed.verify()
    assert verified.body_signed
    assert verified.presented.session_token == arguments["token"]
    assert parts(signed.verify(service=("other", arguments["service"])).presented) == parts(verified.presented)


@given(REQUESTS, st.integers(1, 604_800))
def test_what_botocore_presigns_verifies(arguments: dict[str, Any], expires: int) -> None:
    # botocore moves a body into the query, and makes a dict of it, so that one name keeps one value.
    arguments["body"] = b""
    arguments["params"] = list(dict(arguments["params"]).items())
    presented = sign(**arguments, expires=expires).verify().presented
    assert (presented.form, presented.expires) == ("presigned", expires)
    assert presented.session_token == arguments["token"]


def _credential(signed: Signed, at: int, part: str) -> Signed:
    header = signed.request.headers["authorization"]
    head, credential, tail = header.partition("Credential=")
    scope, comma, rest = tail.partition(",")
    parts = scope.split("/")
    parts[at] = part
    return signed.but(headers={"authorization": head + credential + "/".join(parts) + comma + rest})


def _one_second_off(date: str) -> str:
    return date[:-2] + ("0" if date[-2] != "0" else "1") + "Z"


def _changed(signed: Signed) -> dict[str, tuple[Signed, type[SignatureError], str]]:
    """One change each -> the changed request, and how it must fail."""
    request, headers = signed.request, signed.request.headers
    authorization, date = headers["authorization"], headers["x-amz-date"]
    path, mark, query = request.target.partition("?")
    day = date[:8]
    region = "Credential should be scoped to a valid region, not 'mars-1'. "
    terminator = "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'."
    clock = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20150830' != '{day}', from '{date}'."
    )
    mutations: dict[str, tuple[Signed, type[SignatureError], str]] = {
        "method": (signed.but(method="LOCK"), SignatureMismatch, MISMATCH),
        "body": (signed.but(body=request.body + b"\0"), SignatureMismatch, MISMATCH),
        "query": (signed.but(target=f"{path}?{query}&zz=1"), SignatureMismatch, MISMATCH),
        "path": (signed.but(target=f"{path}/zz{mark}{query}"), SignatureMismatch, MISMATCH),
        "host": (signed.but(headers={"host": "elsewhere"}), SignatureMismatch, MISMATCH),
        "header": (signed.but(headers={"my-header": headers["my-header"] + "x"}), SignatureMismatch, MISMATCH),
        "header gone": (signed.but(headers={"my-header": None}), SignatureMismatch, MISMATCH),
        "date": (signed.but(headers={"x-amz-date": _one_second_off(date)}), SignatureMismatch, MISMATCH),
        "token": (signed.but(headers={"x-amz-security-token": "other"}), SignatureMismatch, MISMATCH),
        "token gone": (signed.but(headers={"x-amz-security-token": None}), SignatureMismatch, MISMATCH),
        "header added": (
            signed.but(headers={"x-amz-added": ""}),
            HeaderNotSigned,
            "'X-Amz-Added' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        "other region": (_credential(signed, 2, "us-west-2"), SignatureMismatch, MISMATCH),
        "no region": (_credential(signed, 2, "mars-1"), CredentialScopeError, region),
        "service": (
            _credential(signed, 3, "s3"),
            CredentialScopeError,
            f"Credential should be scoped to correct service: '{signed.service}'. ",
        ),
        "terminator": (_credential(signed, 4, "aws5"), CredentialScopeError, terminator),
        "terminator and date": (
            _credential(_credential(signed, 4, "aws5"), 1, "20150830"),
            CredentialScopeError,
            f"{terminator} {clock}",
        ),
        "scope date": (_credential(signed, 1, "20150830"), CredentialScopeError, clock),
    }
    flipped = authorization[:-1] + ("0" if authorization[-1] != "0" else "1")
    for name, wrong in {
        "signature": flipped,
        "signature cut": authorization[:-1],
        "signature empty": authorization[:-64],
        "signature not ASCII": authorization[:-1] + "\xe9",
        "signature in capitals": authorization[:-64] + authorization[-64:].upper(),
    }.items():
        mutations[name] = (signed.but(headers={"authorization": wrong}), SignatureMismatch, MISMATCH)
    return mutations


SAMPLE = sign(headers=[("my-header", "v")], token="t")


@pytest.mark.parametrize("change", sorted(_changed(SAMPLE)))
@settings(max_examples=30)
@given(arguments=REQUESTS)
def test_any_one_change_fails(change: str, arguments: dict[str, Any]) -> None:
    arguments["headers"] = [*(pair for pair in arguments["headers"] if pair[0] != "my-header"), ("my-header", "v")]
    arguments["token"] = arguments["token"] or "t"
    signed = sign(**arguments)
    changed, error, text = _changed(signed)[change]
    with pytest.raises(SignatureError) as caught:
        changed.verify()
    assert (type(caught.value), caught.value.message) == (error, text)


@pytest.mark.parametrize("name", ["Date", "Expires", "SignedHeaders", "Security-Token", "Signature", "Other"])
def test_any_one_change_of_a_presigned_request_fails(name: str) -> None:
    signed = sign("GET", "/", b"", [("my-header", "v")], params=[("Other", "1")], token="t", expires=50, service="sts")
    signed.verify()
    parts = signed.request.target.split("&")
    at = next(i for i, part in enumerate(parts) if part.partition("=")[0].removeprefix("X-Amz-").endswith(name))
    key, _, value = parts[at].partition("=")
    match name:
        case "Date":
            value = _one_second_off(value)
        case "Signature":
            value = value[:-1] + ("0" if value[-1] != "0" else "1")
        case _:
            value = {"Expires": "51", "SignedHeaders": "host"}.get(name, value + "x")
    parts[at] = f"{key}={value}"
    with pytest.raises(SignatureMismatch):
        signed.but(target="&".join(parts)).verify()
    with pytest.raises(SignatureMismatch):
        signed.but(body=b"smuggled").verify()


def test_another_secret_does_not_verify_and_no_secret_is_an_unknown_key() -> None:
    with pytest.raises(SignatureMismatch):
        SAMPLE.verify(secret=SECRET.lower().encode())
    with pytest.raises(SignatureError) as caught:
        SAMPLE.verify(secret=None)
    assert caught.value.code == "UnrecognizedClientException"
    # What AWS looks at before the key is answered first.
    with pytest.raises(CredentialScopeError):
        SAMPLE.verify(secret=None, service="kms")


def test_a_service_name_is_compared_whole() -> None:
    with pytest.raises(CredentialScopeError):
        _credential(SAMPLE, 3, "secrets").verify(service="secretsmanager")


def test_the_memo_of_parsed_headers_changes_nothing() -> None:
    once, twice = sigv4.parse(SAMPLE.request), sigv4.parse(SAMPLE.request)
    assert once is not None
    assert twice is not None
    assert parts(once) == parts(twice)
    longer = SAMPLE.request.headers["authorization"] + ", More=1"
    again = sigv4.parse(altered(SAMPLE.request, headers={**SAMPLE.request.headers, "authorization": longer}))
    assert again is not None
    assert (again.signature, again.scope.text) == (once.signature, once.scope.text)
