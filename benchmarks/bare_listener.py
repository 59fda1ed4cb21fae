"""The listener with nothing behind it: the ceiling that every benchmark of the server is compared with.

    python benchmarks/bare_listener.py --port 8099

Prints `ready` when it listens. Answers every request with the same 300 bytes of JSON; the listener, its limits and its
clocks are those of the server.
"""

# ruff: noqa: E402 - compiled modules are looked for before any of them is loaded

from __future__ import annotations

from holdfast import compiled

compiled.use()

import argparse
import asyncio
import json
import signal
import sys

import uvloop

from holdfast.server.http_limits import Limits
from holdfast.server.listener import Listener
from holdfast.wire.messages import Reply, Request, Response
from holdfast.work.clock import SystemClock

_ENVELOPE = json.dumps({"Name": "benchmark", "SecretString": ""})
BODY = json.dumps({"Name": "benchmark", "SecretString": "x" * (300 - len(_ENVELOPE))}).encode()
RESPONSE = Response(
    200,
    BODY,
    [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000"),
    ],
)


def answer(request: Request, reply: Reply) -> None:
    """`wire.messages.Handle`."""
    reply(RESPONSE)


def complain(error: BaseException) -> None:
    print(error, file=sys.stderr)


async def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    clock = SystemClock()
    listener = Listener(answer, limits=Limits(), wall=clock.wall, monotonic=clock.monotonic, on_error=complain)
    await listener.listen_tcp("127.0.0.1", port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("ready", flush=True)
    await stop.wait()
    await listener.drain(1)


def main() -> None:
    parser = argparse.ArgumentParser(description="The listener with an empty application.")
    parser.add_argument("--port", type=int, default=8099)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
