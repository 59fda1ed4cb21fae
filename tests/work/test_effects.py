"""Jobs with effects, on a real store: lease, retry, death, replacement, and the walk of the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.server.house import House
from holdfast.server.opening import Opened, open_directory
from holdfast.server.settings import Settings
from holdfast.services.call import Call
from holdfast.services.service import JobEffect, JobFailed, SecondHalf, Service
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction
from holdfast.vault.randomness import UnsafeSeededRandomness
from holdfast.work.due import CANCEL, EFFECT, Retry, backoff, read_job, schedule

KIND = "cloudtrail.try"
KEY = (KIND, "123456789012", "us-east-1", "s")
WRITE = Statement("INSERT INTO store_metadata (name, value) VALUES (?, ?)")
READ = Statement("SELECT COUNT(*) FROM store_metadata WHERE name = ?")


class Bench:
    """A house whose Cloudtrail has one more kind of job."""

    def __init__(self, directory: Path, perform: Callable[[str], Awaitable[Any]], retry: Retry | None = None) -> None:
        self.opened: Opened = open_directory(Settings(data=directory), synchronous="OFF")
        self.reported: list[str] = []
        self.house = House(
            executor=self.opened.executor,
            vault=self.opened.vault,
            clock=self.opened.clock,
            randomness=self.opened.randomness,
            movable_clock=True,
            audit_window=0.01,
            report=lambda place, error: self.reported.append(f"{place} {type(error).__name__}"),
            job_workers=2,
        )
        self.perform = perform
        self.ended: list[str] = []
        service = self.house.directory.service("cloudtrail")
        self.service = Service(
            service.api,
            service.operations,
            jobs={**service.jobs, KIND: self.job},
            effects={KIND: retry or Retry(attempts=3)},
            notes=service.notes,
        )
        self.house.directory._services["cloudtrail"] = self.service  # pyright: ignore[reportPrivateUsage]

    def job(self, call: Call, subject: str, payload: dict[str, Any]) -> JobEffect | None:
        if payload.get("fail"):
            raise ValueError("first half")

        async def effect(identity: str) -> SecondHalf | None:
            await self.perform(identity)

            def half(call: Call) -> JobEffect | None:
                call.tx.run(WRITE, f"done {identity}", b"")
                self.ended.append(identity)
                return None

            return SecondHalf(half)

        return effect

    async def write(self, unit: Callable[[Transaction], None]) -> None:
        done = asyncio.get_running_loop().create_future()
        assert self.house.executor.write(unit, done.set_result)
        assert await done is None

    async def add(self, identity: str, subject: str = "s", due: int = 0, **payload: Any) -> None:
        await self.write(lambda tx: schedule(tx, (*KEY[:3], subject), due, payload, identity, EFFECT))
        self.house.worker.wake()

    def row(self) -> Any:
        return read_job(self.house.executor.snapshot(), KEY)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - it looks at the store, which tells nobody
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        await self.house.stop()
        self.opened.lock.release()


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    asyncio.run(whole())


def test_a_result_is_written_once_and_the_row_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        seen: list[str] = []

        async def perform(identity: str) -> None:
            seen.append(identity)
            assert bench.row().state == "running"

        bench = Bench(tmp_path, perform)
        bench.house.start()
        await bench.add("first")
        await bench.until(lambda: bench.ended)
        await bench.until(lambda: bench.row() is None)
        assert seen == bench.ended == ["first"]
        await bench.close()

    run(main)


def test_what_fails_is_tried_again_and_then_dead(tmp_path: Path) -> None:
    async def main() -> None:
        identities: list[str] = []

        async def perform(identity: str) -> None:
            identities.append(identity)
            raise JobFailed("the other side refused") if len(identities) < 3 else ValueError("a value")

        bench = Bench(tmp_path, perform, Retry(attempts=3, first_delay=1000))
        await bench.add("only", due=bench.house.clock.service())
        walk = await bench.house.worker.advance(3_600_000)
        assert identities == ["only"] * 3
        assert (walk.run, walk.failed) == (3, 3)
        row = bench.row()
        assert (row.state, row.attempts, row.last_error) == ("dead", 3, "ValueError")
        assert "a value" not in str(bench.reported)
        await bench.close()

    run(main)


def test_a_first_half_that_fails_is_bounded_too(tmp_path: Path) -> None:
    async def main() -> None:
        async def perform(identity: str) -> None: ...

        bench = Bench(tmp_path, perform, Retry(attempts=2, first_delay=1000))
        await bench.add("bad", due=bench.house.clock.service(), fail=True)
        walk = await bench.house.worker.advance(3_600_000)
        assert walk.failed == 2
        assert bench.row().state == "dead"
        await bench.close()

    run(main)


def test_replaced_while_it_runs_its_result_is_thrown_away_and_the_new_one_waits(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        seen: list[str] = []

        async def perform(identity: str) -> None:
            seen.append(identity)
            if identity == "old":
                await gate.wait()

        bench = Bench(tmp_path, perform)
        bench.house.start()
        await bench.add("old")
        await bench.until(lambda: seen)
        await bench.add("new")
        await asyncio.sleep(0.02)
        assert seen == ["old"]
        gate.set()
        await bench.until(lambda: bench.ended)
        assert seen == ["old", "new"]
        assert bench.ended == ["new"]
        await bench.close()

    run(main)


def test_taken_back_while_it_runs_nothing_of_it_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        seen: list[str] = []

        async def perform(identity: str) -> None:
            seen.append(identity)
            if identity == "old":
                await gate.wait()

        bench = Bench(tmp_path, perform)
        bench.house.start()
        await bench.add("old")
        await bench.until(lambda: seen)
        await bench.write(lambda tx: tx.many(CANCEL, [KEY]))
        await bench.add("again")
        await asyncio.sleep(0.02)
        assert seen == ["old"], "one effect of a subject at a time"
        gate.set()
        await bench.until(lambda: bench.ended)
        assert bench.ended == ["again"]
        await bench.close()

    run(main)


def test_what_a_dead_server_had_leased_is_repeated_with_the_same_identity(tmp_path: Path) -> None:
    async def hang(identity: str) -> None:
        await asyncio.sleep(3600)

    async def first() -> None:
        bench = Bench(tmp_path, hang)
        bench.house.start()
        await bench.add("kept")
        await bench.until(lambda: bench.house.worker.running(EFFECT))
        assert bench.row().state == "running"
        await bench.close()

    async def second() -> None:
        async def perform(identity: str) -> None: ...

        bench = Bench(tmp_path, perform)
        bench.house.start()
        await bench.until(lambda: bench.ended)
        assert bench.ended == ["kept"]
        await bench.close()

    run(first)
    run(second)


def test_only_so_many_run_at_once_and_jobs_of_the_store_pass_them(tmp_path: Path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        running = most = 0

        async def perform(identity: str) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1

        bench = Bench(tmp_path, perform)
        bench.house.start()
        for number in range(6):
            await bench.add(f"job {number}", f"subject {number}")
        await bench.until(lambda: running == 2)
        remove = ("cloudtrail.remove-expired", *KEY[1:])
        kind = next(kind for kind in bench.service.jobs if kind != KIND)
        await bench.write(lambda tx: schedule(tx, (kind, *remove[1:]), 0, {"days": 0}, "store"))
        bench.house.worker.wake()
        await bench.until(lambda: bench.house.worker.run_total)
        gate.set()
        await bench.until(lambda: len(bench.ended) == 6)
        assert most == 2
        await bench.close()

    run(main)


def test_a_walk_does_not_wait_for_ever(tmp_path: Path, monkeypatch: Any) -> None:
    async def main() -> None:
        monkeypatch.setattr("holdfast.work.worker.PATIENCE", 0.05)
        gate = asyncio.Event()

        async def perform(identity: str) -> None:
            await gate.wait()

        bench = Bench(tmp_path, perform)
        await bench.add("slow", due=bench.house.clock.service() + 1000)
        walk = await bench.house.worker.advance(60_000)
        assert (walk.run, walk.late) == (0, 1)
        gate.set()
        await bench.until(lambda: bench.ended)
        await bench.close()

    run(main)


@given(attempts=st.integers(1, 60), first=st.integers(1, 10**6), seed=st.text(max_size=3))
def test_backoff_grows_to_its_bound_and_never_comes_early(attempts: int, first: int, seed: str) -> None:
    retry = Retry(first_delay=first, longest_delay=10**6)
    whole = min(10**6, first * 2 ** (attempts - 1))
    assert whole / 2 <= backoff(retry, attempts, UnsafeSeededRandomness(seed)) + 1
    assert backoff(retry, attempts, UnsafeSeededRandomness(seed)) <= whole
