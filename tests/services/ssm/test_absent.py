"""What Parameter Store has and we do not, says so by name."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.api import ssm as api
from holdfast.services.ssm.service import SERVICE

from .refusals import refused

ABSENT = sorted(set(api.OPERATIONS) - set(SERVICE.operations))


def test_these_are_absent() -> None:
    assert ABSENT == [
        "DeleteResourcePolicy",
        "GetResourcePolicies",
        "GetServiceSetting",
        "PutResourcePolicy",
        "ResetServiceSetting",
        "UpdateServiceSetting",
    ]


def test_a_service_setting(ssm: Any) -> None:
    setting = "/ssm/parameter-store/default-parameter-tier"
    assert refused(ssm.get_service_setting, SettingId=setting)[0] == "NotImplementedException"
    assert "UpdateServiceSetting" in refused(ssm.update_service_setting, SettingId=setting, SettingValue="Advanced")[1]


@pytest.mark.parametrize("operation", ["get_resource_policies"])
def test_a_resource_policy(ssm: Any, operation: str) -> None:
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/n"
    assert refused(getattr(ssm, operation), ResourceArn=arn)[0] == "NotImplementedException"
