"""Events that were acknowledged arrive: whoever fails meanwhile, the receiver or this server, and whenever it dies.

The random moments are a seeded sample of `make chaos` (HOLDFAST_CHAOS_ROUNDS); so is the number of events to a receiver
that fails half the time, which is 10,000 there.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from holdfast.testing import Server
from tests.durability.hooks import FailsHalfTheTime, entries, put_events, rule_for
from tests.receiver import Receiver

ROUNDS = int(os.environ.get("HOLDFAST_CHAOS_ROUNDS", "4"))
SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261127"))
MANY = 10_000 if "HOLDFAST_CHAOS_ROUNDS" in os.environ else 300
ARGUMENTS = ("--allow-private-targets",)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class Putter(threading.Thread):
    """Puts events until the server is gone; `acknowledged` are those that it was told are taken."""

    def __init__(self, client: Any, first: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.next = first
        self.acknowledged: list[int] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        try:
            while True:
                numbers = range(self.next, self.next + 5)
                self.next += 5
                answer = self._client.put_events(Entries=entries(numbers))
                assert answer["FailedEntryCount"] == 0
                self.acknowledged += numbers
        except (BotoCoreError, ClientError, OSError, http.client.HTTPException):
            """The server is gone."""
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.wrong.append(repr(error))


def all_delivered(server: Server) -> None:
    """Let time pass until nothing waits for another attempt."""
    while server.control("ListDeliveries", State="waiting", MaxResults=1).get("Deliveries"):
        server.advance(timedelta(hours=1))
    assert not server.control("ListDeliveries", State="failed").get("Deliveries")


def test_killed_at_any_moment_every_acknowledged_event_arrives(tmp_path: Path, receiver: Receiver) -> None:
    chance = random.Random(SEED)
    receiver.answer = half = FailsHalfTheTime(SEED)
    server = Server(tmp_path / "data", arguments=ARGUMENTS).start()
    rule_for(server.home, receiver.url)
    acknowledged: list[int] = []
    following = 0
    for _ in range(ROUNDS):
        options = Config(retries={"total_max_attempts": 1})
        putters = [Putter(server.client("events", config=options), following + 100_000 * each) for each in range(2)]
        for putter in putters:
            putter.start()
        # Not a wait for something to happen: the moment of the kill is the random variable.
        time.sleep(0.02 + chance.random() * 0.25)
        server.kill()
        for putter in putters:
            putter.join(30)
            assert putter.wrong == []
            acknowledged += putter.acknowledged
        following = max(putter.next for putter in putters) % 100_000
        server.home.close()
        server.start()
    wanted = set(acknowledged)
    assert wanted, "some were acknowledged"
    all_delivered(server)
    assert wanted <= set(half.taken), "none lost"
    server.close()


def test_all_arrive_at_a_receiver_that_fails_half_the_time(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answer = half = FailsHalfTheTime(SEED)
    with Server(tmp_path / "data", arguments=ARGUMENTS) as server:
        rule_for(server.home, receiver.url)
        began = time.monotonic()
        put_events(server.client("events"), range(MANY))
        put = time.monotonic() - began
        all_delivered(server)
        took = time.monotonic() - began
        print(f"\n{MANY} events put in {put:.1f} s, all there after {took:.1f} s, {half.refused} attempts refused")
    assert set(half.taken) == set(range(MANY)), "none lost"
    assert set(half.taken.values()) == {1}, "without a crash none arrives twice"
    assert half.refused > MANY / 3
