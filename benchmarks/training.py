"""Calls for a server whose compiled modules count their branches (scripts/compile.py, COUNTING).

    python -m benchmarks.training FOLDER

FOLDER has those modules. What most calls of a real server are comes most often, and something of everything that is compiled
comes at all: reads, writes, KMS, lists, and calls that are refused. The counts are written when the server ends.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import workload
from benchmarks.client import Connection, send_all
from benchmarks.processes import ONE_PROCESS, Process, free_port, holdfast_endpoint
from benchmarks.signed import Call, Endpoint, sign, sign_all

SERVE = """
import sys
from pathlib import Path
from holdfast import compiled
folder = sys.argv.pop(1)
assert compiled.use({}, Path(folder)) == compiled.COMPILED, compiled.form()
from holdfast.cli.main import main
main()
"""
CONNECTIONS = 16
ROUNDS = {"GetSecretValue": 100, "GetParameter": 40}
"""Of 64 calls each."""
WRITES = 1000
CREATIONS = 200
OTHERS = 50


def train(endpoint: Endpoint) -> None:
    """Send the calls."""
    port, region = endpoint.port, workload.READ_REGION
    workload.prepare_reads(endpoint)
    for operation, calls in workload.reads().items():
        send_all(port, sign_all(endpoint, region, calls) * ROUNDS[operation], connections=CONNECTIONS)
    workload.prepare_puts(endpoint, 0)
    send_all(port, workload.puts(endpoint, 0, WRITES), connections=CONNECTIONS)
    send_all(port, workload.creates(endpoint, 0, CREATIONS), connections=CONNECTIONS)
    send_all(port, sign_all(endpoint, region, _others() * OTHERS), connections=CONNECTIONS)
    refused = sign(endpoint, region, Call("secretsmanager", "GetSecretValue", {"SecretId": "there is none"}))
    connection = Connection(port)
    for _ in range(OTHERS):
        connection.exchange(refused)
        connection.exchange(refused.replace(b"Signature=", b"Signature=0"))
    connection.close()


def _others() -> list[Call]:
    key = {"KeyId": "alias/aws/secretsmanager"}
    return [
        Call("secretsmanager", "DescribeSecret", {"SecretId": workload.secret_name(1)}),
        Call("secretsmanager", "ListSecrets", {"MaxResults": 20}),
        Call("secretsmanager", "BatchGetSecretValue", {"SecretIdList": [workload.secret_name(n) for n in range(3)]}),
        Call("ssm", "DescribeParameters", {"MaxResults": 20}),
        Call("ssm", "GetParametersByPath", {"Path": "/", "Recursive": True, "WithDecryption": True}),
        Call("kms", "DescribeKey", key),
        Call("kms", "ListKeys", {}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description="Send calls to a server whose compiled modules count their branches.",
    )
    parser.add_argument("folder", type=Path, help="where the modules are")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="holdfast-training-") as name:
        directory, port = Path(name) / "data", free_port()
        serve = [sys.executable, "-c", SERVE, str(folder), "serve", "--data", str(directory)]
        server = Process("holdfast", [*serve, "--port", str(port)], port, settings=ONE_PROCESS)
        try:
            train(holdfast_endpoint(server.wait_until_listening(), directory))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
