"""Condition keys: where the value of each comes from.

`reader_of` resolves a key's name once, when a policy is compiled; the reader it returns looks the value up only when a
statement that matched so far asks for it. A policy without conditions pays nothing, and a service's context is not even
put together for it.

Global keys follow "AWS global condition context keys" in the IAM user guide. They come from the identity and the
circumstances; a key that those do not know is looked for in the service's context. The keys of organisations, VPC
endpoints and EC2 have no counterpart here and are absent. Unlike AWS, which fills `aws:CalledVia` for a few services
only, every service that calls for somebody is named in it.

Threat: a client that chooses the value of a key. Nothing here reads a request's members or headers; whoever builds the
identity, the circumstances and the context vouches for them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from holdfast.access.principal import PrincipalKind

if TYPE_CHECKING:
    from holdfast.access.decision import ContextValue
    from holdfast.access.grounds import Identity
    from holdfast.access.principal import Principal
    from holdfast.access.request import AccessRequest

Value: TypeAlias = "str | tuple[str, ...] | None"
"""Of a key in a request: one value, several, or the key is absent."""
Reader: TypeAlias = "Callable[[Identity, AccessRequest], Value]"
_Global: TypeAlias = "Callable[[Identity, AccessRequest], ContextValue | None]"

PRINCIPAL_TAG = "aws:principaltag/"


def normalized(value: ContextValue | None) -> Value:
    """As conditions compare it: text, a tuple for a multivalued key, None for an absent one."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return tuple(value)


def reader_of(key: str) -> Reader:
    """The reader of the key that a policy names `key`; names are compared without regard to case."""
    folded = key.lower()
    known: _Global | None = _GLOBAL.get(folded)
    if known is None and folded.startswith(PRINCIPAL_TAG):
        known = _principal_tag(key[len(PRINCIPAL_TAG) :])

    def read(identity: Identity, request: AccessRequest) -> Value:
        if request.overrides:
            value = request.overrides.get(folded)
            if value is not None:
                return normalized(value)
        if known is not None:
            value = known(identity, request)
            if value is not None:
                return normalized(value)
        return normalized(request.contextual(key, folded))

    return read


def iso_instant(milliseconds: int) -> str:
    """`2026-01-02T03:04:05Z`, as AWS writes `aws:CurrentTime`."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user_name(principal: Principal) -> str | None:
    """`aws:username`: the friendly name of an IAM user, absent for everybody else."""
    return principal.arn.rsplit("/", 1)[-1] if principal.kind is PrincipalKind.USER else None


def is_service_principal(principal: Principal) -> bool:
    """Whether a service calls on its own behalf, without an account."""
    return principal.kind is PrincipalKind.SERVICE and not principal.account


def _principal_tag(name: str) -> _Global:
    folded = name.lower()

    def read(identity: Identity, request: AccessRequest) -> ContextValue | None:
        value = identity.tags.get(name)
        if value is None:
            value = next((identity.tags[tag] for tag in sorted(identity.tags) if tag.lower() == folded), None)
        return value

    return read


def _principal_arn(identity: Identity, request: AccessRequest) -> str | None:
    principal = identity.principal
    if principal.kind is PrincipalKind.WEB_IDENTITY or is_service_principal(principal):
        return None
    return identity.role_arn or principal.arn


_TYPES = {
    PrincipalKind.ROOT: "Account",
    PrincipalKind.USER: "User",
    PrincipalKind.ASSUMED_ROLE: "AssumedRole",
    PrincipalKind.FEDERATED_USER: "FederatedUser",
    PrincipalKind.SERVICE: "AssumedRole",
}


def _principal_type(identity: Identity, request: AccessRequest) -> str | None:
    return None if is_service_principal(identity.principal) else _TYPES.get(identity.principal.kind)


def _user_id(identity: Identity, request: AccessRequest) -> str | None:
    return identity.principal.principal_id if identity.principal.account else None


def _service_name(identity: Identity, request: AccessRequest) -> str | None:
    return identity.principal.service if is_service_principal(identity.principal) else None


def _service_names(identity: Identity, request: AccessRequest) -> tuple[str, ...] | None:
    return (identity.principal.service,) if is_service_principal(identity.principal) else None


def _token_issue_time(identity: Identity, request: AccessRequest) -> str | None:
    return iso_instant(identity.session.issued) if identity.session else None


def _multi_factor(identity: Identity, request: AccessRequest) -> bool | None:
    return identity.session.multi_factor if identity.session else None


def _multi_factor_age(identity: Identity, request: AccessRequest) -> int | None:
    if identity.session is None or identity.session.multi_factor_at is None or request.circumstances is None:
        return None
    return (request.circumstances.now - identity.session.multi_factor_at) // 1000


def _source_identity(identity: Identity, request: AccessRequest) -> str | None:
    return (identity.session.source_identity or None) if identity.session else None


def _federated_provider(identity: Identity, request: AccessRequest) -> str | None:
    return (identity.session.federated_provider or None) if identity.session else None


def _source_ip(identity: Identity, request: AccessRequest) -> str | None:
    # A service that calls for somebody does so from its own address, which is nobody's ("aws:SourceIp": "the target
    # service sees the IP address of the calling service").
    circumstances = request.circumstances
    return (circumstances.source_ip or None) if circumstances and not circumstances.called_via else None


def _called_via(identity: Identity, request: AccessRequest) -> tuple[str, ...] | None:
    return (request.circumstances.called_via or None) if request.circumstances else None


def _called_via_first(identity: Identity, request: AccessRequest) -> str | None:
    via = _called_via(identity, request)
    return via[0] if via else None


def _called_via_last(identity: Identity, request: AccessRequest) -> str | None:
    via = _called_via(identity, request)
    return via[-1] if via else None


def _via_service(identity: Identity, request: AccessRequest) -> bool | None:
    return bool(request.circumstances.called_via) if request.circumstances else None


def _current_time(identity: Identity, request: AccessRequest) -> str | None:
    return iso_instant(request.circumstances.now) if request.circumstances else None


def _epoch_time(identity: Identity, request: AccessRequest) -> int | None:
    return request.circumstances.now // 1000 if request.circumstances else None


def _secure(identity: Identity, request: AccessRequest) -> bool | None:
    return request.circumstances.secure if request.circumstances else None


def _user_agent(identity: Identity, request: AccessRequest) -> str | None:
    return (request.circumstances.user_agent or None) if request.circumstances else None


def _region(identity: Identity, request: AccessRequest) -> str | None:
    return (request.circumstances.region or None) if request.circumstances else None


_GLOBAL: dict[str, _Global] = {
    "aws:calledvia": _called_via,
    "aws:calledviafirst": _called_via_first,
    "aws:calledvialast": _called_via_last,
    "aws:currenttime": _current_time,
    "aws:epochtime": _epoch_time,
    "aws:federatedprovider": _federated_provider,
    "aws:multifactorauthage": _multi_factor_age,
    "aws:multifactorauthpresent": _multi_factor,
    "aws:principalaccount": lambda identity, request: identity.principal.account or None,
    "aws:principalarn": _principal_arn,
    "aws:principalisawsservice": lambda identity, request: is_service_principal(identity.principal),
    "aws:principalservicename": _service_name,
    "aws:principalservicenameslist": _service_names,
    "aws:principaltype": _principal_type,
    "aws:requestedregion": _region,
    "aws:resourceaccount": lambda identity, request: request.owner or None,
    "aws:securetransport": _secure,
    "aws:sourceidentity": _source_identity,
    "aws:sourceip": _source_ip,
    "aws:tokenissuetime": _token_issue_time,
    "aws:useragent": _user_agent,
    "aws:userid": _user_id,
    "aws:username": lambda identity, request: user_name(identity.principal),
    "aws:viaawsservice": _via_service,
}
