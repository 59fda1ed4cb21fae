"""Events for functions (InvocationType Event): kept in the store, run by due jobs, tried three times.

    keep    a row, sealed, and its job, on disk before anybody is answered 202; a repetition of the same event is the same row
    run     the job's effect, in a lane of its own: functions that take long keep neither rotations nor web hooks waiting
    done    the row goes when the function answered, or when its third attempt failed too

A server that dies in between runs the event again: an event is delivered at least once, as AWS's are ("Asynchronous
invocation", developer guide: two retries, a minute and two minutes later). What cannot run because too many do is due again
after a short while, and does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.functions import Busy, FunctionAt, NotInvoked, Target
from holdfast.services.outbox.deliveries import Delivery, NotDelivered
from holdfast.services.service import JobEffect, SecondHalf
from holdfast.store.statements import Statement
from holdfast.vault.registry import FUNCTION_EVENT

if TYPE_CHECKING:
    from holdfast.services.call import Call

RUN = "lambda_.run-event"
RETRIES = (60_000, 120_000)
"""Milliseconds after the first and the second failure."""
BUSY_AGAIN = 1_000
OLDEST = 6 * 3_600_000
"""Milliseconds after which an event that was never run is given up (MaximumEventAgeInSeconds)."""

INSERT_EVENT = Statement(
    "INSERT INTO lambda_event (event_id, account, region, name, qualifier, accepted, due, attempts, payload_sealed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (event_id) DO NOTHING"
)
READ_EVENT = Statement(
    "SELECT account, region, name, qualifier, accepted, attempts, payload_sealed FROM lambda_event WHERE event_id = ?"
)
POSTPONE_EVENT = Statement("UPDATE lambda_event SET due = ?, attempts = ? WHERE event_id = ?")
REMOVE_EVENT = Statement("DELETE FROM lambda_event WHERE event_id = ?")


def keep_event(call: Call, where: Target, payload: bytes, event_id: str) -> None:
    """Have a function run with an event, with this transaction or not at all."""
    account, region, name = where.key
    sealed = call.vault.seal(FUNCTION_EVENT, (event_id,), payload)
    row = event_id, account, region, name, where.qualifier, call.now, call.now, sealed
    if call.tx.run(INSERT_EVENT, *row):
        call.schedule(RUN, event_id, call.now, account=account)


def run_event(call: Call, event_id: str, _payload: dict[str, Any]) -> JobEffect | None:
    """The job: runs the function, and writes down whether that was it."""
    row = call.tx.one(READ_EVENT, event_id)
    if row is None:
        return None
    *place, accepted, attempts, sealed = row
    where = FunctionAt(*place)
    payload = call.vault.open(FUNCTION_EVENT, (event_id,), sealed)
    functions = call.surroundings.functions

    async def effect(_identity: str) -> SecondHalf:
        busy, reason = False, ""
        try:
            invoked = await functions.run(where, payload, event_id)
        except Busy as error:
            busy, reason = True, str(error)
        except NotInvoked as error:
            reason = str(error)
        else:
            reason = "the function failed" if invoked.error else ""
        return SecondHalf(lambda call: _write_down(call, event_id, where, accepted, attempts, reason, busy=busy))

    return effect


def _write_down(
    call: Call, event_id: str, where: FunctionAt, accepted: int, attempts: int, reason: str, *, busy: bool
) -> None:
    if busy and call.now - accepted < OLDEST:
        _again(call, event_id, BUSY_AGAIN, attempts)
        return
    if reason and not busy and attempts < len(RETRIES):
        _again(call, event_id, RETRIES[attempts], attempts + 1)
        return
    call.tx.run(REMOVE_EVENT, event_id)
    if reason:
        given_up = Delivery(
            event_id, RUN, where.account, where.region, where.arn(call.partition), event_id, b"", accepted, attempts + 1
        )
        call.surroundings.deliveries.undeliverable(given_up, NotDelivered("NOT_RUN", reason, final=True))


def _again(call: Call, event_id: str, delay: int, attempts: int) -> None:
    call.tx.run(POSTPONE_EVENT, call.now + delay, attempts, event_id)
    call.schedule(RUN, event_id, call.now + delay)
