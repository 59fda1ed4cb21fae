"""What a target gets of an event: all of it, one part, a constant text, or a template filled from parts (EventBridge user
guide, "Amazon EventBridge input transformation").

INVARIANT: a template that was taken gives JSON for every event, or the text that its author made of it; a path that the
event lacks is an empty text inside quotes and nothing elsewhere, as at AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

MOST_PATHS: Final = 100
LONGEST_TEMPLATE: Final = 8192
LARGEST: Final = 1 << 20
"""Characters that a template may be filled to: what the largest targets take, and less than a template full of
`<aws.events.event.json>` would make of a large event."""
RULE_ARN = "aws.events.rule-arn"
RULE_NAME = "aws.events.rule-name"
INGESTION_TIME = "aws.events.event.ingestion-time"
EVENT = "aws.events.event"
EVENT_JSON = "aws.events.event.json"
RESERVED = (RULE_ARN, RULE_NAME, INGESTION_TIME, EVENT, EVENT_JSON)

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9})\]|\['(?P<quoted>[^']*)'\]")
_VARIABLE = re.compile(r"<([A-Za-z0-9._-]+)>")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


class BadPath(ValueError):
    """A text that is no JSONPath of the kind that EventBridge takes."""


class TooLarge(Exception):
    """More than LARGEST would come of an event."""


def path_steps(path: str) -> list[str | int]:
    """`$.detail.items[0]` as its steps; raises BadPath."""
    if not path.startswith("$"):
        raise BadPath(path)
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise BadPath(path)
        name, index, quoted = step.group("name", "index", "quoted")
        steps.append(int(index) if index is not None else name if name is not None else quoted)
        position = step.end()
    return steps


MISSING: Final = object()


def at_path(event: Any, path: str) -> Any:
    """What stands at a path; MISSING when nothing does."""
    found = event
    for step in path_steps(path):
        if isinstance(step, str) and isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(step, MISSING)
        elif isinstance(step, int) and isinstance(found, list) and step < len(cast("list[Any]", found)):
            found = cast("list[Any]", found)[step]
        else:
            return MISSING
    return found


def is_variable_name(name: str) -> bool:
    """Whether a name may stand in InputPathsMap."""
    return _NAME.fullmatch(name) is not None and not name.lower().startswith("aws.")


def unknown_variables(template: str, names: Mapping[str, str]) -> list[str]:
    """Variables of a template that neither InputPathsMap nor EventBridge has."""
    return [name for name in _VARIABLE.findall(template) if name not in names and name not in RESERVED]


def problem_of(template: str, names: Mapping[str, str]) -> str:
    """Why a template cannot be taken; empty when it can.

    It is one JSON value, or several quoted texts, for whatever stands in its variables ("The template must be valid JSON,
    or quoted strings": user guide, "Common issues with transforming input").
    """
    unknown = unknown_variables(template, names)
    if unknown:
        return f"Unknown variable {unknown[0]}"
    filled = _filled(template, lambda _name, quoted: "" if quoted else "0")
    values: list[Any] = []
    position, decoder = 0, json.JSONDecoder()
    while (position := _after_blanks(filled, position)) < len(filled):
        try:
            value, position = decoder.raw_decode(filled, position)
        except (ValueError, RecursionError):
            return "It is neither JSON nor quoted text"
        values.append(value)
    if not values or (len(values) > 1 and not all(isinstance(value, str) for value in values)):
        return "It is neither JSON nor quoted text"
    return ""


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def transform(
    template: str, paths: Mapping[str, str], event: Mapping[str, Any], *, rule_arn: str, rule_name: str, ingested: str
) -> str:
    """The template with its variables filled in; raises TooLarge.

    Inside quotes a text stands as it is, without escaping, and anything else as JSON; outside them everything is JSON.
    """
    reserved: dict[str, Any] = {
        RULE_ARN: rule_arn,
        RULE_NAME: rule_name,
        INGESTION_TIME: ingested,
        EVENT: {key: value for key, value in event.items() if key != "detail"},
        EVENT_JSON: event,
    }

    size = 0

    def value_of(name: str, quoted: bool) -> str:
        nonlocal size
        found = reserved[name] if name in reserved else at_path(event, paths[name]) if name in paths else MISSING
        shown = _shown(found, quoted)
        size += len(shown)
        if size > LARGEST:
            raise TooLarge
        return shown

    return _filled(template, value_of)


def _filled(template: str, value_of: Callable[[str, bool], str]) -> str:
    """A template with `value_of(name, quoted)` in place of each variable."""
    filled: list[str] = []
    position, quoted = 0, False
    for variable in _VARIABLE.finditer(template):
        between = template[position : variable.start()]
        quoted = _quoted_after(between, quoted)
        filled += between, value_of(variable.group(1), quoted)
        position = variable.end()
    filled.append(template[position:])
    return "".join(filled)


def _quoted_after(text: str, quoted: bool) -> bool:
    """Whether what follows the text stands inside a JSON string."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
    return quoted


def _shown(value: Any, quoted: bool) -> str:
    if value is MISSING:
        return "" if quoted else '""'
    if quoted and isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
