"""The server dies inside every step of a rotation and at random moments: it goes on with the same version, and no second
password is ever made for one version.

The random moments are a seeded sample of `make chaos` (HOLDFAST_CHAOS_ROUNDS).
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.rotation.conftest import Rotated, until
from tests.rotation.server import RotatingServer

ROUNDS = int(os.environ.get("HOLDFAST_CHAOS_ROUNDS", "6"))
SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261127"))


def _ended(server: RotatingServer) -> None:
    assert server.process is not None
    server.process.wait(30)
    server.kill()


@pytest.mark.parametrize("moment", ["set-before", "set-after", "test"])
def test_killed_inside_a_step_it_goes_on_with_the_same_version(tmp_path: Path, moment: str) -> None:
    server = RotatingServer(tmp_path / "data")
    server.start()
    rotated = Rotated(server, tmp_path)
    rotated.database.order("kill", moment)
    token = rotated.rotate()
    _ended(server)
    server.start()
    rotated.rotated_to(token)
    assert rotated.database.logs_in(rotated.value())
    assert len(set(rotated.database.passwords_set("app"))) == 1
    attempts = rotated.attempts()
    assert [a["Outcome"] for a in attempts] == ["interrupted", "succeeded"]
    assert attempts[0]["Steps"][-1]["Step"] == ("testSecret" if moment == "test" else "setSecret")
    assert {a["Token"] for a in attempts} == {token}
    server.close()


def test_killed_at_any_moment_every_rotation_is_finished(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    server = RotatingServer(tmp_path / "data")
    server.start()
    secrets = [Rotated(server, tmp_path) for _ in range(5)]
    for number in range(ROUNDS):
        tokens = {each: each.rotate() for each in secrets}
        for each in secrets:
            each.database.order("slow", str(chance.random() * 0.01))
        # Not a wait for something to happen: the moment of the kill is the random variable.
        time.sleep(chance.random() * 0.06)
        server.kill()
        server.start()
        for each, token in tokens.items():
            each.rotated_to(token)
            assert each.database.logs_in(each.value()), f"round {number}"
            until(lambda each=each: each.attempts()[-1]["Outcome"] == "succeeded")
    for each in secrets:
        made = each.database.passwords_set("app")
        assert len(made) == len(set(made)) == ROUNDS, "one password a version, each set once"
    server.close()
