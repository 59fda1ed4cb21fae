"""What every generated module is made of: structures, constraints, errors and operations.

The exception tree::

    ServiceError                      anything that AWS's protocol can express
    ├── CommonError                   errors no service model lists, though every service answers them
    │   ├── AccessDeniedException     authorization said no
    │   ├── ValidationException       a value breaks a constraint of the model
    │   ├── SerializationException    the body is not JSON, or a member has the wrong JSON type
    │   ├── UnknownOperationException the target names no operation of the service
    │   ├── NotImplementedException   an operation of the model that Holdfast does not have (yet); the text names it
    │   ├── ThrottlingException       too many requests
    │   ├── RequestEntityTooLarge     the body is larger than the service takes
    │   ├── InternalFailure           our fault; says nothing about why
    │   └── ServiceUnavailable        overload, shutting down, or the disk refused a commit
    └── <generated>                   one class per exception shape, in its service's module
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import msgspec

from holdfast.api.operation import Operation as Operation


class Shape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A structure of a service model. Members carry AWS's own names; a member that was not sent is None.

    A required member is None too until `wire.validation` has looked, since AWS reports a missing member as a
    constraint violation beside all others and not as malformed JSON.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    """Members that must not be null."""
    SENSITIVE: ClassVar[tuple[str, ...]] = ()
    """Members that no log, error text or audit record may show."""
    WIRE_NAMES: ClassVar[dict[str, str]] = {}
    """Members that Query and XML call by another name."""
    BOUND: ClassVar[dict[str, tuple[str, str]]] = {}
    """REST-JSON: members outside the body -> (`uri`, `querystring`, `header` or `statusCode`, the name there)."""
    PAYLOAD: ClassVar[str] = ""
    """REST-JSON: the member that is the whole body."""


class ResponseShape(Shape):
    """A structure that is an operation's whole output."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the model demands of a value, beyond its type; `wire.validation` turns it into AWS's texts."""

    minimum: int | None = None
    """Least length of a string, blob, list or map; least value of a number."""
    maximum: int | None = None
    pattern: str | None = None
    """A Java regular expression that the whole value must match."""
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    """Not echoed in a validation text."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Marks a number of seconds since 1970 that Query/XML and some REST bindings write as ISO 8601."""

    form: Literal["", "iso8601"] = ""
    """`iso8601` where a JSON body writes it so; a number otherwise."""


@dataclass(frozen=True, slots=True)
class EntryNames:
    """What Query and XML call the entries of a list or a map; the defaults are those of nearly every model."""

    member: str = ""
    """Around each entry of a list; empty for the protocol's own `member`."""
    key: str = "key"
    value: str = "value"
    flattened: bool = False
    """The entries stand in the structure itself, without an element or a name part around them."""


TimestampSeconds = float


@dataclass(frozen=True, slots=True)
class ServiceMetadata:
    """What a protocol needs to know about a service."""

    name: str
    """Our own name of the service, and the name of its generated module."""
    signing_name: str
    protocol: Literal["json", "query", "rest-json"]
    api_version: str
    service_id: str
    target_prefix: str = ""
    json_version: str = ""
    xml_namespace: str = ""
    endpoint_prefix: str = ""


class ServiceError(Exception):
    """An error that a client sees. `code` and the text are AWS's own; see the tree at the top of this module."""

    code: ClassVar[str] = "InternalFailure"
    query_code: ClassVar[str] = ""
    """The code on the Query protocol where it differs."""
    status: ClassVar[int] = 400
    query_status: ClassVar[int] = 0
    rest_status: ClassVar[int] = 0
    """The status on REST-JSON where it differs."""
    fault_type: ClassVar[str] = ""
    """REST-JSON: `User` or `Service` where the model has a member `Type` for it."""
    message_member: ClassVar[str | None] = "message"
    """The JSON member that holds the text; None where the model gives the error no members."""

    def __init__(self, message: str | None = None, **members: Any) -> None:
        super().__init__(message or "")
        self.message = message
        self.members = members


class CommonError(ServiceError):
    """An error that no service model lists."""


class AccessDeniedException(CommonError):
    code = "AccessDeniedException"
    query_code = "AccessDenied"
    query_status = 403
    rest_status = 403
    message_member = "Message"


class ValidationException(CommonError):
    code = "ValidationException"
    query_code = "ValidationError"


class SerializationException(CommonError):
    code = "SerializationException"
    query_code = "MalformedInput"
    message_member = "Message"


class UnknownOperationException(CommonError):
    code = "UnknownOperationException"
    query_code = "InvalidAction"
    rest_status = 404


class NotImplementedException(CommonError):
    code = "NotImplementedException"
    query_code = "NotImplemented"
    status = 400


class ThrottlingException(CommonError):
    code = "ThrottlingException"
    query_code = "Throttling"
    rest_status = 429


class RequestEntityTooLarge(CommonError):
    code = "RequestEntityTooLargeException"
    query_code = "RequestEntityTooLarge"
    status = 413
    query_status = 413


class InternalFailure(CommonError):
    code = "InternalFailure"
    query_code = "InternalFailure"
    status = 500
    query_status = 500


class ServiceUnavailable(CommonError):
    code = "ServiceUnavailableException"
    query_code = "ServiceUnavailable"
    status = 503
    query_status = 503


@dataclass(frozen=True, slots=True)
class Api:
    """A generated module's contents, for whoever holds a service without knowing which."""

    metadata: ServiceMetadata
    operations: dict[str, Operation[Any, Any]] = field(default_factory=dict[str, Any])
    absent: dict[str, Operation[Any, Any]] = field(default_factory=dict[str, Any])
    """Operations of AWS's model that were not generated: they have a name and a place, so that the answer can name them."""
