"""GetServiceSetting, UpdateServiceSetting, ResetServiceSetting."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account

from .refusals import refused

TIER = "/ssm/parameter-store/default-parameter-tier"
THROUGHPUT = "/ssm/parameter-store/high-throughput-enabled"


@pytest.mark.parametrize(
    ("setting", "default", "other"), [(TIER, "Standard", "Advanced"), (THROUGHPUT, "false", "true")]
)
def test_a_setting_is_changed_and_reset(holdfast: Account, ssm: Any, setting: str, default: str, other: str) -> None:
    arn = f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:servicesetting{setting}"
    found = ssm.get_service_setting(SettingId=setting)["ServiceSetting"]
    found.pop("LastModifiedDate")
    assert found == {"SettingId": setting, "SettingValue": default, "LastModifiedUser": "System", "ARN": arn,
                     "Status": "Default"}  # fmt: skip
    ssm.update_service_setting(SettingId=arn, SettingValue=other)
    changed = ssm.get_service_setting(SettingId=arn)["ServiceSetting"]
    assert (changed["SettingId"], changed["SettingValue"], changed["Status"]) == (setting, other, "Customized")
    assert changed["LastModifiedUser"] == f"arn:aws:iam::{holdfast.account}:root"
    assert holdfast.client("ssm", region_name="eu-west-1").get_service_setting(SettingId=setting)["ServiceSetting"][
        "SettingValue"
    ] == default, "of one region"  # fmt: skip
    reset = ssm.reset_service_setting(SettingId=setting)["ServiceSetting"]
    assert (reset["SettingValue"], reset["Status"]) == (default, "Default")
    assert ssm.get_service_setting(SettingId=setting)["ServiceSetting"]["Status"] == "Default"


def test_what_is_no_setting_or_no_value(shared: Any) -> None:
    for operation in (shared.get_service_setting, shared.reset_service_setting):
        assert refused(operation, SettingId="/ssm/nothing")[0] == "ServiceSettingNotFound"
    assert refused(shared.update_service_setting, SettingId=TIER, SettingValue="Gold")[0] == "ValidationException"
    foreign = f"arn:aws:ssm:us-east-1:123456789012:servicesetting{TIER}"
    assert refused(shared.get_service_setting, SettingId=foreign)[0] == "ServiceSettingNotFound"
