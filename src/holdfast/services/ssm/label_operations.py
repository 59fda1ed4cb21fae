"""LabelParameterVersion, UnlabelParameterVersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import ssm as api
from holdfast.services.ssm import events, records, rules, version_records
from holdfast.services.ssm.answers import arn, required, tag_context
from holdfast.services.ssm.records import Parameter

if TYPE_CHECKING:
    from holdfast.services.call import Call


def label_parameter_version(call: Call, value: api.LabelParameterVersionRequest) -> api.LabelParameterVersionResult:
    """Put labels on a version, the current one by default; a label elsewhere on the parameter moves.

    Labels that break the rules are named, not raised. Raises ParameterNotFound, ParameterVersionNotFound,
    ParameterVersionLabelLimitExceeded.
    """
    found = _authorized(call, "ssm:LabelParameterVersion", required(value.Name))
    version = found.version if value.ParameterVersion is None else value.ParameterVersion
    place = (call.tx, call.account, call.region, found.path)
    _require_version(call, found, version)
    attached, invalid = rules.attach(version_records.labels_of(*place), version, required(value.Labels))
    for label in attached:
        version_records.put_label(*place, label, version)
    if attached:
        events.changed(call, found.account, found.path, found.name, found.settings, events.LABEL)
    return api.LabelParameterVersionResult(InvalidLabels=invalid, ParameterVersion=version)


def unlabel_parameter_version(
    call: Call, value: api.UnlabelParameterVersionRequest
) -> api.UnlabelParameterVersionResult:
    """Take labels off a version; those that are not on it are named, not raised.

    Raises ParameterNotFound, ParameterVersionNotFound.
    """
    found = _authorized(call, "ssm:UnlabelParameterVersion", required(value.Name))
    version = required(value.ParameterVersion)
    place = (call.tx, call.account, call.region, found.path)
    _require_version(call, found, version)
    removed, invalid = rules.detach(version_records.labels_of(*place), version, required(value.Labels))
    for label in removed:
        version_records.delete_label(*place, label)
    return api.UnlabelParameterVersionResult(RemovedLabels=removed, InvalidLabels=invalid)


def _authorized(call: Call, action: str, text: str) -> Parameter:
    name = rules.writable_name(text)
    found = records.read_parameter(call.tx, call.account, call.region, name.path)
    call.authorize(action, arn(call, call.account, name.path), tag_context(found.tags if found else ""))
    if found is None:
        raise api.ParameterNotFound
    return found


def _require_version(call: Call, found: Parameter, version: int) -> None:
    if not version_records.has_version(call.tx, call.account, call.region, found.path, version):
        raise rules.no_such_version(version, found.name)
