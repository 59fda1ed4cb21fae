"""Deliveries, other effects and jobs of the store do not keep each other waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.work.due import DELIVERY, EFFECT, schedule
from tests.receiver import Receiver
from tests.services.outbox.bench import ACCOUNT, EFFECT_KIND, REGION, Bench, run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_destinations_that_hang_fill_their_own_lane_alone(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        gate = threading.Event()
        receiver.answer = lambda _: 200 if gate.wait(20) else 500
        bench = Bench(tmp_path, receiver.url)
        bench.house.start()
        for number in range(5):
            await bench.put(f"event {number}", destination=f"hook {number}")
        await bench.until(lambda: bench.house.worker.running(DELIVERY) == 2)
        bench.released.set()
        await bench.change(lambda call: call.schedule(EFFECT_KIND, "one", call.now))
        remove = ("cloudtrail.remove-expired", ACCOUNT, REGION, "")
        await bench.change(lambda call: schedule(call.tx, remove, 0, {"days": 0}, "store job"))
        await bench.until(lambda: bench.house.worker.run_total >= 2)
        await bench.until(lambda: len(receiver.received) == 2)
        assert bench.house.worker.running(DELIVERY) == 2
        gate.set()
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        await bench.close()

    run(main)


def test_an_account_whose_destinations_hang_keeps_no_other_account_waiting(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        gate = threading.Event()
        receiver.answer = lambda received: 200 if received.body == b"other" or gate.wait(20) else 500
        bench = Bench(tmp_path, receiver.url, delivery_workers=4)
        bench.house.start()
        for number in range(8):
            await bench.put(f"event {number}", destination=f"hook {number}")
        await bench.until(lambda: bench.house.worker.running(DELIVERY) == 3)
        await bench.put("other", account="222222222222")
        await bench.until(lambda: bench.states()["other"] == "delivered")
        await bench.until(lambda: bench.house.worker.running(DELIVERY) == 3)
        await bench.until(lambda: len(receiver.received) == 4)
        gate.set()
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        await bench.close()

    run(main)


def test_effects_that_hang_keep_no_delivery(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        bench.house.start()
        for number in range(4):
            await bench.change(lambda call, number=number: call.schedule(EFFECT_KIND, f"job {number}", call.now))
        await bench.until(lambda: bench.house.worker.running(EFFECT) == 2)
        await bench.put("event")
        await bench.until(lambda: bench.states() == {"event": "delivered"})
        assert bench.house.worker.running(EFFECT) == 2
        bench.released.set()
        await bench.until(lambda: bench.house.worker.run_total >= 5)
        await bench.close()

    run(main)


def test_a_walk_of_the_clock_waits_for_deliveries(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        await bench.put("later", delay=3_600_000)
        await bench.house.worker.advance(3_599_000)
        assert bench.states() == {"later": "waiting"}
        await bench.house.worker.advance(1_000)
        assert bench.states() == {"later": "delivered"}
        await bench.close()

    run(main)
