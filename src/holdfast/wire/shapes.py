"""The generated structures, read once as data: what each member is, what constrains it, what the wire calls it.

Whoever must walk a structure (constraint checks, Query forms, XML) walks these descriptions instead of Python's
annotations. They are made on first use and kept for the life of the process: there are as many as the models have
structures, and no client can add one.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from holdfast.api.base import Constraint, EntryNames, Shape, Timestamp

Kind = Literal["string", "boolean", "integer", "double", "timestamp", "blob", "list", "map", "structure"]

SCALARS: dict[type, Kind] = {str: "string", bool: "boolean", int: "integer", float: "double", bytes: "blob"}
DEFAULT_NAMES = EntryNames()
NO_CONSTRAINT = Constraint()


@dataclass(frozen=True, slots=True)
class Description:
    """The type of a member, of a list's entries or of a map's keys and values."""

    kind: Kind
    constraint: Constraint = NO_CONSTRAINT
    structure: type[Shape] | None = None
    """Set for a structure; look inside with `members_of`, since structures may contain themselves."""
    entry: Description | None = None
    """What a list holds, or a map's values."""
    key: Description | None = None
    names: EntryNames = DEFAULT_NAMES
    iso8601: bool = False
    """A moment that JSON bodies write as ISO 8601."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a structure."""

    name: str
    wire_name: str
    """What Query and XML call it."""
    description: Description
    required: bool
    sensitive: bool


def describe(annotation: Any) -> Description:
    """The description of a member's annotation; `| None` is dropped, since any member may be missing."""
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (argument for argument in get_args(annotation) if argument is not type(None))
    constraint, names, timestamp = NO_CONSTRAINT, DEFAULT_NAMES, None
    if get_origin(annotation) is Annotated:
        annotation, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, Constraint):
                constraint = mark
            elif isinstance(mark, EntryNames):
                names = mark
            elif isinstance(mark, Timestamp):
                timestamp = mark
    if timestamp is not None:
        return Description("timestamp", constraint, iso8601=timestamp.form == "iso8601")
    if annotation in SCALARS:
        return Description(SCALARS[annotation], constraint)
    if get_origin(annotation) is list:
        return Description("list", constraint, entry=describe(get_args(annotation)[0]), names=names)
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return Description("map", constraint, entry=describe(value), key=describe(key), names=names)
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return Description("structure", constraint, structure=annotation)
    raise TypeError(f"no wire type for {annotation!r}")


@cache
def members_of(structure: type[Shape]) -> tuple[Member, ...]:
    """The members of a structure, in the model's order."""
    hints = get_type_hints(structure, include_extras=True)
    members: list[Member] = []
    for name in structure.__struct_fields__:
        description = describe(hints[name])
        members.append(
            Member(
                name=name,
                wire_name=structure.WIRE_NAMES.get(name, name),
                description=description,
                required=name in structure.REQUIRED,
                sensitive=name in structure.SENSITIVE or description.constraint.sensitive,
            )
        )
    return tuple(members)


def lower_first(name: str) -> str:
    """A member's name as AWS's validation texts spell it: `SecretId` -> `secretId`, `SAMLOptions` -> `sAMLOptions`."""
    return name[:1].lower() + name[1:]
