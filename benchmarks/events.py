"""Events: from a change to its web hook, and many of them for one that fails half the time.

The change is a PutParameter, the web hook an API destination of a rule that matches Parameter Store's events; both ends are
timed by one clock, from the call's first byte to the hook's request being read. The many are put by PutEvents, ten a call;
attempts that fail come back after EventBridge's pauses, which the movable clock shortens.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.durability.hooks import FailsHalfTheTime, put_events, rule_for
from tests.receiver import Received, Receiver

from benchmarks.client import Connection
from benchmarks.samples import Tell
from benchmarks.signed import Call, Endpoint, sign
from holdfast.testing import Server
from holdfast.wire.signer import Credentials

CHANGES = 100
"""For each round."""
MANY = 10_000
MATCHED = "aws.ssm"


@dataclass(slots=True)
class Events:
    """What was measured."""

    changes: list[float] = field(default_factory=list[float])
    """Milliseconds, the median of each round."""
    answered: list[float] = field(default_factory=list[float])
    """Of these until the call was answered, the median of each round."""
    many: int = 0
    seconds: float = 0.0
    """Until all of the many had arrived."""
    refused: int = 0
    """Attempts that the receiver refused meanwhile."""
    lost: int = 0

    def median_change(self) -> float:
        return statistics.median(self.changes)

    def figures(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("from a change to its web hook", f"{self.median_change():.1f} ms"),
            ("of these until the change was answered", f"{statistics.median(self.answered):.1f} ms"),
            (f"{self.many:,} events for a web hook that fails half the time", f"{self.seconds:.1f} s"),
            ("attempts that it refused", f"{self.refused:,}"),
            ("events lost", str(self.lost)),
        ]


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds + 1


def measure(folder: Path, rounds: int, many: int, tell: Tell) -> Events:
    """One server for the changes, another one for the many."""
    found = Events(many=many)
    receiver = Receiver()
    try:
        with Server(folder / "changes", arguments=("--allow-private-targets",), movable_clock=False) as server:
            rule_for(server.home, receiver.url, source=MATCHED)
            for number in range(rounds):
                tell("changes, one by one")
                _changes(server, receiver, number, found)
        tell(f"{many:,} events for a receiver that fails half the time")
        _many(folder, receiver, many, found)
    finally:
        receiver.close()
    return found


def _changes(server: Server, receiver: Receiver, number: int, found: Events) -> None:
    home = server.home
    port = int(server.endpoint_url.rpartition(":")[2])
    endpoint = Endpoint(port, Credentials(home.access_key_id, home.secret_access_key))
    connection = Connection(endpoint.port)
    arrived: dict[str, float] = {}

    def answer(received: Received) -> int:
        arrived[json.loads(received.body)["detail"]["name"]] = time.perf_counter()
        return 200

    receiver.answer = answer
    whole: list[float] = []
    answered: list[float] = []
    for change in range(CHANGES):
        name = f"/round{number}/{change}"
        call = Call("ssm", "PutParameter", {"Name": name, "Value": "value", "Type": "String"})
        request = sign(endpoint, server.region, call)
        began = time.perf_counter()
        connection.call(request)
        answered.append((time.perf_counter() - began) * 1000)
        receiver.wait_for(lambda _, name=name: name in arrived or None, 20)
        whole.append((arrived[name] - began) * 1000)
    found.changes.append(statistics.median(whole))
    found.answered.append(statistics.median(answered))


def _many(folder: Path, receiver: Receiver, many: int, found: Events) -> None:
    receiver.answer = half = FailsHalfTheTime(1)
    with Server(folder / "many", arguments=("--allow-private-targets",)) as server:
        rule_for(server.home, receiver.url)
        began = time.perf_counter()
        put_events(server.client("events"), range(many))
        while server.control("ListDeliveries", State="waiting", MaxResults=1).get("Deliveries"):
            server.advance(timedelta(hours=1))
        found.seconds = time.perf_counter() - began
    found.refused = half.refused
    found.lost = many - len(half.taken)
