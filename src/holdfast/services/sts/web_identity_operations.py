"""AssumeRoleWithWebIdentity: an unsigned call, whose caller is proven by a token of an OpenID Connect provider.

    snapshot    the provider that the token names must be one that the role's account trusts
    outside     fetch the provider's keys, verify the token's signature
    snapshot    provider and role as they are now: claims, trust policy, credentials

Until the signature is verified, nobody called: what fails before leaves no record, as a bad signature does. Afterwards
the caller is the token's bearer, in the account of the role.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from holdfast.access.grounds import Identity
from holdfast.access.principal import web_identity
from holdfast.api import sts
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.outside import BadAnswer, Outside, Unreachable
from holdfast.services.service import SecondHalf
from holdfast.services.sts.role_sessions import Wanted, admit, session_policies, start
from holdfast.services.sts.rules import inherit, parse_role_arn, tags_of
from holdfast.services.sts.web_identity import NO_KEY, Claims, Token, judge, parse_token

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.principals import OpenIdProvider

KEYS_FRESH = 600.0
"""Seconds that a provider's keys are used before they are fetched again: how long a withdrawn key may still serve."""
DISCOVERY = "/.well-known/openid-configuration"
MOST_TAGS = 50
_SOURCE_IDENTITY = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class _Discovery(msgspec.Struct):
    """What is read of a provider's configuration (OpenID Connect Discovery §3)."""

    issuer: str
    jwks_uri: str


def assume_role_with_web_identity(
    call: Call, value: sts.AssumeRoleWithWebIdentityRequest
) -> Callable[[], Awaitable[SecondHalf]]:
    """Temporary credentials of a role whose trust policy lets the bearer of a token in."""
    assert value.RoleArn is not None
    assert value.WebIdentityToken is not None
    if value.ProviderId is not None:
        raise ValidationException("ProviderId is for OAuth 2.0 access tokens, which Holdfast does not take.")
    account, _ = parse_role_arn(value.RoleArn)
    token = parse_token(value.WebIdentityToken)
    provider = _provider(call, account, token)
    outside = call.surroundings.outside

    async def prove() -> SecondHalf:
        if not await _is_signed(outside, provider, token):
            raise sts.InvalidIdentityTokenException(NO_KEY)
        return SecondHalf(lambda second: _assume(second, value, account, token))

    return prove


def _provider(call: Call, account: str, token: Token) -> OpenIdProvider:
    provider = call.surroundings.principals.provider(call.tx, account, token.issuer)
    if provider is None:
        raise sts.InvalidIdentityTokenException(f"No OpenIDConnect provider found in your account for {token.issuer}")
    return provider


# -- outside: whose signature is it -------------------------------------------------------------------------------------


async def _is_signed(outside: Outside, provider: OpenIdProvider, token: Token) -> bool:
    """Whether a key of the provider made the token's signature. Keys that do not fit are fetched once anew: it may have
    new ones."""
    try:
        keys, fresh = await _keys(outside, provider, anew=False)
        if token.signed_by(keys):
            return True
        if fresh:
            return False
        keys, _ = await _keys(outside, provider, anew=True)
    except Unreachable as error:
        raise sts.IDPCommunicationErrorException(
            f"Could not reach the identity provider {provider.url}: {error}"
        ) from None
    except BadAnswer:
        raise sts.InvalidIdentityTokenException(NO_KEY) from None
    return token.signed_by(keys)


async def _keys(outside: Outside, provider: OpenIdProvider, *, anew: bool) -> tuple[bytes, bool]:
    """The provider's JWK set, and whether it was fetched just now."""
    text, _ = await outside.document(
        provider.url.removesuffix("/") + DISCOVERY, max_age=KEYS_FRESH, thumbprints=provider.thumbprints, anew=anew
    )
    try:
        discovery = msgspec.json.decode(text, type=_Discovery)
    except msgspec.DecodeError:
        raise sts.InvalidIdentityTokenException(NO_KEY) from None
    # OpenID Connect Discovery §4.3: another issuer's configuration must not be used.
    if discovery.issuer != provider.url:
        raise sts.InvalidIdentityTokenException(NO_KEY)
    if provider.url.startswith("https:") and not discovery.jwks_uri.startswith("https:"):
        raise sts.InvalidIdentityTokenException(NO_KEY)
    return await outside.document(discovery.jwks_uri, max_age=KEYS_FRESH, thumbprints=provider.thumbprints, anew=anew)


# -- inside again: what may its bearer do -------------------------------------------------------------------------------


def _assume(
    call: Call, value: sts.AssumeRoleWithWebIdentityRequest, account: str, token: Token
) -> sts.AssumeRoleWithWebIdentityResponse:
    assert value.RoleArn is not None
    assert value.RoleSessionName is not None
    provider = _provider(call, account, token)
    call.identify(Identity(web_identity(provider.arn, str(token.claims.get("sub", "")))), account)
    claims = judge(token, provider.client_ids, call.surroundings.wall())
    tags, transitive = _tags(claims)
    wanted = Wanted(
        role_arn=value.RoleArn,
        session_name=value.RoleSessionName,
        duration=value.DurationSeconds,
        policies=session_policies(value.Policy, value.PolicyArns),
        tags=tags,
        transitive=transitive,
        source_identity=claims.source_identity,
        provider=provider.arn,
        minimum_token_size=value.MinimumSessionTokenSize or 0,
    )
    role = admit(call, wanted, "sts:AssumeRoleWithWebIdentity", claims.context, _refusal)
    session = start(call, role, wanted, chained=False)
    return sts.AssumeRoleWithWebIdentityResponse(
        Credentials=session.issued.credentials,
        SubjectFromWebIdentityToken=claims.subject,
        AssumedRoleUser=session.user,
        PackedPolicySize=session.packed_size,
        Provider=provider.arn,
        Audience=claims.audience,
        SourceIdentity=claims.source_identity or None,
        SessionTokenUtilization=session.issued.utilization,
        SessionTokenSize=session.issued.token_size,
    )


def _refusal(action: str) -> AccessDeniedException:
    return AccessDeniedException(f"Not authorized to perform {action}")


def _tags(claims: Claims) -> tuple[dict[str, str], tuple[str, ...]]:
    """Session tags and source identity that a token carries are held to what AssumeRole's members are held to."""
    if claims.source_identity and not _SOURCE_IDENTITY.fullmatch(claims.source_identity):
        raise sts.InvalidIdentityTokenException("Invalid claim: https://aws.amazon.com/source_identity")
    fits = len(claims.tags) <= MOST_TAGS and all(
        0 < len(key) <= 128 and len(text) <= 256 and (key + text).isprintable() for key, text in claims.tags.items()
    )
    if not fits:
        raise sts.InvalidIdentityTokenException("Invalid claim: https://aws.amazon.com/tags")
    return inherit(tags_of([sts.Tag(Key=key, Value=text) for key, text in claims.tags.items()]), claims.transitive, {})
