"""Reads and writes beside `moto_server`, under the ceiling of our listener with nothing behind it.

moto checks no signature, encrypts nothing, forgets everything and keeps no audit trail: what it is compared with does
all of that. All get the same calls on stores of the same size. Our server takes part as it starts by default and, where it
may have processes that read beside it, as one process alone: CPU for a call and the rate of a core stay comparable so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes, workload
from benchmarks.processes import Process
from benchmarks.samples import Table, Tell, rotated, take
from benchmarks.signed import Endpoint, sign_all

OPERATIONS = ("GetSecretValue", "GetParameter", "PutSecretValue", "CreateSecret")
CONNECTIONS = (16, 64)
BARE = "empty application"
OURS, ALONE, MOTO = "holdfast", "holdfast, readers=0", "moto_server"
FORMS = {OURS: processes.NO_SETTINGS, ALONE: processes.ONE_PROCESS}
"""How our server is started, by name: variables of its environment."""
ENOUGH = {**dict.fromkeys(FORMS, 11_500), MOTO: 3_000}
"""Writes to sign for each second of load: more than the server can answer."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that takes part."""

    process: Process
    endpoint: Endpoint


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * len(CONNECTIONS) * (len(OPERATIONS) * len(ENOUGH) + 1)


def measure(folder: Path, rounds: int, seconds: int, tell: Tell) -> Table:
    """All loads on all servers, interleaved."""
    started: list[Process] = []
    try:
        subjects: dict[str, Subject] = {}
        for name, settings in FORMS.items():
            directory = folder / f"throughput-{len(started)}"
            process = processes.holdfast(directory, name=name, settings=settings)
            started.append(process)
            process.wait_until_listening()
            subjects[name] = Subject(process, processes.holdfast_endpoint(process, directory))
        moto, bare = processes.moto(), processes.bare()
        started += moto, bare
        for process in (moto, bare):
            process.wait_until_listening()
        subjects[MOTO] = Subject(moto, processes.moto_endpoint(moto))
        for subject in subjects.values():
            workload.prepare_reads(subject.endpoint)
        table = Table()
        for number in range(rounds):
            _round(table, subjects, bare, number, seconds, tell)
        return table
    finally:
        for process in started:
            process.stop()


def _round(table: Table, subjects: dict[str, Subject], bare: Process, number: int, seconds: int, tell: Tell) -> None:
    for position, connections in enumerate(CONNECTIONS):
        batch = 2 * (number * len(CONNECTIONS) + position)
        loads = [(operation, name) for operation in rotated(OPERATIONS, number) for name in rotated(subjects, number)]
        for operation, name in rotated([*loads, (BARE, BARE)], number):
            if operation == BARE:
                tell(f"{BARE}, {connections} connections")
                requests = sign_all(subjects[OURS].endpoint, workload.READ_REGION, workload.reads()["GetSecretValue"])
                sample = take(bare, requests, connections, seconds)
            else:
                tell(f"{operation} on {name}, {connections} connections")
                subject = subjects[name]
                requests, once = _requests(subject.endpoint, operation, batch, ENOUGH[name] * seconds)
                sample = take(subject.process, requests, connections, seconds, once=once)
            table.add(operation, name, connections, sample)


def _requests(endpoint: Endpoint, operation: str, batch: int, enough: int) -> tuple[list[bytes], bool]:
    """The requests of one load, and whether each may be sent only once."""
    if operation == "PutSecretValue":
        workload.prepare_puts(endpoint, batch)
        return workload.puts(endpoint, batch, min(enough, workload.BATCH)), True
    if operation == "CreateSecret":
        return workload.creates(endpoint, batch + 1, enough), True
    return sign_all(endpoint, workload.READ_REGION, workload.reads()[operation]), False
