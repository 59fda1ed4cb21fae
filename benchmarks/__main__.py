"""Run the benchmarks.

python -m benchmarks                  everything; renders README.md and results.json
python -m benchmarks --quick          a minute: one short round of each part, nothing written
python -m benchmarks --only scale     one part, nothing written
python -m benchmarks --quick --check  exit code 1 when an answer was wrong (targets need the full run)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Shown

from benchmarks import (
    access,
    durability,
    events,
    functions,
    machine,
    parameters,
    report,
    rotation,
    scale,
    startup,
    throughput,
    wrk,
)
from benchmarks.report import Run
from benchmarks.samples import Tell

PARTS = ("throughput", "access", "durability", "parameters", "startup", "functions", "rotation", "events", "scale")


def main() -> int:
    given = _arguments().parse_args()
    wrk.require()
    rounds = given.rounds or (1 if given.quick else 5)
    parts = tuple(given.only or PARTS)
    sizes = (1_000, 2_000 if given.quick else 100_000)
    console = Console(width=None if sys.stdout.isatty() else 150)
    with tempfile.TemporaryDirectory(prefix="holdfast-benchmarks-", dir=given.folder) as name:
        folder = Path(name)
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        run = Run(date, machine.describe(folder), rounds, seconds=1)
        if run.machine["file system"] == "tmpfs":
            console.print("[yellow]The folder is in memory: durable writes cost nothing there. Name another: --folder")
        for part in parts:
            run.load_average.append(machine.load_average())
            _measure(run, part, folder, sizes, console)
        run.load_average.append(machine.load_average())
    _show(run, console)
    full = parts == PARTS and not given.quick
    if full:
        report.write(run)
        console.print("benchmarks/README.md and benchmarks/results.json are rendered.")
    missed = [goal for goal in run.goals() if not goal.met and (full or goal.target == "0")]
    return 1 if given.check and missed else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Holdfast beside moto_server.")
    parser.add_argument("--quick", action="store_true", help="one short round of each part; nothing is written")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part only; may be given again")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each part (default 5; 1 with --quick)")
    parser.add_argument("--check", action="store_true", help="exit code 1 when something failed or a target was missed")
    parser.add_argument("--folder", default=None, help="where throw-away data directories are made")
    return parser


def _measure(run: Run, part: str, folder: Path, sizes: tuple[int, int], console: Console) -> None:
    total = {
        "throughput": throughput.steps,
        "access": access.steps,
        "durability": durability.steps,
        "parameters": parameters.steps,
        "startup": startup.steps,
        "functions": functions.steps,
        "rotation": rotation.steps,
        "events": events.steps,
        "scale": scale.steps,
    }[part](run.rounds)
    columns = (TextColumn("{task.fields[part]:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as progress:
        task = progress.add_task("", total=total, part=part)
        tell = _teller(progress, int(task))
        if part == "throughput":
            run.throughput = throughput.measure(folder, run.rounds, run.seconds, tell)
        elif part == "access":
            run.access = access.measure(folder, run.rounds, run.seconds, tell)
        elif part == "durability":
            run.durability = durability.measure(folder, run.rounds, run.seconds, tell)
        elif part == "parameters":
            run.parameters = parameters.measure(folder, run.rounds, run.seconds, tell)
        elif part == "startup":
            run.startup = startup.measure(folder, run.rounds, tell)
        elif part == "functions":
            run.functions = functions.measure(folder, run.rounds, tell)
        elif part == "rotation":
            many = rotation.MANY if sizes[1] > 2_000 else 50
            run.rotation = rotation.measure(folder, run.rounds, many, tell)
        elif part == "events":
            run.events = events.measure(folder, run.rounds, events.MANY if sizes[1] > 2_000 else 500, tell)
        else:
            run.scale = scale.measure(folder, sizes, run.rounds, tell)
        progress.update(task, completed=total, description="")


def _teller(progress: Progress, task: int) -> Tell:
    told = 0

    def tell(what: str) -> None:
        nonlocal told
        progress.update(progress.task_ids[task], completed=told, description=what)
        told += 1

    return tell


def _show(run: Run, console: Console) -> None:
    """Every figure for a person, the targets last."""
    for found in (run.throughput, run.access, run.durability, run.parameters):
        if found is None:
            continue
        shown = Shown("call", "server", "conn.", "requests/s", "p50 ms", "p99 ms", "CPU µs", "not 2xx", box=None)
        for series in found.all():
            row = (f"{series.rate:,.0f}", f"{series.p50:.2f}", f"{series.p99:.1f}", f"{series.cpu:,.1f}")
            shown.add_row(series.operation, series.server, str(series.connections), *row, str(series.failed))
        console.print(shown)
    if run.startup:
        for case, seconds in run.startup.seconds.items():
            console.print(f"start to {case}: {', '.join(f'{s:.3f}' for s in seconds)} s")
    if run.functions:
        for case, found in run.functions.cold.items():
            console.print(f"cold start of {case}: {', '.join(f'{ms:.0f}' for ms in found)} ms")
        console.print(f"warm invocation: {', '.join(f'{ms:.2f}' for ms in run.functions.warm)} ms")
    if run.rotation:
        for figure, value in run.rotation.figures():
            console.print(f"{figure}: {value}")
    if run.scale:
        shown = Shown("call", "CPU ratio", "wait ratio", box=None)
        for growth in run.scale.calls:
            shown.add_row(growth.label, f"{growth.cpu_ratio:.2f}", f"{growth.wait_ratio:.2f}")
        console.print(shown)
    shown = Shown("figure", "must be", "is", "", box=None)
    for goal in run.goals():
        shown.add_row(goal.figure, goal.target, goal.reached, "[green]reached" if goal.met else "[red]missed")
    console.print(shown)
    console.print("Load average before each part and at the end: " + ", ".join(f"{x:.1f}" for x in run.load_average))


if __name__ == "__main__":
    sys.exit(main())
