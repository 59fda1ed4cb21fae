"""The rules of the canonical request that botocore alone would not show, and the cache of signing keys."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.signing import SECRET, sign

from holdfast.wire.sigv4_canonical import (
    Scope,
    SignedHeaders,
    SigningKey,
    SigningKeys,
    canonical_query,
    canonical_request,
    canonical_uri,
    signature,
    signing_key,
)
from holdfast.wire.sigv4_errors import SignatureMismatch


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/./", "/"),
        ("/a/..", "/"),
        ("/../../a", "/a"),
        ("//a//b/", "/a/b/"),
        ("/a/./b/../c", "/a/c"),
        ("/tags/arn%3Aaws%3Alambda", "/tags/arn%253Aaws%253Alambda"),
        ("/a:b", "/a%3Ab"),
        ("/%2e%2e/a", "/%252e%252e/a"),
        ("/-_.~azAZ09", "/-_.~azAZ09"),
        ("/a b\xc3\xbc", "/a%20b%C3%BC"),
        ("/\u1234", "/%5Cu1234"),
        ("*", "%2A"),
    ],
)
def test_the_path_is_normalised_and_encoded_once_more(path: str, canonical: str) -> None:
    assert canonical_uri(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("a", "a="),
        ("a=", "a="),
        ("a=b=c", "a=b%3Dc"),
        ("b=1&a=2", "a=2&b=1"),
        ("a=2&a=10&a=1", "a=1&a=10&a=2"),
        ("a-=1&a=2", "a=2&a-=1"),
        ("A=1&a=2&B=3", "A=1&B=3&a=2"),
        ("a=x+y", "a=x%20y"),
        ("a=x%2By", "a=x%2By"),
        ("a=%c3%bc", "a=%C3%BC"),
        ("a=\xc3\xbc", "a=%C3%BC"),
        ("%61=%7E%2D", "a=~-"),
        ("a=%zz%4", "a=%25zz%254"),
        ("&&a=1&", "a=1"),
        ("=1", "=1"),
        ("a=/?:@!$'()*,;", "a=%2F%3F%3A%40%21%24%27%28%29%2A%2C%3B"),
        ("X-Amz-Signature=1", "X-Amz-Signature=1"),
    ],
)
def test_the_query_is_decoded_encoded_and_sorted(query: str, canonical: str) -> None:
    assert canonical_query(query, presigned=False) == canonical


def test_a_presigned_query_leaves_out_its_signature_however_it_is_spelled() -> None:
    assert canonical_query("b=1&X-Amz-Signature=1&a=1", presigned=True) == "a=1&b=1"
    assert canonical_query("X%2DAmz%2DSignature=1&a=1", presigned=True) == "a=1"


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("a b", "a b"),
        ("a   b", "a b"),
        ("a\tb", "a b"),
        ("  a \t b  ", "a b"),
        ("", ""),
        ("%s %(x)s %", "%s %(x)s %"),
        ("caf\xc3\xa0  x", "caf\xc3\xa0 x"),
        ("a,  b", "a, b"),
    ],
)
def test_blanks_in_header_values_are_collapsed(value: str, canonical: str) -> None:
    headers = {"host": "h", "x": value, "other": "not signed"}
    assert SignedHeaders("x;host").canonical(headers) == f"host:h\nx:{canonical}\n\nhost;x\n"


def test_signed_headers_are_sorted_lower_case_and_once_each() -> None:
    assert SignedHeaders("Zz;host;HOST;;a%s").canonical({"host": "h", "zz": "1", "a%s": "2"}) == (
        "a%s:2\nhost:h\nzz:1\n\na%s;host;zz\n"
    )
    assert SignedHeaders("").canonical({"host": "h"}) == "\n\n"


def test_an_absent_header_has_no_line_and_authority_is_the_host() -> None:
    assert SignedHeaders("host;gone").canonical({"host": "h"}) == "host:h\n\ngone;host\n"
    assert SignedHeaders(":authority").canonical({"host": "h"}) == ":authority:h\n\n:authority\n"


def test_the_short_way_of_the_root_path_equals_the_long_one() -> None:
    signed = SignedHeaders("host")
    short = canonical_request("POST", "/", {"host": "h"}, signed, "hash", presigned=False)
    assert short == canonical_request("POST", "/?", {"host": "h"}, signed, "hash", presigned=False)
    assert short == "POST\n/\n\nhost:h\n\nhost\nhash"


def test_header_bytes_that_are_not_ascii_are_hashed_as_they_came() -> None:
    # botocore hashes UTF-8 of what it then sends as Latin-1, so the client here signs the bytes it sends, as Go does.
    signed = sign(headers=[("my-header", "plain")])
    with pytest.raises(SignatureMismatch) as caught:
        signed.but(headers={"my-header": "caf\xc3\xa9"}).verify()
    scope = signed.verify().presented.scope
    text = caught.value.steps.string_to_sign.rpartition("\n")[0]
    wire = caught.value.steps.canonical_request.replace("caf\xc3\xa9", "café").encode()
    digest = hashlib.sha256(wire).hexdigest()
    signature = hmac.digest(signing_key(SECRET.encode(), scope), f"{text}\n{digest}".encode(), "sha256").hex()
    authorization = signed.request.headers["authorization"][:-64] + signature
    assert signed.but(headers={"my-header": "caf\xc3\xa9", "authorization": authorization}).verify().body_signed


def test_characters_that_cannot_come_off_the_wire_fail_and_do_not_break() -> None:
    for headers in ({"my-header": "\u20ac"}, {"my-header": "\udc80"}):
        with pytest.raises(SignatureMismatch):
            sign(headers=[("my-header", "plain")]).but(headers=headers).verify()


# --- signing keys -----------------------------------------------------------------------------------------------------

SCOPE = Scope("20150830/us-east-1/iam/aws4_request", "20150830", "us-east-1", "iam", "aws4_request")


def test_the_signing_key_of_the_aws_documentation() -> None:
    key = signing_key(SECRET.encode(), SCOPE)
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_a_held_key_spares_unwrapping_the_secret() -> None:
    signed, keys, unwrapped = sign(), SigningKeys(), []

    def unwrap() -> bytes:
        unwrapped.append(1)
        return SECRET.encode()

    for version, times in ((1, 1), (1, 1), (2, 2), (2, 2), (1, 2)):
        signed.verify(secret=unwrap, keys=keys, version=version)
        assert len(unwrapped) == times
    assert len(keys) == 2
    with pytest.raises(TypeError):
        signed.verify(keys=keys)


def test_only_a_verified_request_adds_a_key() -> None:
    keys = SigningKeys()
    with pytest.raises(SignatureMismatch):
        sign().but(body=b"changed").verify(keys=keys, version=1)
    assert len(keys) == 0
    sign().verify(keys=keys, version=1)
    with pytest.raises(SignatureMismatch):
        sign().verify(keys=keys, version=2, secret=b"another")
    assert len(keys) == 1


@given(st.integers(2, 9), st.lists(st.integers(0, 12), max_size=60))
def test_the_cache_is_bounded_and_never_answers_another_key(bound: int, asked: list[int]) -> None:
    keys = SigningKeys(bound)
    for number in asked:
        name = (f"AKID{number}", 1, SCOPE.text)
        if keys.get(name) is None:
            keys.put(name, SigningKey(number.to_bytes(32, "big")))
        held = keys.get(name)
        assert held is not None
        assert held.signature("text") == signature(number.to_bytes(32, "big"), "text")
        assert len(keys) <= bound


def test_a_key_in_use_stays_while_others_pass_by() -> None:
    keys = SigningKeys(8)
    used = SigningKey(b"k" * 32)
    keys.put(("used", 1, ""), used)
    for number in range(100):
        keys.put((f"passing {number}", 1, ""), SigningKey(b"p" * 32))
        assert keys.get(("used", 1, "")) is used


def test_no_key_is_shown() -> None:
    keys = SigningKeys()
    key = SigningKey(b"secret-signing-key-of-32-bytes!!")
    keys.put(("AKID", 1, ""), key)
    assert repr(key) == "SigningKey(...)"
    assert repr(keys) == "SigningKeys(1 of at most 4096)"
