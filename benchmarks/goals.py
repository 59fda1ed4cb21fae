"""The figures that must be reached, and whether this run reached them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import access, durability, parameters, startup, throughput
from benchmarks.events import Events
from benchmarks.functions import BOTO3, Functions
from benchmarks.rotation import Rotation
from benchmarks.samples import Table
from benchmarks.scale import Scale
from benchmarks.startup import Startup


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table everybody looks at first."""

    figure: str
    target: str
    reached: str
    met: bool


def throughput_goals(table: Table) -> list[Goal]:
    """GetSecretValue against moto, and the share of the listener's own rate that is kept."""
    goals: list[Goal] = []
    for connections in throughput.CONNECTIONS:
        ours = table.get("GetSecretValue", throughput.OURS, connections)
        moto = table.get("GetSecretValue", throughput.MOTO, connections)
        ratio = ours.rate / moto.rate
        goals.append(
            _least(f"GetSecretValue against moto_server, {connections} connections", 40, ratio, "{:.0f} x", "{:.1f} x")
        )
    for name in filter(table.has, (throughput.ALONE, throughput.OURS)):
        # The empty application is one process, too; with readers beside it, processes and `wrk` share the cores.
        form = ", one process" if name == throughput.ALONE else ""
        for connections in throughput.CONNECTIONS:
            ours = table.get("GetSecretValue", name, connections)
            bare = table.get(throughput.BARE, throughput.BARE, connections)
            figure = f"server CPU for each GetSecretValue, {connections} connections{form}"
            goals.append(_most(figure, 50, ours.cpu, "{:.0f} µs", "{:.1f} µs"))
            figure = f"share of the empty application's rate by CPU, {connections} connections{form}"
            goals.append(_least(figure, 0.13, bare.cpu / ours.cpu, "{:.2f}"))
    failed = sum(series.failed for series in table.all())
    goals.append(_most("answers that were not 2xx, lost connections", 0, failed, "{:.0f}"))
    return goals


def access_goals(table: Table) -> list[Goal]:
    """What is left of the root key's rate."""
    goals: list[Goal] = []
    for caller, target in ((access.THREE, 0.9), (access.THOUSAND, 0.8)):
        by_cpu, by_rate = access.ratios(table, caller)
        figure = f"GetSecretValue by a {caller}: share of the root key's rate"
        goals.append(_least(f"{figure}, by CPU", target, by_cpu, "{:.1f}", "{:.2f}"))
        goals.append(_least(f"{figure}, by requests/s", target, by_rate, "{:.1f}", "{:.2f}"))
    failed = sum(series.failed for series in table.all())
    goals.append(_most("reads by roles: answers that were not 2xx, lost connections", 0, failed, "{:.0f}"))
    return goals


def durability_goals(table: Table) -> list[Goal]:
    """PutSecretValue with group commit."""
    one = table.get(durability.OPERATION, durability.DURABLE, 1)
    many = table.get(durability.OPERATION, durability.DURABLE, 64)
    unsynced = table.get(durability.OPERATION, durability.UNSYNCED, 64)
    failed = sum(series.failed for series in table.all())
    return [
        _least("durable PutSecretValue, 64 clients against 1", 2.5, many.rate / one.rate, "{:.1f} x", "{:.2f} x"),
        _least(
            "durable PutSecretValue, 64 clients, against synchronous=OFF", 0.65, many.rate / unsynced.rate, "{:.2f} x"
        ),
        _most("durable PutSecretValue: answers that were not 2xx, lost connections", 0, failed, "{:.0f}"),
    ]


def parameters_goals(table: Table) -> list[Goal]:
    """PutParameter against PutSecretValue, the slower kind of parameter."""
    shares = [
        parameters.share(table, operation, parameters.SECRET, parameters.ALONE, parameters.ALONE)
        for operation in (parameters.STRING, parameters.SECURE)
    ]
    failed = sum(series.failed for series in table.all())
    return [
        _least("PutParameter: share of PutSecretValue's rate, by CPU", 0.8, min(shares), "{:.1f}", "{:.2f}"),
        _most("PutParameter: answers that were not 2xx, lost connections", 0, failed, "{:.0f}"),
    ]


def rotation_goals(found: Rotation) -> list[Goal]:
    """One rotation, and many at once."""
    return [
        _most(
            "rotation of a PostgreSQL user: everything but the database", 50, found.overhead, "{:.0f} ms", "{:.1f} ms"
        ),
        _most(f"{found.many:,} secrets due at once: rotated twice, or not", 0, found.twice, "{:.0f}"),
        _least("reads of others meanwhile: share of their idle rate", 0.7, found.kept, "{:.1f}", "{:.2f}"),
    ]


def events_goals(found: Events) -> list[Goal]:
    """A change on its way out, and none lost."""
    return [
        _most("from a change to its web hook, idle server", 100, found.median_change(), "{:.0f} ms", "{:.1f} ms"),
        _most(f"{found.many:,} events for a web hook that fails half the time: lost", 0, found.lost, "{:.0f}"),
    ]


def startup_goals(found: Startup) -> list[Goal]:
    """Start and memory."""
    first = max(found.median_seconds(startup.IDENTITY), found.median_seconds(startup.SECRET))
    idle = statistics.median(found.idle["holdfast"])
    loaded = statistics.median(found.loaded["holdfast"])
    return [
        _most("start to first answered call, existing data directory", 0.5, first, "{:.1f} s", "{:.2f} s"),
        _most("idle memory (PSS) after the start", 80, idle, "{:.0f} MB"),
        _most("idle memory (PSS) after first calls of every service", 80, loaded, "{:.0f} MB"),
    ]


def functions_goals(found: Functions) -> list[Goal]:
    """Starting and invoking functions."""
    return [
        _most("cold start of a function that imports boto3", 400, found.median_cold(BOTO3), "{:.0f} ms"),
        _most("warm invocation of a function that does nothing", 3, found.median_warm(), "{:.0f} ms", "{:.2f} ms"),
    ]


def scale_goals(found: Scale) -> list[Goal]:
    """Growth of every call; the worst one decides."""
    secret = next(growth for growth in found.calls if growth.label == "GetSecretValue")
    pages = [growth for growth in found.calls if growth is not secret]
    worst = max(pages, key=lambda growth: growth.cpu_ratio)
    sizes = f"{found.sizes[1]:,} items against {found.sizes[0]:,}"
    return [
        _most(f"GetSecretValue, {sizes}", 1.3, secret.cpu_ratio, "{:.1f} x", "{:.2f} x"),
        _most(
            f"any list or describe call, {sizes} (worst: {worst.label})", 1.3, worst.cpu_ratio, "{:.1f} x", "{:.2f} x"
        ),
    ]


GOALS: dict[str, Callable[[Any], Iterable[Goal]]] = {
    "throughput": throughput_goals,
    "access": access_goals,
    "durability": durability_goals,
    "parameters": parameters_goals,
    "startup": startup_goals,
    "functions": functions_goals,
    "rotation": rotation_goals,
    "events": events_goals,
    "scale": scale_goals,
}
"""By part, in the order of the report."""


def of(found: Mapping[str, Any]) -> list[Goal]:
    """Of the parts that were measured."""
    return [goal for part, goals in GOALS.items() if part in found for goal in goals(found[part])]


def _least(figure: str, target: float, reached: float, show: str, exact: str = "") -> Goal:
    return Goal(figure, f"at least {show.format(target)}", (exact or show).format(reached), reached >= target)


def _most(figure: str, target: float, reached: float, show: str, exact: str = "") -> Goal:
    word = "at most " if target else ""
    return Goal(figure, word + show.format(target), (exact or show).format(reached), reached <= target)
