"""A delivery: one body on its way to one destination.

    put         in the transaction that caused it: a row, and the destination's job is due no later than the row
    begin       the destination's job takes what is due, oldest first, and asks its service what is to be done with each
    send        outside, with no transaction open; a delivery keeps its id over every attempt
    write down  one transaction for all that were sent: delivered, due again later, or undeliverable

One job for each destination, not for each delivery: a destination that hangs holds up nobody else's, what is on its way to
one is bounded, and a burst costs one commit for many. After a crash what was on its way is sent again: at least once.

A destination that is deleted keeps its job: `prepare` answers that there is none any more, and what waited fails visibly. So
nobody cancels a job that delivers.

INVARIANT: a body is sealed in the store, and neither it nor an answer's body is ever in an error text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from holdfast.services.call import Call


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row, opened."""

    delivery_id: str
    """Time-ordered; the same over every attempt, so that a receiver can tell a repetition."""
    kind: str
    """The kind of job that delivers it: `events.deliver`, `sns.deliver`."""
    account: str
    region: str
    destination: str
    """The job's subject: a rule's target, a subscription's ARN. What it means is its service's business."""
    carried: str
    """The id of what is carried: of an event, of a message. Shown to operators."""
    body: bytes
    created: int
    """Service time, ms: when it was put, or redelivered last. Its age counts from here."""
    attempts: int
    """How many failed so far."""


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """An attempt failed."""

    code: str
    """AWS's word for dead-letter attributes and lists: `NO_PERMISSIONS`, `THROTTLING`, `SDK_CLIENT_ERROR`, `503`, …"""
    reason: str
    """One line for an operator; nothing that a receiver sent."""
    final: bool = False
    """Trying again cannot help."""
    retry_after: int = 0
    """Milliseconds before which the receiver does not want to be asked again; 0 when it did not say."""


Send = Callable[[], Awaitable[NotDelivered | None]]
"""What reaches outside for one delivery. None when it arrived."""

Prepare = Callable[["Call", Delivery], Send | NotDelivered | None]
"""Inside a transaction: what is to be done with a delivery. None when it is done already, because its destination is in the
store (a topic, another bus, a function's queue of events)."""


@dataclass(frozen=True, slots=True)
class Again:
    """When a failed delivery is tried again."""

    delay: int
    """Milliseconds."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No further attempt."""

    condition: str
    """`MaximumRetryAttempts`, `MaximumEventAgeInSeconds`, or empty where the failure itself was final."""


class Tally(Protocol):
    """Who counts deliveries, tells the operator, and knows how long they are kept."""

    delivered_kept: int
    """Milliseconds; 0: not at all."""
    failed_kept: int
    """Milliseconds; 0: until they are sent again."""

    def delivered(self) -> None:
        """One arrived."""
        ...

    def attempt_failed(self) -> None:
        """One did not, this time."""
        ...

    def undeliverable(self, delivery: Delivery, failure: NotDelivered) -> None:
        """One is given up."""
        ...


Judge = Callable[["Call", Delivery, NotDelivered], Again | GivenUp]
"""The retry policy of a destination; pure but for what it reads. `delivery.attempts` counts the attempt that failed."""

Exhausted = Callable[["Call", Delivery, NotDelivered, GivenUp], None]
"""What a service does with a delivery that is given up: its dead-letter queue gets a delivery of its own."""


@dataclass(frozen=True, slots=True)
class Courier:
    """How one service delivers."""

    prepare: Prepare
    judge: Judge
    exhausted: Exhausted
