"""Counters of the server, as Prometheus reads them.

Counting is a dictionary increment; `prometheus-client` is imported when somebody asks for the page. Labels are service,
operation and outcome: never a name, an account or anything else that a user chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client.core import Metric

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Upper bounds in seconds."""

Gauges = Callable[[], Iterable[tuple[str, str, float]]]


class Metrics:
    """Plain numbers."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str, str], int] = {}
        """(service, operation, outcome) -> calls; the outcome is `ok` or an error code."""
        self.seconds: dict[str, list[float]] = {}
        """service -> count per bucket, one for the rest, and the sum."""
        self.gauges: Gauges = list

    def count(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """One call ended."""
        key = (service, operation, outcome)
        self.calls[key] = self.calls.get(key, 0) + 1
        row = self.seconds.get(service)
        if row is None:
            row = self.seconds[service] = [0.0] * (len(BUCKETS) + 2)
        bucket = 0
        for bound in BUCKETS:  # nearly all calls end in the first ones
            if seconds <= bound:
                break
            bucket += 1
        row[bucket] += 1
        row[-1] += seconds

    def answered(self) -> int:
        """How many calls there were."""
        return int(sum(sum(row[:-1]) for row in self.seconds.values()))

    def collect(self) -> Iterable[Metric]:
        """For prometheus-client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        calls = CounterMetricFamily(
            "holdfast_calls", "Calls answered, by outcome", labels=["service", "operation", "outcome"]
        )
        for key, count in list(self.calls.items()):
            calls.add_metric(list(key), count)
        yield calls
        times = HistogramMetricFamily(
            "holdfast_call_seconds", "Time from the whole request to its answer", labels=["service"]
        )
        for service, row in list(self.seconds.items()):
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
