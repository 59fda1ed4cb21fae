"""Terraform's resources of EventBridge: apply, an empty plan, changes, an empty plan, destroy."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.testing import Account
from tests.services.lambda_.conftest import create

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform


def test_apply_plan_change_destroy(holdfast: Account, tmp_path: Path) -> None:
    events = holdfast.client("events")
    function = create(holdfast, "def handler(e, c): return 1")["FunctionArn"]
    terraform = Terraform(tmp_path, holdfast, "events.tf")
    terraform.variables = {"account": holdfast.account, "function": function}
    terraform.apply()
    output = terraform.output()
    place = f"arn:aws:events:{holdfast.region}:{holdfast.account}"
    assert output["bus"] == f"{place}:event-bus/orders"
    assert output["rule"] == f"{place}:rule/orders/changes"
    targets = events.list_targets_by_rule(Rule="changes", EventBusName="orders")["Targets"]
    assert [target["Id"] for target in targets] == ["function", "hook", "topic"]
    assert targets[0]["RetryPolicy"] == {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 3600}
    policy = json.loads(events.describe_event_bus(Name="orders")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{holdfast.account}:root"}

    terraform.variables |= {"description": "second", "state": "DISABLED"}
    terraform.apply()
    assert events.describe_rule(Name="changes", EventBusName="orders")["Description"] == "second"
    assert events.describe_rule(Name="nightly")["State"] == "DISABLED"
    assert events.describe_api_destination(Name="hook")["Description"] == "second"

    terraform.destroy()
    assert events.list_rules()["Rules"] == []
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    assert events.list_connections()["Connections"] == []
