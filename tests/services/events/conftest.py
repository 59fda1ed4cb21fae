"""A server that may reach this machine, an HTTP receiver, and the ways to set up a rule with a target."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from holdfast.testing import Account, Server
from tests.receiver import Received
from tests.receiver import Receiver as Listener
from tests.services.sts.conftest import allow

SECONDS = 20
TAKEN = b'{"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274"}'
"""What a queue service answers; a web hook may say so, too."""
Reply = tuple[int, dict[str, str], bytes]


class Request(NamedTuple):
    """What a receiver got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver(Listener):
    """A web server on 127.0.0.1. `replies` are given in order, 200 when there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"
        self.replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.special: Callable[[Request], Reply | None] | None = None
        """Answers some requests itself; the test does not see those."""
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self.answer = self._reply

    def _reply(self, received: Received) -> Reply:
        request = Request(received.method, received.path, received.headers, received.body)
        found = self.special(request) if self.special else None
        if found is not None:
            return found
        self._requests.put(request)
        try:
            return self.replies.get_nowait()
        except queue.Empty:
            return 200, {}, TAKEN

    def next(self) -> Request:
        """The next request; waits for it."""
        return self._requests.get(timeout=SECONDS)

    def nothing(self) -> bool:
        return self._requests.empty()


@pytest.fixture(scope="session")
def delivering() -> Iterator[Server]:
    """A server that may reach receivers on this machine, for the files of this folder."""
    with Server(arguments=("--allow-private-targets",)) as server:
        yield server


@pytest.fixture
def account(delivering: Server) -> Iterator[Account]:
    """A fresh account there."""
    made = delivering.create_account()
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def trust(service: str = "events.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(account: Account, name: str = "caller", *actions: str) -> str:
    """A role that EventBridge may assume, to call API destinations unless actions are given."""
    iam = account.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    policy = allow(*(actions or ("events:InvokeApiDestination",)))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return arn


BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "pass"}}


def destination(account: Account, url: str, name: str = "d", **options: Any) -> str:
    """An API destination with a connection of its own."""
    events = account.client("events")
    kind = options.pop("AuthorizationType", "BASIC")
    connection = events.create_connection(
        Name=name, AuthorizationType=kind, AuthParameters=options.pop("AuthParameters", BASIC)
    )["ConnectionArn"]
    arn: str = events.create_api_destination(
        **{
            "Name": name,
            "ConnectionArn": connection,
            "InvocationEndpoint": url,
            "HttpMethod": "POST",
            **options,
        }
    )["ApiDestinationArn"]
    return arn


def rule(account: Account, *targets: dict[str, Any], name: str = "r", **options: Any) -> str:
    """A rule with targets; of the source `app` unless a pattern or a schedule is given."""
    events = account.client("events")
    bus = {key: options[key] for key in ("EventBusName",) if key in options}
    if "EventPattern" not in options and "ScheduleExpression" not in options:
        options["EventPattern"] = json.dumps({"source": ["app"]})
    arn: str = events.put_rule(Name=name, **options)["RuleArn"]
    if targets:
        assert events.put_targets(Rule=name, Targets=list(targets), **bus)["FailedEntryCount"] == 0
    return arn


def put(account: Account, detail: Any = None, **options: Any) -> str:
    """One event; its id."""
    entry = {"Source": "app", "DetailType": "test", "Detail": json.dumps(detail or {}), **options}
    answer = account.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return answer["Entries"][0]["EventId"]


def until(condition: Callable[[], bool]) -> None:
    """What happens outside a call has no end that can be waited for; ask for it."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
