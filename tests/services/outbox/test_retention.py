"""How long a delivery is kept when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.services.outbox import retention
from tests.receiver import Receiver
from tests.services.outbox.bench import Bench, run

HOUR = 3_600_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.answer = lambda received: 500 if received.body.startswith(b"bad") else 200
    yield receiver
    receiver.close()


def test_both_kinds_go_when_their_time_has_come(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url, attempts=1)
        await bench.put("bad", "good")
        await bench.house.worker.advance(23 * HOUR)
        assert bench.states() == {"bad": "failed", "good": "delivered"}
        await bench.house.worker.advance(2 * HOUR)
        assert bench.states() == {"bad": "failed"}
        await bench.house.worker.advance(14 * 24 * HOUR)
        assert bench.states() == {}
        assert bench.house.executor.snapshot().one(retention.OLDEST, "failed") is None
        await bench.close()

    run(main)


def test_what_is_not_to_be_kept_goes_at_once_and_what_failed_stays(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url, attempts=1)
        bench.house.deliveries.delivered_kept = bench.house.deliveries.failed_kept = 0
        await bench.put("bad", "good")
        await bench.house.worker.advance(0)
        assert bench.states() == {"bad": "failed"}
        await bench.house.worker.advance(400 * 24 * HOUR)
        assert bench.states() == {"bad": "failed"}
        await bench.close()

    run(main)


def test_many_go_in_batches(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)

    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        await bench.put(*(f"event {number}" for number in range(35)))
        await bench.house.worker.advance(HOUR)
        assert len(bench.rows()) == 35
        before = bench.house.worker.run_total
        await bench.house.worker.advance(24 * HOUR)
        assert bench.rows() == []
        assert bench.house.worker.run_total - before == 4
        await bench.close()

    run(main)
