"""What was measured, part by part, and results.json, which keeps it.

INVARIANT: a part is one stretch of time. Whatever is compared with something else is measured in the same part, in
interleaved rounds, so a part may be measured anew by itself; each keeps its own date, machine and load average, and the
report shows them: nothing pretends to be from one run that is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import goals
from benchmarks.goals import Goal
from benchmarks.parts import PARTS
from benchmarks.samples import Series, Table

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Measured:
    """One part, and what its figures were made on."""

    date: str
    machine: dict[str, str]
    rounds: int
    seconds: int
    """How long one load lasts."""
    load_average: tuple[float, float]
    """Of one minute, before the part and after it."""
    minutes: float | None
    """How long the part took; unknown for the oldest ones."""
    found: Any
    """What the part's `measure` answered."""


@dataclass(slots=True)
class Run:
    """The parts that there are."""

    parts: dict[str, Measured] = field(default_factory=dict[str, Measured])

    def goals(self) -> list[Goal]:
        return goals.of({name: measured.found for name, measured in self.parts.items()})

    def as_json(self) -> dict[str, Any]:
        """Plain figures, every round of them."""
        return {
            "goals": [asdict(goal) for goal in self.goals()],
            "parts": {name: _as_json(measured) for name, measured in self.ordered()},
        }

    def ordered(self) -> list[tuple[str, Measured]]:
        """By the order of the report, not by that of measuring."""
        return [(name, self.parts[name]) for name in PARTS if name in self.parts]


def read(text: str) -> Run:
    """What `as_json` wrote. A part that is no longer there is left out."""
    kept: Mapping[str, Any] = json.loads(text)["parts"]
    return Run({name: _measured(name, kept[name]) for name in PARTS if name in kept})


def _as_json(measured: Measured) -> dict[str, Any]:
    found = measured.found
    figures = [asdict(series) for series in found.all()] if isinstance(found, Table) else asdict(found)
    return {
        "date": measured.date,
        "machine": measured.machine,
        "rounds": measured.rounds,
        "seconds": measured.seconds,
        "load_average": measured.load_average,
        "minutes": measured.minutes,
        "found": figures,
    }


def _measured(name: str, kept: Any) -> Measured:
    kind = PARTS[name].kind
    if kind is Table:
        found = Table.of(msgspec.convert(kept["found"], list[Series]))
    else:
        found = msgspec.convert(kept["found"], kind, str_keys=True)  # sizes are keys, which are text in JSON
    return msgspec.convert({**kept, "found": found}, Measured)
