"""Deliveries on a real store to a real receiver: sent, sent again, given up, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.call import Call
from holdfast.services.outbox import jobs
from holdfast.services.outbox.deliveries import Delivery, NotDelivered
from holdfast.services.outbox.jobs import due_again
from holdfast.store.statements import Statement
from tests.receiver import Received, Receiver
from tests.services.outbox.bench import KIND, Bench, run


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_what_is_put_arrives_once_and_is_kept_as_delivered(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        bench.house.start()
        carried = [f"event {number}" for number in range(250)]
        await bench.put(*carried)
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        assert sorted(each.body.decode() for each in receiver.received) == sorted(carried)
        assert len({each.headers["x-delivery"] for each in receiver.received}) == 250
        assert len({each.connection for each in receiver.received}) <= jobs.AT_ONCE, "connections are used again"
        assert bench.house.deliveries.delivered_total == 250
        await bench.close()

    run(main)


def test_what_fails_is_tried_again_with_the_same_id_until_it_is_given_up(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        receiver.answer = lambda received: 500 if received.body == b"bad" else 200
        bench = Bench(tmp_path, receiver.url, attempts=3)
        await bench.put("bad", "good")
        await bench.house.worker.advance(60_000)
        assert sorted(row[:5] for row in bench.rows()) == [
            ("bad", "failed", 3, "500", "the receiver refused (MaximumRetryAttempts)"),
            ("good", "delivered", 0, "", ""),
        ]
        bad = [each.headers["x-delivery"] for each in receiver.received if each.body == b"bad"]
        assert len(bad) == 3
        assert len(set(bad)) == 1
        ((delivery, failure, verdict),) = bench.exhausted
        assert (delivery.carried, delivery.attempts, failure.code) == ("bad", 3, "500")
        assert verdict.condition == "MaximumRetryAttempts"
        (line,) = bench.told
        assert line["event"] == "undeliverable"
        assert (line["destination"], line["carried"], line["attempts"]) == ("hook", "bad", 3)
        await bench.close()

    run(main)


def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        receiver.answer = lambda _: (503, {"Retry-After": "120"}, b"") if len(receiver.received) == 1 else 200
        bench = Bench(tmp_path, receiver.url)
        await bench.put("event")
        before = bench.house.clock.service()
        await bench.house.worker.advance(0)
        assert bench.rows()[0][5] >= before + 120_000
        await bench.house.worker.advance(125_000)
        assert bench.states() == {"event": "delivered"}
        await bench.close()

    run(main)


def test_one_that_raises_fails_alone_and_what_it_did_is_taken_back(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)

        def prepare(call: Call, delivery: Delivery) -> Any:
            if delivery.carried == "raises":
                call.emit("aws.test", "Detail", (), {})
                call.hasten(KIND, "left behind", call.now)
                raise ValueError("a value that nobody may see")
            if delivery.carried == "sends badly":

                async def send() -> NotDelivered | None:
                    raise ValueError("a value that nobody may see")

                return send
            if delivery.carried == "in the store":
                return None
            if delivery.carried == "no destination":
                return NotDelivered("NO_RESOURCE", "it was deleted", final=True)
            return bench.post(call, delivery)

        bench.prepare = prepare
        await bench.put("raises", "sends badly", "in the store", "no destination", "fine")
        await bench.house.worker.advance(0)
        rows = {row[0]: row[1:5] for row in bench.rows()}
        assert rows == {
            "raises": ("failed", 1, "INTERNAL_ERROR", "this server failed: ValueError"),
            "sends badly": ("failed", 1, "INTERNAL_ERROR", "this server failed: ValueError"),
            "in the store": ("delivered", 0, "", ""),
            "no destination": ("failed", 1, "NO_RESOURCE", "it was deleted"),
            "fine": ("delivered", 0, "", ""),
        }
        assert bench.house.worker.run_total == 1, "what the one that raised had scheduled is gone too"
        assert len(bench.exhausted) == 3
        await bench.close()

    run(main)


def test_what_comes_while_the_others_are_on_their_way_follows(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        gate = threading.Event()

        def answer(received: Received) -> int:
            if received.body == b"first":
                assert gate.wait(20)
            return 200

        receiver.answer = answer
        bench = Bench(tmp_path, receiver.url)
        bench.house.start()
        await bench.put("first")
        await bench.until(lambda: receiver.received)
        await bench.put("second")
        await bench.put("elsewhere", destination="another")
        await bench.until(lambda: bench.states()["elsewhere"] == "delivered")
        assert [each.body for each in receiver.received] == [b"first", b"elsewhere"]
        gate.set()
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        await bench.close()

    run(main)


def test_what_was_on_its_way_when_the_server_died_is_sent_again(tmp_path: Path, receiver: Receiver) -> None:
    gate = threading.Event()
    receiver.answer = lambda _: 200 if gate.wait(20) else 500

    async def first() -> None:
        bench = Bench(tmp_path, receiver.url)
        bench.house.start()
        await bench.put("a", "b")
        await bench.until(lambda: len(receiver.received) == 2)
        await bench.close()

    async def second() -> None:
        bench = Bench(tmp_path, receiver.url)
        assert set(bench.states().values()) == {"waiting"}
        bench.house.start()
        await bench.until(lambda: set(bench.states().values()) == {"delivered"})
        assert sorted(each.body for each in receiver.received) == [b"a", b"a", b"b", b"b"]
        await bench.close()

    run(first)
    gate.set()
    run(second)


def test_a_batch_is_bounded_by_what_it_carries(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_BYTES", 20)

    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        await bench.put(*(f"event {number:04}" for number in range(10)))
        await bench.house.worker.advance(0)
        assert set(bench.states().values()) == {"delivered"}
        assert bench.house.worker.run_total == 5, "two of ten bytes each"
        await bench.close()

    run(main)


def test_what_was_tampered_with_fails_and_the_others_arrive(tmp_path: Path, receiver: Receiver) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, receiver.url)
        await bench.put("good", "damaged")
        swap = Statement("UPDATE delivery SET body_sealed = ? WHERE carried = 'damaged'")
        await bench.write(lambda transaction: transaction.many(swap, [(b"\x01" * 80,)]))
        await bench.house.worker.advance(0)
        rows = {row[0]: row[1:5] for row in bench.rows()}
        assert rows["damaged"] == ("failed", 1, "INTERNAL_ERROR", "its body in the store does not open")
        assert rows["good"][0] == "delivered"
        await bench.close()

    run(main)


def test_long_delays_end_with_a_second() -> None:
    assert due_again(1_500, 200) == 1_700
    assert due_again(1_500, 1_200) == 3_000
    assert due_again(2_000, 1_000) == 3_000
