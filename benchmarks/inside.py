"""The house without sockets: CPU for each call, handed to `House.handle` in this process.

    python -m benchmarks.inside [GetSecretValue|GetParameter] [--calls 8000]

For whoever makes the way of a call shorter: no load generator, no network, little noise. Calls come in runs of 16, as
from 16 connections. `thread` is the event loop's thread, where calls run; `process` has the commits of audit batches,
too. Compare two source trees by running each in turn (PYTHONPATH=src) and keep the least of several runs.
"""

# ruff: noqa: E402 - compiled modules are looked for before any of them is loaded

from __future__ import annotations

from holdfast import compiled

compiled.use()

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from benchmarks import workload
from benchmarks.signed import Endpoint, sign_all
from holdfast.server.house import House
from holdfast.server.logs import Log
from holdfast.server.opening import Opened, open_directory
from holdfast.server.server import build
from holdfast.server.settings_sources import load
from holdfast.services.holdfast import records
from holdfast.store.transaction import Transaction
from holdfast.vault.registry import ACCESS_KEY_SECRET
from holdfast.wire.messages import Request, Response
from holdfast.wire.signer import Credentials

RUN = 16
REPETITIONS = 9
REST_SECONDS = 0.05
"""Between repetitions: the last batch of audit records is written in it."""


def request_of(data: bytes) -> Callable[[], Request]:
    """What the listener would hand over for these bytes; a new object each time."""
    head, _, body = data.partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    pairs = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    headers = {name.lower(): value for name, _, value in pairs}
    return lambda: Request(method, target, headers, body)


async def ask(house: House, request: Request) -> Response:
    """One call, waited for."""
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    house.handle(request, answered.set_result)
    response = await answered
    if response.status != 200:
        raise RuntimeError(f"{response.status} {response.body.decode()}")
    return response


def credentials_of(opened: Opened) -> Credentials:
    """The root access key, read before the loop has anything to do."""
    found: list[Credentials] = []

    def unit(tx: Transaction) -> None:
        row = tx.one(records.ROOT_ACCESS_KEY, opened.home_account)
        assert row is not None
        found.append(Credentials(row[0], opened.vault.open(ACCESS_KEY_SECRET, (row[0],), row[1]).decode()))

    opened.executor.immediately(unit)
    return found[0]


async def measure(directory: Path, operation: str, calls: int) -> None:
    """Print the least and the middle of the repetitions."""
    settings = load({"data": str(directory)}, {})
    opened = open_directory(settings)
    endpoint = Endpoint(4566, credentials_of(opened))
    house = build(settings, opened, Log("json", "info"))
    house.start()
    for data in sign_all(endpoint, workload.READ_REGION, workload.creations()):
        await ask(house, request_of(data)())
    requests = [request_of(d) for d in sign_all(endpoint, workload.READ_REGION, workload.reads()[operation])]
    for request in requests:
        await ask(house, request())
    gc.collect()
    gc.freeze()
    threads: list[float] = []
    processes: list[float] = []
    for _ in range(REPETITIONS):
        await asyncio.sleep(REST_SECONDS)
        thread, process = time.thread_time(), time.process_time()
        await _run(house, requests, calls)
        threads.append((time.thread_time() - thread) / calls * 1e6)
        await asyncio.sleep(REST_SECONDS)
        processes.append((time.process_time() - process) / calls * 1e6)
    for name, figures in (("thread", sorted(threads)), ("process", sorted(processes))):
        print(
            f"{operation} {name}: {figures[0]:.1f} us a call at least, {figures[len(figures) // 2]:.1f} in the middle"
        )
    print(compiled.form())
    await house.stop()
    opened.lock.release()


async def _run(house: House, requests: list[Callable[[], Request]], calls: int) -> None:
    def ignore(response: Response) -> None:
        assert response.status == 200

    for start in range(0, calls, RUN):
        for number in range(start, start + RUN):
            house.handle(requests[number % len(requests)](), ignore)
        await asyncio.sleep(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inside", description="CPU of a call without sockets.")
    parser.add_argument("operation", nargs="?", default="GetSecretValue", choices=list(workload.reads()))
    parser.add_argument("--calls", type=int, default=8000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-inside-") as name:
        uvloop.run(measure(Path(name) / "data", given.operation, given.calls))


if __name__ == "__main__":
    main()
