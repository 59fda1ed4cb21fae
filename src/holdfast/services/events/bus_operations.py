"""CreateEventBus, UpdateEventBus, DescribeEventBus, ListEventBuses, DeleteEventBus, PutPermission, RemovePermission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api import events as api
from holdfast.api.base import NotImplementedException, ValidationException
from holdfast.services.emitted import DEFAULT_BUS
from holdfast.services.events import records
from holdfast.services.events.finding import authorize_on_bus
from holdfast.services.events.names import BusAt, bus_of, no_bus
from holdfast.services.events.pages import page
from holdfast.services.events.policies import lasting_policy, new_statement, policy_text, shown_policy, statements_of
from holdfast.services.events.records import Bus
from holdfast.services.events.tags import given_tags, merged
from holdfast.services.stored_tags import encode_tags, request_context
from holdfast.store.statements import prefix_range

if TYPE_CHECKING:
    from holdfast.services.call import Call


def _refuse_absent(value: api.CreateEventBusRequest | api.UpdateEventBusRequest) -> None:
    """What would be kept and not honoured."""
    if value.KmsKeyIdentifier:
        raise NotImplementedException("Holdfast does not implement KmsKeyIdentifier of an event bus.")
    if value.DeadLetterConfig is not None and value.DeadLetterConfig.Arn:
        raise NotImplementedException(
            "Holdfast does not implement DeadLetterConfig of an event bus; targets have theirs."
        )
    if value.LogConfig is not None and value.LogConfig.Level not in (None, "OFF"):
        raise NotImplementedException("Holdfast does not implement LogConfig of an event bus.")


def create_event_bus(call: Call, value: api.CreateEventBusRequest) -> api.CreateEventBusResponse:
    where = BusAt(call.account, call.region, value.Name or "")
    tags = merged({}, given_tags(value.Tags))
    call.authorize("events:CreateEventBus", where.arn(call.partition), request_context(tags))
    if value.EventSourceName is not None or "/" in where.name or where.name.startswith("aws."):
        raise NotImplementedException("Holdfast does not implement partner event sources.")
    _refuse_absent(value)
    if records.read_bus(call.tx, where) is not None:
        raise api.ResourceAlreadyExistsException(f"Event bus {where.name} already exists.")
    bus = Bus(*where, value.Description or "", "", encode_tags(tags), call.now, call.now)
    call.tx.run(records.WRITE_BUS, *bus)
    return api.CreateEventBusResponse(EventBusArn=where.arn(call.partition), Description=value.Description)


def update_event_bus(call: Call, value: api.UpdateEventBusRequest) -> api.UpdateEventBusResponse:
    where = BusAt(call.account, call.region, value.Name or DEFAULT_BUS)
    bus = authorize_on_bus(call, "events:UpdateEventBus", where)
    _refuse_absent(value)
    description = bus.description if value.Description is None else value.Description
    _write(call, bus._replace(description=description))
    return api.UpdateEventBusResponse(Arn=where.arn(call.partition), Name=where.name, Description=description or None)


def _write(call: Call, bus: Bus) -> None:
    call.tx.run(records.WRITE_BUS, *bus._replace(created=bus.created or call.now, modified=call.now))


def describe_event_bus(call: Call, value: api.DescribeEventBusRequest) -> api.DescribeEventBusResponse:
    bus = authorize_on_bus(call, "events:DescribeEventBus", bus_of(call, value.Name))
    return api.DescribeEventBusResponse(**_shown(call, bus))


def _shown(call: Call, bus: Bus) -> dict[str, Any]:
    return {
        "Name": bus.bus,
        "Arn": BusAt(*bus[:3]).arn(call.partition),
        "Description": bus.description or None,
        "Policy": shown_policy(call, bus.policy) or None,
        "CreationTime": bus.created / 1000 if bus.created else None,
        "LastModifiedTime": bus.modified / 1000 if bus.modified else None,
    }


def list_event_buses(call: Call, value: api.ListEventBusesRequest) -> api.ListEventBusesResponse:
    """The buses by name, the default one among them."""
    call.authorize("events:ListEventBuses", "*")
    low, high = prefix_range(value.NamePrefix or "")

    def read(after: str, count: int) -> list[Bus]:
        rows = [
            Bus(*row) for row in call.tx.all(records.LIST_BUSES, call.account, call.region, after, low, high, count)
        ]
        always = records.read_bus(call.tx, BusAt(call.account, call.region, DEFAULT_BUS))
        if always is not None and after < DEFAULT_BUS and low <= DEFAULT_BUS < high and always not in rows:
            rows = sorted([*rows, always])
        return rows[:count]

    rows, token = page(call, "ListEventBuses", low, value.NextToken, value.Limit, read, lambda bus: bus.bus)
    return api.ListEventBusesResponse(EventBuses=[api.EventBus(**_shown(call, bus)) for bus in rows], NextToken=token)


def delete_event_bus(call: Call, value: api.DeleteEventBusRequest) -> api.DeleteEventBusOutput:
    """Remove a bus without rules; one that is not there is fine."""
    where = BusAt(call.account, call.region, value.Name or "")
    try:
        authorize_on_bus(call, "events:DeleteEventBus", where)
    except api.ResourceNotFoundException:
        return api.DeleteEventBusOutput()
    if where.name == DEFAULT_BUS:
        raise ValidationException("Cannot delete event bus default.")
    if call.tx.one(records.HAS_RULES, *where) is not None:
        raise ValidationException(f"Event bus {where.name} can't be deleted since it has rules.")
    call.tx.run(records.REMOVE_BUS, *where)
    return api.DeleteEventBusOutput()


# -- the policy ---------------------------------------------------------------------------------------------------------


def _find_own(call: Call, action: str, name: str | None) -> Bus:
    """Permissions are authorized for `*`: the Service Authorization Reference has no resource for them."""
    where = BusAt(call.account, call.region, name or DEFAULT_BUS)
    call.authorize(action, "*")
    bus = records.read_bus(call.tx, where)
    if bus is None:
        raise no_bus(where)
    return bus


def put_permission(call: Call, value: api.PutPermissionRequest) -> api.PutPermissionOutput:
    """Add a statement to the policy of a bus, or replace the one with its id; or put a whole policy."""
    bus = _find_own(call, "events:PutPermission", value.EventBusName)
    if value.Policy:
        if value.Action or value.Principal or value.StatementId or value.Condition:
            raise ValidationException(
                "Parameter Policy is not valid. Reason: It must not be used with StatementId, Action, Principal or Condition."
            )
        text = value.Policy
    else:
        statement = new_statement(call, value, BusAt(*bus[:3]))
        others = [other for other in statements_of(bus.policy) if other.get("Sid") != value.StatementId]
        text = policy_text([*others, statement])
    _write(call, bus._replace(policy=lasting_policy(call, text)))
    return api.PutPermissionOutput()


def remove_permission(call: Call, value: api.RemovePermissionRequest) -> api.RemovePermissionOutput:
    bus = _find_own(call, "events:RemovePermission", value.EventBusName)
    if value.RemoveAllPermissions:
        _write(call, bus._replace(policy=""))
        return api.RemovePermissionOutput()
    statements = statements_of(bus.policy)
    left = [statement for statement in statements if statement.get("Sid") != value.StatementId]
    if not value.StatementId or len(left) == len(statements):
        raise api.ResourceNotFoundException("Statement with the provided id does not exist.")
    _write(call, bus._replace(policy=policy_text(left)))
    return api.RemovePermissionOutput()
