"""A house whose Cloudtrail delivers too: a courier for tests that posts each body to a web hook."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.access.principal import service_role
from holdfast.server.house import House
from holdfast.server.opening import Opened, open_directory
from holdfast.server.outside_settings import OutsideSettings
from holdfast.server.settings import Settings
from holdfast.services.call import Call, Source
from holdfast.services.outbox.deliveries import Again, Courier, Delivery, GivenUp, NotDelivered, Prepare
from holdfast.services.outbox.jobs import deliver
from holdfast.services.outbox.records import put
from holdfast.services.outside import Outgoing
from holdfast.services.service import JobEffect, SecondHalf
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction
from holdfast.work.due import Retry

KIND = "cloudtrail.deliver"
EFFECT_KIND = "cloudtrail.wait"
ACCOUNT, REGION = "123456789012", "us-east-1"
STATES = Statement(
    "SELECT carried, state, attempts, error_code, last_error, due FROM delivery ORDER BY delivery_id LIMIT 20000"
)


class Bench:
    """`url` is where everything goes; `prepare` can be replaced."""

    def __init__(
        self,
        directory: Path,
        url: str = "",
        *,
        attempts: int = 3,
        settings: Settings | None = None,
        delivery_workers: int = 2,
    ) -> None:
        self.opened: Opened = open_directory(settings or Settings(data=directory), synchronous="OFF")
        self.reported: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.house = House(
            executor=self.opened.executor,
            vault=self.opened.vault,
            clock=self.opened.clock,
            randomness=self.opened.randomness,
            movable_clock=True,
            audit_window=0.01,
            report=lambda place, error: self.reported.append(f"{place} {type(error).__name__}"),
            outside=OutsideSettings(allow_private_targets=True),
            job_workers=2,
            delivery_workers=delivery_workers,
        )
        self.house.deliveries.tell = self.tell
        self.url = url
        self.attempts = attempts
        self.delay = 1000
        self.prepare: Prepare = self.post
        self.released = asyncio.Event()
        self.exhausted: list[tuple[Delivery, NotDelivered, GivenUp]] = []
        services = self.house.directory._services  # pyright: ignore[reportPrivateUsage]
        service = self.house.directory.service("cloudtrail")
        services["cloudtrail"] = replace(
            service,
            jobs={**service.jobs, KIND: self.job, EFFECT_KIND: self.waiting_job},
            effects={**service.effects, KIND: Retry(attempts=0), EFFECT_KIND: Retry()},
            deliveries=(KIND,),
        )

    def job(self, call: Call, subject: str, payload: dict[str, Any]) -> JobEffect | None:
        return deliver(call, subject, Courier(self.prepare, self.judge, self.exhaust))

    def waiting_job(self, call: Call, subject: str, payload: dict[str, Any]) -> JobEffect | None:
        """A job of the other lane: ends when `released` is set."""

        async def effect(identity: str) -> SecondHalf | None:
            await self.released.wait()
            return None

        return effect

    def tell(self, event: str, **values: Any) -> None:
        self.told.append({"event": event, **values})

    def exhaust(self, call: Call, delivery: Delivery, failure: NotDelivered, verdict: GivenUp) -> None:
        self.exhausted.append((delivery, failure, verdict))

    def post(self, call: Call, delivery: Delivery) -> Any:
        outside = call.surroundings.outside
        outgoing = Outgoing("POST", self.url, {"X-Delivery": delivery.delivery_id}, delivery.body)

        async def send() -> NotDelivered | None:
            answer = await outside.post(outgoing)
            if answer.status < 300:
                return None
            return NotDelivered(str(answer.status), "the receiver refused", retry_after=answer.retry_after)

        return send

    def judge(self, call: Call, delivery: Delivery, failure: NotDelivered) -> Again | GivenUp:
        return Again(self.delay) if delivery.attempts < self.attempts else GivenUp("MaximumRetryAttempts")

    async def write(self, unit: Callable[[Transaction], None]) -> None:
        done = asyncio.get_running_loop().create_future()
        assert self.house.executor.write(unit, done.set_result)
        assert await done is None

    async def change(self, function: Callable[[Call], object]) -> None:
        """Run something in a write transaction, as a call of the account."""
        await self.write(lambda transaction: _nothing(function(self.call(transaction))))
        self.house.worker.wake()

    def call(self, transaction: Transaction) -> Call:
        return Call(
            self.house.surroundings,
            transaction,
            principal=service_role(ACCOUNT, "cloudtrail.holdfast", "AWSServiceRoleForTests"),
            region=REGION,
            now=self.house.clock.service(),
            request_id="request",
            source=Source(),
        )

    async def put(self, *carried: str, destination: str = "hook", delay: int = 0, account: str = "") -> None:
        """Deliveries whose body is what they carry, all in one transaction."""

        def put_all(call: Call) -> None:
            for each in carried:
                put(call, KIND, destination, each, each.encode(), delay=delay, account=account)

        await self.change(put_all)

    def rows(self) -> list[tuple[Any, ...]]:
        """Carried, state, attempts, error code, last error, due."""
        return self.house.executor.snapshot().all(STATES)

    def states(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows()}

    async def until(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - it looks at the store, which tells nobody
                await asyncio.sleep(0.002)

    async def close(self) -> None:
        await self.house.stop()
        self.opened.lock.release()


def put_one(call: Call, destination: str, carried: str) -> str:
    return put(call, KIND, destination, carried, carried.encode())


def _nothing(_result: object) -> None: ...


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    asyncio.run(whole())
