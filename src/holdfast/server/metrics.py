"""Counters of the server, as Prometheus reads them.

Counting is a dictionary increment; `prometheus-client` is imported when somebody asks for the page. Labels are service,
operation and outcome: never a name, an account or anything else that a user chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from holdfast.api.operation import Operation

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds in seconds."""

Calls = dict[tuple[str, str, str], int]
"""(service, operation, outcome) -> calls; the outcome is `ok` or an error code."""
Seconds = dict[str, list[float]]
"""service -> count per bucket, one for the rest, and the sum."""
Gauges = Callable[[], Iterable[tuple[str, str, float]]]


class Tally:
    """What calls of one operation came to since it was last asked for."""

    __slots__ = ("outcomes", "seconds")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.seconds: list[float] = [0.0] * (len(BUCKETS) + 2)


class Metrics:
    """Plain numbers."""

    def __init__(self) -> None:
        self._calls: Calls = {}
        self._seconds: Seconds = {}
        self._tallies: dict[Operation[Any, Any], Tally] = {}
        """What is not in those two yet: one look-up for a call, and no name to make for it."""
        self.gauges: Gauges = list

    def count(self, operation: Operation[Any, Any], outcome: str, seconds: float) -> None:
        """One call ended."""
        tally = self._tallies.get(operation)
        if tally is None:
            tally = self._tallies[operation] = Tally()
        outcomes = tally.outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        bucket = 0
        for bound in BUCKETS:  # nearly all calls end in the first ones
            if seconds <= bound:
                break
            bucket += 1
        row = tally.seconds
        row[bucket] += 1
        row[-1] += seconds

    def add(self, calls: Calls, seconds: Seconds) -> None:
        """What was counted elsewhere."""
        for name, number in calls.items():
            self._calls[name] = self._calls.get(name, 0) + number
        for service, row in seconds.items():
            known = self._seconds.get(service)
            self._seconds[service] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]

    def totals(self) -> tuple[Calls, Seconds]:
        """All that was counted."""
        tallies, self._tallies = self._tallies, {}
        for operation, tally in tallies.items():
            service, name = operation.service, operation.name
            outcomes = {(service, name, outcome): number for outcome, number in tally.outcomes.items()}
            self.add(outcomes, {service: tally.seconds})
        return self._calls, self._seconds

    def take(self) -> tuple[Calls, Seconds]:
        """All that was counted since it was taken last."""
        totals = self.totals()
        self._calls, self._seconds = {}, {}
        return totals

    def answered(self) -> int:
        """How many calls there were."""
        return int(sum(sum(row[:-1]) for row in self.totals()[1].values()))

    def collect(self) -> Iterable[Metric]:
        """For prometheus-client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        counted, took = self.totals()
        calls = CounterMetricFamily(
            "holdfast_calls", "Calls answered, by outcome", labels=["service", "operation", "outcome"]
        )
        for key, count in list(counted.items()):
            calls.add_metric(list(key), count)
        yield calls
        times = HistogramMetricFamily(
            "holdfast_call_seconds", "Time from the whole request to its answer", labels=["service"]
        )
        for service, row in list(took.items()):
            total = 0.0
            buckets: list[tuple[str, float]] = []
            for bound, more in zip([*map(str, BUCKETS), "+Inf"], row[:-1], strict=True):
                total += more
                buckets.append((bound, total))
            times.add_metric([service], buckets=buckets, sum_value=row[-1])
        yield times
        for name, text, value in self.gauges():
            yield GaugeMetricFamily(name, text, value=value)

    def page(self) -> bytes:
        """The exposition text."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)  # pyright: ignore[reportArgumentType] - a collector is anything with collect()
        return generate_latest(registry)
