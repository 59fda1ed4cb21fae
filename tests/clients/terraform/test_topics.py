"""Terraform's resources of SNS: apply, an empty plan, other attributes, an empty plan, destroy."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.testing import Server
from tests.receiver import Received, Receiver

from .workspace import Terraform, needs_terraform

pytestmark = needs_terraform


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A web hook that visits the link of a confirmation."""

    def answer(received: Received) -> int:
        if received.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation":
            urllib.request.urlopen(json.loads(received.body)["SubscribeURL"]).close()
        return 200

    receiver = Receiver()
    receiver.answer = answer
    yield receiver
    receiver.close()


def test_apply_plan_change_destroy(tmp_path: Path, hook: Receiver) -> None:
    with Server(arguments=("--allow-private-targets",)) as server:
        sns = server.client("sns")
        terraform = Terraform(tmp_path, server.home, "topics.tf")
        terraform.variables = {"hook": hook.url}
        terraform.apply()
        output = terraform.output()
        topic = output["topic"]
        attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        assert (attributes["DisplayName"], attributes["SignatureVersion"]) == ("Orders", "2")
        assert attributes["SubscriptionsConfirmed"] == "3"
        statement = json.loads(attributes["Policy"])["Statement"][0]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        sns.publish(TopicArn=topic, Message="hello")
        hook.wait_for(lambda received: received[-1].headers["x-amz-sns-message-type"] == "Notification")

        terraform.variables |= {"display_name": "All orders", "kind": "return"}
        terraform.apply()
        assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "All orders"
        assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "team", "Value": "return"}]
        shown = [
            sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
            for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        ]
        assert [json.loads(each["FilterPolicy"]) for each in shown if "FilterPolicy" in each] == [{"kind": ["return"]}]

        terraform.destroy()
        assert sns.list_topics()["Topics"] == []
