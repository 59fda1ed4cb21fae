"""Terraform's `aws_kms_grant`: made, unchanged at the second look, and gone."""

from __future__ import annotations

from pathlib import Path

from holdfast.testing import Account

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform


def test_grants(holdfast: Account, tmp_path: Path) -> None:
    kms = holdfast.client("kms")
    terraform = Terraform(tmp_path, holdfast, "grant.tf")
    terraform.apply()
    made = terraform.output()
    found = {grant["GrantId"]: grant for grant in kms.list_grants(KeyId=made["key"])["Grants"]}
    assert len(found) == 2
    reads = found[made["reads"]]
    assert reads["Name"] == "reads"
    assert reads["Operations"] == ["Decrypt", "DescribeKey"]
    assert reads["Constraints"] == {"EncryptionContextEquals": {"Department": "Finance"}}
    assert reads["GranteePrincipal"] == f"arn:aws:iam::{holdfast.account}:user/reader"
    assert reads["RetiringPrincipal"] == f"arn:aws:iam::{holdfast.account}:role/keeper"
    terraform.destroy()
    assert kms.list_grants(KeyId=made["key"])["Grants"] == []
