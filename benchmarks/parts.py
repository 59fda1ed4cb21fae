"""The parts of the benchmarks, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import access, durability, events, functions, parameters, rotation, scale, startup, throughput
from benchmarks.events import Events
from benchmarks.functions import Functions
from benchmarks.rotation import Rotation
from benchmarks.samples import Table, Tell
from benchmarks.scale import Scale
from benchmarks.startup import Startup


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: int
    """How long one load lasts."""
    quick: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part: everything that is compared with something else in it is measured in it."""

    kind: type[Any]
    """Of what `measure` answers."""
    steps: Callable[[int], int]
    """How often `measure` tells, by rounds."""
    measure: Callable[[Path, Plan, Tell], Any]
    one_round: bool = False
    """Whatever the plan says."""


SMALL = 1_000
PARTS: dict[str, Part] = {
    "throughput": Part(
        Table, throughput.steps, lambda folder, plan, tell: throughput.measure(folder, plan.rounds, plan.seconds, tell)
    ),
    "access": Part(
        Table, access.steps, lambda folder, plan, tell: access.measure(folder, plan.rounds, plan.seconds, tell)
    ),
    "durability": Part(
        Table, durability.steps, lambda folder, plan, tell: durability.measure(folder, plan.rounds, plan.seconds, tell)
    ),
    "parameters": Part(
        Table, parameters.steps, lambda folder, plan, tell: parameters.measure(folder, plan.rounds, plan.seconds, tell)
    ),
    "startup": Part(Startup, startup.steps, lambda folder, plan, tell: startup.measure(folder, plan.rounds, tell)),
    "functions": Part(
        Functions, functions.steps, lambda folder, plan, tell: functions.measure(folder, plan.rounds, tell)
    ),
    "rotation": Part(
        Rotation,
        rotation.steps,
        lambda folder, plan, tell: rotation.measure(folder, 50 if plan.quick else rotation.MANY, tell),
        one_round=True,
    ),
    "events": Part(
        Events,
        events.steps,
        lambda folder, plan, tell: events.measure(folder, plan.rounds, 500 if plan.quick else events.MANY, tell),
    ),
    "scale": Part(
        Scale,
        scale.steps,
        lambda folder, plan, tell: scale.measure(folder, (SMALL, 2_000 if plan.quick else 100_000), plan.rounds, tell),
    ),
}
