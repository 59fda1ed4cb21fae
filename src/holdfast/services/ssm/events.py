"""Parameter Store's events, in AWS's shapes ("Reference: Amazon EventBridge event patterns and types for Systems Manager",
user guide; the schema aws.ssm@ParameterStorePolicyAction).

`Parameter Store Change`: "A parameter is created, updated, or deleted, or a label is attached or moved from one version to
another". A label that is only taken off is not told of, nor is a parameter below /aws/service/, which belongs to no
account. All values are texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.ssm.answers import arn
from holdfast.services.ssm.data_types import IMAGE
from holdfast.services.ssm.rules import PUBLIC, Settings

if TYPE_CHECKING:
    from holdfast.services.call import Call

SOURCE = "aws.ssm"
POLICY_ACTION = "Parameter Store Policy Action"
CHANGE = "Parameter Store Change"
CREATE, UPDATE, DELETE, LABEL = "Create", "Update", "Delete", "LabelParameterVersion"
EXPIRED = "Parameter expired and was deleted"
UNKNOWN_IMAGE = "Unable to Describe Resource"


def policy_action_detail(policy_type: str, policy_text: str, name: str, kind: str, reason: str = "") -> dict[str, str]:
    """`Parameter Store Policy Action`: a policy has acted."""
    detail = {
        "policy-type": policy_type,
        "parameter-name": name,
        "parameter-type": kind,
        "action-status": "SUCCESS",
        "policy-content": policy_text,
    }
    return {**detail, "action-reason": reason} if reason else detail


def change_detail(operation: str, name: str, settings: Settings, exception: str = "") -> dict[str, str]:
    """`Parameter Store Change`: something happened to a parameter, or its image was refused."""
    data_type = IMAGE if settings.data_type == IMAGE else ""
    optional = {"description": settings.description, "dataType": data_type, "exception": exception}
    detail = {"operation": operation, "name": name, "type": settings.type}
    return detail | {member: value for member, value in optional.items() if value}


def policy_acted(call: Call, path: str, detail: dict[str, str]) -> None:
    """Tell that a policy of a parameter of the caller's account has acted."""
    call.emit(SOURCE, POLICY_ACTION, (arn(call, call.account, path),), detail)


def changed(
    call: Call, account: str, path: str, name: str, settings: Settings, operation: str, *, exception: str = ""
) -> None:
    """Tell what happened to a parameter."""
    if account != PUBLIC:
        detail = change_detail(operation, name, settings, exception)
        call.emit(SOURCE, CHANGE, (arn(call, account, path),), detail, account=account)
