"""What Parameter Store has and we do not, says so by name."""

from __future__ import annotations

from typing import Any

from holdfast.api import ssm as api
from holdfast.services.ssm.service import SERVICE

from .refusals import refused


def test_every_operation_of_parameter_store_is_there() -> None:
    assert sorted(set(api.OPERATIONS) - set(SERVICE.operations)) == []


def test_resource_policies_of_other_resources(ssm: Any) -> None:
    arn = "arn:aws:ssm:us-east-1:123456789012:opsitemgroup/default"
    assert refused(ssm.get_resource_policies, ResourceArn=arn)[0] == "AccessDeniedException"


def test_service_settings_of_other_capabilities(ssm: Any) -> None:
    setting = "/ssm/managed-instance/activation-tier"
    assert refused(ssm.get_service_setting, SettingId=setting)[0] == "ServiceSettingNotFound"


def test_the_rest_of_systems_manager(ssm: Any) -> None:
    code, text = refused(ssm.send_command, DocumentName="AWS-RunShellScript")[:2]
    assert (code, text) == ("NotImplementedException", "Holdfast does not implement ssm:SendCommand yet.")
