"""What is refused before or beside the signature: parts, clock, unsigned headers, payload hashes, hostile input."""

from __future__ import annotations

import base64
import hashlib
import time
import tomllib
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.signing import SECRET, Signed, sign

from holdfast.wire import sigv4, sigv4_errors, sigv4_parse
from holdfast.wire.messages import Request
from holdfast.wire.sigv4_canonical import Scope, signature, signing_key
from holdfast.wire.sigv4_errors import (
    ExpiredTokenException,
    HeaderNotSigned,
    MissingAuthenticationTokenException,
    PayloadHashError,
    RequestExpired,
    SignatureError,
    SignatureExpired,
    SignatureMismatch,
    SignatureNotYetCurrent,
    UnrecognizedClientException,
    stamp,
)

CORPUS = tomllib.loads((Path(__file__).parent / "sigv4_corpus" / "malformed.toml").read_text())["case"]
LISTED = "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;my-header;x-amz-date, "


@pytest.mark.parametrize("case", CORPUS, ids=[case["name"] for case in CORPUS])
def test_malformed_parts_are_named(case: dict[str, str]) -> None:
    names = {"authorization": "authorization", "amz_date": "x-amz-date", "date": "date"}
    headers = {"host": "localhost", **{wire: case[name] for name, wire in names.items() if name in case}}
    with pytest.raises(SignatureError) as caught:
        sigv4.parse(Request("POST", "/?" + case.get("query", ""), headers))
    digest = base64.b64encode(hashlib.sha256(case.get("authorization", "").encode()).digest()).decode()
    assert type(caught.value) is getattr(sigv4_errors, case["error"])
    assert caught.value.message == case["message"].replace("{hash}", digest)


@pytest.mark.parametrize("target", ["/", "/?", "/?Action=AssumeRoleWithWebIdentity", "/?X-Amz-Date=1", "/?a=%20"])
def test_no_credentials_at_all(target: str) -> None:
    assert sigv4.parse(Request("POST", target, {"host": "localhost", "x-amz-date": "20150830T123600Z"})) is None


def test_codes_and_statuses() -> None:
    errors: list[tuple[SignatureError, tuple[str, int, str, int, str]]] = [
        (
            MissingAuthenticationTokenException(),
            (
                "MissingAuthenticationTokenException",
                400,
                "MissingAuthenticationToken",
                403,
                "Missing Authentication Token",
            ),
        ),
        (
            UnrecognizedClientException(),
            (
                "UnrecognizedClientException",
                400,
                "InvalidClientTokenId",
                403,
                "The security token included in the request is invalid.",
            ),
        ),
        (
            ExpiredTokenException(),
            (
                "ExpiredTokenException",
                400,
                "ExpiredToken",
                403,
                "The security token included in the request is expired",
            ),
        ),
        (RequestExpired(), ("RequestExpired", 400, "RequestExpired", 400, "Request has expired.")),
        (
            HeaderNotSigned("host"),
            (
                "InvalidSignatureException",
                400,
                "SignatureDoesNotMatch",
                403,
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ),
        ),
        (
            sigv4_errors.IncompleteSignatureException("text"),
            ("IncompleteSignatureException", 400, "IncompleteSignature", 400, "text"),
        ),
    ]
    for error, expected in errors:
        assert (error.code, error.status, error.query_code, error.query_status, error.message) == expected
        assert error.message_member == "message"
    assert MissingAuthenticationTokenException("query").message == "Request is missing Authentication Token"


# --- clock ------------------------------------------------------------------------------------------------------------

SIGNED = sign()
DATE = SIGNED.request.headers["x-amz-date"]


@pytest.mark.parametrize("window", [5, 15])
def test_the_clock_window_includes_its_ends(window: int) -> None:
    edge = window * 60
    for offset in (-edge, -edge + 1, 0, 0.999, edge - 1, edge, edge + 0.999):
        SIGNED.verify(now=SIGNED.now + offset, window_minutes=window)
    late, early = SIGNED.now + edge + 1, SIGNED.now - edge - 1
    latest = stamp(SIGNED.now - 1)
    with pytest.raises(SignatureExpired) as expired:
        SIGNED.verify(now=late + 0.5, window_minutes=window)
    assert expired.value.message == (
        f"Signature expired: {DATE} is now earlier than {stamp(SIGNED.now + 1)} ({stamp(late)} - {window} min.)"
    )
    with pytest.raises(SignatureNotYetCurrent) as future:
        SIGNED.verify(now=early, window_minutes=window)
    assert future.value.message == (
        f"Signature not yet current: {DATE} is still later than {latest} ({stamp(early)} + {window} min.)"
    )


def test_the_texts_of_the_clock_are_those_of_aws() -> None:
    # A text that AWS answered, from a public report.
    assert SignatureExpired("20140325T143453Z", 1_395_759_171, 15).message == (
        "Signature expired: 20140325T143453Z is now earlier than 20140325T143751Z (20140325T145251Z - 15 min.)"
    )


@pytest.mark.parametrize("expires", [1, 60, 604_800])
def test_a_presigned_request_lives_for_its_expiry(expires: int) -> None:
    signed = sign("GET", "/", b"", expires=expires, service="sts")
    for offset in (-900, 0, expires - 1, expires, expires + 0.999):
        signed.verify(now=signed.now + offset)
    with pytest.raises(RequestExpired):
        signed.verify(now=signed.now + expires + 1)
    with pytest.raises(SignatureNotYetCurrent):
        signed.verify(now=signed.now - 901)


@pytest.mark.parametrize("expires", [1, 604_800])
def test_a_presigned_request_may_be_held_to_the_clock_window_instead(expires: int) -> None:
    signed = sign("GET", "/", b"", expires=expires, service="sts")
    signed.verify(now=signed.now + 900, honour_expires=False)
    with pytest.raises(SignatureExpired):
        signed.verify(now=signed.now + 901, honour_expires=False)


def test_the_date_header_will_do() -> None:
    # botocore signs the Date header when a request has one, and sends no X-Amz-Date then.
    signed = sign(headers=[("Date", "to be replaced")])
    assert "x-amz-date" not in signed.request.headers
    presented = signed.verify().presented
    assert (presented.timestamp, presented.date) == (signed.now, stamp(signed.now))
    with pytest.raises(SignatureMismatch):
        signed.but(headers={"date": formatdate(signed.now - 1)}).verify()


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 30 Aug 2015 12:36:00 GMT",
        "Sun, 30 Aug 2015 12:36:00 -0000",
        "Sun, 30 Aug 2015 12:36:00 UTC",
        "20150830T123600Z",
    ],
)
def test_forms_of_the_date_header(date: str) -> None:
    # Not listed as signed, but part of the string to sign all the same.
    headers = {"host": "h", "date": date, "authorization": LISTED + "Signature=00"}
    presented = sigv4.parse(Request("GET", "/", headers))
    assert presented is not None
    assert (presented.timestamp, presented.date) == (1_440_938_160, "20150830T123600Z")


# --- headers and payload ----------------------------------------------------------------------------------------------


def test_host_must_be_signed() -> None:
    authorization = SIGNED.request.headers["authorization"]
    with pytest.raises(HeaderNotSigned) as caught:
        SIGNED.but(headers={"authorization": authorization.replace("=host;", "=")}).verify()
    assert caught.value.message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


def test_an_unsigned_header_without_meaning_for_aws_passes() -> None:
    SIGNED.but(headers={"content-type": "text/plain", "x-forwarded-for": "::1", "x-amzn-trace-id": "Root=1"}).verify()


@pytest.mark.parametrize("expires", [None, 60])
def test_a_declared_hash_is_compared_with_the_body(expires: int | None) -> None:
    body = b"" if expires else b"body"
    declared = [("X-Amz-Content-SHA256", hashlib.sha256(body).hexdigest())]
    assert sign(body=body, headers=declared, expires=expires).verify().body_signed
    with pytest.raises(SignatureMismatch):
        sign(body=body, headers=declared, expires=expires).but(body=b"other").verify()


def test_a_declared_hash_that_lies_is_refused_whichever_hash_was_signed() -> None:
    # botocore signs the declared hash as it is.
    signed = sign(headers=[("X-Amz-Content-SHA256", hashlib.sha256(b"lie").hexdigest())])
    with pytest.raises(SignatureMismatch) as caught:
        signed.verify()
    # Another client might sign the true one beside the lie; what it signs are then the very steps computed here.
    scope = "/".join(signed.request.headers["authorization"].split("/")[1:5]).partition(",")[0]
    key = signing_key(SECRET.encode(), Scope(scope, *scope.split("/")))
    resigned = signed.request.headers["authorization"][:-64] + signature(key, caught.value.steps.string_to_sign)
    with pytest.raises(SignatureMismatch):
        signed.but(headers={"authorization": resigned}).verify()


def test_an_unsigned_payload_passes_over_tls_only_and_is_reported() -> None:
    signed = sign(headers=[("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")])
    assert not signed.but(secure=True, body=b"anything").verify().body_signed
    with pytest.raises(PayloadHashError):
        signed.verify()


@pytest.mark.parametrize("declared", ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x"])
def test_other_payload_hashes_are_refused(declared: str) -> None:
    with pytest.raises(PayloadHashError) as caught:
        sign(headers=[("X-Amz-Content-SHA256", declared)]).but(secure=True).verify()
    assert caught.value.message == "The provided 'x-amz-content-sha256' header must be a valid SHA256."


# --- hostile input ----------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("AWS4-HMAC-SHA256", "Credential=", "SignedHeaders=", "Signature=", "A/20150830/us-east-1/iam/aws4_request"),
        *("X-Amz-Algorithm=", "X-Amz-Credential=", "X-Amz-Signature=", "X-Amz-SignedHeaders=", "X-Amz-Date="),
        *("X-Amz-Expires=", "20150830T123600Z", "host", "x-amz-date", "0" * 64, "60"),
        *(" ", ",", "=", ";", "/", "&", "?", "%", "%0", "%00", "+", "\xe9", "\x00", "\u20ac", "..", "\t"),
    ]
)
NOISE = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=20)


def _refusal(request: Request) -> SignatureError | None:
    try:
        presented = sigv4.parse(request)
        if presented is None:
            return None
        assert repr(presented)
        sigv4.verify(presented, request, secret=SECRET.encode(), now=1_440_938_160, service="iam")
    except SignatureError as error:
        return error
    pytest.fail("noise was verified")


@given(NOISE, NOISE, st.none() | NOISE, NOISE)
def test_noise_ends_in_a_signature_error(path: str, query: str, authorization: str | None, date: str) -> None:
    headers = {"host": "localhost", "x-amz-date": date}
    if authorization is not None:
        headers["authorization"] = authorization
    error = _refusal(Request("GET", f"/{path}?{query}", headers))
    assert error is None or error.message


LONG = 400_000
HUGE: dict[str, dict[str, Any]] = {
    "blanks": {"authorization": "AWS4-HMAC-SHA256" + " " * LONG},
    "commas": {"authorization": "AWS4-HMAC-SHA256 " + "," * LONG},
    "pairs": {"authorization": "AWS4-HMAC-SHA256 " + "a=b, " * (LONG // 5)},
    "signed headers": {
        "authorization": "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/iam/aws4_request, "
        f"SignedHeaders=host;x-amz-date;{';'.join(f'h{n}' for n in range(LONG // 8))}, Signature={'0' * 64}"
    },
    "slashes": {"authorization": "AWS4-HMAC-SHA256 Credential=" + "/" * LONG + ", SignedHeaders=host, Signature=00"},
    "region": {
        "authorization": f"AWS4-HMAC-SHA256 Credential=A/20150830/{'r' * LONG}/iam/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=00"
    },
    "date": {"x-amz-date": "2" * LONG},
    "path": {"target": "/" + "a/../" * (LONG // 5)},
    "query": {"target": "/?" + "%41=%42&" * (LONG // 8)},
    "expires": {
        "authorization": None,
        "target": "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20150830/us-east-1/iam/aws4_request&"
        "X-Amz-Signature=00&X-Amz-SignedHeaders=host&X-Amz-Date=20150830T123600Z&X-Amz-Expires=" + "9" * LONG,
    },
    "header value": {"my-header": " \t" * LONG},
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_huge_input_ends_in_a_signature_error_and_soon(name: str) -> None:
    headers = {"host": "h", "x-amz-date": "20150830T123600Z", "my-header": "", "authorization": LISTED + "Signature=00"}
    changed = dict(HUGE[name])
    signed = Signed(Request("GET", changed.pop("target", "/"), headers), 0).but(headers=changed)
    begun = time.process_time()
    error = _refusal(signed.request)
    assert time.process_time() - begun < 2  # tens of milliseconds; anything quadratic would take minutes
    assert error is not None
    assert error.message
    assert len(error.message) < 1000


def test_what_is_remembered_of_headers_is_bounded() -> None:
    for number in range(sigv4_parse._MEMO_ENTRIES + 10):
        headers = {"x-amz-date": stamp(number), "authorization": f"{LISTED}N={number}, Signature={'0' * 64}"}
        sigv4.parse(Request("GET", "/", headers))
    assert 0 < len(sigv4_parse._parts_of) <= sigv4_parse._MEMO_ENTRIES
    assert 0 < len(sigv4_parse._timestamp_of) <= sigv4_parse._MEMO_ENTRIES
    for unusual in ("a" * 1100, ";".join(f"h{n}" for n in range(40))):
        headers = {"x-amz-date": DATE, "authorization": f"{LISTED.replace('host', unusual)}Signature={'0' * 64}"}
        sigv4.parse(Request("GET", "/", headers))
        assert not any(unusual in prefix for prefix in sigv4_parse._parts_of)


def test_a_secret_in_the_place_of_the_key_id_is_not_shown() -> None:
    slashed, plain = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"
    scope = "20150830/us-east-1/iam/aws4_request"
    headers = {"x-amz-date": "20150830T123600Z"}
    request = Request("GET", "/", {**headers, "authorization": LISTED.replace("A/20", f"{slashed}/20") + "Signature=0"})
    with pytest.raises(SignatureError) as caught:
        sigv4.parse(request)
    assert slashed not in f"{caught.value!r} {caught.value.message}"
    request.headers["authorization"] = LISTED.replace(f"A/{scope}", f"{plain}/{scope}") + "Signature=0"
    presented = sigv4.parse(request)
    assert plain not in repr(presented)
    assert repr(presented) == f"Presented(header, not an access key id, '{scope}', 20150830T123600Z)"
