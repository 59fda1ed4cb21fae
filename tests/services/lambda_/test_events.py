"""InvocationType Event: on disk before it is answered, run later, tried three times, resumed after SIGKILL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.testing import Account, Server
from tests.canaries import canary
from tests.services.lambda_.conftest import EVERYTHING, create, role
from tests.services.lambda_.refusals import refused

RECORD = """
import json, boto3
def handler(event, context):
    parameters = boto3.client("ssm")
    name = "/calls/" + event["name"]
    try:
        count = int(parameters.get_parameter(Name=name)["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound:
        count = 0
    parameters.put_parameter(Name=name, Value=str(count + 1), Type="String", Overwrite=True)
    if event.get("fails"):
        raise ValueError("again")
"""


def send(account: Account, **event: object) -> None:
    answer = account.client("lambda").invoke(
        FunctionName="f", InvocationType="Event", Payload=json.dumps(event).encode()
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""


def calls(account: Account, name: str) -> int:
    parameters = account.client("ssm")
    try:
        return int(parameters.get_parameter(Name=f"/calls/{name}")["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound:
        return 0


def until(condition: Callable[[], bool]) -> None:
    """What happens outside a call has no end that can be waited for; ask for it."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_event_runs_later_and_is_tried_three_times(holdfast_server: Server) -> None:
    account = holdfast_server.home
    create(account, RECORD, Role=role(account, "writer", EVERYTHING), Timeout=30)
    send(account, name="good")
    send(account, name="bad", fails=True)
    holdfast_server.advance(0)
    assert (calls(account, "good"), calls(account, "bad")) == (1, 1)
    for count, minutes in ((2, 1), (3, 2)):
        assert [job["Kind"] for job in holdfast_server.control("ListJobs")["Jobs"]] == ["lambda_.run-event"]
        # The walk waits for what falls due on its way. A moment more: the first attempt ended after it began.
        holdfast_server.advance(minutes=minutes + 0.1)
        assert calls(account, "bad") == count
    holdfast_server.advance(hours=1)
    send(account, name="last")
    holdfast_server.advance(0)
    assert (calls(account, "last"), calls(account, "good"), calls(account, "bad")) == (1, 1, 3)
    assert holdfast_server.control("ListJobs").get("Jobs", []) == []
    (line,) = [json.loads(each) for each in holdfast_server.log().splitlines() if '"undeliverable"' in each]
    assert (line["kind"], line["attempts"]) == ("lambda_.run-event", 3)
    assert line["destination"].endswith(":function:f")


def test_an_event_outlives_the_server(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        account = server.home
        slow = "import time\ntime.sleep(1)\n" + RECORD
        create(account, slow, Role=role(account, "writer", EVERYTHING), Timeout=30)
        send(account, name="before", value=canary("event"))
        server.kill()
        server.start()
        send(server.home, name="after")
        until(lambda: calls(server.home, "after") >= 1 and calls(server.home, "before") >= 1)
        found = server.client("ssm").get_parameters_by_path(Path="/calls")["Parameters"]
        # The first was being run: it is delivered at least once.
        assert {parameter["Name"] for parameter in found} == {"/calls/before", "/calls/after"}


def test_an_event_that_is_too_large(holdfast: Account) -> None:
    create(holdfast, RECORD)
    big = b'"' + b"x" * 1_048_576 + b'"'
    code, _, status = refused(holdfast.client("lambda").invoke, FunctionName="f", InvocationType="Event", Payload=big)
    assert (code, status) == ("RequestTooLargeException", 413)
