"""The engine and the reference evaluator agree on generated scenes: outcome, decisive place, every matched statement."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access import reference
from tests.access.scenes import Scene, engine_decision, make_scene

PAIRS = 10_000


def agree(scene: Scene) -> str:
    """Hold both against each other; the outcome."""
    decision = engine_decision(scene)
    found = {
        "outcome": decision.outcome,
        "missing": decision.missing,
        "matched": [(statement.policy, statement.index) for statement in decision.matched],
    }
    assert found == reference.evaluate(scene), scene
    return decision.outcome


def test_ten_thousand_pairs() -> None:
    random = Random(20_260_102)
    seen = Counter(agree(make_scene(random)) for _ in range(PAIRS))
    # A sample that is denied throughout would agree on everything.
    assert min(seen.values()) > PAIRS / 20, seen
    assert set(seen) == {"allow", "implicit-deny", "explicit-deny"}


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_pair_that_can_shrink(random: Random) -> None:
    agree(make_scene(random))
