"""The details of Parameter Store's events, in AWS's shapes ("Reference: Amazon EventBridge event patterns and types for
Systems Manager", user guide; the schema aws.ssm@ParameterStorePolicyAction).

What happens without anybody's call is put on record with them (`Call.service_event`). All values are texts.
"""

from __future__ import annotations

POLICY_ACTION = "ParameterStorePolicyAction"
CHANGE = "ParameterStoreChange"
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


def change_detail(
    operation: str, name: str, kind: str, description: str = "", data_type: str = "", exception: str = ""
) -> dict[str, str]:
    """`Parameter Store Change`: a parameter was created, updated, deleted or labelled, or its image was refused."""
    optional = {"description": description, "dataType": data_type, "exception": exception}
    return {"operation": operation, "name": name, "type": kind} | {m: value for m, value in optional.items() if value}
