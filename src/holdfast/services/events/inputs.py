"""What a target gets of an event, as text: all of it, one part, a constant, or a filled template; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from holdfast.access.keys import iso_instant
from holdfast.services.events.transformer import LARGEST, MISSING, BadPath, TooLarge, at_path, transform

if TYPE_CHECKING:
    from holdfast.api import events as api
    from holdfast.services.events.names import RuleAt
    from holdfast.services.events.routing import Carried


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def input_of(target: api.Target, carried: Carried, rule: RuleAt, partition: str) -> str:
    """The JSON text, or the text that the author of a template made of it. Raises TooLarge."""
    if target.Input:
        return target.Input
    if target.InputPath:
        found = at_path(carried.event, target.InputPath)
        return compact({} if found is MISSING else found)
    transformer = target.InputTransformer
    if transformer is None:
        return compact(carried.event)
    return transform(
        transformer.InputTemplate or "",
        transformer.InputPathsMap or {},
        carried.event,
        rule_arn=rule.arn(partition),
        rule_name=rule.name,
        ingested=iso_instant(carried.ingested),
    )


def values_at(texts: Iterable[str], event: dict[str, Any]) -> list[str]:
    """`value_at` of each. Raises TooLarge: a target has any number of them, and each may stand for the whole event."""
    values: list[str] = []
    size = 0
    for text in texts:
        values.append(value_at(text, event))
        size += len(values[-1])
        if size > LARGEST:
            raise TooLarge
    return values


def value_at(text: str, event: dict[str, Any]) -> str:
    """A value of HttpParameters: a JSONPath stands for what the event has there, anything else for itself."""
    if text != "$" and not text.startswith(("$.", "$[")):
        return text
    try:
        found = at_path(event, text)
    except BadPath:
        return text
    if found is MISSING:
        return ""
    return found if isinstance(found, str) else compact(found)
