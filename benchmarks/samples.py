"""One measured load, and medians over rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks import wrk
from benchmarks.processes import Process

Tell = Callable[[str], None]
"""Says what is measured now and counts one step of the part as done."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """One load on one server, in one round."""

    requests: int
    rate: float
    p50_milliseconds: float
    p99_milliseconds: float
    failed: int
    broken: int
    cpu_microseconds: float
    """CPU of the server's process tree for each answered request."""


@dataclass(slots=True)
class Series:
    """The samples of all rounds of one load."""

    operation: str
    server: str
    connections: int
    samples: list[Sample] = field(default_factory=list[Sample])

    def median(self, figure: Callable[[Sample], float]) -> float:
        return statistics.median(figure(sample) for sample in self.samples)

    @property
    def rate(self) -> float:
        return self.median(lambda s: s.rate)

    @property
    def rate_range(self) -> tuple[float, float]:
        rates = [s.rate for s in self.samples]
        return min(rates), max(rates)

    @property
    def p50(self) -> float:
        return self.median(lambda s: s.p50_milliseconds)

    @property
    def p99(self) -> float:
        return self.median(lambda s: s.p99_milliseconds)

    @property
    def cpu(self) -> float:
        return self.median(lambda s: s.cpu_microseconds)

    @property
    def failed(self) -> int:
        return sum(s.failed + s.broken for s in self.samples)


class Table:
    """Series by what they measure."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], Series] = {}

    def add(self, operation: str, server: str, connections: int, sample: Sample) -> None:
        key = (operation, server, connections)
        self._series.setdefault(key, Series(*key)).samples.append(sample)

    @classmethod
    def of(cls, series: Iterable[Series]) -> Table:
        """What `all` listed."""
        made = cls()
        made._series = {(one.operation, one.server, one.connections): one for one in series}
        return made

    def get(self, operation: str, server: str, connections: int) -> Series:
        return self._series[operation, server, connections]

    def has(self, server: str) -> bool:
        """Whether this server took part."""
        return any(key[1] == server for key in self._series)

    def all(self) -> list[Series]:
        return [self._series[key] for key in sorted(self._series)]


def take(
    process: Process,
    requests: Sequence[bytes],
    connections: int,
    seconds: int,
    *,
    once: bool = False,
    rest: float = 3.0,
) -> Sample:
    """Load a server and book its CPU; then let it come to rest."""
    before = process.cpu_seconds()
    load = wrk.replay(process.port, requests, connections, seconds, once=once)
    used = process.cpu_seconds() - before
    process.settle(rest)
    return Sample(
        requests=load.requests,
        rate=load.rate,
        p50_milliseconds=load.p50_milliseconds,
        p99_milliseconds=load.p99_milliseconds,
        failed=load.failed,
        broken=load.broken,
        cpu_microseconds=used / max(load.requests, 1) * 1e6,
    )


def rotated(items: Iterable[T], by: int) -> list[T]:
    """The items, beginning with another one in each round: whoever comes first in all rounds would be favoured."""
    found = list(items)
    by %= len(found)
    return found[by:] + found[:by]
