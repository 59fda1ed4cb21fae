"""How fast jobs that reach outside may go, so that calls are answered as if nothing else went on.

A job's transactions run on the loop and get a share of its time. Its effects run in threads, processes and databases, often
on the same machine: while calls are answered, what an effect took puts off the next ones; a machine that answers none is
theirs. One job alone never waits.
"""

from __future__ import annotations

SHARE = 0.25
"""Of the loop's time, for the transactions of jobs with effects."""
EFFECT_SHARE = 0.35
"""Of the machine's time, for effects while calls are answered."""
LONGEST_CHARGE = 0.05
"""Seconds of an effect that count: one that takes longer waits for somebody else."""
BUSY = 100.0
"""Calls a second from which on they are spared; below, effects run as fast as they can."""
COUNTED = 0.2
"""Seconds over which calls are counted."""
CREDIT = 0.1
"""Seconds of work that pass at once after a pause: a rotation that is alone never waits."""


class Pace:
    """When the next piece of work may begin. All moments are monotonic seconds."""

    def __init__(self) -> None:
        self.free_at = 0.0
        self._counted_at = 0.0
        self._counted = 0
        self._busy = False

    def transaction(self, began: float, ended: float) -> None:
        """One ran on the loop."""
        self._put_off(began, (ended - began) / SHARE)

    def effect(self, began: float, ended: float, answered: int) -> None:
        """One has ended, and so many calls were answered since the server's start."""
        since = ended - self._counted_at
        if since >= COUNTED:
            self._busy = answered - self._counted >= BUSY * since
            self._counted_at, self._counted = ended, answered
        if self._busy:
            self._put_off(ended, min(ended - began, LONGEST_CHARGE) / EFFECT_SHARE)

    def _put_off(self, moment: float, seconds: float) -> None:
        self.free_at = max(self.free_at, moment - CREDIT) + seconds
