"""README.md and results.json, rendered by the run that measured them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import access, durability, goals, parameters, rotation, startup, throughput
from benchmarks.events import Events
from benchmarks.functions import Functions
from benchmarks.goals import Goal
from benchmarks.rotation import Rotation
from benchmarks.samples import Series, Table
from benchmarks.scale import Growth, Scale
from benchmarks.startup import Startup

HERE = Path(__file__).parent
Cells = Sequence[str]


@dataclass(slots=True)
class Run:
    """Everything one run of `python -m benchmarks` found out."""

    date: str
    machine: dict[str, str]
    rounds: int
    seconds: int
    load_average: list[float] = field(default_factory=list[float])
    """Before each part, and at the end."""
    throughput: Table | None = None
    access: Table | None = None
    durability: Table | None = None
    parameters: Table | None = None
    startup: Startup | None = None
    rotation: Rotation | None = None
    functions: Functions | None = None
    events: Events | None = None
    scale: Scale | None = None

    def goals(self) -> list[Goal]:
        found: list[Goal] = []
        if self.throughput:
            found += goals.throughput_goals(self.throughput)
        if self.access:
            found += goals.access_goals(self.access)
        if self.durability:
            found += goals.durability_goals(self.durability)
        if self.parameters:
            found += goals.parameters_goals(self.parameters)
        if self.startup:
            found += goals.startup_goals(self.startup)
        if self.functions:
            found += goals.functions_goals(self.functions)
        if self.rotation:
            found += goals.rotation_goals(self.rotation)
        if self.events:
            found += goals.events_goals(self.events)
        if self.scale:
            found += goals.scale_goals(self.scale)
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain figures, every round of them."""
        return {
            "date": self.date,
            "machine": self.machine,
            "rounds": self.rounds,
            "seconds_of_a_load": self.seconds,
            "load_average": self.load_average,
            "goals": [asdict(goal) for goal in self.goals()],
            "throughput": [asdict(series) for series in self.throughput.all()] if self.throughput else None,
            "access": [asdict(series) for series in self.access.all()] if self.access else None,
            "durability": [asdict(series) for series in self.durability.all()] if self.durability else None,
            "parameters": [asdict(series) for series in self.parameters.all()] if self.parameters else None,
            "rotation": asdict(self.rotation) if self.rotation else None,
            "events": asdict(self.events) if self.events else None,
            "startup": asdict(self.startup) if self.startup else None,
            "functions": asdict(self.functions) if self.functions else None,
            "scale": asdict(self.scale) if self.scale else None,
        }


def write(run: Run) -> None:
    """Both files."""
    (HERE / "results.json").write_text(json.dumps(run.as_json(), indent=1) + "\n")
    (HERE / "README.md").write_text(page(run))


def page(run: Run) -> str:
    """README.md."""
    parts = [
        "# Benchmarks",
        "",
        "Rendered by `make bench`, from the run that measured it; do not edit. All figures of every round are in "
        "[results.json](results.json).",
        "",
        *table(("figure", "must be", "is", ""), ((g.figure, g.target, g.reached, _mark(g)) for g in run.goals())),
        "## How",
        "",
        *_method(run),
        *table(("machine", ""), run.machine.items()),
    ]
    if run.throughput:
        parts += ["## Reads and writes", "", *_throughput(run.throughput)]
    if run.access:
        parts += ["## What policies cost", "", *_access(run.access)]
    if run.durability:
        parts += ["## What durability costs", "", *_durability(run.durability)]
    if run.parameters:
        parts += ["## Parameters and events", "", *_parameters(run.parameters)]
    if run.startup:
        parts += ["## Start and memory", "", *_startup(run.startup)]
    if run.functions:
        parts += ["## Functions", "", *_functions(run.functions)]
    if run.rotation:
        parts += ["## Rotations", "", *_rotation(run.rotation)]
    if run.events:
        parts += ["## Events", "", *_events(run.events)]
    if run.scale:
        parts += ["## Growth", "", *_scale(run.scale)]
    return "\n".join(parts).rstrip() + "\n"


def _mark(goal: Goal) -> str:
    return "reached" if goal.met else "**missed**"


def _method(run: Run) -> list[str]:
    loads = ", ".join(f"{load:.1f}" for load in run.load_average)
    return [
        f"- {run.date}. {run.rounds} interleaved rounds; whoever comes first changes with each round; figures are "
        f"medians over the rounds, in brackets least and most. One load lasts {run.seconds} s.",
        "- Load: `wrk`, one thread, on the same machine over loopback; 64 really signed requests in boto3's shape, "
        "signed before the clock runs. Writes: each request its own name or token, none sent twice; a store of the same "
        "shape for both servers, a region of its own for each load (moto's time grows with the secrets in a region).",
        "- CPU is user and system time of the server's whole process tree for each answered request. It is the figure "
        "that survives a busy machine; requests a second share the cores with the load generator.",
        "- The comparison favours moto: it checks no signature and no permission, encrypts nothing, writes nothing to "
        "disk and keeps no audit trail. Here each call is verified, authorized, decrypted through KMS and audited "
        "(reads in batches), and a write is answered when it is on disk.",
        f"- One-minute load average before each part and at the end: {loads}; above the number of cores, others were "
        "busy on this machine, and times are longer than they should be.",
        "",
    ]


def _throughput(found: Table) -> list[str]:
    rows: list[Cells] = []
    for operation in throughput.OPERATIONS:
        for connections in throughput.CONNECTIONS:
            ours = found.get(operation, throughput.OURS, connections)
            moto = found.get(operation, throughput.MOTO, connections)
            bare = found.get(throughput.BARE, throughput.BARE, connections)
            share = f"{bare.cpu / ours.cpu:.2f}"
            rows.append((*_figures(ours), f"**{ours.rate / moto.rate:.1f} x moto**", share))
            rows.append((*_figures(moto), "", ""))
    rows += [
        (*_figures(found.get(throughput.BARE, throughput.BARE, connections)), "", "1")
        for connections in throughput.CONNECTIONS
    ]
    heads = (
        "call",
        "server",
        "conn.",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "not 2xx",
        "ratio",
        "of the ceiling",
    )
    return [
        "The ceiling is the same listener with an empty application that answers 300 bytes; the share is by CPU.",
        "",
        *table(heads, rows),
    ]


def _figures(series: Series) -> tuple[str, ...]:
    least, most = series.rate_range
    return (
        series.operation,
        series.server,
        str(series.connections),
        f"{series.rate:,.0f} [{least:,.0f}-{most:,.0f}]",
        f"{series.p50:.2f}",
        f"{series.p99:.1f}",
        f"{series.cpu:,.1f}",
        str(series.failed),
    )


def _access(found: Table) -> list[str]:
    rows: list[Cells] = []
    for caller in access.CALLERS:
        by_cpu, by_rate = access.ratios(found, caller)
        figures = _figures(found.get(access.OPERATION, caller, access.CONNECTIONS))
        rows.append((*figures, f"{by_cpu:.2f}", f"{by_rate:.2f}"))
    return [
        "The same secrets on one server, read by three callers in turn. A role session brings a session token with each "
        "call. The thousand statements fill ten managed policies and the inline one to IAM's quotas; 120 are about Secrets "
        "Manager with wildcards that no index by prefix tells apart. Shares of the root key's rate are medians of each "
        "round's.",
        "",
        *table(
            ("call", "caller", "conn.", "requests/s", "p50 ms", "p99 ms", "CPU µs", "not 2xx", "by CPU", "by rate"),
            rows,
        ),
    ]


def _durability(found: Table) -> list[str]:
    rows = [
        _figures(found.get(durability.OPERATION, mode, connections))
        for connections in durability.CONNECTIONS
        for mode in durability.MODES
    ]
    return [
        "After each load the versions in the store are counted: at least as many as were acknowledged.",
        "",
        *table(("call", "acknowledged", "conn.", "requests/s", "p50 ms", "p99 ms", "CPU µs", "not 2xx"), rows),
    ]


def _parameters(found: Table) -> list[str]:
    rows = [
        (
            *_figures(found.get(operation, listener, parameters.CONNECTIONS)),
            f"{parameters.share(found, operation, parameters.SECRET, listener, parameters.ALONE):.2f}",
        )
        for operation in parameters.OPERATIONS
        for listener in parameters.LISTENERS
    ]
    return [
        "The same values written on one server. The rule wants `Parameter Store Change` and `Secret Label Updated`: each "
        "write has an event and a delivery in its own transaction, and one attempt to deliver it. Shares of "
        "PutSecretValue's rate with nobody listening are by CPU, medians of each round's.",
        "",
        *table(
            ("call", "events", "conn.", "requests/s", "p50 ms", "p99 ms", "CPU µs", "not 2xx", "of PutSecretValue"),
            rows,
        ),
    ]


def _rotation(found: Rotation) -> list[str]:
    return [
        "Debian's PostgreSQL on the same machine, which shares its cores with the server and the load. The database's own "
        f"time is that of the same engine without a server. The many secrets are due at once, in the moment in which reads "
        f"over {rotation.READERS} connections begin.",
        "",
        *table(("figure", ""), found.figures()),
    ]


def _startup(found: Startup) -> list[str]:
    seconds = [
        (case, f"{found.median_seconds(case):.3f} [{min(values):.3f}-{max(values):.3f}]")
        for case, values in found.seconds.items()
    ]
    memory = [
        (server, f"{statistics.median(found.idle[server]):.0f}", f"{statistics.median(found.loaded[server]):.0f}")
        for server in found.idle
    ]
    return [
        f"From the start of the process to the first 200, on a directory that holds secrets; memory "
        f"{startup.IDLE_SECONDS:.0f} s after the start, and after a write and reads of every service.",
        "",
        *table(("first call", "seconds"), seconds),
        *table(("server", "PSS after start, MB", "after first calls, MB"), memory),
    ]


def _events(found: Events) -> list[str]:
    return [
        "A PutParameter until the web hook of a rule has its event, on an otherwise idle server; and events put by "
        "PutEvents, ten a call, for a web hook that refuses half of all attempts. The pauses between attempts are shortened "
        "by the movable clock.",
        "",
        *table(("figure", ""), found.figures()),
    ]


def _functions(found: Functions) -> list[str]:
    facts = [
        (f"cold start of {case}", f"{found.median_cold(case):.0f} [{min(values):.0f}-{max(values):.0f}]")
        for case, values in found.cold.items()
    ]
    warm = f"{found.median_warm():.2f} [{min(found.warm):.2f}-{max(found.warm):.2f}]"
    return [
        "From the request to its answer, over a connection that is open. Cold: the function was just given other code.",
        "",
        *table(("", "ms"), [*facts, ("warm invocation of a function that does nothing", warm)]),
    ]


def _scale(found: Scale) -> list[str]:
    small, large = found.sizes
    heads = ("call", f"CPU µs, {small:,}", f"CPU µs, {large:,}", "CPU ratio", "wait ratio")
    facts = [
        (f"{size:,}", f"{found.memory[size]:.0f}", f"{found.disk[size]:,.0f}", f"{found.start[size]:.2f}")
        for size in found.sizes
    ]
    return [
        f"The same calls on a store of {small:,} and on one of {large:,} secrets, parameters, keys and aliases, in "
        "turn, over one connection. A filter without an index reads a bounded number of rows, and may answer a short page "
        "with a token.",
        "",
        *table(heads, (_growth(growth, found.sizes) for growth in found.calls)),
        *table(("items of each kind", "PSS MB", "disk MB", "start s"), facts),
    ]


def _growth(growth: Growth, sizes: tuple[int, int]) -> Cells:
    cpu = [f"{statistics.median(growth.cpu[size]):,.0f}" for size in sizes]
    return growth.label, *cpu, f"{growth.cpu_ratio:.2f}", f"{growth.wait_ratio:.2f}"


def table(heads: Cells, rows: Iterable[Cells]) -> list[str]:
    """Lines of a Markdown table and an empty one."""
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
