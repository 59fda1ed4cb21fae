"""What decides about a bus or a rule, for questions before the fact (`holdfast can`, `holdfast who-can`): the policy of the
bus, and tags. Decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.arn import parse_arn
from holdfast.services.events import records
from holdfast.services.events.names import bus_of, parse_bus_arn, parse_rule_arn
from holdfast.services.events.policies import compiled
from holdfast.services.service import Guard
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.access.decision import ContextValue
    from holdfast.services.call import Call


def guard(call: Call, action: str, resource: str) -> Guard:
    """A name without an ARN is a bus's."""
    if (at := parse_rule_arn(resource)) is not None:
        bus, rule = records.read_bus(call.tx, at.on), records.read_rule(call.tx, at)
        context: dict[str, ContextValue] = {"events:creatorAccount": rule.created_by if rule else call.account}
        if rule is not None:
            context.update(resource_context(rule.tags))
        return Guard(resource, at.account, compiled(bus.policy) if bus else None, context=context)
    arn = parse_arn(resource)
    where = parse_bus_arn(resource)
    if where is None and (resource == "*" or arn is not None):
        return Guard(resource, arn.account if arn is not None and arn.account else call.account)
    where = where or bus_of(call, resource)
    bus = records.read_bus(call.tx, where)
    policy = compiled(bus.policy) if bus else None
    return Guard(where.arn(call.partition), where.account, policy, context=resource_context(bus.tags) if bus else {})
