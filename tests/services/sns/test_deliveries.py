"""What time does to deliveries, and where they end: retries, dead letters, queues, functions, mails, many subscriptions."""

from __future__ import annotations

import email
import email.policy
import json
import queue
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from holdfast.testing import Account, Server
from tests.databases import free_port
from tests.queue_service import CREDENTIALS, QueueService
from tests.receiver import Receiver, Reply
from tests.services.lambda_.conftest import create

from .conftest import confirmed, notification, of_type, refusal


@pytest.fixture(scope="module")
def queues() -> Iterator[QueueService]:
    service = QueueService()
    yield service
    service.close()


QUEUED: Reply = (200, {}, b'{"MessageId": "1"}')
"""What a queue service answers to SendMessage."""


class Mailbox:
    """A mail relay that keeps what it is given (aiosmtpd's handler)."""

    def __init__(self) -> None:
        self.letters: queue.Queue[Any] = queue.Queue()
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd calls it
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.put((envelope.rcpt_tos, letter))
        return "250 OK"

    def next(self) -> tuple[list[str], Any]:
        return self.letters.get(timeout=20)

    def close(self) -> None:
        self._controller.stop()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


@pytest.fixture(scope="module")
def moving(queues: QueueService, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module's own, whose clock moves; the secret of its key for queues comes as a credential."""
    credentials = tmp_path_factory.mktemp("credentials")
    (credentials / "holdfast-sqs-secret-access-key").write_text(CREDENTIALS["aws_secret_access_key"])
    outside = (
        "--sqs-endpoint", queues.url, "--sqs-access-key-id", CREDENTIALS["aws_access_key_id"],
        "--smtp-relay", f"127.0.0.1:{mailbox.port}", "--smtp-security", "none", "--smtp-sender", "holdfast@example.org",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
        started = Server(arguments=("--allow-private-targets", *outside)).start()
    with started:
        yield started


@pytest.fixture(scope="module")
def account(moving: Server) -> Account:
    return moving.home


def failed(server: Server, destination: str) -> list[tuple[str, int]]:
    """The code of each delivery that was given up, and how often it was tried."""
    found = server.control("ListDeliveries", State="failed", Destination=destination)["Deliveries"]
    return [(each["ErrorCode"], each["Attempts"]) for each in found]


# -- web hooks ----------------------------------------------------------------------------------------------------------


def test_a_hook_that_fails_is_tried_again_three_times_and_then_the_dead_letter_queue_has_it(
    moving: Server, sns: Any, topic: str, receiver: Receiver, queues: QueueService
) -> None:
    dead = queues.create("dead")
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    arn = confirmed(sns, receiver, topic, Attributes=redrive)
    receiver.answer = lambda _: 503
    message = sns.publish(TopicArn=topic, Message="never taken")["MessageId"]
    notification(receiver)
    moving.advance(minutes=5)
    tries = of_type(receiver.received, "Notification")
    assert [each.headers["x-amz-sns-message-id"] for each in tries] == [message] * 4
    assert failed(moving, arn) == [("503", 4)]
    (letter,) = queues.receive(dead)
    body = json.loads(letter["Body"])
    assert (body["MessageId"], body["Message"], body["Type"]) == (message, "never taken", "Notification")


def test_what_a_hook_refuses_is_not_sent_again(moving: Server, sns: Any, topic: str, receiver: Receiver) -> None:
    arn = confirmed(sns, receiver, topic)
    receiver.answer = lambda _: 404
    sns.publish(TopicArn=topic, Message="unwanted")
    notification(receiver)
    moving.advance(minutes=5)
    assert len(of_type(receiver.received, "Notification")) == 1
    assert failed(moving, arn) == [("404", 1)]


def test_a_delivery_policy_says_how_often(moving: Server, sns: Any, topic: str, receiver: Receiver) -> None:
    policy = {
        "healthyRetryPolicy": {"numRetries": 5, "numNoDelayRetries": 2, "minDelayTarget": 600, "maxDelayTarget": 600}
    }
    arn = confirmed(sns, receiver, topic, Attributes={"DeliveryPolicy": json.dumps(policy)})
    receiver.answer = lambda _: 429
    sns.publish(TopicArn=topic, Message="too much")
    notification(receiver, 3)
    moving.advance(minutes=9)
    assert len(of_type(receiver.received, "Notification")) == 3
    moving.advance(minutes=30)
    assert len(of_type(receiver.received, "Notification")) == 6
    assert failed(moving, arn) == [("429", 6)]


def test_only_so_many_a_second(moving: Server, sns: Any, topic: str, receiver: Receiver) -> None:
    policy = {"throttlePolicy": {"maxReceivesPerSecond": 1}}
    confirmed(sns, receiver, topic, Attributes={"DeliveryPolicy": json.dumps(policy)})
    begun = moving.now()
    for number in range(60):
        sns.publish(TopicArn=topic, Message=str(number))
    early = len(of_type(receiver.received, "Notification"))
    assert early <= (moving.now() - begun).total_seconds() + 2
    moving.advance(minutes=1)
    receiver.wait_for(lambda received: len(of_type(received, "Notification")) == 60)
    found = [json.loads(each.body)["Message"] for each in of_type(receiver.received, "Notification")]
    assert sorted(found, key=int) == [str(number) for number in range(60)]


def test_a_token_is_good_for_three_days(moving: Server, sns: Any, topic: str, receiver: Receiver) -> None:
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    receiver.wait_for(len)
    token = json.loads(receiver.received[0].body)["Token"]
    moving.advance(days=3)
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token=token)[1] == "Invalid parameter: Token"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "0"


def test_a_pending_endpoint_is_asked_once_a_minute(moving: Server, sns: Any, topic: str, receiver: Receiver) -> None:
    def subscribe(path: str = "/", **more: Any) -> str:
        endpoint = f"{receiver.url}{path}"
        arn: str = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint, **more)["SubscriptionArn"]
        return arn

    def tokens() -> list[str]:
        return [json.loads(each.body)["Token"] for each in receiver.received if each.path == "/"]

    assert [subscribe() for _ in range(3)] == ["pending confirmation"] * 3
    arn = subscribe(ReturnSubscriptionArn=True)
    assert arn.startswith(f"{topic}:")
    subscribe("/other")
    receiver.wait_for(lambda received: {each.path for each in received} == {"/", "/other"})
    moving.advance(30)
    assert subscribe() == "pending confirmation"
    moving.advance(1)
    (first,) = tokens()
    moving.advance(30)
    assert subscribe() == "pending confirmation"
    receiver.wait_for(lambda _: len(tokens()) == 2)
    assert refusal(sns.confirm_subscription, TopicArn=topic, Token=first)[1] == "Invalid parameter: Token"
    assert sns.confirm_subscription(TopicArn=topic, Token=tokens()[1])["SubscriptionArn"] == arn
    assert subscribe() == arn


def test_what_is_on_its_way_when_a_subscription_ends_is_given_up(
    moving: Server, sns: Any, topic: str, receiver: Receiver
) -> None:
    arn = confirmed(sns, receiver, topic)
    receiver.answer = lambda _: 503
    sns.publish(TopicArn=topic, Message="too late")
    notification(receiver)
    sns.unsubscribe(SubscriptionArn=arn)
    moving.advance(minutes=1)
    assert ("NO_RESOURCE", 2) in failed(moving, arn)


# -- queues -------------------------------------------------------------------------------------------------------------


def test_a_queue_gets_an_envelope(sns: Any, topic: str, queues: QueueService) -> None:
    arn = queues.create("envelopes")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queues.queue_url(arn))
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    published = sns.publish(TopicArn=topic, Message="hello", Subject="a subject", MessageAttributes=attributes)
    (message,) = queues.receive(arn)
    body = json.loads(message["Body"])
    assert (body["MessageId"], body["Message"], body["Subject"]) == (published["MessageId"], "hello", "a subject")
    assert body["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert "MessageAttributes" not in message


def test_a_queue_gets_a_raw_message_with_its_attributes(
    sns: Any, topic: str, account: Account, queues: QueueService
) -> None:
    arn = queues.create("raw")
    members = {"TopicArn": topic, "Protocol": "sqs", "Attributes": {"RawMessageDelivery": "true"}}
    sns.subscribe(**members, Endpoint=queues.queue_url(arn))
    attributes = {
        "kind": {"DataType": "String", "StringValue": "order"},
        "price": {"DataType": "Number", "StringValue": "12.5"},
        "seal": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    sns.publish(TopicArn=topic, Message="hello", Subject="lost", MessageAttributes=attributes)
    (message,) = queues.receive(arn)
    assert message["Body"] == "hello"
    assert message["MessageAttributes"] == attributes


def test_a_queue_named_by_its_arn_in_another_account_confirms_with_its_token(
    moving: Server, sns: Any, topic: str, queues: QueueService
) -> None:
    arn = queues.create("another")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    (asked,) = queues.receive(arn)
    body = json.loads(asked["Body"])
    assert body["Type"] == "SubscriptionConfirmation"
    urllib.request.urlopen(body["SubscribeURL"]).close()
    sns.publish(TopicArn=topic, Message="hello")
    (message,) = queues.receive(arn)
    assert json.loads(message["Body"])["Message"] == "hello"


def test_a_queue_that_is_not_there_is_given_up(moving: Server, sns: Any, topic: str, queues: QueueService) -> None:
    missing = f"{queues.url}/{queues.account}/missing"
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=missing)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="hello")
    moving.advance(0)
    assert failed(moving, arn) == [("NO_RESOURCE", 1)]


# -- functions ----------------------------------------------------------------------------------------------------------


def test_a_function_is_invoked_if_its_policy_lets_sns_in(
    moving: Server, sns: Any, topic: str, account: Account, receiver: Receiver
) -> None:
    source = (
        "import json, urllib.request\n"
        "def handler(event, context):\n"
        f"    request = urllib.request.Request({receiver.url!r}, json.dumps(event).encode(), method='POST')\n"
        "    urllib.request.urlopen(request).close()\n"
    )
    function = create(account, source, "on-message", Timeout=20)["FunctionArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="shut out")
    moving.advance(0)
    assert failed(moving, subscription) == [("NO_PERMISSIONS", 1)]
    account.client("lambda").add_permission(
        FunctionName="on-message",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    published = sns.publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)
    receiver.wait_for(len)
    (record,) = json.loads(receiver.received[0].body)["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == subscription
    assert {name: record["Sns"][name] for name in ("Type", "MessageId", "TopicArn", "Subject", "Message")} == {
        "Type": "Notification",
        "MessageId": published["MessageId"],
        "TopicArn": topic,
        "Subject": None,
        "Message": "hello",
    }
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert {"Signature", "SignatureVersion", "SigningCertUrl", "UnsubscribeUrl", "Timestamp"} <= set(record["Sns"])
    account.client("lambda").delete_function(FunctionName="on-message")
    sns.publish(TopicArn=topic, Message="gone")
    moving.advance(0)
    assert ("NO_RESOURCE", 1) in failed(moving, subscription)


# -- mails --------------------------------------------------------------------------------------------------------------


def test_mails(sns: Any, topic: str, mailbox: Mailbox) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="alice@example.com")
    to, asked = mailbox.next()
    assert to == ["alice@example.com"]
    assert asked["Subject"] == "AWS Notification - Subscription Confirmation"
    link = next(line for line in asked.get_content().splitlines() if "Action=ConfirmSubscription" in line)
    urllib.request.urlopen(link).close()
    assert asked["From"] == "holdfast@example.org"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Orders")
    sns.publish(TopicArn=topic, Message="Grüße\nan alle", Subject="hello")
    _, letter = mailbox.next()
    assert letter["Subject"] == "hello"
    assert letter["From"] == "Orders <holdfast@example.org>"
    text = letter.get_content()
    assert text.splitlines()[:4] == ["Grüße", "an alle", "", "--"]
    unsubscribe = next(line for line in text.splitlines() if "Action=Unsubscribe" in line)
    urllib.request.urlopen(unsubscribe).close()
    _, goodbye = mailbox.next()
    assert goodbye["Subject"] == "AWS Notification - Unsubscribe Confirmation"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_mails_of_json(sns: Any, topic: str, mailbox: Mailbox) -> None:
    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="bob@example.com")
    _, asked = mailbox.next()
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(asked.get_content())["Token"])
    sns.publish(TopicArn=topic, Message="hello")
    _, letter = mailbox.next()
    assert letter["Subject"] == "AWS Notification Message"
    body = json.loads(letter.get_content())
    assert (body["Type"], body["Message"]) == ("Notification", "hello")


# -- many ---------------------------------------------------------------------------------------------------------------


def test_a_message_reaches_more_subscriptions_than_one_transaction_serves(
    moving: Server, sns: Any, topic: str, receiver: Receiver
) -> None:
    many = 130
    receiver.answer = lambda _: QUEUED
    for number in range(many):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{receiver.url}/1/queue-{number}")
    message = sns.publish(TopicArn=topic, Message="to all")["MessageId"]
    receiver.wait_for(lambda received: len(received) == many, 60)
    bodies = [json.loads(each.body) for each in receiver.received]
    assert {json.loads(each["MessageBody"])["MessageId"] for each in bodies} == {message}
    assert {each["QueueUrl"] for each in bodies} == {f"{receiver.url}/1/queue-{number}" for number in range(many)}
    moving.advance(0)
    assert len(receiver.received) == many, "each of them once"


def test_a_server_that_is_killed_goes_on_where_it_was(receiver: Receiver) -> None:
    many = 130
    receiver.answer = lambda _: QUEUED
    with Server(arguments=("--allow-private-targets",)) as server:
        sns = server.client("sns")
        topic = sns.create_topic(Name="orders")["TopicArn"]
        for number in range(many):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{receiver.url}/1/queue-{number}")
        sns.publish(TopicArn=topic, Message="to all")
        server.kill()
        server.start()
        everybody = {f"{receiver.url}/1/queue-{number}" for number in range(many)}
        receiver.wait_for(lambda received: {json.loads(each.body)["QueueUrl"] for each in received} == everybody, 60)
