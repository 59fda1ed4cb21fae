"""What EventBridge answers, and what its jobs do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api import events as api
from holdfast.services.events import (
    bus_operations,
    connection_operations,
    destination_operations,
    event_operations,
    rule_operations,
    tag_operations,
    target_operations,
)
from holdfast.services.events.courier import COURIER
from holdfast.services.events.guard import guard
from holdfast.services.events.routing import DELIVER
from holdfast.services.events.schedule_jobs import FIRE, fire
from holdfast.services.outbox import jobs
from holdfast.services.service import JobEffect, Service, read, write
from holdfast.work.due import Retry

if TYPE_CHECKING:
    from holdfast.services.call import Call


def deliver(call: Call, destination: str, payload: dict[str, Any]) -> JobEffect | None:
    """The job of a destination."""
    return jobs.deliver(call, destination, COURIER)


SERVICE = Service(
    api=api.API,
    operations={
        "CreateApiDestination": write(destination_operations.create_api_destination),
        "CreateConnection": write(connection_operations.create_connection),
        "CreateEventBus": write(bus_operations.create_event_bus),
        "DeauthorizeConnection": write(connection_operations.deauthorize_connection),
        "DeleteApiDestination": write(destination_operations.delete_api_destination),
        "DeleteConnection": write(connection_operations.delete_connection),
        "DeleteEventBus": write(bus_operations.delete_event_bus),
        "DeleteRule": write(rule_operations.delete_rule),
        "DescribeApiDestination": read(destination_operations.describe_api_destination),
        "DescribeConnection": read(connection_operations.describe_connection),
        "DescribeEventBus": read(bus_operations.describe_event_bus),
        "DescribeRule": read(rule_operations.describe_rule),
        "DisableRule": write(rule_operations.disable_rule),
        "EnableRule": write(rule_operations.enable_rule),
        "ListApiDestinations": read(destination_operations.list_api_destinations),
        "ListConnections": read(connection_operations.list_connections),
        "ListEventBuses": read(bus_operations.list_event_buses),
        "ListRuleNamesByTarget": read(rule_operations.list_rule_names_by_target),
        "ListRules": read(rule_operations.list_rules),
        "ListTagsForResource": read(tag_operations.list_tags_for_resource),
        "ListTargetsByRule": read(target_operations.list_targets_by_rule),
        "PutEvents": write(event_operations.put_events),
        "PutPermission": write(bus_operations.put_permission),
        "PutRule": write(rule_operations.put_rule),
        "PutTargets": write(target_operations.put_targets),
        "RemovePermission": write(bus_operations.remove_permission),
        "RemoveTargets": write(target_operations.remove_targets),
        "TagResource": write(tag_operations.tag_resource),
        "TestEventPattern": read(event_operations.test_event_pattern),
        "UntagResource": write(tag_operations.untag_resource),
        "UpdateApiDestination": write(destination_operations.update_api_destination),
        "UpdateConnection": write(connection_operations.update_connection),
        "UpdateEventBus": write(bus_operations.update_event_bus),
    },
    jobs={DELIVER: deliver, FIRE: fire},
    effects={DELIVER: Retry(attempts=0)},
    deliveries=(DELIVER,),
    guard=guard,
)
