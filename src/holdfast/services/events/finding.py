"""From a name to a bus or rule that the caller may act on.

INVARIANT: authorization comes before existence, and a caller of another account is denied in the same words whether the
bus or rule is there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import EMPTY_CONTEXT, Context, ContextValue
from holdfast.services.events import records
from holdfast.services.events.names import BusAt, RuleAt, bus_of, no_bus, no_rule
from holdfast.services.events.policies import compiled
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.events.records import Bus, Rule


def authorize_on_bus(call: Call, action: str, where: BusAt, context: Context = EMPTY_CONTEXT) -> Bus:
    """Raise unless the caller may do `action` to a bus, and it is there."""
    bus = records.read_bus(call.tx, where)
    _authorize(call, action, where.arn(call.partition), where, bus, bus.tags if bus else "", context)
    if bus is None or where.region != call.region:
        raise no_bus(where)
    return bus


def find_rule(
    call: Call, action: str, name: str | None, bus_name: str | None, context: Context = EMPTY_CONTEXT
) -> Rule:
    """The rule that a request names, after the caller was authorized for `action` on it."""
    where, rule = look_for_rule(call, action, name, bus_name, context)
    if rule is None:
        raise no_rule(where)
    return rule


def look_for_rule(
    call: Call, action: str, name: str | None, bus_name: str | None, context: Context = EMPTY_CONTEXT
) -> tuple[RuleAt, Rule | None]:
    """As `find_rule`, where there need not be one yet on a bus that is there."""
    assert name is not None
    on = bus_of(call, bus_name)
    where = on.rule(name)
    bus = records.read_bus(call.tx, on)
    rule = records.read_rule(call.tx, where)
    keys: dict[str, ContextValue] = {"events:creatorAccount": rule.created_by if rule else call.account, **context}
    _authorize(call, action, where.arn(call.partition), on, bus, rule.tags if rule else "", keys)
    if bus is None or on.region != call.region:
        raise no_bus(on)
    return where, rule


def _authorize(call: Call, action: str, arn: str, on: BusAt, bus: Bus | None, tags: str, context: Context) -> None:
    call.authorize(
        action,
        arn,
        {**context, **resource_context(tags)} if tags else context,
        owner=on.account,
        resource_policy=compiled(bus.policy) if bus else None,
    )
