"""A call as a CloudTrail record (CloudTrail user guide, "CloudTrail record contents").

Values never get in: members that the model marks sensitive are dropped, and so is every blob, whatever it holds.
A record is one JSON object, assembled from a part that is the same for all calls of one caller to one operation (made
once, kept in a bounded cache) and the part that differs; audit is written for every call, so a microsecond counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api.base import AccessDeniedException, Operation, Shape

if TYPE_CHECKING:
    from holdfast.services.call import Trace

EVENT_VERSION = "1.11"
RESOURCE_TYPES = {
    "kms": "AWS::KMS::Key",
    "secretsmanager": "AWS::SecretsManager::Secret",
    "ssm": "AWS::SSM::Parameter",
}
NO_RESPONSE_ELEMENTS = frozenset({"kms"})
"""Services whose answers CloudTrail leaves out except for what creates something."""

_encode = msgspec.json.encode


def lower_first(name: str) -> str:
    """CloudTrail's spelling of a member: secretId, aRN."""
    return name[:1].lower() + name[1:]


Shaper = Callable[[Any], Any]
Writer = Callable[[Any], bytes]


def _shape_value(value: Any) -> Any:
    if isinstance(value, Shape):
        return shaper(type(value))(value)
    if isinstance(value, list):
        return [_shape_value(v) for v in cast("list[Any]", value)]
    return value


@lru_cache(maxsize=2048)
def shaper(shape: type[Shape]) -> Shaper:
    """A function from a structure to the dictionary that may stand in a record."""
    sensitive = shape.SENSITIVE
    members = [(name, lower_first(name)) for name in shape.__struct_fields__ if name not in sensitive]

    def to_dictionary(value: Shape) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, lower in members:
            member = getattr(value, name)
            if member is None or type(member) is bytes:
                continue
            out[lower] = member if type(member) is str else _shape_value(member)
        return out

    return to_dictionary


def _kinds(annotation: Any) -> Iterator[type]:
    """Every type that an annotation names, at any depth."""
    parts = get_args(annotation)
    if not parts and isinstance(annotation, type):
        yield annotation
    for part in parts:
        yield from _kinds(part)


@lru_cache(maxsize=2048)
def writer(shape: type[Shape]) -> Writer:
    """A function from a structure to the JSON text that may stand in a record; `null` when nothing may.

    Most inputs hold plain values only. For them the text is made by the encoder alone, from a twin of the structure
    that has the record's spelling and lacks what must not be shown.
    """
    kinds = {field.name: {*_kinds(field.type)} for field in msgspec.structs.fields(shape)}
    names = [n for n in shape.__struct_fields__ if n not in shape.SENSITIVE and bytes not in kinds[n]]
    if not names or any(issubclass(kind, Shape) for name in names for kind in kinds[name]):
        to_dictionary = shaper(shape)
        return lambda value: _encode(to_dictionary(value) or None)
    spelled = [(lower_first(name), Any, None) for name in names]
    twin: Any = msgspec.defstruct(shape.__name__, spelled, omit_defaults=True, gc=False)
    members: Callable[[Any], Any] = attrgetter(*names)
    if len(names) == 1:
        return lambda value: _null_if_empty(_encode(twin(members(value))))
    return lambda value: _null_if_empty(_encode(twin(*members(value))))


def _null_if_empty(text: bytes) -> bytes:
    return b"null" if text == b"{}" else text


def user_identity(principal: Principal, via: str) -> dict[str, Any]:
    """The `userIdentity` element."""
    if principal.kind is PrincipalKind.SERVICE:
        return {"type": "AWSService", "accountId": principal.account, "invokedBy": principal.service}
    identity: dict[str, Any] = {
        "type": str(principal.kind),
        "principalId": principal.principal_id,
        "arn": principal.arn,
        "accountId": principal.account,
    }
    if principal.access_key_id:
        identity["accessKeyId"] = principal.access_key_id
    if via:
        identity["invokedBy"] = f"{via}.amazonaws.com"
    return identity


@lru_cache(maxsize=1024)
def _constant_part(
    operation: Operation[Any, Any],
    api_version: str,
    read_only: bool,
    principal: Principal,
    region: str,
    address: str,
    user_agent: str,
    via: str,
    tls: tuple[str, str] | None,
    host: str,
) -> bytes:
    if principal.kind is PrincipalKind.SERVICE:
        address = user_agent = principal.service
    elif via:
        address = user_agent = f"{via}.amazonaws.com"
    part: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": user_identity(principal, via),
        "eventSource": f"{operation.service}.amazonaws.com",
        "eventName": operation.name,
        "awsRegion": region,
        "sourceIPAddress": address,
        "userAgent": user_agent,
        "apiVersion": api_version,
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": principal.account,
    }
    if tls and not via:
        part["tlsDetails"] = {"tlsVersion": tls[0], "cipherSuite": tls[1], "clientProvidedHostHeader": host}
    return _encode(part)[:-1]


@lru_cache(maxsize=64)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).strftime('"%Y-%m-%dT%H:%M:%SZ"').encode()


@lru_cache(maxsize=1024)
def _resources(service: str, arns: tuple[str, ...]) -> bytes:
    kind = RESOURCE_TYPES.get(service)
    rows = [
        {"accountId": arn.split(":", 5)[4], "type": kind, "ARN": arn} if kind else {"ARN": arn}
        for arn in arns
        if arn.startswith("arn:") and arn.count(":") >= 5  # a missing secret is named as the caller sent it
    ]
    return b',"resources":' + _encode(rows) if rows else b""


def record(trace: Trace, api_version: str, read_only: bool, event_id: str) -> bytes:
    """The JSON text of one call's record."""
    call = trace.call
    operation = trace.operation
    source = call.source
    principal = call.principal
    parts = [
        _constant_part(
            operation,
            api_version,
            read_only,
            principal,
            call.region,
            source.address,
            source.user_agent,
            call.via_service,
            source.tls,
            source.host,
        ),
        b',"eventTime":',
        _second(call.now // 1000),
        b',"requestID":"',
        call.request_id.encode(),
        b'","eventID":"',
        event_id.encode(),
        b'","requestParameters":',
    ]
    given = trace.input
    shaped = None if given is None else shaper(type(given))(given)
    parts.append(_encode(shaped) if shaped else b"null")
    parts.append(b',"responseElements":')
    output = trace.output
    if read_only or output is None or (operation.service in NO_RESPONSE_ELEMENTS and operation.name != "CreateKey"):
        parts.append(b"null")
    else:
        parts.append(_encode(shaper(type(output))(output) or None))
    if trace.error is not None:
        error = trace.error
        code = "AccessDenied" if isinstance(error, AccessDeniedException) else error.code
        parts.append(b',"errorCode":' + _encode(code))
        if error.message:
            parts.append(b',"errorMessage":' + _encode(error.message))
    decisions = call.decisions
    if decisions:
        if len(decisions) == 1:
            parts.append(_resources(operation.service, (decisions[0].resource,)))
        else:
            parts.append(_resources(operation.service, tuple(dict.fromkeys(d.resource for d in decisions[:100]))))
    parts.append(b"}")
    return b"".join(parts)
