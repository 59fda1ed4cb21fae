"""Messages into queues of a real SQS-compatible server, and what its refusals become."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.receiver import Receiver

from holdfast.server.outside import Web
from holdfast.server.outside_queues import QueueSettings, refusal
from holdfast.server.outside_settings import OutsideSettings
from holdfast.services.outside import Answer, BadAnswer, Forbidden, NotConfigured, Refused

ARN = "arn:aws:sqs:eu-central-1:123456789012:"


class QueueServer:
    """moto's server, a program of its own, as the queue service beside ours."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                self.url = found[1]
                break
        else:
            raise AssertionError("moto_server did not start")
        self.client: Any = boto3.client(
            "sqs",
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def queue(self, name: str, **attributes: str) -> str:
        return self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def messages(self, url: str) -> list[dict[str, Any]]:
        answer = self.client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        return answer.get("Messages", [])

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture(scope="module")
def queues() -> Iterator[QueueServer]:
    server = QueueServer()
    yield server
    server.close()


def enqueue(settings: QueueSettings, queue: str, body: str, *, private: bool = True, **more: Any) -> None:
    async def main() -> None:
        web = Web(time.monotonic, time.time, OutsideSettings(allow_private_targets=private, queues=settings))
        try:
            await web.enqueue(queue, body, **more)
        finally:
            await web.close()

    asyncio.run(main())


def account_arn(url: str) -> str:
    account, name = url.rsplit("/", 2)[1:]
    return f"arn:aws:sqs:eu-central-1:{account}:{name}"


def test_by_arn_through_the_endpoint_of_the_settings(queues: QueueServer) -> None:
    url = queues.queue("by-arn")
    # The operator's own endpoint may be a private one, whatever users may reach.
    settings = QueueSettings(queues.url, "test", "test")
    attributes = {"RULE_ARN": "arn:aws:events:eu-central-1:123456789012:rule/r", "EMPTY": ""}
    enqueue(settings, account_arn(url), '{"a": "ä"}', private=False, attributes=attributes)
    (message,) = queues.messages(url)
    assert message["Body"] == '{"a": "ä"}'
    assert {name: each["StringValue"] for name, each in message["MessageAttributes"].items()} == {
        "RULE_ARN": attributes["RULE_ARN"]
    }


def test_by_url_to_a_fifo_queue(queues: QueueServer) -> None:
    url = queues.queue("ordered.fifo", FifoQueue="true")
    enqueue(QueueSettings("", "test", "test", "eu-central-1"), url, "body", group="g", deduplication="d")
    (message,) = queues.messages(url)
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["MessageDeduplicationId"] == "d"


def test_a_url_goes_no_further_than_a_web_hook(queues: QueueServer) -> None:
    with pytest.raises(Forbidden):
        enqueue(QueueSettings(queues.url), queues.queue("near"), "body", private=False)


def test_a_queue_that_is_not_there(queues: QueueServer) -> None:
    with pytest.raises(Refused) as caught:
        enqueue(QueueSettings(queues.url, "test", "test"), f"{ARN}nowhere", "body")
    assert (caught.value.code, caught.value.permanent) == ("NO_RESOURCE", True)


def test_without_an_endpoint_an_arn_leads_nowhere() -> None:
    with pytest.raises(NotConfigured):
        enqueue(QueueSettings(), f"{ARN}queue", "body")
    with pytest.raises(BadAnswer):
        enqueue(QueueSettings("http://127.0.0.1:1"), "arn:aws:sns:eu-central-1:123456789012:topic", "body")


def test_a_request_is_signed_for_the_host_it_goes_to() -> None:
    receiver = Receiver()
    receiver.answer = lambda _: (200, {}, b'{"MessageId": "1"}')
    try:
        settings = QueueSettings("", "AKIDEXAMPLE", "a secret", "eu-west-3")
        enqueue(settings, f"{receiver.url}/123456789012/queue", "body")
        (received,) = receiver.received
        assert received.path == "/"
        assert "/eu-west-3/sqs/aws4_request" in received.headers["authorization"]
        assert "host;" in received.headers["authorization"]
        assert received.headers["x-amz-target"] == "AmazonSQS.SendMessage"
        assert "a secret" not in str(received)
    finally:
        receiver.close()


def test_what_is_no_queue_service_has_not_taken_a_message() -> None:
    receiver = Receiver()
    receiver.answer = lambda _: (200, {}, b"<html>welcome</html>")
    try:
        with pytest.raises(BadAnswer):
            enqueue(QueueSettings(), f"{receiver.url}/123456789012/queue", "body")
    finally:
        receiver.close()


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "permanent"),
    [
        (400, {}, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}', "NO_RESOURCE", True),
        (400, {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}, b"", "NO_RESOURCE", True),
        (403, {}, b"<html>", "NO_PERMISSIONS", True),
        (400, {}, b'{"__type":"com.amazonaws.sqs#RequestThrottled"}', "THROTTLING", False),
        (429, {}, b"", "THROTTLING", False),
        (503, {}, b"[]", "INTERNAL_ERROR", False),
        (400, {}, b'{"__type":"x#InvalidMessageContents"}', "SDK_CLIENT_ERROR", True),
        (302, {}, b"", "SDK_CLIENT_ERROR", True),
    ],
)
def test_what_a_refusal_means(status: int, headers: dict[str, str], body: bytes, code: str, permanent: bool) -> None:
    refused = refusal(Answer(status, headers, body))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.permanent) == (code, permanent)


def test_nothing_secret_is_shown() -> None:
    assert "a secret" not in repr(QueueSettings("", "id", "a secret"))
