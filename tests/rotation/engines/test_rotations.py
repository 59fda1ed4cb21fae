"""Rotations in a row, and steps that run again after a crash, against every server."""

from __future__ import annotations

import pytest

from holdfast.rotation.engine import RotationError
from tests.canaries import canary
from tests.rotation.engines.conftest import SERVERS
from tests.rotation.engines.families import STRATEGIES, Family, Rotation


@pytest.mark.parametrize("family", SERVERS, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_in_a_row(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    first = rotation.current["username"]
    users = [first]
    for _ in range(4):
        rotation.rotate()
        family.log_in(rotation.current)
        users.append(rotation.current["username"])
        assert rotation.current["note"] == "kept"
        assert rotation.previous is not None
        if rotation.engine.alternating:
            family.log_in(rotation.previous)
        else:
            with pytest.raises(Exception, match=r"(?i)auth|denied"):
                family.log_in(rotation.previous)
    other = f"{first}_clone" if rotation.engine.alternating else first
    assert users == [first, other, first, other, first]


@pytest.mark.parametrize("family", SERVERS, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_step_may_run_again(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    for _ in range(2):
        for _ in range(2):
            rotation.create()
            rotation.set()
        for _ in range(2):
            rotation.test()
        rotation.finish()
        family.log_in(rotation.current)


def test_after_a_crash_between_set_and_finish_one_user_is_out_until_it_runs_again(family: Family) -> None:
    rotation = Rotation(family, "SingleUser")
    rotation.create()
    rotation.set()
    with pytest.raises(Exception, match=r"(?i)auth|denied"):
        family.log_in(rotation.current)
    pending = rotation.pending
    rotation.rotate()
    assert rotation.current is pending
    family.log_in(rotation.current)


def test_the_previous_password_still_helps(family: Family) -> None:
    """Labels moved, and the database did not: what a restored backup of the database looks like."""
    rotation = Rotation(family, "SingleUser")
    rotation.rotate()
    assert rotation.previous is not None
    family.change_by_hand(rotation.previous["username"], rotation.previous["password"])
    rotation.rotate()
    family.log_in(rotation.current)


def test_the_previous_password_of_somebody_else_is_never_sent(family: Family) -> None:
    rotation = Rotation(family, "SingleUser")
    other = family.make()
    rotation.previous = other
    rotation.current = {**rotation.current, "password": canary("wrong")}
    rotation.create()
    with pytest.raises(RotationError, match="Neither the pending nor any earlier password logs in"):
        rotation.set()
    family.log_in(other)


def test_who_writes_a_secret_cannot_take_over_the_alternate(family: Family) -> None:
    """A secret that claims to be somebody's clone: the superuser would set that somebody's password."""
    victim = family.make()
    rotation = Rotation(family, "MultiUser")
    rotation.current = {**rotation.current, "username": f"{victim['username']}_clone"}
    rotation.create()
    assert rotation.pending is not None
    assert rotation.pending["username"] == victim["username"]
    with pytest.raises(RotationError, match="does not let"):
        rotation.set()
    family.log_in(victim)


@pytest.mark.parametrize(("key", "value"), [("host", "localhost"), ("port", 1)])
def test_a_superuser_elsewhere_is_not_used(family: Family, key: str, value: object) -> None:
    rotation = Rotation(family, "MultiUser")
    assert rotation.master is not None
    rotation.master = {**rotation.master, key: value}
    rotation.create()
    with pytest.raises(RotationError, match="same host and port"):
        rotation.set()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("key", "value"), [("host", "localhost"), ("port", 1), ("username", "postgres")])
def test_a_pending_secret_of_somewhere_else_is_refused(family: Family, strategy: str, key: str, value: object) -> None:
    rotation = Rotation(family, strategy)
    rotation.create()
    assert rotation.pending is not None
    rotation.pending = {**rotation.pending, key: value}
    with pytest.raises(RotationError, match="pending secret"):
        rotation.set()
    family.log_in(rotation.current)
