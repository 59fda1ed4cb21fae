"""Every figure of a run for the person who waits at the terminal, the targets last."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table as Shown

from benchmarks.events import Events
from benchmarks.functions import Functions
from benchmarks.results import Run
from benchmarks.rotation import Rotation
from benchmarks.samples import Table
from benchmarks.scale import Scale
from benchmarks.startup import Startup


def show(run: Run, console: Console) -> None:
    """Print what was measured, and whether it is enough."""
    for _, measured in run.ordered():
        _figures(measured.found, console)
    shown = Shown("figure", "must be", "is", "", box=None)
    for goal in run.goals():
        shown.add_row(goal.figure, goal.target, goal.reached, "[green]reached" if goal.met else "[red]missed")
    console.print(shown)
    for name, measured in run.ordered():
        before, after = measured.load_average
        took = f"{measured.minutes:.1f} min" if measured.minutes is not None else "unknown"
        console.print(f"{name}: took {took}, load average before {before:.1f}, after {after:.1f}")


def _figures(found: Any, console: Console) -> None:
    match found:
        case Table():
            shown = Shown("call", "server", "conn.", "requests/s", "p50 ms", "p99 ms", "CPU µs", "not 2xx", box=None)
            for series in found.all():
                row = (f"{series.rate:,.0f}", f"{series.p50:.2f}", f"{series.p99:.1f}", f"{series.cpu:,.1f}")
                shown.add_row(series.operation, series.server, str(series.connections), *row, str(series.failed))
            console.print(shown)
        case Startup():
            for case, seconds in found.seconds.items():
                console.print(f"start to {case}: {', '.join(f'{s:.3f}' for s in seconds)} s")
        case Functions():
            for case, times in found.cold.items():
                console.print(f"cold start of {case}: {', '.join(f'{ms:.0f}' for ms in times)} ms")
            console.print(f"warm invocation: {', '.join(f'{ms:.2f}' for ms in found.warm)} ms")
        case Rotation() | Events():
            for figure, value in found.figures():
                console.print(f"{figure}: {value}", markup=False)
        case Scale():
            shown = Shown("call", "CPU ratio", "wait ratio", box=None)
            for growth in found.calls:
                shown.add_row(growth.label, f"{growth.cpu_ratio:.2f}", f"{growth.wait_ratio:.2f}")
            console.print(shown)
        case _:
            raise TypeError(type(found))
