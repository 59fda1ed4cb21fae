"""Counts deliveries for the metrics, and writes a line to the log for each that is given up.

The line holds ids, names and our own words: nothing of what was to be delivered, nothing that a receiver sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.services.outbox.deliveries import Delivery, NotDelivered

HOUR = 3_600_000

Tell = Callable[..., Any]


class DeliveryTally:
    """`services.outbox.deliveries.Tally`. One per server."""

    def __init__(self) -> None:
        self.tell: Tell = _tell_nobody
        """Takes an event's name and values: the log's `warning`."""
        self.delivered_kept = 24 * HOUR
        self.failed_kept = 14 * 24 * HOUR
        self.delivered_total = 0
        self.failed_attempts_total = 0
        self.undeliverable_total = 0

    def delivered(self) -> None:
        self.delivered_total += 1

    def attempt_failed(self) -> None:
        self.failed_attempts_total += 1

    def undeliverable(self, delivery: Delivery, failure: NotDelivered) -> None:
        self.undeliverable_total += 1
        self.tell(
            "undeliverable",
            delivery=delivery.delivery_id,
            kind=delivery.kind,
            account=delivery.account,
            region=delivery.region,
            destination=delivery.destination,
            carried=delivery.carried,
            attempts=delivery.attempts,
            code=failure.code,
            reason=failure.reason,
        )

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """For the metrics."""
        yield "holdfast_deliveries_delivered", "Deliveries that arrived since the start", self.delivered_total
        yield (
            "holdfast_delivery_attempts_failed",
            "Attempts to deliver that failed since the start",
            self.failed_attempts_total,
        )
        yield (
            "holdfast_deliveries_undeliverable",
            "Deliveries that were given up since the start",
            self.undeliverable_total,
        )


def _tell_nobody(_event: str, **_values: Any) -> None: ...
