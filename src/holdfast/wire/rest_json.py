"""REST-JSON: a method and a path name the operation; members stand in the path, the query, headers, the status and the body.

A model says for each member outside the body where it is (`Shape.BOUND`), and for some inputs and outputs which one member
is the whole body (`Shape.PAYLOAD`): bytes as they are, a text, or a structure as JSON. All others are the members of one
JSON object, read as `json_protocol` reads it.

Errors: the status of the model, the code in `X-Amzn-ErrorType`, the text in the body under the model's name for it, and
`Type` where the model has it.

INVARIANT: as in `json_protocol`: whatever the request, `decode` returns an input or raises SerializationException or
ValidationException, and no error holds a part of it. A member that is bound to another place is never read from the
body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import msgspec

from holdfast.api.base import Operation, SerializationException, ServiceError, Shape
from holdfast.wire.errors import ENCODER, encodable, request_id_header
from holdfast.wire.json_protocol import JsonProtocol
from holdfast.wire.messages import Headers, Request, Response
from holdfast.wire.query_protocol import READERS, as_text
from holdfast.wire.rest_routes import labels
from holdfast.wire.shapes import Description, Member, lower_first, members_of
from holdfast.wire.validation import nul_failure

CONTENT_TYPE = "application/json"
MOST_VALUES = 1000
"""In a query string."""


class RestJsonProtocol:
    """The protocol; it knows operations by what is generated and holds the JSON decoders of their inputs."""

    def __init__(self) -> None:
        self.body = JsonProtocol("1.1")

    def decode(self, operation: Operation[Any, Any], request: Request) -> Shape:
        """The operation's input. Query parameters and headers that the model does not know are ignored."""
        structure: type[Shape] = operation.input
        value = self._read_body(structure, request)
        if not structure.BOUND:
            return value
        path = labels(operation.http_path, request.target)
        query = query_values(request.target)
        for member, (place, name) in structure.BOUND.items():
            description = _member(structure, member).description
            if place == "uri":
                found = [path[name]] if name in path else []
            elif place == "querystring":
                found = query.get(name, [])
            else:
                header = request.headers.get(name.lower())
                found = [] if header is None else [header.encode("latin-1")]
            setattr(value, member, read(found, description, member) if found else None)
        return value

    def _read_body(self, structure: type[Shape], request: Request) -> Shape:
        if not structure.PAYLOAD:
            has_body = len(structure.BOUND) < len(structure.__struct_fields__)
            return self.body.read(structure, request.body) if has_body and request.body else structure()
        payload = _member(structure, structure.PAYLOAD).description
        content: Any = request.body or None
        if payload.structure is not None:
            content = self.body.read(payload.structure, request.body) if request.body else None
        elif payload.kind == "string" and content is not None:
            content = scalar(content, payload, structure.PAYLOAD)
        return structure(**{structure.PAYLOAD: content})

    def encode(self, operation: Operation[Any, Any], output: Shape, request_id: str) -> Response:
        """A success: the model's status, unless a member says another."""
        status = operation.http_status
        headers: Headers = [request_id_header(request_id)]
        content_type = CONTENT_TYPE
        for member, (place, name) in output.BOUND.items():
            content = getattr(output, member)
            if content is None:
                continue
            if place == "statusCode":
                status = content
            elif name.lower() == "content-type":
                content_type = content
            else:
                headers.append((name, header_text(content)))
        body = b"" if operation.no_output else _body(output)
        headers.insert(0, ("Content-Type", content_type))
        return Response(status, body, headers)

    def encode_error(self, error: ServiceError, request_id: str) -> Response:
        fields: dict[str, Any] = {**error.members}
        if error.message_member is not None and error.message is not None:
            fields[error.message_member] = encodable(error.message)
        if error.fault_type:
            fields["Type"] = error.fault_type
        headers = [("Content-Type", CONTENT_TYPE), request_id_header(request_id), ("x-amzn-ErrorType", error.code)]
        return Response(error.rest_status or error.status, ENCODER.encode(fields), headers)


# -- requests ---------------------------------------------------------------------------------------------------------


@cache
def _by_name(structure: type[Shape]) -> dict[str, Member]:
    return {member.name: member for member in members_of(structure)}


def _member(structure: type[Shape], name: str) -> Member:
    return _by_name(structure)[name]


def query_values(target: str) -> dict[str, list[bytes]]:
    """Every value of each name in a query string, decoded, in order."""
    found: dict[str, list[bytes]] = {}
    query = target.partition("?")[2]
    parts = [part for part in query.split("&") if part]
    if len(parts) > MOST_VALUES:
        raise SerializationException
    for part in parts:
        name, _, value = part.encode("latin-1").replace(b"+", b" ").partition(b"=")
        decoded = as_text(name)
        if decoded is None:
            raise SerializationException
        found.setdefault(decoded, []).append(unquote_to_bytes(value))
    return found


def read(found: list[bytes], description: Description, member: str) -> Any:
    """A member's value from the texts that stand in its place; of a single value that is sent twice, the last counts."""
    if description.kind == "list" and description.entry is not None:
        return [scalar(text, description.entry, member) for text in found]
    return scalar(found[-1], description, member)


def scalar(text: bytes, description: Description, member: str) -> Any:
    reader = READERS.get(description.kind)
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = None  # raised below: the cause would hold the value
    if decoded is None or reader is None:
        raise SerializationException
    if "\x00" in decoded:
        raise nul_failure(lower_first(member))
    return reader(decoded)


# -- replies ----------------------------------------------------------------------------------------------------------


def header_text(content: Any) -> str:
    if isinstance(content, bool):
        return "true" if content else "false"
    return str(content)


def _body(output: Shape) -> bytes:
    if output.PAYLOAD:
        payload = getattr(output, output.PAYLOAD)
        if payload is None:
            return b""
        if isinstance(payload, bytes):
            return payload
        return payload.encode() if isinstance(payload, str) else _json(payload)
    if output.BOUND:
        output = msgspec.structs.replace(output, **dict.fromkeys(output.BOUND))
    return _json(output)


def _json(value: Shape) -> bytes:
    structure = type(value)
    return ENCODER.encode(_written(value) if _has_dates(structure) else value)


@cache
def _has_dates(structure: type[Shape]) -> bool:
    """Whether anything in it is a moment that JSON writes as ISO 8601."""
    seen: set[type[Shape]] = set()

    def look(description: Description) -> bool:
        if description.iso8601:
            return True
        if description.structure is not None:
            return inside(description.structure)
        return description.entry is not None and look(description.entry)

    def inside(within: type[Shape]) -> bool:
        if within in seen:
            return False
        seen.add(within)
        return any(look(member.description) for member in members_of(within))

    return inside(structure)


def _written(value: Shape) -> dict[str, Any]:
    return {
        member.name: _written_value(content, member.description)
        for member in members_of(type(value))
        if (content := getattr(value, member.name)) is not None
    }


def _written_value(value: Any, description: Description) -> Any:
    if description.iso8601:
        moment = datetime.fromtimestamp(value, UTC)
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
    if isinstance(value, Shape):
        return _written(value)
    if description.entry is not None and isinstance(value, list):
        return [_written_value(entry, description.entry) for entry in cast("list[Any]", value)]
    if description.entry is not None and isinstance(value, dict):
        return {key: _written_value(entry, description.entry) for key, entry in cast("dict[str, Any]", value).items()}
    return value
