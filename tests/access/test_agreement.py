"""The engine and the reference evaluator agree on generated scenes: outcome, decisive place, every matched statement."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access import reference
from holdfast.access.decision import Decision
from holdfast.access.grounds import Identity
from tests.access.scenes import ABROAD, Scene, context_of, engine_decision, engine_of, identity_of, make_scene

PAIRS = 10_000


def agree(scene: Scene, identity: Identity | None = None, decision: Decision | None = None) -> str:
    """Hold both against each other; the outcome."""
    decision = decision or engine_decision(scene, identity)
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


REQUEST = ("action", "resource", "owner", "context", "circumstances")


def test_one_caller_with_many_requests() -> None:
    """What an identity remembers of an earlier request is about no other one: the same resource with another context, at
    another time, and other resources."""
    random = Random(20_260_104)
    for _ in range(150):
        scene = make_scene(random)
        identity = identity_of(scene)
        others = [make_scene(random) for _ in range(12)]
        pool = [other for other in others if other["resource_kind"] == scene["resource_kind"]]
        for other in [*pool, *reversed(pool)]:
            asked = {name: other[name] for name in REQUEST}
            for member in ("context", "circumstances"):
                agree({**scene, **asked, member: scene[member]}, identity)
            agree({**scene, **asked}, identity)


def test_a_decision_that_is_kept_is_the_one_that_would_be_made() -> None:
    """The same caller and policies are asked again and again, with one circumstance or condition key another."""
    random = Random(20_261_127)
    kept = 0
    for _ in range(300):
        scene = make_scene(random)
        engine = engine_of(scene)
        others = [make_scene(random) for _ in range(3)]
        asked = [scene, *({**scene, "context": context_of(random, scene["resource_kind"])} for _ in range(4))]
        asked += [{**scene, "circumstances": other["circumstances"]} for other in others]
        asked += [{**scene, "owner": ABROAD}, {**scene, "resource": "*"}]
        given: list[Decision] = []
        for each in asked + random.sample(asked, len(asked)):
            given.append(engine(each))
            agree(each, decision=given[-1])
        kept += len(given) - len({id(decision) for decision in given})
    assert kept > 500, "nothing was kept: the test shows nothing"


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_pair_that_can_shrink(random: Random) -> None:
    agree(make_scene(random))
