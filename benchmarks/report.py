"""README.md and results.json, rendered by the run that measured them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import access, durability, parameters, results, rotation, startup, throughput
from benchmarks.events import Events
from benchmarks.functions import Functions
from benchmarks.goals import Goal
from benchmarks.results import Run
from benchmarks.rotation import Rotation
from benchmarks.samples import Series, Table
from benchmarks.scale import Growth, Scale
from benchmarks.startup import Startup

PAGE = Path(__file__).with_name("README.md")
Cells = Sequence[str]


def write(run: Run) -> None:
    """Both files."""
    results.FILE.write_text(json.dumps(run.as_json(), indent=1) + "\n")
    PAGE.write_text(page(run))


def page(run: Run) -> str:
    """README.md."""
    lines = [
        "# Benchmarks",
        "",
        "Rendered by `make bench`, from what it measured; do not edit. All figures of every round are in "
        "[results.json](results.json).",
        "",
        *table(("figure", "must be", "is", ""), ((g.figure, g.target, g.reached, _mark(g)) for g in run.goals())),
        "## How",
        "",
        *_method(),
        *table(("part", "date", "rounds", "a load lasts", "load average before, after", "took"), _parts(run)),
        *table(("machine", ""), _machine(run)),
    ]
    for part, (title, section) in SECTIONS.items():
        if part in run.parts:
            lines += [f"## {title}", "", *section(run.parts[part].found)]
    return "\n".join(lines).rstrip() + "\n"


def _parts(run: Run) -> list[Cells]:
    return [
        (
            part,
            measured.date,
            str(measured.rounds),
            f"{measured.seconds} s",
            "{:.1f}, {:.1f}".format(*measured.load_average),
            f"{measured.minutes:.1f} min" if measured.minutes is not None else "",
        )
        for part, measured in run.ordered()
    ]


def _machine(run: Run) -> list[Cells]:
    """Each fact, once where all parts have the same."""
    rows: list[Cells] = []
    for fact in dict.fromkeys(fact for _, measured in run.ordered() for fact in measured.machine):
        values: dict[str, list[str]] = {}
        for part, measured in run.ordered():
            values.setdefault(measured.machine.get(fact, "unknown"), []).append(part)
        shown = [value if len(values) == 1 else f"{value} ({', '.join(parts)})" for value, parts in values.items()]
        rows.append((fact, "; ".join(shown)))
    return rows


def _mark(goal: Goal) -> str:
    return "reached" if goal.met else "**missed**"


def _method() -> list[str]:
    return [
        "- The unit is a part: what is compared with something else, with `moto_server` too, is measured in one part, in "
        "interleaved rounds; whoever comes first changes with each round. Parts may be from several runs: each has its "
        "date below. Figures are medians over the rounds, in brackets least and most; the part of rotations is one round "
        "of a thousand, with samples in it.",
        "- Load: `wrk`, one thread, on the same machine over loopback; 64 really signed requests in boto3's shape, "
        "signed before the clock runs. Writes: each request its own name or token, none sent twice; a store of the same "
        "shape for both servers, a region of its own for each load (moto's time grows with the secrets in a region).",
        "- CPU is user and system time of the server's whole process tree for each answered request, child processes "
        "included, and memory is that of the tree. CPU is the figure that survives a busy machine; requests a second "
        "share the cores with the load generator.",
        "- The comparison favours moto: it checks no signature and no permission, encrypts nothing, writes nothing to "
        "disk and keeps no audit trail. Here each call is verified, authorized, decrypted through KMS and audited "
        "(reads in batches), and a write is answered when it is on disk.",
        "- Load average: of one minute, before a part and after it; the part before is in it. Where it is well above the "
        "number of cores, others were busy on this machine, and times are longer than they should be.",
        "",
    ]


def _throughput(found: Table) -> list[str]:
    rows: list[Cells] = []
    for operation in throughput.OPERATIONS:
        for connections in throughput.CONNECTIONS:
            moto = found.get(operation, throughput.MOTO, connections)
            bare = found.get(throughput.BARE, throughput.BARE, connections)
            for name in filter(found.has, (throughput.OURS, throughput.ALONE)):
                ours = found.get(operation, name, connections)
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
        "The ceiling is the same listener with an empty application that answers 300 bytes; the share is by CPU."
        + (ONE_PROCESS if found.has(throughput.ALONE) else ""),
        "",
        *table(heads, rows),
    ]


ONE_PROCESS = (
    f" `{throughput.OURS}` is the server as it starts by default, with processes that read beside it; "
    f"`{throughput.ALONE}` is one process: what a call costs there, and the rate of one core, compare over time."
)


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
        "time is that of the same engine without a server. One round: the many secrets are due at once, in the moment in "
        f"which reads over {rotation.READERS} connections begin. Their rate is sampled each second, idle "
        f"{rotation.IDLE_SAMPLES} times before and after the many rotations and up to {rotation.BUSY_SAMPLES} times "
        "meanwhile; figures are medians of the samples. Rotations take turns with calls, so after that many samples the "
        "readers stop and the others are rotated alone. In the end every secret's versions are looked at.",
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


SECTIONS: dict[str, tuple[str, Callable[[Any], list[str]]]] = {
    "throughput": ("Reads and writes", _throughput),
    "access": ("What policies cost", _access),
    "durability": ("What durability costs", _durability),
    "parameters": ("Parameters and events", _parameters),
    "startup": ("Start and memory", _startup),
    "functions": ("Functions", _functions),
    "rotation": ("Rotations", _rotation),
    "events": ("Events", _events),
    "scale": ("Growth", _scale),
}
