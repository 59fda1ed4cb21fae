"""From an event to a delivery for each target of each rule that it matches, in the transaction that caused the event.

Nothing waits here: a target is reached by the job `events.deliver`. A bus without rules costs one look-up by its key.

INVARIANT: an event is routed in the transaction that keeps or loses its cause, so there is neither an event of something
that did not happen nor something that happened without its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.services.emitted import DEFAULT_BUS, Emitted
from holdfast.services.events import records
from holdfast.services.events.names import BusAt, RuleAt
from holdfast.services.events.rule_sets import KEPT
from holdfast.services.outbox.records import put

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

DELIVER = "events.deliver"


class Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a delivery."""

    event: dict[str, Any]
    ingested: int
    """When its bus took it, service time in milliseconds."""
    through: tuple[str, ...] = ()
    """ARNs of the buses whose rules sent it on before it came to this one."""


def listens(tx: Transaction, account: str, region: str) -> bool:
    """Whether an enabled rule with a pattern stands on the default bus."""
    return tx.one(records.READ_RULE_SET, account, region, DEFAULT_BUS) is not None


def wants_reads(tx: Transaction, account: str, region: str) -> bool:
    """Whether a rule of the default bus is to see calls that only read (ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS)."""
    found = tx.one(records.READ_RULE_SET, account, region, DEFAULT_BUS)
    return found is not None and bool(found[1])


def route(call: Call, events: Sequence[Emitted], bus: str = DEFAULT_BUS) -> None:
    """Send each event to the targets of the rules that it matches on the bus of this name, in the account that it is of."""
    for event in events:
        route_to(call, BusAt(event.account, event.region, bus), event.envelope())


def route_to(call: Call, where: BusAt, envelope: dict[str, Any], through: tuple[str, ...] = ()) -> None:
    """Send an event that came to a bus to the targets of the rules there that it matches."""
    version = call.tx.one(records.READ_RULE_SET, *where)
    if version is None:
        return
    carried = b""
    for rule in KEPT.of(call.tx, where, version[0]).matching(envelope, read_only=_only_read(envelope)):
        if not carried:
            carried = msgspec.json.encode(Carried(envelope, call.now, through))
        send(call, where.rule(rule.name), rule.target_ids, envelope["id"], carried)


def send(call: Call, where: RuleAt, target_ids: Sequence[str], event_id: str, carried: bytes) -> None:
    """One delivery for each target of a rule."""
    arn = where.arn(call.partition)
    for target_id in target_ids:
        put(call, DELIVER, f"{arn}|{target_id}", event_id, carried, account=where.account)


def _only_read(envelope: dict[str, Any]) -> bool:
    """Whether an event is about a call that changed nothing: rules see those only when they say so ("Events from AWS
    services via CloudTrail: read-only management events", user guide)."""
    return envelope["detail-type"] == "AWS API Call via CloudTrail" and envelope["detail"].get("readOnly") is True
