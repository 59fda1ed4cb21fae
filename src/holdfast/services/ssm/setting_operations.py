"""GetServiceSetting, UpdateServiceSetting, ResetServiceSetting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException
from holdfast.services.ssm.answers import required
from holdfast.services.ssm.service_settings import VALUES, parse_setting_id, setting_arn
from holdfast.services.ssm.setting_records import DELETE_SETTING, WRITE_SETTING, read_setting

if TYPE_CHECKING:
    from holdfast.services.call import Call

NOT_FOUND = (
    "The specified service setting wasn't found. Either the service name or the setting hasn't been provisioned by the "
    "Amazon Web Services service team."
)
SYSTEM = "System"
"""Who set a default."""


def get_service_setting(call: Call, value: api.GetServiceSettingRequest) -> api.GetServiceSettingResult:
    """A setting, the default of one that nobody changed. Raises ServiceSettingNotFound."""
    setting_id = _authorized(call, "ssm:GetServiceSetting", required(value.SettingId))
    return api.GetServiceSettingResult(ServiceSetting=_shown(call, setting_id))


def update_service_setting(call: Call, value: api.UpdateServiceSettingRequest) -> api.UpdateServiceSettingResult:
    """Change a setting. Raises ServiceSettingNotFound, and ValidationException for what is no value of it."""
    setting_id = _authorized(call, "ssm:UpdateServiceSetting", required(value.SettingId))
    wanted = required(value.SettingValue)
    if wanted not in VALUES[setting_id]:
        raise ValidationException(  # (ours)
            f"The value {wanted} is not valid for the setting {setting_id}. Valid values: {', '.join(VALUES[setting_id])}."
        )
    call.tx.run(WRITE_SETTING, call.account, call.region, setting_id, wanted, call.now, call.principal.arn)
    return api.UpdateServiceSettingResult()


def reset_service_setting(call: Call, value: api.ResetServiceSettingRequest) -> api.ResetServiceSettingResult:
    """Take a setting back to its default, and show it. Raises ServiceSettingNotFound."""
    setting_id = _authorized(call, "ssm:ResetServiceSetting", required(value.SettingId))
    call.tx.run(DELETE_SETTING, call.account, call.region, setting_id)
    return api.ResetServiceSettingResult(ServiceSetting=_shown(call, setting_id))


def _authorized(call: Call, action: str, text: str) -> str:
    setting_id = parse_setting_id(text, call.partition, call.region, call.account)
    resource = text
    if not text.startswith("arn:"):
        resource = setting_arn(call.partition, call.region, call.account, setting_id)
    call.authorize(action, resource)
    if setting_id not in VALUES:
        raise api.ServiceSettingNotFound(NOT_FOUND)
    return setting_id


def _shown(call: Call, setting_id: str) -> api.ServiceSetting:
    found = read_setting(call.tx, call.account, call.region, setting_id)
    return api.ServiceSetting(
        SettingId=setting_id,
        SettingValue=VALUES[setting_id][0] if found is None else found.value,
        # A default was never modified; clients expect a date all the same.
        LastModifiedDate=0 if found is None else found.modified / 1000,
        LastModifiedUser=SYSTEM if found is None else found.modified_by,
        ARN=setting_arn(call.partition, call.region, call.account, setting_id),
        Status="Default" if found is None else "Customized",
    )
