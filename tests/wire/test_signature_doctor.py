"""Take a rightly signed request, do something to it, and the doctor names what was done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.wire.signing import ACCESS_KEY_ID, SECRET, Signed, sign

from holdfast.wire import sigv4
from holdfast.wire.signature_doctor import Cause, Credential, Diagnosis, Expected, diagnose, plausible_key_id
from holdfast.wire.sigv4_errors import ExpiredTokenException, SignatureError

KNOWN = Credential(known=True, secret=SECRET.encode())
UNKNOWN = Credential(known=False)


def refusal(
    signed: Signed, credential: Credential, expected: Expected
) -> tuple[sigv4.Presented | None, SignatureError]:
    """What a request presents, and why it is refused."""
    presented = None
    try:
        presented = sigv4.parse(signed.request)
        assert presented is not None
        secret = credential.secret if credential.known and credential.active else None
        sigv4.verify(presented, signed.request, secret=secret, now=expected.now, service=expected.service)
    except SignatureError as error:
        return presented, error
    pytest.fail("the request was accepted")


def examined(
    signed: Signed, credential: Credential = KNOWN, later: int = 0, hosts: tuple[str, ...] = (), service: str = ""
) -> Diagnosis:
    """What the doctor says of a request that arrives `later` seconds after it was signed; it must be refused."""
    expected = Expected(signed.now + later, service or signed.service, hosts)
    presented, error = refusal(signed, credential, expected)
    found = diagnose(error, signed.request, presented, credential, expected)
    said = f"{found} {dict(found.details)}"
    assert SECRET not in said
    assert presented is None or presented.signature not in said
    assert presented is None or presented.session_token is None or presented.session_token not in said
    return found


FORMS = pytest.mark.parametrize("expires", [None, 60], ids=["header", "presigned"])
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,5}){0,3}(:[0-9]{2,5})?", fullmatch=True)


@given(st.integers(901, 10**7), st.booleans())
def test_clock_skew_has_its_amount_and_direction(seconds: int, ahead: bool) -> None:
    found = examined(sign(), later=-seconds if ahead else seconds)
    assert found.cause is Cause.CLOCK_SKEW
    assert found.details == {"seconds": str(seconds), "client_clock": "ahead" if ahead else "behind"}
    assert ("ahead of" if ahead else "behind") in found.text


def test_a_presigned_request_that_is_over() -> None:
    found = examined(sign(expires=60), later=75)
    assert (found.cause, found.details) == (Cause.PRESIGNED_EXPIRED, {"seconds_late": "15"})


@FORMS
@given(received=HOSTS)
@example(received="backend:8080")
def test_a_proxy_that_tells_which_host_it_rewrote(expires: int | None, received: str) -> None:
    forwarded = {"host": received, "x-forwarded-host": "localhost:4566"}
    found = examined(sign(expires=expires).but(headers=forwarded))
    assert found.cause is Cause.HOST_REWRITTEN
    assert found.details == {"signed_host": "localhost:4566", "received_host": received}


@pytest.mark.parametrize(
    ("headers", "hosts"),
    [
        ({"host": "backend"}, ("localhost:4566",)),
        ({"host": "localhost"}, ("localhost:4566",)),
        ({"host": "localhost", "x-forwarded-port": "4566"}, ()),
        ({"host": "backend", "forwarded": 'for=10.0.0.1;host="localhost:4566";proto=https'}, ()),
        ({"host": "backend", "x-forwarded-host": "outer.example, localhost:4566"}, ()),
        ({"host": "backend", "x-original-host": "localhost:4566"}, ()),
    ],
)
def test_other_ways_to_find_the_host(headers: dict[str, str], hosts: tuple[str, ...]) -> None:
    found = examined(sign().but(headers=headers), hosts=hosts)
    assert (found.cause, found.details["signed_host"]) == (Cause.HOST_REWRITTEN, "localhost:4566")


@given(st.binary(max_size=50).filter(lambda body: body != b"{}"))
def test_an_altered_body_that_a_signed_hash_tells_of(body: bytes) -> None:
    declared = [("X-Amz-Content-Sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")]
    assert examined(sign(headers=declared).but(body=body)).cause is Cause.BODY_ALTERED


def test_a_body_put_on_a_request_without_one() -> None:
    assert examined(sign("GET", body=b"").but(body=b"x")).cause is Cause.BODY_ALTERED


@pytest.mark.parametrize(
    ("signed_path", "arrived", "headers"),
    [
        ("/tags/arn%3Aaws%3Alambda%3Ax", "/tags/arn:aws:lambda:x", {}),
        ("/tags/arn:aws:lambda:x", "/tags/arn%3Aaws%3Alambda%3Ax", {}),
        ("/tags/arn%3Aaws%3Aappconfig%3Aapplication%2Fabc", "/tags/arn:aws:appconfig:application/abc", {}),
        ("/holdfast/functions", "/functions", {"x-forwarded-prefix": "/holdfast"}),
        ("/outer?a=1", "/inner?a=1", {"x-original-uri": "/outer?a=1"}),
        ("/functions/", "/functions", {}),
        ("/a%20b", "/a%2520b", {"x-forwarded-uri": "/a%20b"}),
    ],
)
def test_a_path_that_a_proxy_rewrote(signed_path: str, arrived: str, headers: dict[str, str]) -> None:
    found = examined(sign("GET", signed_path, body=b"").but(target=arrived, headers=headers))
    assert found.cause is Cause.PATH_REWRITTEN


def test_a_double_slash_is_normalised_by_the_rules_of_the_signature_itself() -> None:
    sign("GET", "/functions/x", body=b"").but(target="//functions//x").verify()


def test_another_method() -> None:
    found = examined(sign("HEAD", "/", body=b"").but(method="GET"))
    assert found.cause is Cause.METHOD_REWRITTEN
    assert "HEAD" in found.text


@given(st.sampled_from(["x-team", "x-request-reason", "accept-language"]))
def test_a_signed_header_that_was_dropped(name: str) -> None:
    found = examined(sign(headers=[(name, "value")]).but(headers={name: None}))
    assert (found.cause, found.details) == (Cause.HEADER_DROPPED, {"headers": name})


def test_a_media_type_that_was_altered() -> None:
    signed = sign(headers=[("Content-Type", "application/x-amz-json-1.1")])
    found = examined(signed.but(headers={"content-type": "application/x-amz-json-1.1; charset=utf-8"}))
    assert (found.cause, found.details) == (Cause.HEADER_ALTERED, {"headers": "content-type"})


def test_a_header_that_was_added() -> None:
    found = examined(sign().but(headers={"x-amz-meta-proxy": "1"}))
    assert (found.cause, found.details) == (Cause.HEADER_ADDED, {"headers": "x-amz-meta-proxy"})


def test_scopes() -> None:
    found = examined(sign(service="ssm"), service="kms")
    assert (found.cause, found.details["expected_service"]) == (Cause.WRONG_SERVICE, "kms")
    assert examined(sign(region="mars-north-1")).cause is Cause.WRONG_REGION


@FORMS
@given(st.text("abcdefghijABCDEFGHIJ0123456789+/", min_size=20, max_size=60))
def test_another_secret(expires: int | None, secret: str) -> None:
    found = examined(sign(expires=expires), Credential(known=True, secret=secret.encode()))
    assert found.cause is Cause.WRONG_SECRET
    # A host or a body that was changed without a trace cannot be told from it, and so it is said.
    assert "Most likely" in found.text
    assert "Host header ('" in found.text
    assert secret not in found.text


@pytest.mark.parametrize("stored", [SECRET[:-1], f"{SECRET}X"])
def test_a_secret_that_was_pasted_wrongly(stored: str) -> None:
    found = examined(sign(), Credential(known=True, secret=stored.encode()))
    assert found.cause is Cause.WRONG_SECRET
    assert (found.details == {"secret": "is cut at its end"}) is (stored == f"{SECRET}X")


def test_keys_and_tokens() -> None:
    assert examined(sign(), UNKNOWN).cause is Cause.UNKNOWN_KEY
    assert examined(sign(), replace(KNOWN, active=False)).cause is Cause.INACTIVE_KEY
    assert examined(sign(token="t0k3n"), UNKNOWN).cause is Cause.FOREIGN_TOKEN
    temporary = sign()
    credential = temporary.request.headers["authorization"].replace(ACCESS_KEY_ID, "ASIAIOSFODNN7EXAMPLE")
    assert examined(temporary.but(headers={"authorization": credential}), UNKNOWN).cause is Cause.TOKEN_MISSING


def test_what_cannot_be_read() -> None:
    unsigned = sign().but(headers={"authorization": None})
    error = sigv4.parse(unsigned.request)
    assert error is None
    found = examined(sign().but(headers={"authorization": f"Bearer {SECRET}"}))
    assert found.cause is Cause.MALFORMED
    twice = sign(expires=60).but(headers=dict(sign().request.headers))
    assert examined(twice).cause is Cause.SIGNED_TWICE


def test_a_session_that_ended() -> None:
    signed = sign(token="t0k3n")
    presented = sigv4.parse(signed.request)
    credential = replace(KNOWN, expires=signed.now - 3723)
    found = diagnose(ExpiredTokenException(), signed.request, presented, credential, Expected(signed.now, "sts"))
    assert found.cause is Cause.SESSION_EXPIRED
    assert "1 h 2 min 3 s ago" in found.text


@given(
    st.dictionaries(
        st.sampled_from(["x-forwarded-host", "x-forwarded-port", "forwarded", "host"]),
        st.text('a:/,;="%0', max_size=30),
    ),
    st.text("/%2Fab:?&=+.", max_size=30),
)
def test_whatever_a_request_holds_ends_in_a_diagnosis(headers: dict[str, str], target: str) -> None:
    wrong = Credential(known=True, secret=b"other")
    assert examined(sign().but(target="/" + target, headers=headers), wrong).cause in Cause


def test_a_huge_request_is_not_looked_into() -> None:
    found = examined(sign().but(headers={"x-large": "x" * 20_000, "host": "other"}))
    assert found.cause is Cause.UNKNOWN


def test_what_is_no_access_key_id_is_not_repeated() -> None:
    assert plausible_key_id(ACCESS_KEY_ID) == ACCESS_KEY_ID
    assert plausible_key_id(SECRET) == ""
    assert plausible_key_id("x" * 20) == ""
