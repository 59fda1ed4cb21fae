"""Many destinations at once: their jobs begin together, and no more of them run than may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.work.due import DELIVERY
from tests.receiver import Received, Receiver
from tests.services.outbox.bench import KIND, Bench, put_one, run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_jobs_of_many_destinations_share_their_waits_for_the_disk(tmp_path: Path, receiver: Receiver) -> None:
    many = 200

    async def main() -> None:
        bench = Bench(tmp_path, receiver.url, delivery_workers=64)
        most = 0

        def answer(_: Received) -> int:
            nonlocal most
            most = max(most, bench.house.worker.running(DELIVERY))
            return 200

        receiver.answer = answer
        await bench.change(lambda call: [put_one(call, f"hook {number}", str(number)) for number in range(many)])
        groups = bench.house.executor.groups
        bench.house.start()
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        assert sorted(int(each.body) for each in receiver.received) == list(range(many))
        assert 1 < most <= 64
        # One by one it would be two for each.
        assert bench.house.executor.groups - groups < many
        assert KIND not in str(bench.reported)
        await bench.close()

    run(main)
