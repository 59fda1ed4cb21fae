"""Tokens of OpenID Connect providers, signed by code of the tests' own: what proves something and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.sts import ExpiredTokenException, InvalidIdentityTokenException
from holdfast.services.sts.web_identity import ALGORITHMS, LEEWAY, Claims, judge, parse_token
from tests.issuer import SigningKey, encoded, under_public_key, unsigned, without_signature

NOW = 1_800_000_000
ISSUER = "https://issuer.example/tenant"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "sub": "repo:a/b", "aud": "sts.amazonaws.com", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300,
}  # fmt: skip
KEYS = {algorithm: SigningKey(algorithm, algorithm) for algorithm in ALGORITHMS}
KEY = KEYS["RS256"]
TOKENS = {algorithm: KEYS[algorithm].token(CLAIMS) for algorithm in ("RS256", "ES256")}
"""One for all examples: two signatures with ES256 differ, and an example that is tried again must find the same token."""


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


# -- signatures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(algorithm: str) -> None:
    key = KEYS[algorithm]
    token = parse_token(key.token(CLAIMS))
    assert token.issuer == ISSUER
    assert token.signed_by(jwks(*(k.jwk for k in KEYS.values())))
    assert not token.signed_by(jwks(SigningKey(algorithm, algorithm).jwk))


@pytest.mark.parametrize("algorithm", TOKENS)
@given(data=st.data())
def test_a_changed_token_proves_nothing(algorithm: str, data: st.DataObject) -> None:
    text = TOKENS[algorithm]
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDwxyz0189-_").filter(lambda c: c != text[position]))
    changed = text[:position] + other + text[position + 1 :]
    try:
        token = parse_token(changed)
    except InvalidIdentityTokenException:
        return
    # The last character of a part has bits that say nothing; then it is the same token, spelled otherwise.
    assert not token.signed_by(jwks(KEYS[algorithm].jwk)) or position == len(text) - 1


@pytest.mark.parametrize(
    "token",
    [
        without_signature(CLAIMS),
        without_signature(CLAIMS).replace("none", "None"),
        under_public_key(KEY, CLAIMS),
        under_public_key(KEY, CLAIMS, json.dumps(KEY.jwk).encode()),
        KEY.token(CLAIMS, alg="none"),
        KEY.token(CLAIMS, alg="PS256"),
        KEY.token(CLAIMS, alg="EdDSA"),
        KEY.token(CLAIMS, alg=None),
        KEY.token(CLAIMS, alg=["RS256"]),
        KEY.token(CLAIMS, crit=["b64"], b64=False),
        KEY.token(CLAIMS, b64=False),
        KEY.token(CLAIMS, crit=[]),
    ],
)  # fmt: skip
def test_algorithms_that_prove_nothing(token: str) -> None:
    with pytest.raises(InvalidIdentityTokenException):
        parse_token(token)


def test_the_algorithm_must_fit_the_key() -> None:
    """An elliptic curve's signature under another algorithm's name, an RSA key that is for another hash."""
    assert not parse_token(KEYS["ES256"].token(CLAIMS, alg="RS256")).signed_by(jwks(KEYS["ES256"].jwk))
    assert not parse_token(KEYS["ES384"].token(CLAIMS, alg="ES256")).signed_by(jwks(KEYS["ES384"].jwk))
    jwk = {**KEYS["ES384"].jwk, "alg": "ES256", "kid": "ES256"}
    assert not parse_token(KEYS["ES256"].token(CLAIMS)).signed_by(jwks(jwk))
    assert not parse_token(KEY.token(CLAIMS)).signed_by(jwks({**KEY.jwk, "alg": "RS512"}))
    assert not parse_token(KEY.token(CLAIMS)).signed_by(jwks({**KEY.jwk, "use": "enc"}))
    assert not parse_token(KEY.token(CLAIMS)).signed_by(jwks({"kty": "oct", "kid": "RS256", "k": encoded(b"secret")}))


def test_keys_without_an_algorithm_or_an_id() -> None:
    jwk = {name: value for name, value in KEY.jwk.items() if name not in ("alg", "use", "kid")}
    assert parse_token(KEY.token(CLAIMS, kid=None)).signed_by(jwks(KEYS["ES256"].jwk, jwk))
    assert not parse_token(KEY.token(CLAIMS)).signed_by(jwks(jwk))


def test_short_keys_prove_nothing() -> None:
    short = SigningKey("RS256", "short", bits=1024)
    assert not parse_token(short.token(CLAIMS)).signed_by(jwks(short.jwk))


def test_an_embedded_key_is_not_looked_at() -> None:
    """RFC 7515 §4.1.3: `jwk` in the header is the signer's own word for its key."""
    mine = SigningKey("RS256", "RS256")
    assert not parse_token(mine.token(CLAIMS, jwk=mine.jwk)).signed_by(jwks(KEY.jwk))


def test_providers_add_what_they_like_to_a_header() -> None:
    token = KEY.token(CLAIMS, x5t="abc", nonce="0", x5c=["A" * 1500])
    assert parse_token(token).signed_by(jwks(KEY.jwk))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": ["x"]}', b"<html>"])
def test_what_is_no_key_set(text: bytes) -> None:
    with pytest.raises(InvalidIdentityTokenException, match=r"^Couldn't retrieve verification key"):
        parse_token(KEY.token(CLAIMS)).signed_by(text)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "kid": "RS256"},
        {**KEY.jwk, "n": "AAAA"},
        {**KEY.jwk, "n": "!"},
        {**KEY.jwk, "e": ""},
        {**KEY.jwk, "n": 5},
        {**KEY.jwk, "key_ops": ["encrypt"]},
        {**KEY.jwk, "key_ops": 1},
    ],
)
def test_a_broken_key_proves_nothing(jwk: dict[str, Any]) -> None:
    assert not parse_token(KEY.token(CLAIMS)).signed_by(jwks(jwk))
    assert parse_token(KEY.token(CLAIMS)).signed_by(jwks(jwk, KEY.jwk))


@given(st.text(max_size=80))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with pytest.raises(InvalidIdentityTokenException):
        parse_token(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_any_claims_are_read_or_refused(value: Any) -> None:
    for claims in (value, {"iss": value}, {**CLAIMS, "aud": value, "exp": value, "amr": value}):
        text = unsigned({"alg": "RS256"}, claims) + ".AAAA"
        try:
            judge(parse_token(text), ["x"], NOW)
        except (InvalidIdentityTokenException, ExpiredTokenException):
            continue
        raise AssertionError(claims)


# -- claims -------------------------------------------------------------------------------------------------------------


def judged(*client_ids: str, now: float = NOW, **changes: Any) -> Claims:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return judge(parse_token(KEY.token(claims)), client_ids or ("sts.amazonaws.com",), now)


def test_a_good_token() -> None:
    claims = judged(amr=["authenticated", "mfa"])
    assert (claims.subject, claims.audience, claims.tags, claims.source_identity) == (
        "repo:a/b",
        "sts.amazonaws.com",
        {},
        "",
    )
    assert claims.context == {
        "issuer.example/tenant:sub": "repo:a/b",
        "issuer.example/tenant:aud": "sts.amazonaws.com",
        "issuer.example/tenant:oaud": "sts.amazonaws.com",
        "issuer.example/tenant:amr": ("authenticated", "mfa"),
    }


def test_the_end_of_a_token() -> None:
    assert judged(now=CLAIMS["exp"] - 0.001)
    for now in (CLAIMS["exp"], CLAIMS["exp"] + 1):
        with pytest.raises(ExpiredTokenException) as refused:
            judged(now=now)
        assert refused.value.message == (
            f"Token expired: current date/time {now} must be before the expiration date/time {CLAIMS['exp']}"
        )


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_clock_that_is_ahead(name: str) -> None:
    changes: dict[str, Any] = {name: NOW + LEEWAY}
    assert judged(**changes)
    changes[name] += 1
    with pytest.raises(InvalidIdentityTokenException, match="in the future"):
        judged(**changes)


@pytest.mark.parametrize("name", ["sub", "aud", "exp", "iat"])
def test_claims_that_are_required(name: str) -> None:
    changes: dict[str, Any] = {name: None}
    with pytest.raises(InvalidIdentityTokenException, match=f"^Missing a required claim: {name}$"):
        judged(**changes)


def test_not_before_may_be_missing() -> None:
    assert judged(nbf=None)


@pytest.mark.parametrize("audience", ["other", [], ["a", "b"], "", "STS.amazonaws.com"])
def test_other_audiences(audience: Any) -> None:
    with pytest.raises(InvalidIdentityTokenException, match=r"^Incorrect token audience$"):
        judged(aud=audience)


def test_several_audiences() -> None:
    claims = judged(aud=["https://kubernetes.default.svc", "sts.amazonaws.com"])
    assert claims.audience == claims.context["issuer.example/tenant:aud"] == "sts.amazonaws.com"


def test_the_authorized_party_is_the_audience() -> None:
    """AWS: `aud` is `azp` where there is one, and `oaud` is what the token says under `aud`."""
    claims = judged("client", aud="account", azp="client")
    assert claims.audience == claims.context["issuer.example/tenant:aud"] == "client"
    assert claims.context["issuer.example/tenant:oaud"] == "account"
    with pytest.raises(InvalidIdentityTokenException, match="Incorrect token audience"):
        judged(azp="somebody-else")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "soon"}, {"exp": True}, {"iat": []}, {"nbf": "x"}, {"sub": 5}, {"sub": ""}, {"sub": "x" * 256}, {"aud": 5},
        {"aud": [5]}, {"azp": 5}, {"https://aws.amazon.com/tags": 1}, {"https://aws.amazon.com/source_identity": 1},
        {"https://aws.amazon.com/tags": {"principal_tags": []}},
        {"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b", "c"]}}},
        {"https://aws.amazon.com/tags": {"principal_tags": {}, "transitive_tag_keys": 1}},
    ],
)  # fmt: skip
def test_claims_of_another_type(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdentityTokenException):
        judged(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "https://aws.amazon.com/tags": {
                "principal_tags": {"Team": ["a"], "Cost": ["b"]},
                "transitive_tag_keys": ["Team"],
            }
        },
        {
            "https://aws.amazon.com/tags/principal_tags/Team": "a",
            "https://aws.amazon.com/tags/principal_tags/Cost": "b",
            "https://aws.amazon.com/tags/transitive_tag_keys": ["Team"],
        },
    ],
    ids=["nested", "flat"],
)
def test_session_tags_and_source_identity(changes: dict[str, Any]) -> None:
    changes = {**changes, "https://aws.amazon.com/source_identity": "alice"}
    claims = judged(**changes)
    assert (claims.tags, claims.transitive, claims.source_identity) == ({"Team": "a", "Cost": "b"}, ("Team",), "alice")


def test_claims_of_one_provider_are_keys_for_that_provider_only() -> None:
    issuer = "https://token.actions.githubusercontent.com"
    github = judged(iss=issuer, repository_id="5", actor="octocat", run_id="7").context
    assert github["token.actions.githubusercontent.com:repository_id"] == "5"
    assert github["token.actions.githubusercontent.com:actor"] == "octocat"
    assert "token.actions.githubusercontent.com:run_id" not in github
    assert "issuer.example/tenant:actor" not in judged(actor="octocat").context
