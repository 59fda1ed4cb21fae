"""Terraform turns rotation on, plans nothing afterwards, changes the schedule, and takes everything away."""

from __future__ import annotations

import json
from pathlib import Path

from tests.rotation.conftest import function_arn, until
from tests.rotation.file_engine import FileDatabase
from tests.rotation.server import RotatingServer

from .workspace import PASSWORD, Terraform, needs_terraform

pytestmark = needs_terraform


def test_rotation_is_applied_and_the_plan_is_empty(tmp_path: Path) -> None:
    database = FileDatabase(tmp_path / "users.db", {"app": PASSWORD})
    with RotatingServer() as server:
        secrets = server.client("secretsmanager")
        terraform = Terraform(tmp_path, server.home, "rotation.tf")
        terraform.variables = {"function": function_arn(server), "host": str(database.path), "password": PASSWORD}
        terraform.apply()
        until(lambda: len(database.passwords_set("app")) == 1)
        until(lambda: "LastRotatedDate" in secrets.describe_secret(SecretId="terraform/rotated"))
        terraform.variables = {**terraform.variables, "schedule": "cron(0 6 ? * SUN *)"}
        terraform.apply()
        described = secrets.describe_secret(SecretId="terraform/rotated")
        assert described["RotationRules"] == {"ScheduleExpression": "cron(0 6 ? * SUN *)", "Duration": "3h"}
        until(
            lambda: database.logs_in(json.loads(secrets.get_secret_value(SecretId="terraform/rotated")["SecretString"]))
        )
        terraform.destroy()
        assert secrets.list_secrets()["SecretList"] == []
