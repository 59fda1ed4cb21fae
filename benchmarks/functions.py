"""Functions: a cold start, and what a warm invocation costs beside the function's own time.

A cold start is one of a function that was just given other code: the environment is made, isolated, and answers. The warm
function does nothing, so all of its time is overhead. Both are seen by the client, over a connection that is open.
"""

from __future__ import annotations

import http.client
import io
import json
import statistics
import time
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.session import Session

from benchmarks import processes, workload
from benchmarks.samples import Tell
from benchmarks.signed import Endpoint
from holdfast.wire.signer import Signer

NOTHING, BOTO3 = "a function that does nothing", "a function that imports boto3 and makes a client"
SOURCES = {
    NOTHING: "def handler(event, context): pass\n",
    BOTO3: "import boto3\nsecrets = boto3.client('secretsmanager')\ndef handler(event, context): pass\n",
}
WARM = 200
"""Invocations for each round."""


@dataclass(slots=True)
class Functions:
    """Milliseconds."""

    cold: dict[str, list[float]] = field(default_factory=lambda: {case: [] for case in SOURCES})
    warm: list[float] = field(default_factory=list[float])
    """The median of each round."""

    def median_cold(self, case: str) -> float:
        return statistics.median(self.cold[case])

    def median_warm(self) -> float:
        return statistics.median(self.warm)


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return rounds * (len(SOURCES) + 1)


def measure(folder: Path, rounds: int, tell: Tell) -> Functions:
    """One server, a function for each case."""
    directory = folder / "functions"
    process = processes.holdfast(directory).wait_until_listening()
    found = Functions()
    try:
        endpoint = processes.holdfast_endpoint(process, directory)
        client = _prepare(endpoint)
        invoking = _Invoking(endpoint)
        for number in range(rounds):
            for case in SOURCES:
                tell(f"cold start: {case}")
                client.update_function_code(FunctionName=_name(case), ZipFile=_zip(case, number))
                found.cold[case].append(invoking.milliseconds(_name(case)))
            tell("warm invocations")
            found.warm.append(statistics.median(invoking.milliseconds(_name(NOTHING)) for _ in range(WARM)))
        invoking.connection.close()
        client.close()
    finally:
        process.stop()
    return found


def _name(case: str) -> str:
    return f"case-{list(SOURCES).index(case)}"


def _zip(case: str, number: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", f"# round {number}\n{SOURCES[case]}")
    return buffer.getvalue()


def _prepare(endpoint: Endpoint) -> Any:
    """A client of Lambda, with the functions made."""
    create: Any = Session().client

    def client(service: str) -> Any:
        return create(
            service,
            endpoint_url=f"http://{endpoint.host}",
            region_name=workload.READ_REGION,
            aws_access_key_id=endpoint.credentials.access_key_id,
            aws_secret_access_key=endpoint.credentials.secret_access_key,
        )

    statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam, functions = client("iam"), client("lambda")
    role = iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.close()
    for case in SOURCES:
        functions.create_function(
            FunctionName=_name(case),
            Role=role,
            Runtime="python3.12",
            Handler="app.handler",
            Timeout=30,
            MemorySize=256,
            Code={"ZipFile": _zip(case, -1)},
        )
    # The first invocation of a server also finds out how functions can be isolated.
    _Invoking(endpoint).milliseconds(_name(NOTHING))
    return functions


class _Invoking:
    """One connection that invokes."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", endpoint.port)
        self._host = endpoint.host
        self._signer = Signer(endpoint.credentials, workload.READ_REGION, "lambda")

    def milliseconds(self, name: str) -> float:
        """From the request, signed before, to its answer."""
        target = f"/2015-03-31/functions/{name}/invocations"
        headers = self._signer.sign("POST", target, {"Host": self._host}, b"{}", datetime.now(UTC))
        began = time.perf_counter()
        self.connection.request("POST", target, b"{}", headers)
        answer = self.connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - began) * 1000
        if answer.status != 200 or answer.headers.get("X-Amz-Function-Error"):
            raise RuntimeError(f"{answer.status}: {body!r}")
        return taken
