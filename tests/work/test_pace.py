"""Jobs that reach outside hold back while calls are answered, and only then."""

from __future__ import annotations

import pytest

from holdfast.work.pace import Pace


def _effects(rate: float, seconds: float, number: int = 100) -> float:
    """How long so many effects take, one after another, while calls are answered at this rate."""
    pace, now = Pace(), 1000.0
    for _ in range(number):
        now = max(now, pace.free_at)
        pace.effect(now, now + seconds, int((now + seconds) * rate))
        now += seconds
    return now - 1000.0


def test_without_calls_nothing_waits() -> None:
    assert _effects(rate=0, seconds=0.02) == pytest.approx(2.0)
    assert _effects(rate=20, seconds=0.02) == pytest.approx(2.0, rel=0.2)


def test_beside_calls_effects_have_their_share() -> None:
    assert 5.4 < _effects(rate=5000, seconds=0.02) < 5.8


def test_a_slow_effect_waits_for_somebody_else_and_holds_nobody_back() -> None:
    assert _effects(rate=5000, seconds=5.0, number=10) == pytest.approx(50.0, rel=0.02)


def test_the_loop_keeps_most_of_its_time() -> None:
    pace, now = Pace(), 1000.0
    for _ in range(100):
        now = max(now, pace.free_at)
        pace.transaction(now, now + 0.01)
        now += 0.01
    assert 3.8 < now - 1000.0 < 4.1
