"""What a record shows of what was asked and answered: JSON texts of the models' structures.

Members that the model marks sensitive are dropped, or replaced where CloudTrail shows that there was one, and so is every blob,
whatever it holds.

INVARIANT: structures that `name_of` names alike have the same text.
Threat: a value in the audit trail, or kept in memory for it. Names are made of what texts show, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, Final, cast, get_args

import msgspec

from holdfast.api.base import Shape
from holdfast.remember import remember

NEVER_SHOWN = frozenset({"SessionToken"})
"""Members that no model marks sensitive and that AWS shows. Ours hold the secret access key, if sealed."""
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
SHOWN_AS_HIDDEN = {
    "PutParameterRequest": ("Value",),
    # An event may carry anything. AWS keeps no record of PutEvents that could show it.
    "PutEventsRequestEntry": ("Detail",),
    "PublishInput": ("Message", "Subject", "MessageAttributes"),
    "PublishBatchRequestEntry": ("Message", "Subject", "MessageAttributes"),
    "SubscribeInput": ("Endpoint",),
    "ConfirmSubscriptionInput": ("Token",),
}
"""Members in whose place CloudTrail shows HIDDEN; any other sensitive one is left out. An endpoint may be an address with a
password in it."""
SHAPES: Final = 2048
"""More than all models have."""

_encode: Final = msgspec.json.encode


def lower_first(name: str) -> str:
    """CloudTrail's spelling of a member: secretId, arn ("Before February 2024, some Secrets Manager operations reported
    events that contained aRN", Secrets Manager user guide)."""
    return "arn" if name == "ARN" else name[:1].lower() + name[1:]


Shaper = Callable[[Any], Any]
Writer = Callable[[Any], bytes]


def _shape_value(value: Any) -> Any:
    if isinstance(value, Shape):
        return shaper(type(value))(value)
    if isinstance(value, list):
        return [_shape_value(v) for v in cast("list[Any]", value)]
    return value


@lru_cache(maxsize=SHAPES)
def shaper(shape: type[Shape]) -> Shaper:
    """A function from a structure to the dictionary that may stand in a record."""
    hidden = NEVER_SHOWN.union(shape.SENSITIVE, SHOWN_AS_HIDDEN.get(shape.__name__, ()))
    members = [(name, lower_first(name)) for name in shape.__struct_fields__ if name not in hidden]
    replaced = [(name, lower_first(name)) for name in SHOWN_AS_HIDDEN.get(shape.__name__, ())]

    def to_dictionary(value: Shape) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, lower in members:
            member = getattr(value, name)
            if member is None or type(member) is bytes:
                continue
            out[lower] = member if type(member) is str else _shape_value(member)
        for name, lower in replaced:
            if getattr(value, name) is not None:
                out[lower] = HIDDEN
        return out

    return to_dictionary


def _kinds(annotation: Any) -> Iterator[type]:
    """Every type that an annotation names, at any depth."""
    parts = get_args(annotation)
    if not parts and isinstance(annotation, type):
        yield annotation
    for part in parts:
        yield from _kinds(part)


_writers: Final[dict[type[Shape], Writer]] = {}


def text_of(value: Shape) -> bytes:
    """The JSON text that stands in a record for a structure."""
    shape = type(value)
    return (_writers.get(shape) or remember(_writers, shape, writer(shape), SHAPES))(value)


def writer(shape: type[Shape]) -> Writer:
    """A function from a structure to the JSON text that may stand in a record; `null` when nothing may.

    Most inputs hold plain values only. For them the text is made by the encoder alone, from a twin of the structure
    that has the record's spelling and lacks what must not be shown. Structures inside go the longer way.
    """
    names, structures = _shown(shape)
    to_dictionary = shaper(shape)
    if not names or shape.__name__ in SHOWN_AS_HIDDEN:
        return lambda value: _encode(to_dictionary(value) or None)
    spelled = [(lower_first(name), Any, None) for name in names]
    twin: Any = msgspec.defstruct(shape.__name__, spelled, omit_defaults=True, gc=False)
    members = _members(names)
    if not structures:
        return lambda value: _null_if_empty(_encode(twin(*members(value))))

    def write(value: Any) -> bytes:
        for name in structures:
            if getattr(value, name) is not None:
                return _encode(to_dictionary(value) or None)
        return _null_if_empty(_encode(twin(*members(value))))

    return write


def _null_if_empty(text: bytes) -> bytes:
    return b"null" if text == b"{}" else text


def _shown(shape: type[Shape]) -> tuple[list[str], list[str]]:
    """The members that may stand in a record: those that hold plain values only, and those with structures in them."""
    kinds = _kinds_of(shape)
    hidden = NEVER_SHOWN.union(shape.SENSITIVE)
    names = [name for name in shape.__struct_fields__ if name not in hidden and bytes not in kinds[name]]
    structures = [name for name in names if any(issubclass(kind, Shape) for kind in kinds[name])]
    return [name for name in names if name not in structures], structures


def _kinds_of(shape: type[Shape]) -> dict[str, set[type]]:
    return {field.name: {*_kinds(field.type)} for field in msgspec.structs.fields(shape)}


def _members(names: list[str]) -> Callable[[Any], Any]:
    """attrgetter answers a bare value for one name."""
    return attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)


Name = tuple[Any, ...]
Naming = Callable[[Any], "Name | None"]
_EXACT: Final = frozenset({str, int, bool, NoneType})
"""Kinds whose equal values have the same text: 0.0 and -0.0 have not."""
_namings: Final[dict[type[Shape], Naming]] = {}


def name_of(value: Shape) -> Name | None:
    """A name under which what follows from a structure's text can be kept, found faster than the text; None where the text
    shows more than plain values."""
    shape = type(value)
    return (_namings.get(shape) or remember(_namings, shape, naming(shape), SHAPES))(value)


def naming(shape: type[Shape]) -> Naming:
    """`name_of` for one shape."""
    names, structures = _shown(shape)
    kinds = _kinds_of(shape)
    if not names or shape.__name__ in SHOWN_AS_HIDDEN or not all(kinds[name] <= _EXACT for name in names):
        return lambda value: None
    members = _members(names)

    def name(value: Any) -> Name | None:
        for each in structures:
            if getattr(value, each) is not None:
                return None
        found: list[Any] = [shape]
        for member in members(value):
            if isinstance(member, dict):
                found.append(tuple(cast("dict[str, Any]", member).items()))
            elif isinstance(member, list):
                found.append(tuple(cast("list[Any]", member)))
            else:
                found.append(member)
        return tuple(found)

    return name
