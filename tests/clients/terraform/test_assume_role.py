"""Terraform signs in through a role: the `assume_role` block of its AWS provider, with everything that it can pass."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.testing import Account

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform

ROLE = "Deployer"
CONDITION = {
    "StringEquals": {"sts:ExternalId": "the-one", "sts:SourceIdentity": "alice", "aws:RequestTag/team": "blue"}
}


def _policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def test_a_secret_made_by_a_role(holdfast: Account, tmp_path: Path) -> None:
    iam = holdfast.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    trusted = _policy(
        Principal={"AWS": f"arn:aws:iam::{holdfast.account}:user/alice"},
        Action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        Condition=CONDITION,
    )
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=_policy(Action="*", Resource="*"))

    terraform = Terraform(tmp_path, holdfast, "assume_role.tf")
    terraform.variables = {"role": role}
    # The root user assumes no role.
    done = terraform.run("plan", "-input=false", "-no-color", codes=(1,))
    assert "Roles may not be assumed by root accounts" in " ".join(done.stderr.replace("│", " ").split())

    terraform._environment["AWS_ACCESS_KEY_ID"] = key["AccessKeyId"]
    terraform._environment["AWS_SECRET_ACCESS_KEY"] = key["SecretAccessKey"]
    terraform.apply()
    assert terraform.output()["arn"] == f"arn:aws:sts::{holdfast.account}:assumed-role/{ROLE}/terraform"
    assert holdfast.client("secretsmanager").describe_secret(SecretId="terraform/by-a-role")["Name"]
    terraform.destroy()
    assert iam.get_role(RoleName=ROLE)["Role"]["RoleLastUsed"]["Region"] == holdfast.region
