"""What durability costs: PutSecretValue acknowledged when it is on disk.

The same server with SQLite's `synchronous=OFF` says "written" as soon as the kernel has it. The difference between the
two is the price of surviving a power cut; group commit shares it among the clients that wait.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks import processes, workload
from benchmarks.processes import Process
from benchmarks.samples import Table, Tell, rotated, take
from benchmarks.signed import Endpoint

OPERATION = "PutSecretValue"
DURABLE, UNSYNCED = "on disk", "synchronous=OFF"
MODES = {DURABLE: "FULL", UNSYNCED: "OFF"}
CONNECTIONS = (1, 64)


class RepeatedWrite(Exception):
    """Fewer versions are in the store than puts were acknowledged."""


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * len(MODES) * len(CONNECTIONS)


def measure(folder: Path, rounds: int, seconds: int, tell: Tell) -> Table:
    """Each mode with one client and with 64, interleaved."""
    started: dict[str, Process] = {}
    table = Table()
    try:
        endpoints: dict[str, Endpoint] = {}
        for mode, synchronous in MODES.items():
            directory = folder / f"durability-{synchronous.lower()}"
            started[mode] = processes.holdfast(directory, synchronous=synchronous).wait_until_listening()
            endpoints[mode] = processes.holdfast_endpoint(started[mode], directory)
        loads = [(mode, connections) for connections in CONNECTIONS for mode in MODES]
        for number in range(rounds):
            for mode, connections in rotated(loads, number):
                tell(f"{OPERATION} {mode}, {connections} connections")
                batch = number * len(CONNECTIONS) + CONNECTIONS.index(connections)
                endpoint = endpoints[mode]
                workload.prepare_puts(endpoint, batch)
                requests = workload.puts(endpoint, batch, workload.BATCH)
                # The loads before left dirty pages; their write-back must not slow the syncs of this one.
                subprocess.run(["sync", "--file-system", str(folder)], check=True)
                sample = take(started[mode], requests, connections, seconds, once=True)
                written = workload.versions_in(endpoint, batch) - workload.SECRETS_OF_A_BATCH
                if written < sample.requests:
                    raise RepeatedWrite(f"{sample.requests} puts were acknowledged, {written} versions are there")
                table.add(OPERATION, mode, connections, sample)
        return table
    finally:
        for process in started.values():
            process.stop()
