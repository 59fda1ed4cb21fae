"""`holdfast events` on a real server: what waits, what failed, and sending it again."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command
from tests.durability.hooks import number_of, put_events, rule_for
from tests.receiver import Received, Receiver

from holdfast.testing import Server


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server with a rule for the receiver; event 1 of 0 to 3 was refused for good."""

    def answer(received: Received) -> int:
        return 400 if number_of(received) == 1 else 200

    receiver.answer = answer
    with Server(tmp_path_factory.mktemp("events") / "data", arguments=("--allow-private-targets",)) as server:
        rule_for(server.home, receiver.url)
        put_events(server.client("events"), range(4))
        server.advance(timedelta(seconds=1))
        yield server


def listed(command: Command, server: Server, *arguments: str) -> list[dict[str, Any]]:
    done = command("events", "list", "--data", str(server.directory), "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["events"]


def ids(server: Server, state: str) -> list[str]:
    return [each["Id"] for each in server.control("ListDeliveries", State=state)["Deliveries"]]


def test_what_failed_stands_first(command: Command, hooked: Server) -> None:
    found = listed(command, hooked)
    assert [each["state"] for each in found] == ["failed", "delivered", "delivered", "delivered"]
    failed = found[0]
    destination = f"arn:aws:events:us-east-1:{hooked.home.account}:rule/hook|hook"
    assert (failed["kind"], failed["destination"], failed["attempts"]) == ("events.deliver", destination, 1)
    assert (failed["account"], failed["region"]) == (hooked.home.account, "us-east-1")
    assert failed["error_code"] == "400"
    assert failed["last_error"]
    assert failed["ended"] >= failed["created"]
    assert failed["next_attempt"] is None
    assert listed(command, hooked, "--state", "failed") == [failed]
    assert listed(command, hooked, "--limit", "2") == found[:2]
    assert listed(command, hooked, "--destination", destination) == found
    assert listed(command, hooked, "--destination", "another") == []
    text = command("events", "list", "--state", "failed", "--data", str(hooked.directory)).stdout
    assert text.startswith(
        f"{failed['id']}  {failed['ended']}  failed  {failed['carries']} to {destination}, 1 failed: "
    )


def test_pages_are_put_together(hooked: Server) -> None:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = hooked.control("ListDeliveries", MaxResults=1, **token)
        found += [each["Id"] for each in answer["Deliveries"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert len(found) == len(set(found)) == 4


def test_one_is_shown_with_what_it_carries(command: Command, hooked: Server) -> None:
    (failed,) = listed(command, hooked, "--state", "failed")
    done = command("events", "show", failed["id"], "--data", str(hooked.directory), "--format", "json")
    shown = json.loads(done.stdout)
    body = shown.pop("body")
    assert shown == failed
    assert failed["carries"] in body
    assert '"number":1' in body.replace(" ", "").replace("\\", "")
    assert "Detail" not in json.dumps(failed)


def test_who_may_see_what(command: Command, hooked: Server) -> None:
    (failed,) = listed(command, hooked, "--state", "failed")
    other = hooked.create_account()
    iam = hooked.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    allowed = {"Effect": "Allow", "Action": ["holdfast:ListDeliveries"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="list", PolicyDocument=policy)
    reader = {
        **hooked.home.environment,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    assert failed["id"] in command("events", "list", environment=reader).stdout
    refused = command("events", "show", failed["id"], environment=reader)
    assert refused.returncode != 0
    assert "holdfast:ShowDelivery" in refused.stderr
    assert command("events", "redeliver", failed["id"], environment=reader).returncode != 0
    assert command("events", "show", failed["id"], environment=hooked.home.environment).returncode == 0
    elsewhere = command("events", "show", failed["id"], environment=other.environment)
    assert "DeliveryNotFound" in elsewhere.stderr
    assert command("events", "list", environment=other.environment).stdout == ""


def test_metrics_and_the_log_say_what_failed(hooked: Server) -> None:
    with urllib.request.urlopen(f"{hooked.endpoint_url}/_holdfast/metrics") as answer:
        page = answer.read().decode()
    for line in (
        "holdfast_deliveries_delivered 3.0",
        "holdfast_delivery_attempts_failed 1.0",
        "holdfast_deliveries_undeliverable 1.0",
        "holdfast_deliveries_waiting 0.0",
        "holdfast_deliveries_failed_kept 1.0",
    ):
        assert line in page.splitlines()
    (line,) = [json.loads(each) for each in hooked.log().splitlines() if '"undeliverable"' in each]
    assert (line["level"], line["kind"], line["attempts"], line["code"]) == ("warning", "events.deliver", 1, "400")
    assert "number" not in json.dumps(line)


def test_usage(command: Command, hooked: Server) -> None:
    for arguments in (("redeliver",), ("redeliver", "x", "--failed"), ("redeliver", "x", "--destination", "y")):
        done = command("events", *arguments, "--data", str(hooked.directory))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = command("events", "show", "nothing", "--data", str(hooked.directory))
    assert "no delivery with this id" in done.stderr


def test_sent_again_it_arrives_even_when_it_was_asked_for_while_no_server_ran(
    tmp_path: Path, command: Command, receiver: Receiver
) -> None:
    receiver.answer = lambda received: 400
    server = Server(tmp_path / "data", arguments=("--allow-private-targets",)).start()
    rule_for(server.home, receiver.url)
    put_events(server.client("events"), range(3))
    server.advance(timedelta(seconds=1))
    data = ("--data", str(server.directory))
    first, *others = ids(server, "failed")
    assert len(others) == 2
    receiver.answer = lambda received: 200
    done = command("events", "redeliver", first, *data)
    assert (done.returncode, done.stdout) == (0, "1 delivery sent again\n"), done.stderr
    server.advance(timedelta(seconds=1))
    assert ids(server, "delivered") == [first]
    server.stop()
    server.home.close()
    assert sorted(each["id"] for each in listed(command, server, "--state", "failed")) == sorted(others)
    done = command("events", "redeliver", "--failed", *data, "--format", "json")
    assert json.loads(done.stdout) == {"redelivered": 2}, done.stderr
    assert [each["attempts"] for each in listed(command, server, "--state", "waiting")] == [0, 0]
    server.start()
    server.advance(timedelta(seconds=1))
    assert len(ids(server, "delivered")) == 3
    server.close()
