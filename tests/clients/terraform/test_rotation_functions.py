"""Terraform gives one secret a rotation function of its own and another a built-in one: both rotate a real PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdfast.testing import Server
from tests.databases import PostgreSQL
from tests.rotation.conftest import function_arn, until
from tests.rotation.engines.families import PostgreSQLFamily
from tests.services.lambda_.conftest import zipped

from .workspace import PASSWORD, Terraform, needs_terraform

pytestmark = needs_terraform
FUNCTION = Path(__file__).parents[2] / "rotation" / "conformance_function.py"


def test_apply_rotate_plan_destroy(tmp_path: Path, postgresql_15: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_15)
    users = [family.make()["username"] for _ in range(2)]
    for user in users:
        family.change_by_hand(user, PASSWORD)
    archive = tmp_path / "code.zip"
    archive.write_bytes(zipped({FUNCTION.name: FUNCTION.read_bytes()}))
    with Server() as server:
        secrets = server.client("secretsmanager")
        terraform = Terraform(tmp_path, server.home, "rotation_function.tf")
        terraform.variables = {
            "archive": str(archive),
            "built_in": function_arn(server, "SecretsManagerRDSPostgreSQLRotationSingleUser"),
            "port": str(postgresql_15.port),
            "users": json.dumps(users),
        }
        terraform.apply()

        def rotated(user: str) -> dict[str, Any] | None:
            described = secrets.describe_secret(SecretId=f"terraform/{user}")
            return described if "LastRotatedDate" in described else None

        for user in users:
            until(lambda user=user: rotated(user))
            value = json.loads(secrets.get_secret_value(SecretId=f"terraform/{user}")["SecretString"])
            assert value["password"] != PASSWORD
            family.log_in({**value, "dbname": "postgres"})
        terraform.plan_is_empty()
        terraform.destroy()
        assert secrets.list_secrets()["SecretList"] == []
        assert server.client("lambda").list_functions()["Functions"] == []
