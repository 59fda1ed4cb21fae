"""Terraform's resources of IAM: apply, an empty plan, change, an empty plan, destroy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.exceptions import ClientError

from holdfast.testing import Account

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform


def _client(account: Account, service: str, access_key_id: str, secret: str) -> Any:
    create: Any = Session().client
    return create(
        service,
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret,
    )


def test_apply_plan_change_destroy(holdfast: Account, tmp_path: Path) -> None:
    iam, ssm = holdfast.client("iam"), holdfast.client("ssm")
    ssm.put_parameter(Name="/app/x", Value="1", Type="String")
    terraform = Terraform(tmp_path, holdfast, "iam.tf")
    terraform.apply()
    output = terraform.output()
    assert output["simulated"] is True
    assert output["role_arn"] == f"arn:aws:iam::{holdfast.account}:role/app"
    alice = _client(holdfast, "ssm", output["access_key_id"], output["secret_access_key"])
    assert alice.get_parameter(Name="/app/x")["Parameter"]["Value"] == "1"
    with pytest.raises(ClientError, match="because no identity-based policy allows the ssm:PutParameter action"):
        alice.put_parameter(Name="/app/x", Value="2", Type="String", Overwrite=True)

    terraform.variables = {"description": "second", "actions": '["ssm:GetParameter", "ssm:GetParameters"]'}
    terraform.apply()
    assert terraform.output()["user_id"] == output["user_id"]
    assert iam.get_role(RoleName="app")["Role"]["Description"] == "second"
    assert alice.get_parameters(Names=["/app/x"])["Parameters"][0]["Value"] == "1"
    alice.close()

    terraform.destroy()
    details = iam.get_account_authorization_details()
    kinds = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    assert [details[kind] for kind in kinds] == [[], [], [], []]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
