"""The two clocks of the house. Nothing else may ask the machine what time it is.

*Wall and monotonic time* belong to the outside world: signature dates, presigned expiry, time-outs, rates.
*Service time* is what users see and what jobs wait for: every date in an answer and every due moment. On a server with
a movable clock it runs ahead of wall time by an offset that is kept in the store, and it moves only forward.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks. Service time is whole milliseconds since 1970 UTC; wall time is seconds."""

    def wall(self) -> float:
        """Seconds since 1970 as the machine has them."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean anything."""
        ...

    def service(self) -> int:
        """Milliseconds since 1970 in service time."""
        ...


class SystemClock:
    """The machine's clock plus the service offset."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        """Milliseconds that service time is ahead of wall time; only `move_to` changes it."""
        self.wall = time.time
        self.monotonic = time.monotonic
        self._nanoseconds = time.time_ns

    def service(self) -> int:
        return self._nanoseconds() // 1_000_000 + self.offset

    def move_to(self, moment: int) -> int:
        """Move service time forward to `moment` (milliseconds); an earlier one changes nothing. The new offset."""
        self.offset += max(0, moment - self.service())
        return self.offset
