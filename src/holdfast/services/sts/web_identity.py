"""Tokens of OpenID Connect providers: read, proven, judged. Pure: keys and time are arguments.

Three steps, because only the second one makes anything of a token true::

    token = parse_token(text)                     what it claims; says whose keys to fetch
    token.signed_by(jwks)                         proof by one of the provider's keys
    judge(token, client_ids, now)                 may this proof be used here and now?

Signatures are joserfc's (JWS, RFC 7515; JWK, RFC 7517). Which claims count is OpenID Connect Core §2 and the STS guide,
"AssumeRoleWithWebIdentity"; texts are AWS's where they are known (`ledger.toml`).

INVARIANT: the bytes that were verified are the bytes that were parsed. The algorithm must be one of `ALGORITHMS`, all of
them asymmetric, and fit the key's type, so neither `none` nor an HMAC under a public key proves anything.
Threat: anybody may send a token, and any account may name a provider of its own: both are hostile input.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from holdfast.api import sts

if TYPE_CHECKING:
    from joserfc.jws import CompactSignature, JWSRegistry

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
LEEWAY = 300
"""Seconds that a provider's clock may be ahead: for `nbf` and `iat`. A token ends at its `exp`, as AWS's text says."""
LONGEST_HEADER = 8192
LONGEST_SUBJECT = 255
MOST_CANDIDATES = 10
"""Keys that are tried for one token; more have the same id only in a hostile set."""
RSA_BITS = range(2048, 8193)

TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
PROVIDER_CLAIMS: dict[str, tuple[str, ...]] = {
    "https://token.actions.githubusercontent.com": (
        "actor",
        "actor_id",
        "enterprise_id",
        "environment",
        "job_workflow_ref",
        "ref",
        "repository",
        "repository_id",
        "workflow",
    )
}
"""Issuer -> claims that are condition keys beside `aud`, `oaud`, `sub` and `amr`, as in AWS since January 2026."""

NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
NOT_A_TOKEN = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"  # noqa: S105


def _invalid(text: str) -> sts.InvalidIdentityTokenException:
    return sts.InvalidIdentityTokenException(text)


class Token:
    """A token as it came. Nothing in it is true before `signed_by` said so."""

    def __init__(self, compact: CompactSignature, claims: dict[str, Any]) -> None:
        self._compact = compact
        self.claims = claims
        self.issuer: str = claims["iss"]

    def __repr__(self) -> str:
        return f"<Token of {self.issuer}>"

    def signed_by(self, jwks: bytes) -> bool:
        """Whether a key of a JWK set made the signature; InvalidIdentityTokenException when it is no such set."""
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey, RSAKey
        from joserfc.jws import validate_compact

        header = self._compact.headers()
        algorithm = cast("str", header["alg"])
        for data in _candidates(jwks, algorithm, header.get("kid")):
            try:
                if algorithm.startswith("RS") and _modulus_bits(data) not in RSA_BITS:
                    continue
                key = (RSAKey if algorithm.startswith("RS") else ECKey).import_key(data)
                if validate_compact(self._compact, key, registry=_registry()):
                    return True
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # not a key that could have signed this
        return False


def _registry() -> JWSRegistry:
    from joserfc.jws import JWSRegistry

    # Providers add header parameters of their own, which say nothing that is used here.
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = LONGEST_HEADER
    return registry


def _candidates(jwks: bytes, algorithm: str, key_id: object) -> list[dict[str, Any]]:
    try:
        keys = msgspec.json.decode(jwks, type=_KeySet).keys
    except msgspec.DecodeError:
        raise _invalid(NO_KEY) from None
    kind = "RSA" if algorithm.startswith("RS") else "EC"
    found = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
        and (key_id is None or key.get("kid") == key_id)
    ]
    return found[:MOST_CANDIDATES]


def _modulus_bits(key: dict[str, Any]) -> int:
    text: str = key["n"]
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big").bit_length()


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse_token(text: str) -> Token:
    """What a token claims; InvalidIdentityTokenException when it is none, or can prove nothing."""
    from joserfc.errors import JoseError
    from joserfc.jws import extract_compact

    try:
        compact = extract_compact(text.encode("ascii"), registry=_registry())
        claims = msgspec.json.decode(compact.payload, type=dict[str, Any])
    except (JoseError, ValueError, TypeError, AttributeError):
        raise _invalid(NOT_A_TOKEN) from None
    header = compact.headers()
    # "crit" demands what this server does not do, "b64" changes what is signed (RFC 7797).
    if header.get("alg") not in ALGORITHMS or "crit" in header or "b64" in header:
        raise _invalid(f"The ID Token provided must be signed with one of {', '.join(ALGORITHMS)}.")
    if not isinstance(claims.get("iss"), str):
        raise _invalid("Missing a required claim: iss")
    return Token(compact, claims)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a proven token says, as far as STS uses it."""

    subject: str
    audience: str
    """The client id that the token was made for: `azp` where there is one, else the audience that the provider lists."""
    context: Mapping[str, str | tuple[str, ...]]
    """Condition keys for the trust policy."""
    tags: Mapping[str, str]
    transitive: tuple[str, ...]
    source_identity: str


def judge(token: Token, client_ids: Sequence[str], now: float) -> Claims:
    """May this proven token be used, at wall time `now`, with a provider that lists these client ids?

    Raises ExpiredTokenException or InvalidIdentityTokenException.
    """
    claims = token.claims
    for name in ("sub", "aud", "exp", "iat"):
        if claims.get(name) is None:
            raise _invalid(f"Missing a required claim: {name}")
    expires = _seconds(claims, "exp")
    if now >= expires:
        raise sts.ExpiredTokenException(
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(expires)}"
        )
    for name in ("nbf", "iat"):
        if claims.get(name) is not None and _seconds(claims, name) > now + LEEWAY:
            raise _invalid(f"The ID Token provided is not valid yet: {name} is in the future.")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _invalid("Invalid claim: sub")
    audiences, audience = _audience(claims, client_ids)
    tags, transitive = _tags(claims)
    source_identity = claims.get(SOURCE_IDENTITY, "")
    if not isinstance(source_identity, str):
        raise _invalid(f"Invalid claim: {SOURCE_IDENTITY}")
    context = _context(token, subject, audience, audiences)
    return Claims(subject, audience, context, tags, transitive, source_identity)


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _invalid(f"Invalid claim: {name}")
    return value


def _texts(value: object) -> tuple[str, ...] | None:
    """A text or a list of texts; None for anything else."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in cast("list[object]", value)):
        return tuple(cast("list[str]", value))
    return None


def _audience(claims: dict[str, Any], client_ids: Sequence[str]) -> tuple[tuple[str, ...], str]:
    audiences = _texts(claims["aud"])
    party = claims.get("azp")
    if audiences is None or not (party is None or isinstance(party, str)):
        raise _invalid("Invalid claim: aud")
    for candidate in audiences if party is None else (party,):
        if candidate in client_ids:
            return audiences, candidate
    raise _invalid("Incorrect token audience")


def _context(token: Token, subject: str, audience: str, audiences: tuple[str, ...]) -> dict[str, str | tuple[str, ...]]:
    """`<issuer without its scheme>:<claim>` (IAM user guide, "Available keys for AWS OIDC federation")."""
    prefix = token.issuer.partition("://")[2]
    context: dict[str, str | tuple[str, ...]] = {f"{prefix}:sub": subject, f"{prefix}:aud": audience}
    if audiences:
        context[f"{prefix}:oaud"] = audiences[0]
    methods = _texts(token.claims.get("amr"))
    if methods is not None:
        context[f"{prefix}:amr"] = methods
    for name in PROVIDER_CLAIMS.get(token.issuer, ()):
        value = token.claims.get(name)
        if isinstance(value, str):
            context[f"{prefix}:{name}"] = value
    return context


def _tags(claims: dict[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Session tags of a token, in the nested or the flattened form ("Passing session tags using AssumeRoleWithWebIdentity")."""
    nested = claims.get(TAGS, {})
    if not isinstance(nested, dict):
        raise _invalid(f"Invalid claim: {TAGS}")
    nested = cast("dict[str, Any]", nested)
    principal_tags = nested.get("principal_tags", {})
    if not isinstance(principal_tags, dict):
        raise _invalid(f"Invalid claim: {TAGS}")
    flat = f"{TAGS}/principal_tags/"
    given: dict[str, Any] = {
        **cast("dict[str, Any]", principal_tags),
        **{name[len(flat) :]: value for name, value in claims.items() if name.startswith(flat)},
    }
    tags: dict[str, str] = {}
    for key, value in given.items():
        values = _texts(value)
        if values is None or len(values) != 1:
            raise _invalid(f"Invalid claim: {TAGS}")
        tags[key] = values[0]
    transitive = _texts(nested.get("transitive_tag_keys", claims.get(f"{TAGS}/transitive_tag_keys", [])))
    if transitive is None:
        raise _invalid(f"Invalid claim: {TAGS}")
    return tags, transitive
