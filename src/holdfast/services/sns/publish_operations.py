"""Publish and PublishBatch.

A message goes to the outbox in the transaction that took it, once for each subscription that gets it (fan_out.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.api import sns as api
from holdfast.api.base import NotImplementedException, ServiceError
from holdfast.services.sns.fan_out import begin
from holdfast.services.sns.finding import find
from holdfast.services.sns.identifiers import invalid
from holdfast.services.sns.messages import LARGEST, message_of, size_of

if TYPE_CHECKING:
    from holdfast.services.call import Call

MOST_ENTRIES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def publish(call: Call, value: api.PublishInput) -> api.PublishResponse:
    if value.PhoneNumber is not None:
        raise NotImplementedException("Holdfast does not implement the parameter PhoneNumber of sns:Publish yet.")
    given = [arn for arn in (value.TopicArn, value.TargetArn) if arn]
    if len(given) != 1:
        raise invalid(
            "TopicArn or TargetArn Reason: no value for required parameter"
            if not given
            else "Only one of TopicArn, TargetArn or PhoneNumber can be given"
        )
    parameter = "TopicArn" if value.TopicArn else "TargetArn"
    if value.TargetArn and ":endpoint/" in value.TargetArn:
        raise NotImplementedException("Holdfast does not implement endpoints of applications yet.")
    topic, _ = find(call, given[0], "sns:Publish", parameter=parameter)
    message = message_of(value, call.randomness.uuid4(), call.now)
    begin(call, topic, message)
    return api.PublishResponse(MessageId=message.message_id)


def publish_batch(call: Call, value: api.PublishBatchInput) -> api.PublishBatchResponse:
    """Up to ten messages, each of which succeeds or fails for itself. There is no sns:PublishBatch: sns:Publish is asked."""
    topic, _ = find(call, value.TopicArn, "sns:Publish")
    entries = value.PublishBatchRequestEntries or []
    _check_entries(entries)
    successful: list[api.PublishBatchResultEntry] = []
    failed: list[api.BatchResultErrorEntry] = []
    for entry in entries:
        try:
            message = message_of(entry, call.randomness.uuid4(), call.now)
        except ServiceError as error:
            failed.append(
                api.BatchResultErrorEntry(
                    Id=entry.Id, Code=error.query_code or error.code, Message=error.message, SenderFault=True
                )
            )
            continue
        begin(call, topic, message)
        successful.append(api.PublishBatchResultEntry(Id=entry.Id, MessageId=message.message_id))
    return api.PublishBatchResponse(Successful=successful, Failed=failed)


def _check_entries(entries: list[api.PublishBatchRequestEntry]) -> None:
    if not entries:
        raise api.EmptyBatchRequestException("The batch request doesn't contain any entries.")
    if len(entries) > MOST_ENTRIES:
        raise api.TooManyEntriesInBatchRequestException("The batch request contains more entries than permissible.")
    if not all(_ID.fullmatch(entry.Id or "") for entry in entries):
        raise api.InvalidBatchEntryIdException(
            "The Id of a batch entry in a batch request doesn't abide by the specification."
        )
    if len({entry.Id for entry in entries}) < len(entries):
        raise api.BatchEntryIdsNotDistinctException("Two or more batch entries in the request have the same Id.")
    if sum(size_of(entry) for entry in entries) > LARGEST:
        raise api.BatchRequestTooLongException(
            "The length of all the batch messages put together is more than the limit."
        )
