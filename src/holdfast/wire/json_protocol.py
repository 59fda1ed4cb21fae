"""AWS JSON 1.0 and 1.1: `POST /`, the operation in `X-Amz-Target`, one JSON object each way.

Decoding goes straight from bytes to the typed input (msgspec). Only when that fails is the body read a second time,
generically, to find out how AWS would have said it: `STRING_VALUE can not be converted to an Integer`. A body that is
no JSON at all gets a SerializationException without a text, as AWS's does.

INVARIANT: whatever the bytes, `decode` returns an input or raises SerializationException or ValidationException. No
exception it raises carries a part of the body, which may hold a secret: errors are raised outside the `except` that
saw the cause, since Python would keep it, and a UnicodeDecodeError keeps all the bytes.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from holdfast.api.base import Operation, SerializationException, ServiceError, Shape
from holdfast.wire.errors import ENCODER, json_error, request_id_header
from holdfast.wire.messages import Request, Response
from holdfast.wire.shapes import Description, Kind, lower_first, members_of
from holdfast.wire.validation import nul_failure

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped U+0000. A raw one is no JSON, and `\\\\u0000` is a backslash followed by text."""

LIST_UNEXPECTED = "Start of list found where not expected"
MAP_UNEXPECTED = "Start of structure or map found where not expected."
TARGETS: dict[Kind, str] = {
    "string": "a String",
    "boolean": "a Boolean",
    "integer": "an Integer",
    "double": "a Double",
    "timestamp": "milliseconds since epoch",
    "blob": "a Blob",
}
SCALAR_TYPES: dict[Kind, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}
EXPECTED: dict[Kind, str] = {
    "list": "Expected list or null",
    "map": "Expected map or null",
    "structure": "Expected null",
}


class JsonProtocol:
    """One version of the protocol. Holds one decoder per input type, made on its first use."""

    def __init__(self, version: str) -> None:
        self.content_type = f"application/x-amz-json-{version}"
        self.decoders: dict[type[Shape], msgspec.json.Decoder[Any]] = {}

    def decode(self, operation: Operation[Any, Any], request: Request) -> Shape:
        """The operation's input. Members that the model does not know are ignored, null means not sent."""
        return self.read(operation.input, request.body)

    def read(self, structure: type[Shape], body: bytes) -> Shape:
        """A structure from its JSON object."""
        decoder = self.decoders.get(structure)
        if decoder is None:
            decoder = self.decoders[structure] = msgspec.json.Decoder(structure)
        body = body or b"{}"
        try:
            value: Shape | None = decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = None
        if value is None:
            value = decode_again(structure, body)
        if b"\\u0000" in body and NUL.search(body):
            raise nul_failure(find_nul(body))
        return value

    def encode(self, operation: Operation[Any, Any], output: Shape, request_id: str) -> Response:
        """A success. Members that are None are left out."""
        body = b"" if operation.no_output else ENCODER.encode(output)
        return Response(200, body, [("Content-Type", self.content_type), request_id_header(request_id)])

    def encode_error(self, error: ServiceError, request_id: str) -> Response:
        return Response(*json_error(error, self.content_type, request_id))


def decode_again(structure: type[Shape], body: bytes) -> Shape:
    """What AWS reads from a body that the strict decoder refused; SerializationException if AWS refuses it too."""
    try:
        value = msgspec.json.decode(body)
        if not isinstance(value, dict | list):
            raise SerializationException
        return msgspec.convert(convert(value, Description("structure", structure=structure)), structure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        pass
    raise SerializationException


def convert(value: Any, expected: Description) -> Any:
    """The value with a number's fraction cut off where the model has an integer, as AWS does; or the first mismatch."""
    if expected.kind in TARGETS:
        return convert_scalar(value, expected.kind)
    if isinstance(value, list) and expected.kind == "list" and expected.entry:
        return [convert(entry, expected.entry) for entry in cast(list[Any], value)]
    if isinstance(value, dict) and expected.structure:
        fields = cast(dict[str, Any], value)
        known = {member.name: member.description for member in members_of(expected.structure)}
        return {k: convert(v, known[k]) for k, v in fields.items() if v is not None and k in known}
    if isinstance(value, dict) and expected.kind == "map" and expected.entry:
        return {key: convert(entry, expected.entry) for key, entry in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        raise SerializationException(LIST_UNEXPECTED)
    if isinstance(value, dict):
        raise SerializationException(MAP_UNEXPECTED)
    raise SerializationException(EXPECTED[expected.kind])


def convert_scalar(value: Any, kind: Kind) -> Any:
    if isinstance(value, list):
        raise SerializationException(LIST_UNEXPECTED)
    if isinstance(value, dict):
        raise SerializationException(MAP_UNEXPECTED)
    if isinstance(value, float) and kind == "integer":
        return int(value)
    if type(value) not in SCALAR_TYPES[kind]:
        raise SerializationException(f"{token(value)} can not be converted to {TARGETS[kind]}")
    return value


def token(value: Any) -> str:
    """What AWS's parser calls a scalar."""
    if isinstance(value, str):
        return "STRING_VALUE"
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "NULL_VALUE" if value is None else "NUMBER_VALUE"


def find_nul(body: bytes) -> str:
    """Where the first U+0000 is, as a validation text names the place; empty if that cannot be said."""
    try:
        path = nul_path(msgspec.json.decode(body), "")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The typed decoder skips members that the model does not know; the generic one reads and may refuse them.
        return ""
    return "" if "\x00" in path else path


def nul_path(value: Any, path: str) -> str:
    if isinstance(value, str):
        return path if "\x00" in value else ""
    if isinstance(value, list):
        entries = enumerate(cast(list[Any], value), 1)
        return next((found for i, entry in entries if (found := nul_path(entry, f"{path}.{i}.member"))), "")
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value).items()
        dot = "." if path else ""
        return next((found for k, v in fields if (found := nul_path(v, f"{path}{dot}{lower_first(k)}"))), "")
    return ""
