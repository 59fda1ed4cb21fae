"""The same calls on a store of 1,000 and on one of 100,000 secrets, parameters, keys and aliases.

Two servers, one connection, calls in turn: a few here, the same few there. Two figures for each call: the server's CPU
time to the nanosecond, which is what the target is about, and what the client waits, which has the cost of the network
in it and hides growth. Both stores are filled through the API. Each server is one process: with another one that reads, a
call costs more or less by which of the two has the connection, and the two stores' connections may differ in that. For the
same reason servers have one core and the client another: one that may move is woken on an idle core for a while and then is
not, which changes what the client waits by half and the CPU by a fifth.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from benchmarks import processes, scale_calls
from benchmarks.client import Connection, send_all
from benchmarks.processes import Process, seconds_between
from benchmarks.samples import Tell, rotated
from benchmarks.scale_calls import Timed
from benchmarks.signed import Call, Endpoint, sign, sign_all

REGION = "us-east-1"
TURN_CALLS, TURN_SECONDS = 400, 0.1
"""Calls in a row on one server before the other one's turn: that many, or until that much time has passed. Long enough for
several batches of audit records, whose writing would otherwise be in one server's turn and not in the other's."""
TURNS = 3
"""Turns of every call on both stores in a round. The target is about the worst of 43 calls, and the worst of many medians of
few samples says more about the samples than about the calls."""
FILL_STEPS = 6
CHUNK = 2_000
"""Calls that are signed at a time: a signature is good for five minutes only."""


@dataclass(slots=True)
class Growth:
    """One call on both stores: medians over the turns."""

    label: str
    cpu: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """Microseconds of the server's CPU for each call, by size of the store, a value for each turn."""
    wait: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """Microseconds until the client has the answer."""

    @property
    def cpu_ratio(self) -> float:
        return self._ratio(self.cpu)

    @property
    def wait_ratio(self) -> float:
        return self._ratio(self.wait)

    def _ratio(self, figures: dict[int, list[float]]) -> float:
        """The median of the turns' ratios: both sides of one turn were measured within a tenth of a second."""
        small, large = sorted(figures)
        return statistics.median(b / a for a, b in zip(figures[small], figures[large], strict=True))


@dataclass(slots=True)
class Scale:
    """What both stores showed."""

    sizes: tuple[int, int]
    calls: list[Growth] = field(default_factory=list[Growth])
    memory: dict[int, float] = field(default_factory=dict[int, float])
    """PSS in MB after all calls."""
    disk: dict[int, float] = field(default_factory=dict[int, float])
    """MB of the data directory."""
    start: dict[int, float] = field(default_factory=dict[int, float])
    """Seconds from the start of the process to the first accepted connection."""


@dataclass(slots=True)
class Store:
    """One server on one filled directory."""

    size: int
    process: Process
    endpoint: Endpoint
    connection: Connection
    key_ids: list[str]
    requests: list[list[bytes]] = field(default_factory=list[list[bytes]])


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * TURNS + 2 * FILL_STEPS


def measure(folder: Path, sizes: tuple[int, int], rounds: int, tell: Tell) -> Scale:
    """Fill both stores, then time every call on both in turn."""
    found = Scale(sizes)
    stores: list[Store] = []
    allowed = os.sched_getaffinity(0)
    try:
        key_ids = {size: _fill(folder / f"scale-{size}", size, tell) for size in sizes}
        for size in sizes:
            directory = folder / f"scale-{size}"
            process = processes.holdfast(directory, settings=processes.ONE_PROCESS).wait_until_listening()
            found.start[size] = time.perf_counter() - process.began
            endpoint = processes.holdfast_endpoint(process, directory)
            stores.append(Store(size, process, endpoint, Connection(process.port), key_ids[size]))
            _keep_on(process, min(allowed))
            found.disk[size] = sum(file.stat().st_size for file in directory.iterdir()) / 1e6
        os.sched_setaffinity(0, {max(allowed)})
        labels = [timed.label for timed in scale_calls.timed(sizes[0], stores[0].key_ids)]
        found.calls = [Growth(label) for label in labels]
        for number in range(rounds * TURNS):
            tell(f"every call, turn {number + 1}")
            for store in stores:
                store.requests = _requests(store)
            for position in rotated(range(len(labels)), number * 7):
                for store in rotated(stores, number):
                    _time(found.calls[position], store, store.requests[position])
        for store in stores:
            found.memory[store.size] = store.process.proportional_memory()
        return found
    finally:
        os.sched_setaffinity(0, allowed)
        for store in stores:
            store.connection.close()
            store.process.stop()


def _keep_on(process: Process, core: int) -> None:
    """All threads of a server on one core."""
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def _time(growth: Growth, store: Store, requests: Sequence[bytes]) -> None:
    connection, process = store.connection, store.process
    for request in requests:  # what the first call of a day writes, such as when a secret was accessed, is not timed
        connection.call_any(request)
    waits: list[float] = []
    before = process.thread_nanoseconds()
    while len(waits) < TURN_CALLS and sum(waits) < TURN_SECONDS:
        request = requests[len(waits) % len(requests)]
        began = time.perf_counter()
        connection.call_any(request)
        waits.append(time.perf_counter() - began)
    used = seconds_between(before, process.thread_nanoseconds())
    growth.cpu.setdefault(store.size, []).append(used / len(waits) * 1e6)
    growth.wait.setdefault(store.size, []).append(statistics.median(waits) * 1e6)


def _requests(store: Store) -> list[list[bytes]]:
    return [_requests_of(store, timed) for timed in scale_calls.timed(store.size, store.key_ids)]


def _requests_of(store: Store, timed: Timed) -> list[bytes]:
    calls = list(timed.calls)
    if timed.page == 2:
        calls = [_next_page(store, call) for call in calls]
    return sign_all(store.endpoint, REGION, calls)


def _next_page(store: Store, call: Call) -> Call:
    answer = store.connection.call(sign(store.endpoint, REGION, call))
    if call.service == "kms":
        return Call(call.service, call.operation, {**call.parameters, "Marker": answer["NextMarker"]})
    return Call(call.service, call.operation, {**call.parameters, "NextToken": answer["NextToken"]})


def _fill(directory: Path, size: int, tell: Tell) -> list[str]:
    """Fill a new directory through the API; the ids of its keys. Durability is not what is measured here: no syncs."""
    process = processes.holdfast(directory, synchronous="OFF").wait_until_listening()
    try:
        endpoint = processes.holdfast_endpoint(process, directory)
        tell(f"create {size:,} keys")
        _send(endpoint, scale_calls.keys(size))
        # Before the first secret: the keys that AWS manages appear with it, and may have no other alias.
        key_ids = _key_ids(endpoint)
        for noun, calls in (
            ("aliases", scale_calls.aliases(key_ids)),
            ("secrets", scale_calls.secrets(size)),
            ("parameters", scale_calls.parameters(size)),
            ("parameters in a deep tree", scale_calls.deep_parameters(size)),
        ):
            tell(f"create {size:,} {noun}")
            _send(endpoint, calls)
        tell("more versions of one")
        for call in scale_calls.versions():
            _send(endpoint, [call])
        return key_ids
    finally:
        process.stop()


def _send(endpoint: Endpoint, calls: Iterable[Call]) -> None:
    rest = iter(calls)
    while chunk := list(islice(rest, CHUNK)):
        send_all(endpoint.port, sign_all(endpoint, REGION, chunk))


def _key_ids(endpoint: Endpoint) -> list[str]:
    connection = Connection(endpoint.port)
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = connection.call(sign(endpoint, REGION, Call("kms", "ListKeys", {"Limit": 1000, **marker})))
        found += [key["KeyId"] for key in page["Keys"]]
        if not page.get("Truncated"):
            connection.close()
            return found
        marker = {"Marker": page["NextMarker"]}
