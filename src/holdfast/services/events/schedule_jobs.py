"""Rules with a schedule: a due job for each, which fires the rule and is due again at its next moment.

The job's row goes in the transaction that fires the rule and writes the next one, so a moment fires once, whatever happens
in between. After an outage the moment that was missed first fires, late, and those missed after it do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.api.base import ValidationException
from holdfast.rotation.schedules import BadSchedule
from holdfast.services.emitted import DEFAULT_BUS, Emitted
from holdfast.services.events import records
from holdfast.services.events.names import RuleAt
from holdfast.services.events.records import DISABLED
from holdfast.services.events.routing import Carried, send
from holdfast.services.events.schedules import parse_schedule

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.events.records import Rule

FIRE = "events.fire"
SOURCE = "aws.events"
DETAIL_TYPE = "Scheduled Event"


def check(expression: str, now: int) -> None:
    """ValidationException for an expression that is none."""
    try:
        parse_schedule(expression, now)
    except BadSchedule:
        raise ValidationException("Parameter ScheduleExpression is not valid.") from None


def follow(call: Call, before: Rule | None, rule: Rule) -> None:
    """Have the job be what a rule is now; DISABLED for one that is no more."""
    if rule.schedule and rule.state != DISABLED:
        if before is None or (before.schedule, before.state) != (rule.schedule, rule.state):
            _schedule(call, rule)
    elif before is not None and before.schedule:
        call.cancel(FIRE, rule.name, account=rule.account)


def _schedule(call: Call, rule: Rule) -> None:
    moment = parse_schedule(rule.schedule, rule.scheduled).after(call.now)
    if moment is None:
        call.cancel(FIRE, rule.name, account=rule.account)
    else:
        call.schedule(FIRE, rule.name, moment, {"moment": moment}, account=rule.account)


def fire(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """The job: one event to each target of the rule `subject` of the default bus."""
    where = RuleAt(call.account, call.region, DEFAULT_BUS, subject)
    rule = records.read_rule(call.tx, where)
    if rule is None or rule.state == DISABLED or not rule.schedule:
        return
    _schedule(call, rule)
    arn = where.arn(call.partition)
    event = Emitted(
        call.randomness.uuid4(), call.account, call.region, SOURCE, DETAIL_TYPE, payload["moment"], (arn,), {}
    )
    carried = msgspec.json.encode(Carried(event.envelope(), call.now))
    send(call, where, records.target_ids(call.tx, where), event.event_id, carried)
