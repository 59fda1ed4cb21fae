"""Which protocol a request speaks, which operation it names, and the one interface all protocols share.

The request's shape decides, never the service: clients of one service may speak several protocols, and new SDK
generations change theirs.

====================================================  ==========  ====================================================
request                                               protocol    names
====================================================  ==========  ====================================================
`X-Amz-Target: <prefix>.<Operation>`                  json        target prefix and operation
`Action=` and `Version=` in a form or query string    query       operation and API version; the service is the signed
                                                                  one, or for an unsigned call the version's
anything else                                         rest-json   `identify` returns None: method and path name it, in
                                                                  the models' paths (`rest_routes`)
====================================================  ==========  ====================================================

This module knows no service: the server looks up what a Target names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from holdfast.api.base import Operation, ServiceError, ServiceMetadata, Shape, UnknownOperationException
from holdfast.wire.json_protocol import JsonProtocol
from holdfast.wire.messages import Request, Response
from holdfast.wire.query_protocol import FORM, QueryProtocol, first_value
from holdfast.wire.rest_json import RestJsonProtocol


class WireProtocol(Protocol):
    """Bytes to a typed input, a typed output or an error to bytes. Stateless as far as a caller can see."""

    def decode(self, operation: Operation[Any, Any], request: Request) -> Shape:
        """The operation's input, before its constraints are checked (`validation`).

        Raises SerializationException, or ValidationException for a U+0000 in a text; nothing else.
        """
        ...

    def encode(self, operation: Operation[Any, Any], output: Shape, request_id: str) -> Response: ...

    def encode_error(self, error: ServiceError, request_id: str) -> Response: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What a request names. Nothing in it is verified: the client wrote it."""

    protocol: Literal["json", "query"]
    operation: str
    """Empty when the request names none."""
    prefix: str = ""
    """JSON: the part of `X-Amz-Target` before the operation, which names the service."""
    version: str = ""
    """Query: the API version."""
    json_reply: bool = False
    """Query: the client accepts JSON."""


def identify(request: Request) -> Target | None:
    """What the request names; None when only its method and path can tell."""
    headers = request.headers
    target = headers.get("x-amz-target")
    if target is not None:
        prefix, _, operation = target.rpartition(".")
        return Target("json", operation, prefix)
    content_type = headers.get("content-type", "").lower()
    if content_type.startswith("application/x-amz-json-"):
        return Target("json", "")
    path = request.target.partition("?")[0]
    if path not in {"", "/"} or request.method not in {"GET", "POST"}:
        return None
    operation = first_value(request, b"Action")
    if not operation and not (request.method == "POST" and content_type.startswith(FORM)):
        return None
    json_reply = "application/json" in headers.get("accept", "")
    return Target("query", operation, version=first_value(request, b"Version"), json_reply=json_reply)


def unknown_operation(target: Target) -> UnknownOperationException:
    """The answer to a target that names no operation: Query has a text for it, JSON has none."""
    if target.protocol == "json":
        return UnknownOperationException()
    version = target.version or "NO_VERSION_SPECIFIED"
    return UnknownOperationException(f"Could not find operation {target.operation} for version {version}")


class ServiceProtocols:
    """The protocols of one service. Make one per service and keep it: it holds the decoders."""

    def __init__(self, json_version: str = "1.1", xml_namespace: str = "") -> None:
        self.json: WireProtocol = JsonProtocol(json_version)
        self.query: WireProtocol = QueryProtocol(xml_namespace)
        self.query_with_json_reply: WireProtocol = QueryProtocol(xml_namespace, json_reply=True)
        self.rest: WireProtocol = RestJsonProtocol()

    @classmethod
    def of(cls, metadata: ServiceMetadata) -> ServiceProtocols:
        return cls(metadata.json_version or "1.1", metadata.xml_namespace)

    def select(self, target: Target) -> WireProtocol:
        """The protocol that the request speaks."""
        if target.protocol == "json":
            return self.json
        return self.query_with_json_reply if target.json_reply else self.query


UNKNOWN_SERVICE = ServiceProtocols()
"""For answering a request whose target names no service."""
