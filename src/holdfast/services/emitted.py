"""Events that a call or a job caused, on their way to the account's default bus.

`Call.emit` collects them; `server/` hands them to the bus in the transaction that keeps or loses what caused them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEFAULT_BUS = "default"


@dataclass(frozen=True, slots=True)
class Emitted:
    """One event, in EventBridge's envelope ("Events in EventBridge", user guide) but for its JSON text."""

    event_id: str
    """A UUID."""
    account: str
    region: str
    source: str
    """`aws.secretsmanager`."""
    detail_type: str
    time: int
    """Service time, milliseconds; the envelope shows whole seconds."""
    resources: tuple[str, ...]
    detail: dict[str, Any]

    def envelope(self) -> dict[str, Any]:
        """The event as patterns, transformers and targets see it."""
        from datetime import UTC, datetime

        return {
            "version": "0",
            "id": self.event_id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": self.account,
            "time": datetime.fromtimestamp(self.time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region,
            "resources": list(self.resources),
            "detail": self.detail,
        }
