"""The benchmarks' own rules: CPU and memory of a whole process tree, and parts that are kept, merged and shown.

What a figure is worth hangs on both: a child process that is not counted makes a server look cheap, and a part that is lost
or shown under another one's date makes the report wrong. No server is measured here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as program
from benchmarks import access, durability, parameters, report, results, throughput
from benchmarks.events import Events
from benchmarks.functions import Functions
from benchmarks.parts import PARTS, Part, Plan
from benchmarks.processes import Process, seconds_between
from benchmarks.results import Measured, Run
from benchmarks.rotation import Rotation
from benchmarks.samples import Sample, Table, Tell
from benchmarks.scale import Growth, Scale
from benchmarks.startup import Startup

# -- the process tree ---------------------------------------------------------------------------------------------------

CHILDREN = 4
BURNING = "import time\nwhile time.process_time() < 0.1: pass"
STARTS_CHILDREN = f"""
import subprocess, sys, time
for _ in range({CHILDREN}):
    subprocess.run([sys.executable, "-S", "-c", {BURNING!r}], check=True)
print("ended", flush=True)
time.sleep(60)
"""
MEGABYTES = 64
HOLDING = f"""
held = bytearray(b"x") * ({MEGABYTES} << 20)
print("holding", flush=True)
import time
time.sleep(60)
"""
STARTS_A_LARGE_CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-S", "-c", {HOLDING!r}])
"""


@contextmanager
def running(script: str) -> Generator[tuple[Process, int]]:
    """A process on that script, and where its output can be read."""
    ours, its = os.pipe()
    try:
        process = Process("script", [sys.executable, "-S", "-c", script], 0, its)
        os.close(its)
        try:
            yield process, ours
        finally:
            children = process.tree()[1:]
            process.stop()
            for pid in children:
                os.kill(pid, signal.SIGTERM)
    finally:
        os.close(ours)


def test_cpu_of_children_that_ended_stays_counted() -> None:
    with running(STARTS_CHILDREN) as (process, output):
        os.set_blocking(output, False)
        seen = [process.cpu_seconds()]
        while not _said(output):
            seen.append(process.cpu_seconds())
        seen.append(process.cpu_seconds())
        assert process.tree() == [process.pid]
    assert seen == sorted(seen)
    assert seen[-1] >= CHILDREN * 0.09  # the kernel counts in 10 ms


def _said(output: int) -> bool:
    try:
        return bool(os.read(output, 100))
    except BlockingIOError:
        return False


def test_memory_is_that_of_the_tree() -> None:
    with running(STARTS_A_LARGE_CHILD) as (process, output):
        assert os.read(output, 100)
        assert len(process.tree()) == 2
        assert process.proportional_memory() >= MEGABYTES


def test_time_of_threads_in_children_is_counted() -> None:
    with running(STARTS_A_LARGE_CHILD) as (process, output):
        before = process.thread_nanoseconds()
        assert os.read(output, 100)
        after = process.thread_nanoseconds()
        assert {pid for pid, _ in after} == set(process.tree())
        assert seconds_between(before, after) > 0


def test_a_thread_that_ended_makes_no_time_negative() -> None:
    before = {(1, 1): 5_000_000, (1, 2): 900_000_000}
    assert seconds_between(before, {(1, 1): 7_000_000, (2, 2): 1_000_000}) == 0.003


# -- parts that are kept ------------------------------------------------------------------------------------------------


def table(*axes: tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]) -> Table:
    found = Table()
    for operations, servers, connections in axes:
        for operation in operations:
            for server in servers:
                for number in connections:
                    for rate in (1000.0, 1200.0):
                        found.add(operation, server, number, Sample(1000, rate, 1.5, 9.5, 0, 0, 50.5))
    return found


BARE = ((throughput.BARE,), (throughput.BARE,), throughput.CONNECTIONS)
SERVERS = (throughput.OURS, throughput.ALONE, throughput.MOTO)
FOUND: dict[str, Any] = {
    "throughput": table((throughput.OPERATIONS, SERVERS, throughput.CONNECTIONS), BARE),
    "access": table(((access.OPERATION,), access.CALLERS, (access.CONNECTIONS,))),
    "durability": table(((durability.OPERATION,), tuple(durability.MODES), durability.CONNECTIONS)),
    "parameters": table((parameters.OPERATIONS, parameters.LISTENERS, (parameters.CONNECTIONS,))),
    "startup": Startup(
        {"GetCallerIdentity": [0.25], "GetSecretValue": [0.5]},
        {"holdfast": [40.0], "moto_server": [44.0]},
        {"holdfast": [41.0], "moto_server": [160.0]},
    ),
    "functions": Functions({case: [200.0, 300.0] for case in Functions().cold}, [0.5]),
    "rotation": Rotation([80.0], [50.0], 1000, 33.0, 98, 60.0, 0, [1000.0, 1100.0], [900.0]),
    "events": Events([10.0], [2.0], 500, 7.0, 480, 0),
    "scale": Scale(
        (1000, 2000),
        [Growth(call, {1000: [50.0], 2000: [51.0]}, {1000: [90.0], 2000: [91.0]}) for call in ("GetSecretValue", "L")],
        {1000: 50.0, 2000: 51.0},
        {1000: 5.0, 2000: 9.0},
        {1000: 0.3, 2000: 0.3},
    ),
}


def measured(found: Any, date: str = "2026-11-27", **facts: str) -> Measured:
    return Measured(date, {"cores": "2", **facts}, 5, 1, (0.25, 1.5), 2.5, found)


def test_results_come_back_as_they_were_written() -> None:
    assert set(FOUND) == set(PARTS)
    run = Run({part: measured(found) for part, found in FOUND.items()})
    text = json.dumps(run.as_json())
    again = results.read(text)
    assert json.dumps(again.as_json()) == text
    assert [again.parts[part].found for part in ("startup", "functions", "rotation", "events", "scale")] == [
        FOUND[part] for part in ("startup", "functions", "rotation", "events", "scale")
    ]
    assert report.page(again) == report.page(run)


def test_each_part_shows_its_own_date_and_what_differs_of_its_machine() -> None:
    run = Run(
        {
            "events": measured(FOUND["events"], "2026-11-27", kernel="new"),
            "throughput": measured(FOUND["throughput"], "2026-11-24", kernel="old"),
        }
    )
    page = report.page(run).splitlines()
    assert "| throughput | 2026-11-24 | 5 | 1 s | 0.2, 1.5 | 2.5 min |" in page
    assert "| events | 2026-11-27 | 5 | 1 s | 0.2, 1.5 | 2.5 min |" in page
    assert "| cores | 2 |" in page
    assert "| kernel | old (throughput); new (events) |" in page


def test_the_report_is_what_the_results_say() -> None:
    """Otherwise: python -m benchmarks --render."""
    run = results.read(results.FILE.read_text())
    assert report.PAGE.read_text() == report.page(run)
    assert json.loads(results.FILE.read_text())["goals"] == run.as_json()["goals"]


# -- a run --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report of its own, of two parts measured before; `events` now finds other figures, and `rotation` breaks."""

    def events(_: Path, plan: Plan, tell: Tell) -> Events:
        tell("events")
        return Events([20.0] * plan.rounds, [3.0], 500, 7.0, 480, 0)

    def rotation(folder: Path, _: Plan, tell: Tell) -> Rotation:
        tell("rotations")
        (folder / "left behind").touch()
        raise RuntimeError("no database")

    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    monkeypatch.setattr(report, "PAGE", tmp_path / "README.md")
    ours = {"rotation": Part(Rotation, lambda _: 1, rotation, one_round=True), "events": Part(Events, int, events)}
    for module in (program, results):
        monkeypatch.setattr(module, "PARTS", ours)
    report.write(Run({name: measured(FOUND[name], "2026-01-01") for name in ours}))
    return tmp_path


def dates(files: Path) -> dict[str, str]:
    kept = json.loads((files / "results.json").read_text())["parts"]
    return {part: values["date"] for part, values in kept.items()}


def test_a_part_that_breaks_loses_no_other(files: Path) -> None:
    assert program.main(["--folder", str(files)]) == 1
    after = dates(files)
    assert after["rotation"] == "2026-01-01"
    assert after["events"] > "2026-01-01"
    assert f"| events | {after['events']} | 5 |" in (files / "README.md").read_text()
    assert sorted(file.name for file in files.iterdir()) == ["README.md", "results.json"]


def test_one_part_is_written_only_when_that_is_asked_for(files: Path) -> None:
    before = (files / "results.json").read_text()
    assert program.main(["--only", "events", "--folder", str(files)]) == 0
    assert (files / "results.json").read_text() == before
    assert program.main(["--only", "events", "--keep", "--rounds", "7", "--folder", str(files)]) == 0
    kept = json.loads((files / "results.json").read_text())["parts"]
    assert kept["events"]["found"]["changes"] == [20.0] * 7
    assert kept["rotation"] == json.loads(before)["parts"]["rotation"]


@pytest.mark.parametrize("arguments", [["--keep"], ["--keep", "--only", "events", "--quick"]])
def test_keep_is_for_parts_that_are_measured_in_full(
    files: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (files / "results.json").read_text()
    with pytest.raises(SystemExit):
        program.main(arguments)
    assert "--keep is for --only" in capsys.readouterr().err
    assert (files / "results.json").read_text() == before
