"""What EventBridge answers."""

from __future__ import annotations

from holdfast.api import events as api
from holdfast.services.events import event_operations, rule_operations, target_operations
from holdfast.services.service import Service, read, write

SERVICE = Service(
    api=api.API,
    operations={
        "DeleteRule": write(rule_operations.delete_rule),
        "DescribeRule": read(rule_operations.describe_rule),
        "DisableRule": write(rule_operations.disable_rule),
        "EnableRule": write(rule_operations.enable_rule),
        "ListRuleNamesByTarget": read(rule_operations.list_rule_names_by_target),
        "ListRules": read(rule_operations.list_rules),
        "ListTargetsByRule": read(target_operations.list_targets_by_rule),
        "PutEvents": write(event_operations.put_events),
        "PutRule": write(rule_operations.put_rule),
        "PutTargets": write(target_operations.put_targets),
        "RemoveTargets": write(target_operations.remove_targets),
        "TestEventPattern": read(event_operations.test_event_pattern),
    },
)
