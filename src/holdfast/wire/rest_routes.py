"""Which operation of a REST-JSON service a method and a path name, and what the labels of the path say.

The paths come from the model's `requestUri`: `/2015-03-31/functions/{FunctionName}/aliases/{Name}`; `{Name+}` takes the
rest of the path, slashes included. A literal segment wins over a label.

INVARIANT: a path that a signature covers in a normalised form (`sigv4_canonical.canonical_uri`: empty and dot segments)
matches nothing here, but for one slash at its end; so the path that was signed is the path that is routed. A label is
decoded once, after the path was split: an encoded slash never makes a segment.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from holdfast.api.base import Api, Operation

LONGEST = 16
"""Segments of a path; no model has half as many."""


class _Place:
    """What may follow a part of a path."""

    __slots__ = ("greedy", "label", "literals", "operations")

    def __init__(self) -> None:
        self.literals: dict[str, _Place] = {}
        self.label: _Place | None = None
        self.greedy: _Place | None = None
        self.operations: dict[str, Operation[Any, Any]] = {}


class RestRoutes:
    """The routes of one service."""

    def __init__(self, api: Api) -> None:
        self._root = _Place()
        for operation in (*api.operations.values(), *api.absent.values()):
            place = self._root
            for segment in split_template(operation.http_path):
                if not segment.startswith("{"):
                    place = place.literals.setdefault(segment, _Place())
                elif segment.endswith("+}"):
                    place.greedy = place.greedy or _Place()
                    place = place.greedy
                else:
                    place.label = place.label or _Place()
                    place = place.label
            place.operations.setdefault(operation.http_method, operation)

    def find(self, method: str, target: str) -> Operation[Any, Any] | None:
        """The operation that a request names; None when there is none."""
        segments = split_path(target)
        return None if segments is None else _find(self._root, segments, 0, method)


def _find(place: _Place, segments: list[str], at: int, method: str) -> Operation[Any, Any] | None:
    if at == len(segments):
        return place.operations.get(method)
    literal = place.literals.get(segments[at])
    if literal is not None and (found := _find(literal, segments, at + 1, method)):
        return found
    if place.label is not None and (found := _find(place.label, segments, at + 1, method)):
        return found
    return None if place.greedy is None else place.greedy.operations.get(method)


def split_path(target: str) -> list[str] | None:
    """The segments of a path, not decoded; None for a path that no route may have."""
    path = target.partition("?")[0]
    if not path.startswith("/"):
        return None
    segments = path[1:].split("/")
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    if len(segments) > LONGEST or not all(segment not in ("", ".", "..") for segment in segments):
        return None
    return segments


@cache
def split_template(path: str) -> tuple[str, ...]:
    """The segments of a model's path."""
    return tuple(path.strip("/").split("/"))


def labels(template: str, target: str) -> dict[str, bytes]:
    """What a path that matches says in the places of its template's labels, decoded."""
    segments = split_path(target) or []
    found: dict[str, bytes] = {}
    for number, name in enumerate(split_template(template)):
        if name.endswith("+}"):
            found[name[1:-2]] = unquote_to_bytes("/".join(segments[number:]).encode("latin-1"))
        elif name.startswith("{"):
            found[name[1:-1]] = unquote_to_bytes(segments[number].encode("latin-1"))
    return found
