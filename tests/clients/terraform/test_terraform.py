"""Terraform's AWS provider, unmodified: apply, an empty plan, change, an empty plan, destroy."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.testing import Account

from .workspace import PASSWORD, Terraform, needs_terraform

pytestmark = needs_terraform


def test_apply_plan_change_destroy(holdfast: Account, tmp_path: Path) -> None:
    terraform = Terraform(tmp_path, holdfast, "main.tf")
    terraform.apply()
    output = terraform.output()
    assert output["account"] == holdfast.account
    assert json.loads(output["secret"]) == {"username": "app", "password": PASSWORD}
    assert output["parameter"] == PASSWORD

    terraform.variables = {"description": "second", "password": PASSWORD + "-2"}
    terraform.apply()
    secrets, ssm, kms = (holdfast.client(s) for s in ("secretsmanager", "ssm", "kms"))
    assert secrets.describe_secret(SecretId="terraform/database")["Description"] == "second"
    policy = json.loads(secrets.get_resource_policy(SecretId="terraform/database")["ResourcePolicy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["second"]
    assert json.loads(secrets.get_secret_value(SecretId="terraform/database")["SecretString"])["password"].endswith(
        "-2"
    )
    assert ssm.get_parameter(Name="/terraform/secure", WithDecryption=True)["Parameter"]["Version"] == 2
    advanced = ssm.get_parameter_history(Name="/terraform/advanced", WithDecryption=True)["Parameters"]
    assert [version["Tier"] for version in advanced] == ["Advanced", "Advanced"]
    assert advanced[1]["Value"].startswith(f"{PASSWORD}-2000")
    key = kms.describe_key(KeyId="alias/terraform")["KeyMetadata"]
    assert key["Description"] == "second"
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["second"]

    terraform.destroy()
    assert ssm.describe_parameters()["Parameters"] == []
    assert secrets.list_secrets()["SecretList"] == []
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
