"""Rules with a schedule: a due job for each, which fires the rule and is due again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api.base import ValidationException

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.events.records import Rule


def check(expression: str) -> None:
    raise ValidationException("Parameter ScheduleExpression is not valid.")


def follow(call: Call, before: Rule | None, rule: Rule) -> None: ...


def fire(call: Call, subject: str, payload: dict[str, Any]) -> None: ...
