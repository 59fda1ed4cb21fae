"""PutRule, DescribeRule, ListRules, ListRuleNamesByTarget, EnableRule, DisableRule, DeleteRule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from holdfast.access.decision import ContextValue
from holdfast.api import events as api
from holdfast.api.base import ValidationException
from holdfast.services.emitted import DEFAULT_BUS
from holdfast.services.events import records, schedule_jobs
from holdfast.services.events.finding import authorize_on_bus, find_rule, look_for_rule
from holdfast.services.events.names import bus_of, no_bus
from holdfast.services.events.pages import page
from holdfast.services.events.records import DISABLED, ENABLED, Rule
from holdfast.services.events.roles import pass_role
from holdfast.services.events.rule_sets import literals
from holdfast.services.events.tags import given_tags, merged, one_or_several
from holdfast.services.matching.matchers import BadPattern
from holdfast.services.matching.patterns import parse_pattern
from holdfast.services.stored_tags import encode_tags, request_context
from holdfast.store.statements import prefix_range

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.events.names import BusAt

NEITHER = "Parameter(s) EventPattern or ScheduleExpression must be specified."
ONLY_DEFAULT_BUS = "ScheduleExpression is supported only on the default event bus."
EXCEEDED = "The requested resource exceeds the maximum number allowed."
MOST_RULES = 300
"""Of one bus (EventBridge quotas). It bounds what one event costs: as many deliveries as these rules have targets."""
HAS_TARGETS = "Rule can't be deleted since it has targets."
_IN_PATTERN = {
    "events:source": ("source",),
    "events:detail-type": ("detail-type",),
    "events:detail.service": ("detail", "service"),
    "events:detail.eventTypeCode": ("detail", "eventTypeCode"),
    "events:detail.userIdentity.principalId": ("detail", "userIdentity", "principalId"),
}
"""Condition key -> the field of the pattern whose texts are its value ("Using IAM policy conditions in EventBridge")."""


def check_pattern(text: str) -> None:
    """InvalidEventPatternException for a text that is no event pattern."""
    try:
        parse_pattern(text)
    except BadPattern as error:
        raise api.InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None


def _context(pattern: str, tags: dict[str, str]) -> dict[str, ContextValue]:
    context = request_context(tags)
    decoded: Any = json.loads(pattern) if pattern else {}
    for key, path in _IN_PATTERN.items():
        found = literals(cast("dict[str, Any]", decoded), *path)
        if found:
            context[key] = one_or_several(found)
    return context


def put_rule(call: Call, value: api.PutRuleRequest) -> api.PutRuleResponse:
    """Make a rule, or replace one: what is not given is as for a new one, but for tags, which an update leaves alone."""
    pattern, schedule = value.EventPattern or "", value.ScheduleExpression or ""
    if pattern:
        check_pattern(pattern)
    tags = given_tags(value.Tags)
    where, before = look_for_rule(call, "events:PutRule", value.Name, value.EventBusName, _context(pattern, tags))
    if not pattern and not schedule:
        raise ValidationException(NEITHER)
    if schedule:
        if where.bus != DEFAULT_BUS:
            raise ValidationException(ONLY_DEFAULT_BUS)
        schedule_jobs.check(schedule, call.now)
    if value.RoleArn:
        pass_role(call, value.RoleArn, where.arn(call.partition))
    if before is None:
        _check_room(call, where.on)
    rule = Rule(
        *where,
        pattern=pattern,
        schedule=schedule,
        state=value.State or ENABLED,
        description=value.Description or "",
        role=value.RoleArn or "",
        created_by=before.created_by if before else call.account,
        tags=before.tags if before else encode_tags(merged({}, tags)),
        scheduled=before.scheduled if before and before.schedule == schedule else call.now,
    )
    _write(call, before, rule)
    return api.PutRuleResponse(RuleArn=where.arn(call.partition))


def _check_room(call: Call, on: BusAt) -> None:
    row = call.tx.one(records.COUNT_RULES, *on, MOST_RULES)
    if row is not None and row[0] >= MOST_RULES:
        raise api.LimitExceededException(EXCEEDED)


def _write(call: Call, before: Rule | None, rule: Rule) -> None:
    call.tx.run(records.WRITE_RULE, *rule)
    if rule.pattern or (before and before.pattern):
        records.changed(call, rule.at.on)
    schedule_jobs.follow(call, before, rule)


def describe_rule(call: Call, value: api.DescribeRuleRequest) -> api.DescribeRuleResponse:
    rule = find_rule(call, "events:DescribeRule", value.Name, value.EventBusName)
    return api.DescribeRuleResponse(**_shown(call, rule), CreatedBy=rule.created_by)


def _shown(call: Call, rule: Rule) -> dict[str, Any]:
    return {
        "Name": rule.name,
        "Arn": rule.at.arn(call.partition),
        "EventPattern": rule.pattern or None,
        "ScheduleExpression": rule.schedule or None,
        "State": rule.state,
        "Description": rule.description or None,
        "RoleArn": rule.role or None,
        "EventBusName": rule.bus,
    }


def list_rules(call: Call, value: api.ListRulesRequest) -> api.ListRulesResponse:
    """The rules of a bus by name."""
    where = bus_of(call, value.EventBusName)
    authorize_listing(call, "events:ListRules", value.EventBusName)
    low, high = prefix_range(value.NamePrefix or "")
    rows, token = page(
        call,
        "ListRules",
        [where, low],
        value.NextToken,
        value.Limit,
        lambda after, count: [Rule(*row) for row in call.tx.all(records.LIST_RULES, *where, after, low, high, count)],
        lambda rule: rule.name,
    )
    return api.ListRulesResponse(Rules=[api.Rule(**_shown(call, rule)) for rule in rows], NextToken=token)


def authorize_listing(call: Call, action: str, bus_name: str | None) -> None:
    """Listings are authorized for `*`; the rules of another account's bus by the policy of that bus."""
    where = bus_of(call, bus_name)
    if where.account != call.account:
        authorize_on_bus(call, action, where)
        return
    call.authorize(action, "*")
    if records.read_bus(call.tx, where) is None or where.region != call.region:
        raise no_bus(where)


def list_rule_names_by_target(call: Call, value: api.ListRuleNamesByTargetRequest) -> api.ListRuleNamesByTargetResponse:
    """The rules of a bus that send to an ARN."""
    where = bus_of(call, value.EventBusName)
    authorize_listing(call, "events:ListRuleNamesByTarget", value.EventBusName)
    rows, token = page(
        call,
        "ListRuleNamesByTarget",
        [where, value.TargetArn],
        value.NextToken,
        value.Limit,
        lambda after, count: call.tx.all(records.RULES_BY_TARGET, *where, value.TargetArn, after, count),
        lambda row: row[0],
    )
    return api.ListRuleNamesByTargetResponse(RuleNames=[row[0] for row in rows], NextToken=token)


def enable_rule(call: Call, value: api.EnableRuleRequest) -> api.EnableRuleOutput:
    before = find_rule(call, "events:EnableRule", value.Name, value.EventBusName)
    if before.state == DISABLED:
        # A rate begins anew: the moments of the time in which it was disabled are not made up for.
        _write(call, before, before._replace(state=ENABLED, scheduled=call.now))
    return api.EnableRuleOutput()


def disable_rule(call: Call, value: api.DisableRuleRequest) -> api.DisableRuleOutput:
    before = find_rule(call, "events:DisableRule", value.Name, value.EventBusName)
    if before.state != DISABLED:
        _write(call, before, before._replace(state=DISABLED))
    return api.DisableRuleOutput()


def delete_rule(call: Call, value: api.DeleteRuleRequest) -> api.DeleteRuleOutput:
    """Remove a rule without targets; one that is not there is fine."""
    try:
        rule = find_rule(call, "events:DeleteRule", value.Name, value.EventBusName)
    except api.ResourceNotFoundException:
        where = bus_of(call, value.EventBusName).rule(value.Name or "")
        if records.read_bus(call.tx, where.on) is None:
            raise
        return api.DeleteRuleOutput()
    if records.target_ids(call.tx, rule.at):
        raise ValidationException(HAS_TARGETS)
    call.tx.run(records.REMOVE_RULE, *rule.at)
    records.changed(call, rule.at.on)
    schedule_jobs.follow(call, rule, rule._replace(state=DISABLED))
    return api.DeleteRuleOutput()
