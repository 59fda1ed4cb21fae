"""Records that are not simply a call's own: an owner's copy of another account's call, and what a service did by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.services.cloudtrail.attributes import terms_of
from holdfast.services.cloudtrail.lines import second
from holdfast.services.cloudtrail.marks import marks_of_all
from holdfast.services.cloudtrail.rules import EVENT_VERSION, type_of

if TYPE_CHECKING:
    from holdfast.services.call import ServiceEvent

WholeRecord = tuple[bytes, int]
"""(JSON, marks)."""
DETAILS = {"kms": "serviceEventDetails"}
"""Where a service's events have their details (KMS developer guide, "DeleteKey"; Secrets Manager user guide, "Log with
CloudTrail")."""


def shared(original: bytes, shared_id: str, owner: str = "", event_id: str = "") -> WholeRecord:
    """The record of a call on another account's resource: the caller's, or with `owner` that account's copy.

    Both hold the same `sharedEventID`. The owner learns the caller's account and unique id, not its name (CloudTrail
    user guide, "CloudTrail userIdentity element", type AWSAccount).
    """
    content: dict[str, Any] = msgspec.json.decode(original)
    if owner:
        caller = content["userIdentity"]
        shown = {
            "type": "AWSAccount",
            **{k: caller[k] for k in ("principalId", "accountId", "invokedBy") if k in caller},
        }
        content["userIdentity"] = shown
        content["recipientAccountId"] = owner
        content["eventID"] = event_id
        content["resources"] = [r for r in content["resources"] if r.get("accountId", owner) == owner]
    content["sharedEventID"] = shared_id
    return msgspec.json.encode(content), marks_of_all(terms_of(content))


def service_event(event: ServiceEvent, event_id: str) -> WholeRecord:
    """What a service did without anybody's call (CloudTrail user guide, "AWS service events")."""
    call = event.call
    source = f"{event.service}.amazonaws.com"
    content: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"accountId": event.account, "invokedBy": source},
        "eventTime": second(call.now // 1000),
        "eventSource": source,
        "eventName": event.name,
        "awsRegion": call.region,
        "sourceIPAddress": source,
        "userAgent": source,
        "requestParameters": None,
        "responseElements": None,
        "requestID": event.request_id,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": event.account,
    }
    if event.details:
        content[DETAILS.get(event.service, "additionalEventData")] = event.details
    if event.error_code:
        content["errorCode"] = event.error_code
    if event.error_message:
        content["errorMessage"] = event.error_message
    if event.resource:
        content["resources"] = [{"accountId": event.account, "type": type_of(event.resource), "ARN": event.resource}]
    return msgspec.json.encode(content), marks_of_all(terms_of(content))
