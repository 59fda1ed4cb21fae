"""The job of a destination: takes what is due, has its service prepare each, sends, writes down what became of all.

    first half    what is due, oldest first, BATCH at most; what its service did itself is written down already
    effect        the rest outside, AT_ONCE at a time
    second half   one transaction for the results; then the job is due again with the next delivery

What was put while the job ran is found by its second half. A delivery that raises, whatever it does, fails alone and
visibly: it never holds up what stands behind it.

INVARIANT: a delivery leaves `waiting` only in the transaction that knows how it ended. After a crash it is sent again.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from holdfast.services.outbox.deliveries import Again, Courier, Delivery, GivenUp, NotDelivered, Send
from holdfast.services.outbox.records import (
    DELIVERED,
    FAILED,
    OUTCOME,
    REMOVE,
    WAITING,
    due_deliveries,
    next_due,
)
from holdfast.services.outbox.retention import remove_later
from holdfast.services.outside import OutsideError
from holdfast.services.service import JobEffect, SecondHalf
from holdfast.store.sqlite import is_store_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.services.call import Call

BATCH = 100
"""Deliveries that one run of a destination's job takes."""
BATCH_BYTES = 4 << 20
"""Of their bodies; the last one of a batch may go beyond."""
AT_ONCE = 16
"""Of these outside at the same time."""
SECOND = 1000
INTERNAL_ERROR = "INTERNAL_ERROR"

DAMAGED = NotDelivered(INTERNAL_ERROR, "its body in the store does not open", final=True)

Sent = tuple[Delivery, NotDelivered | None]
ResultT = TypeVar("ResultT")


def deliver(call: Call, destination: str, courier: Courier) -> JobEffect | None:
    """A run of the job `call.job_kind` for `destination`."""
    to_send: list[tuple[Delivery, Send]] = []
    for delivery, intact in due_deliveries(call, call.job_kind, destination, BATCH, BATCH_BYTES):
        prepared = _prepare(call, courier, delivery) if intact else DAMAGED
        if prepared is None or isinstance(prepared, NotDelivered):
            _write_down(call, courier, delivery, prepared)
        else:
            to_send.append((delivery, prepared))
    if not to_send:
        _go_on(call, destination)
        return None

    async def effect(_identity: str) -> SecondHalf:
        results = await _send_all(to_send)

        def second_half(call: Call) -> None:
            for delivery, failure in results:
                _write_down(call, courier, delivery, failure)
            _go_on(call, destination)

        return SecondHalf(second_half)

    return effect


def _prepare(call: Call, courier: Courier, delivery: Delivery) -> Send | NotDelivered | None:
    return _apart(call, lambda: courier.prepare(call, delivery))


def _go_on(call: Call, destination: str) -> None:
    due = next_due(call, call.job_kind, destination)
    if due is not None:
        call.hasten(call.job_kind, destination, due)


def _apart(call: Call, function: Callable[[], ResultT]) -> ResultT | NotDelivered:
    """What a courier answers; when it raises, what it did is taken back and the delivery has failed."""
    mark = call.tx.savepoint()
    notes, emitted = len(call.notes), len(call.emitted)
    try:
        result = function()
    except Exception as error:
        if is_store_failure(error):
            raise
        call.tx.rollback(mark)
        del call.notes[notes:], call.emitted[emitted:]
        return NotDelivered(INTERNAL_ERROR, f"this server failed: {type(error).__name__}", final=True)
    call.tx.release(mark)
    return result


# -- outside ------------------------------------------------------------------------------------------------------------


async def _send_all(to_send: list[tuple[Delivery, Send]]) -> list[Sent]:
    results: list[Sent] = []
    waiting = iter(to_send)

    async def work() -> None:
        for delivery, send in waiting:
            results.append((delivery, await _send(send)))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(to_send))):
            group.create_task(work())
    return results


async def _send(send: Send) -> NotDelivered | None:
    try:
        return await send()
    except OutsideError as error:
        return NotDelivered("SDK_CLIENT_ERROR", str(error))
    except Exception as error:  # noqa: BLE001 - one that cannot be sent must not keep the others from being written down
        return NotDelivered(INTERNAL_ERROR, f"this server failed: {type(error).__name__}", final=True)


# -- what became of it --------------------------------------------------------------------------------------------------


def _write_down(call: Call, courier: Courier, delivery: Delivery, failure: NotDelivered | None) -> None:
    tally = call.surroundings.deliveries
    if failure is None:
        tally.delivered()
        if tally.delivered_kept:
            call.tx.run(OUTCOME, DELIVERED, call.now, delivery.attempts, "", "", delivery.delivery_id)
            remove_later(call, DELIVERED)
        else:
            call.tx.run(REMOVE, delivery.delivery_id)
        return
    tally.attempt_failed()
    tried = replace(delivery, attempts=delivery.attempts + 1)
    verdict = _judge(call, courier, tried, failure)
    if isinstance(verdict, Again):
        due = due_again(call.now, max(verdict.delay, failure.retry_after))
        call.tx.run(OUTCOME, WAITING, due, tried.attempts, failure.code, failure.reason, delivery.delivery_id)
        return
    _apart(call, lambda: courier.exhausted(call, tried, failure, verdict))
    tally.undeliverable(tried, failure)
    reason = f"{failure.reason} ({verdict.condition})" if verdict.condition else failure.reason
    call.tx.run(OUTCOME, FAILED, call.now, tried.attempts, failure.code, reason, delivery.delivery_id)
    remove_later(call, FAILED)


def _judge(call: Call, courier: Courier, delivery: Delivery, failure: NotDelivered) -> Again | GivenUp:
    if failure.final:
        return GivenUp("")
    verdict = _apart(call, lambda: courier.judge(call, delivery, failure))
    return GivenUp("") if isinstance(verdict, NotDelivered) else verdict


def due_again(now: int, delay: int) -> int:
    """When a delivery is tried again. Long delays end with a second, so that what failed together is sent in few runs."""
    due = now + delay
    return due if delay < SECOND else -(-due // SECOND) * SECOND
