"""Messages for queues: SendMessage of Amazon SQS's JSON protocol, to any service that speaks it.

A queue is named by its ARN, and found at the endpoint of the settings, or by its URL, which may stand anywhere that this
server may reach. Requests are signed where the settings have an access key.

Threat: somebody names a queue that is not theirs. This server has one access key for all of them, so whoever may make a
rule's target or a subscription may send to every queue that this key may send to: give it only queues meant for that. The
signature covers the host, so a URL that leads elsewhere learns nothing that works at the endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.server.outside_places import Reach, web_address
from holdfast.services.outside import Answer, BadAnswer, NotConfigured, Outgoing, QueueAttribute, Refused, Unreachable
from holdfast.wire.signer import Credentials, Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.server.outside_http import Client

_ARN = re.compile(r"arn:[a-z-]+:sqs:([a-z0-9-]+):([0-9]{12}):([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")
_HOST = re.compile(r"(?:sqs\.)?([a-z]{2,4}(?:-[a-z]+)+-[0-9]+)\.(?:queue\.)?amazonaws\.com(?:\.cn)?")

NO_RESOURCE = {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "QueueDeletedRecently"}
NO_PERMISSIONS = {
    "AccessDenied",
    "AccessDeniedException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "KmsAccessDenied",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
}
THROTTLED = {"OverLimit", "RequestThrottled", "ThrottlingException", "KmsThrottled"}


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Where queues named by ARN are, and with what requests are signed."""

    endpoint: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    region: str = "us-east-1"
    """The region of a signature for a URL that names none."""


class Queues:
    """One per server."""

    def __init__(self, client: Client, wall: Callable[[], float], settings: QueueSettings, reach: Reach) -> None:
        """`reach` holds for URLs; the endpoint is the operator's own choice."""
        self._client = client
        self._wall = wall
        self._settings = settings
        self._reach = reach

    async def send(
        self, queue: str, body: str, attributes: Mapping[str, str | QueueAttribute], group: str, deduplication: str
    ) -> None:
        """See `services.outside.Outside.enqueue`."""
        url, region, base, reach = self._locate(queue)
        message: dict[str, Any] = {"QueueUrl": url, "MessageBody": body}
        # A queue takes no attribute without a value.
        if given := {name: value for name, value in attributes.items() if value}:
            message["MessageAttributes"] = {name: _attribute(value) for name, value in given.items()}
        if group:
            message["MessageGroupId"] = group
        if deduplication:
            message["MessageDeduplicationId"] = deduplication
        content = msgspec.json.encode(message)
        headers = self._headers(base, region, content)
        answer = await self._client.send(Outgoing("POST", f"{base}/", headers, content), reach)
        if answer.status != 200:
            raise refusal(answer)
        if not _member(answer.body, "MessageId"):
            # A web server that says yes to everything must not swallow messages.
            raise BadAnswer("what answered is no queue service")

    def _locate(self, queue: str) -> tuple[str, str, str, Reach]:
        """The queue's URL, its region, the address to post to, and how far that may lead."""
        if queue.startswith(("http://", "https://")):
            parts = web_address(queue)
            named = _HOST.fullmatch(parts.hostname or "")
            region = named.group(1) if named else self._settings.region
            return queue, region, f"{parts.scheme}://{parts.netloc}", self._reach
        found = _ARN.fullmatch(queue)
        if found is None:
            raise BadAnswer("neither the ARN nor the URL of a queue")
        endpoint = self._settings.endpoint
        if not endpoint:
            raise NotConfigured("no queue service is set up: set sqs_endpoint, or name the queue by its URL")
        region, account, name = found.groups()
        return f"{endpoint}/{account}/{name}", region, endpoint, Reach.ANYWHERE

    def _headers(self, base: str, region: str, content: bytes) -> dict[str, str]:
        headers = {
            "host": web_address(base).netloc,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "AmazonSQS.SendMessage",
        }
        settings = self._settings
        if not settings.access_key_id:
            return headers
        signer = Signer(Credentials(settings.access_key_id, settings.secret_access_key), region, "sqs")
        return signer.sign("POST", "/", headers, content, datetime.fromtimestamp(self._wall(), UTC))


def _attribute(value: str | QueueAttribute) -> dict[str, str]:
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    member = "BinaryValue" if value.kind.startswith("Binary") else "StringValue"
    return {"DataType": value.kind, member: value.value}


def refusal(answer: Answer) -> Refused | Unreachable:
    """What an answer other than 200 means, in our words."""
    names = {
        _member(answer.body, "__type").rpartition("#")[2],
        answer.headers.get("x-amzn-query-error", "").partition(";")[0],
    }
    if names & NO_RESOURCE or answer.status == 404:
        return Refused("there is no such queue", "NO_RESOURCE", permanent=True)
    if names & THROTTLED or answer.status == 429:
        return Refused("the queue service is too busy", "THROTTLING", permanent=False)
    if names & NO_PERMISSIONS or answer.status in (401, 403):
        return Refused("the queue service does not let this server send", "NO_PERMISSIONS", permanent=True)
    if answer.status >= 500:
        return Refused(f"the queue service answered {answer.status}", "INTERNAL_ERROR", permanent=False)
    return Refused(f"the queue service answered {answer.status}", "SDK_CLIENT_ERROR", permanent=True)


def _member(body: bytes, name: str) -> str:
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    return str(content.get(name, ""))
