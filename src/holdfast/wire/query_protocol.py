"""AWS Query: `Action=...&Version=...` as a form or in the query string, XML back.

Names carry the structure: `Tags.member.1.Key=a`, `Attributes.entry.1.key=b`, a flattened list `Item.1=c`. They are
read along the model, which takes the first part from all names, then the next from those below it. `Accept:
application/json` gets the same reply as JSON, in the form that clients of STS know.

INVARIANT: whatever the bytes, `decode` returns an input or raises SerializationException (`MalformedInput` here) or
ValidationException. Threats: names of thousands of parts and numbers of thousands of digits are refused before they
cost memory or time; no error text repeats a value.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from holdfast.api.base import Operation, SerializationException, ServiceError, Shape
from holdfast.wire.errors import ENCODER, query_error, request_id_header
from holdfast.wire.messages import Headers, Request, Response
from holdfast.wire.shapes import Description, lower_first, members_of
from holdfast.wire.validation import nul_failure
from holdfast.wire.xml import element, escape, scalar, structure_writer

FORM = "application/x-www-form-urlencoded"
DEPTH = 32
"""Dots in a name at most; the models' deepest have about ten."""
PARAMETERS = 10_000
"""In one request at most."""
DIGITS = 20
"""Of an integer or an index: more than any 64-bit number has."""
UNEXPECTED_STRUCTURE = "Start of structure or map found where not expected."


class QueryProtocol:
    """The protocol of one service; the XML namespace is all that differs."""

    def __init__(self, xml_namespace: str, *, json_reply: bool = False) -> None:
        self.namespace = f' xmlns="{escape(xml_namespace)}"' if xml_namespace else ""
        self.json_reply = json_reply

    def decode(self, operation: Operation[Any, Any], request: Request) -> Shape:
        """The operation's input. Parameters that the model does not know are ignored."""
        return read_structure(parameters(request), operation.input)

    def encode(self, operation: Operation[Any, Any], output: Shape, request_id: str) -> Response:
        """A success: `<OpResponse><OpResult>...</OpResult><ResponseMetadata>...`."""
        name = f"{operation.name}Response"
        if self.json_reply:
            result = {operation.result_wrapper: output} if operation.result_wrapper else {}
            reply = {name: {**result, "ResponseMetadata": {"RequestId": request_id}}}
            return Response(200, ENCODER.encode(reply), self.headers(request_id))
        out = [f"<{name}{self.namespace}>"]
        if operation.result_wrapper:
            out.append(f"<{operation.result_wrapper}>")
            structure_writer(type(output))(output, out)
            out.append(f"</{operation.result_wrapper}>")
        out.append(element("ResponseMetadata", element("RequestId", escape(request_id))))
        out.append(f"</{name}>")
        return Response(200, "".join(out).encode(), self.headers(request_id))

    def encode_error(self, error: ServiceError, request_id: str) -> Response:
        status, fields = query_error(error)
        if self.json_reply:
            body = ENCODER.encode({"Error": fields, "RequestId": request_id})
            return Response(status, body, self.headers(request_id))
        content = "".join(element(name, scalar(value)) for name, value in fields.items())
        inner = element("Error", content) + element("RequestId", escape(request_id))
        body = f"<ErrorResponse{self.namespace}>{inner}</ErrorResponse>".encode()
        return Response(status, body, self.headers(request_id))

    def headers(self, request_id: str) -> Headers:
        content_type = "application/json" if self.json_reply else "text/xml"
        return [("Content-Type", content_type), request_id_header(request_id)]


# -- parameters -------------------------------------------------------------------------------------------------------


def sources(request: Request) -> list[bytes]:
    """Where parameters may stand: the query string and, if it is a form, the body."""
    found = [request.target.partition("?")[2].encode("latin-1")]
    if request.body and request.headers.get("content-type", FORM).partition(";")[0].strip().lower() == FORM:
        found.append(request.body)
    return found


def first_value(request: Request, name: bytes) -> str:
    """The value of one parameter, without reading the others; empty if it is not there."""
    for source in sources(request):
        for pair in source.split(b"&"):
            if pair.startswith(name) and pair[len(name) : len(name) + 1] == b"=":
                return unquote_to_bytes(pair[len(name) + 1 :].replace(b"+", b" ")).decode("utf-8", "replace")
    return ""


def parameters(request: Request) -> dict[str, str]:
    """All parameters; of one that is sent twice, the last counts."""
    found: dict[str, str] = {}
    for source in sources(request):
        for pair in source.replace(b"+", b" ").split(b"&"):
            if not pair:
                continue
            raw_name, _, raw_value = pair.partition(b"=")
            name, value = as_text(raw_name), as_text(raw_value)
            if name is None or value is None or len(found) == PARAMETERS or name.count(".") > DEPTH:
                raise SerializationException
            if "\x00" in name or "\x00" in value:
                raise nul_failure("" if "\x00" in name else ".".join(map(lower_first, name.split("."))))
            found[name] = value
    return found


def as_text(quoted: bytes) -> str | None:
    """A name or a value; None if it is not UTF-8."""
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        # Not raised from here: the cause would stay in the error, and it holds the value.
        return None


# -- reading along the model ------------------------------------------------------------------------------------------


Parameters = dict[str, str]
"""What is left of the names after the parts read so far; the empty name is the value that stands at this place."""


def by_first_part(values: Parameters) -> dict[str, Parameters]:
    """The parameters below this place, by the next part of their names."""
    found: dict[str, Parameters] = {}
    for name, value in values.items():
        if name:
            part, _, rest = name.partition(".")
            found.setdefault(part, {})[rest] = value
    return found


def read_structure(values: Parameters, structure: type[Shape]) -> Shape:
    if values.get(""):
        raise SerializationException("Unexpected complex element termination")
    parts = by_first_part(values)
    members: dict[str, Any] = {}
    for member in members_of(structure):
        names = member.description.names
        found = parts.get(names.member if names.flattened and names.member else member.wire_name)
        if found is not None:
            members[member.name] = read(found, member.description)
    return structure(**members)


def read(values: Parameters, description: Description) -> Any:
    if description.structure is not None:
        return read_structure(values, description.structure)
    if description.kind == "list":
        return read_list(values, description)
    if description.kind == "map":
        return read_map(values, description)
    if values.keys() != {""}:
        raise SerializationException(UNEXPECTED_STRUCTURE)
    return READERS[description.kind](values[""])


def entries(values: Parameters, part: str) -> list[Parameters]:
    """The numbered entries of a list or map, in order; gaps in the numbers do not matter. `Name=` is an empty list."""
    if values.get(""):
        raise SerializationException("Unexpected list element termination")
    parts = by_first_part(values)
    if part and parts:
        if part not in parts:
            raise SerializationException(UNEXPECTED_STRUCTURE)
        parts = by_first_part(parts[part])
    numbered: dict[int, Parameters] = {}
    for index, found in parts.items():
        if not (index.isascii() and index.isdigit() and len(index) <= DIGITS):
            raise SerializationException(UNEXPECTED_STRUCTURE)
        numbered[int(index)] = found
    return [numbered[index] for index in sorted(numbered)]


def read_list(values: Parameters, description: Description) -> list[Any]:
    names, entry = description.names, description.entry
    assert entry is not None
    part = "" if names.flattened else names.member or "member"
    return [read(found, entry) for found in entries(values, part)]


def read_map(values: Parameters, description: Description) -> dict[Any, Any]:
    names, key, value = description.names, description.key, description.entry
    assert key is not None
    assert value is not None
    read_entries: dict[Any, Any] = {}
    for found in entries(values, "" if names.flattened else "entry"):
        parts = by_first_part(found)
        if names.key not in parts or names.value not in parts:
            raise SerializationException
        read_entries[read(parts[names.key], key)] = read(parts[names.value], value)
    return read_entries


def read_boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false", "1", "0"}:
        raise SerializationException("boolean must follow xsd1.1 definition")
    return lowered in {"true", "1"}


def read_integer(text: str) -> int:
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS and len(text) - len(digits) <= 1):
        raise SerializationException("STRING_VALUE can not be converted to an Integer")
    return int(text)


def read_double(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SerializationException("STRING_VALUE can not be converted to a Double")
    return number


def read_timestamp(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise SerializationException("timestamp must follow ISO8601") from None


def read_blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException("STRING_VALUE can not be converted to a Blob") from None


READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "boolean": read_boolean,
    "integer": read_integer,
    "double": read_double,
    "timestamp": read_timestamp,
    "blob": read_blob,
}
