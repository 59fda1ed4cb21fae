"""From the start of the process to the first answered call, and the memory of a server that has nothing to do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import processes, workload
from benchmarks.client import Connection
from benchmarks.processes import Process
from benchmarks.samples import Tell, rotated
from benchmarks.signed import Call, Endpoint, identity, sign, sign_all

IDENTITY, SECRET, MOTO = "GetCallerIdentity", "GetSecretValue", "moto_server, GetCallerIdentity"
CASES = (IDENTITY, SECRET, MOTO)
IDLE_SECONDS = 3.0


@dataclass(slots=True)
class Startup:
    """Seconds by case, and PSS in MB, a value for each round."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {case: [] for case in CASES})
    idle: dict[str, list[float]] = field(default_factory=lambda: {"holdfast": [], "moto_server": []})
    """Some seconds after the start, before any call."""
    loaded: dict[str, list[float]] = field(default_factory=lambda: {"holdfast": [], "moto_server": []})
    """After first calls of every service."""

    def median_seconds(self, case: str) -> float:
        return statistics.median(self.seconds[case])


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * (len(CASES) + 2)


def measure(folder: Path, rounds: int, tell: Tell) -> Startup:
    """Start servers again and again, on a data directory that holds secrets already."""
    directory = folder / "startup"
    process = processes.holdfast(directory).wait_until_listening()
    workload.prepare_reads(processes.holdfast_endpoint(process, directory))
    credentials = processes.credentials_of(directory)
    process.stop()
    found = Startup()
    port = processes.free_port()
    endpoint = Endpoint(port, credentials)
    secret = Call("secretsmanager", "GetSecretValue", {"SecretId": workload.secret_name(0)})

    def ours() -> Process:
        return processes.holdfast(directory, port=port)

    def time_to(case: str) -> float:
        if case == MOTO:
            return _first_answer(processes.moto, lambda p: identity(processes.moto_endpoint(p), workload.READ_REGION))
        request = identity(endpoint, workload.READ_REGION) if case == IDENTITY else sign(endpoint, "us-east-1", secret)
        return _first_answer(ours, lambda _: request)

    for number in range(rounds):
        for case in rotated(CASES, number):
            tell(f"start to first answer: {case}")
            found.seconds[case].append(time_to(case))
        tell("memory: holdfast")
        _memory(found, ours(), endpoint)
        tell("memory: moto_server")
        moto = processes.moto()
        _memory(found, moto, processes.moto_endpoint(moto))
    return found


def _first_answer(start: Callable[[], Process], request_for: Callable[[Process], bytes]) -> float:
    process = start()
    try:
        request = request_for(process)
        process.wait_until_listening()
        connection = Connection(process.port)
        connection.call_any(request)
        seconds = time.perf_counter() - process.began
        connection.close()
        return seconds
    finally:
        process.stop()


def _memory(found: Startup, process: Process, endpoint: Endpoint) -> None:
    try:
        process.wait_until_listening()
        time.sleep(IDLE_SECONDS)
        found.idle[process.name].append(process.proportional_memory())
        connection = Connection(process.port)
        connection.call_any(identity(endpoint, workload.READ_REGION))
        for request in sign_all(endpoint, workload.READ_REGION, _first_calls(len(found.loaded[process.name]))):
            connection.call(request)
        process.settle()
        found.loaded[process.name].append(process.proportional_memory())
        connection.close()
    finally:
        process.stop()


def _first_calls(number: int) -> list[Call]:
    """One write and some reads of every service."""
    name = f"first-calls-{number}"
    return [
        Call("secretsmanager", "CreateSecret", {"Name": name, "SecretString": "a", "ClientRequestToken": name * 3}),
        Call("secretsmanager", "GetSecretValue", {"SecretId": name}),
        Call("secretsmanager", "ListSecrets", {}),
        Call("ssm", "PutParameter", {"Name": f"/{name}", "Value": "a", "Type": "SecureString"}),
        Call("ssm", "GetParameter", {"Name": f"/{name}", "WithDecryption": True}),
        Call("ssm", "DescribeParameters", {}),
        Call("kms", "CreateKey", {}),
        Call("kms", "ListKeys", {}),
    ]
