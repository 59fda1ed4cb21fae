"""Writes of Parameter Store beside those of Secrets Manager, with nobody listening and with a rule that wants each change.

One server, one store, the same values. A SecureString is what compares with a secret: both are encrypted through KMS. What
events cost is what the rule adds: the match and a delivery in each write's own transaction, and the one attempt to deliver
it, to a queue that nobody serves.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks import processes, workload
from benchmarks.client import Connection
from benchmarks.samples import Table, Tell, rotated, take
from benchmarks.signed import Call, Endpoint, sign

SECRET, STRING, SECURE = "PutSecretValue", "PutParameter, String", "PutParameter, SecureString"
OPERATIONS = (SECRET, STRING, SECURE)
ALONE, HEARD = "nobody listens", "a rule matches"
LISTENERS = (ALONE, HEARD)
CONNECTIONS = 16
ENOUGH = 11_500
"""Writes to sign for each second of load: more than the server can answer."""


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * len(OPERATIONS) * len(LISTENERS)


def measure(folder: Path, rounds: int, seconds: int, tell: Tell) -> Table:
    """All loads, interleaved; each in a Region of its own."""
    directory = folder / "parameters"
    process = processes.holdfast(directory)
    try:
        endpoint = processes.holdfast_endpoint(process.wait_until_listening(), directory)
        table = Table()
        loads = [(operation, listener) for operation in OPERATIONS for listener in LISTENERS]
        for number in range(rounds):
            for position, (operation, listener) in enumerate(rotated(loads, number)):
                tell(f"{operation}, {listener}")
                batch = number * len(loads) + position
                listen(endpoint, workload.region_of(batch), heard=listener == HEARD)
                requests = _requests(endpoint, operation, batch, min(ENOUGH * seconds, workload.BATCH))
                table.add(operation, listener, CONNECTIONS, take(process, requests, CONNECTIONS, seconds, once=True))
        return table
    finally:
        process.stop()


def _requests(endpoint: Endpoint, operation: str, batch: int, count: int) -> list[bytes]:
    if operation == SECRET:
        workload.prepare_puts(endpoint, batch)
        return workload.puts(endpoint, batch, count)
    kind = "SecureString" if operation == SECURE else "String"
    workload.prepare_parameters(endpoint, batch, kind)
    return workload.parameter_puts(endpoint, batch, kind, count)


def listen(endpoint: Endpoint, region: str, *, heard: bool) -> None:
    """A rule for what both services tell of by themselves, or none."""
    connection = Connection(endpoint.port)
    rule = {"Name": "changes", "State": "ENABLED" if heard else "DISABLED", "EventPattern": json.dumps(PATTERN)}
    arn = connection.call(sign(endpoint, region, Call("events", "PutRule", rule)))["RuleArn"]
    account = arn.split(":")[4]
    queue = f"arn:aws:sqs:{region}:{account}:benchmark"
    target = {"Id": "queue", "Arn": queue, "RetryPolicy": {"MaximumRetryAttempts": 0}}
    connection.call(sign(endpoint, region, Call("events", "PutTargets", {"Rule": "changes", "Targets": [target]})))
    connection.close()


PATTERN = {"detail-type": ["Parameter Store Change", "Secret Label Updated"]}


def share(table: Table, operation: str, of: str, listener: str, of_listener: str) -> float:
    """Of the rate of `of`, by CPU: the median of the rounds' shares."""
    ours = table.get(operation, listener, CONNECTIONS).samples
    theirs = table.get(of, of_listener, CONNECTIONS).samples
    return statistics.median(b.cpu_microseconds / a.cpu_microseconds for a, b in zip(ours, theirs, strict=True))
