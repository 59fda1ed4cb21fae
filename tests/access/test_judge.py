"""The second judge (npm: @cloud-copilot/iam-simulate) agrees, but for the differences that are listed with their reasons."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.access.differences import DIFFERENCES, Difference
from tests.access.judge import judge, simulation_of
from tests.access.scenes import Scene, engine_decision, make_scene

SCENES = 3_000


def for_the_judge(scene: Scene) -> bool:
    """Whether the judge knows what the scene is about: one session policy, no grants, no web identities."""
    return (
        not scene["grants"]
        and scene["principal"]["kind"] != "WebIdentityUser"
        and len(scene["session_policies"] or []) < 2
    )


def test_generated_scenes() -> None:
    random = Random(20_260_103)
    scenes: list[Scene] = []
    while len(scenes) < SCENES:
        scene = make_scene(random)
        if for_the_judge(scene):
            scenes.append(scene)
    judged = unexcused = 0
    for scene, found in zip(scenes, judge([simulation_of(scene) for scene in scenes]), strict=True):
        if "errors" in found:
            # Wildcards in service prefixes, which its checks of policies refuse.
            assert "Service can only contain letters" in str(found["errors"]), (scene, found)
            continue
        scene["context"] = {key: value for key, value in scene["context"].items() if key not in found["ignored"]}
        judged += 1
        excuses = [difference.name for difference in DIFFERENCES if difference.present(scene)]
        unexcused += not excuses
        if not excuses:
            assert engine_decision(scene).outcome == found["result"], scene
    # The list of differences must not excuse everything.
    assert judged > SCENES * 0.95
    assert unexcused > SCENES / 2


@pytest.fixture(scope="module")
def verdicts() -> dict[str, dict[str, Any]]:
    found = judge([simulation_of(difference.example) for difference in DIFFERENCES])
    return {difference.name: verdict for difference, verdict in zip(DIFFERENCES, found, strict=True)}


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_each_difference_is_one(difference: Difference, verdicts: dict[str, dict[str, Any]]) -> None:
    assert difference.engine != difference.judge
    assert difference.present(difference.example)
    assert engine_decision(difference.example).outcome == difference.engine
    assert verdicts[difference.name]["result"] == difference.judge
