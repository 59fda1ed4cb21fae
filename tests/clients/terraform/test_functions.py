"""Terraform's resources of Lambda: apply, an empty plan, new code, an empty plan, destroy."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.testing import Account
from tests.services.lambda_.conftest import invoke, zipped

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform


def test_apply_plan_change_destroy(holdfast: Account, tmp_path: Path) -> None:
    functions = holdfast.client("lambda")
    archive = tmp_path / "code.zip"
    archive.write_bytes(zipped({"app.py": "def handler(e, c): return 1"}))
    terraform = Terraform(tmp_path, holdfast, "functions.tf")
    terraform.variables = {"archive": str(archive)}
    terraform.apply()
    output = terraform.output()
    assert output["arn"] == f"arn:aws:lambda:{holdfast.region}:{holdfast.account}:function:rotation"
    assert output["version"] == "1"
    assert invoke(holdfast, name="rotation:live").payload == 1
    statement = json.loads(functions.get_policy(FunctionName="rotation")["Policy"])["Statement"][0]
    assert statement["Principal"] == {"Service": "secretsmanager.amazonaws.com"}

    archive.write_bytes(zipped({"app.py": "def handler(e, c): return 2"}))
    terraform.variables["description"] = "second"
    terraform.apply()
    assert terraform.output()["version"] == "2"
    assert invoke(holdfast, name="rotation:live").payload == 2

    terraform.destroy()
    assert functions.list_functions()["Functions"] == []
