"""Query/XML replies: a typed output as the elements inside `<OpResult>`.

One writer per structure, compiled on first use, appends text to a list. What XML 1.0 cannot hold (most control
characters, lone surrogates, U+FFFE and U+FFFF; "Char", section 2.2) becomes U+FFFD instead of breaking the document,
and a carriage return is written as a reference, since a parser would turn a bare one into a line feed (section 2.11).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from holdfast.api.base import Shape
from holdfast.wire.shapes import Description, members_of

SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Write = Callable[[Any, list[str]], None]


def escape(text: str) -> str:
    """The text as character data or as an attribute's value in double quotes."""
    return SPECIAL.sub(lambda match: REFERENCES.get(match[0], "\ufffd"), text)


def iso8601(seconds: float) -> str:
    """`2026-11-23T22:39:00Z`, with milliseconds where there are any."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    text = (EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds:03}Z" if milliseconds else f"{text}Z"


def scalar(value: Any) -> str:
    """A plain value as it stands between two tags; timestamps are told apart by the model, not here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return escape(value) if isinstance(value, str) else repr(value)


def element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


@cache
def structure_writer(structure: type[Shape]) -> Write:
    """Writes the members of a structure, in the model's order, without an element around them."""
    plan: list[tuple[str, Write]] = []

    def write(value: Any, out: list[str]) -> None:
        if not plan:
            # Compiled here and not above: a structure may contain itself.
            plan.extend((member.name, writer(member.description, member.wire_name)) for member in members_of(structure))
        for name, write_member in plan:
            member = getattr(value, name)
            if member is not None:
                write_member(member, out)

    return write


def writer(description: Description, name: str) -> Write:
    """Writes a value as the element `name`; a flattened list or map as one such element for each entry."""
    if description.structure is not None:
        return _wrapped(name, structure_writer(description.structure))
    if description.kind == "list":
        return _list_writer(description, name)
    if description.kind == "map":
        return _map_writer(description, name)
    text = iso8601 if description.kind == "timestamp" else scalar
    return lambda value, out: out.append(f"<{name}>{text(value)}</{name}>")


def _wrapped(name: str, write: Write) -> Write:
    def wrapped(value: Any, out: list[str]) -> None:
        out.append(f"<{name}>")
        write(value, out)
        out.append(f"</{name}>")

    return wrapped


def _list_writer(description: Description, name: str) -> Write:
    names, entry = description.names, description.entry
    assert entry is not None
    write_entry = writer(entry, names.member or (name if names.flattened else "member"))

    def write(value: list[Any], out: list[str]) -> None:
        for item in value:
            write_entry(item, out)

    return write if names.flattened else _wrapped(name, write)


def _map_writer(description: Description, name: str) -> Write:
    names = description.names
    assert description.key is not None
    assert description.entry is not None
    write_key, write_value = writer(description.key, names.key), writer(description.entry, names.value)
    around = name if names.flattened else "entry"

    def write(value: dict[str, Any], out: list[str]) -> None:
        for key, item in value.items():
            out.append(f"<{around}>")
            write_key(key, out)
            write_value(item, out)
            out.append(f"</{around}>")

    return write if names.flattened else _wrapped(name, write)
