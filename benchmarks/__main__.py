"""Run the benchmarks.

python -m benchmarks                  everything; renders README.md and results.json after each part
python -m benchmarks --quick          a minute or two: one short round of each part, nothing written
python -m benchmarks --only scale     one part, nothing written
python -m benchmarks --only scale --keep      one part, written; the others stay as they are, each with its date
python -m benchmarks --render         the report anew, from the figures in results.json
python -m benchmarks --quick --check  exit code 1 when an answer was wrong (targets need the full run)

A part that breaks does not end the run: the others are measured, the report keeps what it had of the broken one, and the
exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine, report, results, shown, wrk
from benchmarks.parts import PARTS, Plan
from benchmarks.results import Measured, Run
from benchmarks.samples import Tell


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _arguments()
    given = parser.parse_args(arguments)
    if given.render:
        report.write(_published())
        return 0
    if given.keep and (given.quick or not given.only):
        parser.error("--keep is for --only without --quick: a whole run replaces every part")
    wrk.require()
    plan = Plan(given.rounds or (1 if given.quick else 5), seconds=1, quick=given.quick)
    names = [name for name in PARTS if name in (given.only or PARTS)]
    writes = not given.quick and (given.keep or not given.only)
    console = Console(width=None if sys.stdout.isatty() else 150)
    run, published = Run(), _published() if writes else Run()
    broken: list[str] = []
    for name in names:
        try:
            run.parts[name] = published.parts[name] = _measure(name, plan, given.folder, console)
        except Exception:  # noqa: BLE001 - whatever broke one part, the others took minutes to measure
            console.print_exception()
            broken.append(name)
        else:
            if writes:
                report.write(published)
    shown.show(run, console)
    if writes:
        console.print("benchmarks/README.md and benchmarks/results.json are rendered.")
    if broken:
        again = " ".join(f"--only {name}" for name in broken)
        console.print(f"[red]Not measured: {', '.join(broken)}.[/red] Again: python -m benchmarks {again} --keep")
    full = len(names) == len(PARTS) and not given.quick
    missed = [goal for goal in run.goals() if not goal.met and (full or goal.target == "0")]
    return 1 if broken or (given.check and missed) else 0


def _published() -> Run:
    return results.read(results.FILE.read_text()) if results.FILE.exists() else Run()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Holdfast beside moto_server.")
    parser.add_argument("--quick", action="store_true", help="one short round of each part; nothing is written")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part only; may be given again")
    parser.add_argument(
        "--keep", action="store_true", help="with --only: write the report; other parts stay as they are"
    )
    parser.add_argument("--render", action="store_true", help="measure nothing; render README.md from results.json")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each part (default 5; 1 with --quick)")
    parser.add_argument("--check", action="store_true", help="exit code 1 when something failed or a target was missed")
    parser.add_argument("--folder", default=None, help="where throw-away data directories are made")
    return parser


def _measure(name: str, plan: Plan, place: str | None, console: Console) -> Measured:
    """One part, in a folder that is gone afterwards."""
    part = PARTS[name]
    with tempfile.TemporaryDirectory(prefix=f"holdfast-benchmarks-{name}-", dir=place) as folder:
        facts = machine.describe(Path(folder))
        if facts["file system"] == "tmpfs":
            console.print("[yellow]The folder is in memory: durable writes cost nothing there. Name another: --folder")
        date, before, began = datetime.now(UTC), machine.load_average(), time.perf_counter()
        columns = (TextColumn("{task.fields[part]:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.description}"), console=console) as progress:
            total = part.steps(plan.rounds)
            task = progress.add_task("", total=total, part=name)
            found = part.measure(Path(folder), plan, _teller(progress, int(task)))
            progress.update(task, completed=total, description="")
        minutes = (time.perf_counter() - began) / 60
    rounds = 1 if part.one_round else plan.rounds
    return Measured(
        date.strftime("%Y-%m-%d"), facts, rounds, plan.seconds, (before, machine.load_average()), minutes, found
    )


def _teller(progress: Progress, task: int) -> Tell:
    told = 0

    def tell(what: str) -> None:
        nonlocal told
        progress.update(progress.task_ids[task], completed=told, description=what)
        told += 1

    return tell


if __name__ == "__main__":
    sys.exit(main())
