"""One server for all tests of SNS that need no other, with receivers on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account, Server
from tests.receiver import Received, Receiver


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server(arguments=("--allow-private-targets",)) as started:
        yield started


@pytest.fixture(scope="module")
def account(server: Server) -> Iterator[Account]:
    """A module's own; its tests give their topics names of their own."""
    account = server.create_account()
    yield account
    account.close()


@pytest.fixture
def empty_account(server: Server) -> Iterator[Account]:
    account = server.create_account()
    yield account
    account.close()


@pytest.fixture
def sns(account: Account) -> Any:
    return account.client("sns")


@pytest.fixture
def topic_name() -> str:
    """Of a topic that is not there yet."""
    return f"orders-{uuid4()}"


@pytest.fixture
def topic(sns: Any, topic_name: str) -> str:
    arn: str = sns.create_topic(Name=topic_name)["TopicArn"]
    return arn


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def refusal(function: Callable[..., Any], **members: Any) -> tuple[str, str]:
    """The code and the text of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        function(**members)
    error: dict[str, str] = caught.value.response["Error"]  # pyright: ignore[reportTypedDictNotRequiredAccess, reportAssignmentType]
    return error["Code"], error["Message"]


def of_type(received: list[Received], kind: str) -> list[Received]:
    return [each for each in received if each.headers.get("x-amz-sns-message-type") == kind]


def confirmed(sns: Any, receiver: Receiver, topic: str, **members: Any) -> str:
    """The ARN of a subscription of a receiver, confirmed with the token that it got."""
    endpoint = members.pop("Endpoint", receiver.url)
    before = len(of_type(receiver.received, "SubscriptionConfirmation"))
    sns.subscribe(TopicArn=topic, Protocol=endpoint.partition(":")[0], Endpoint=endpoint, **members)
    receiver.wait_for(lambda received: len(of_type(received, "SubscriptionConfirmation")) > before)
    asked = json.loads(of_type(receiver.received, "SubscriptionConfirmation")[-1].body)
    arn: str = sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])["SubscriptionArn"]
    return arn


def notification(receiver: Receiver, number: int = 1) -> Received:
    """The n-th notification that a receiver gets."""
    receiver.wait_for(lambda received: len(of_type(received, "Notification")) >= number)
    return of_type(receiver.received, "Notification")[number - 1]
