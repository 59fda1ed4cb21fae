"""The server without waiting for the disk, to show what durability costs. Never for data that matters.

python -m benchmarks.unsynced_server --data DIR --port PORT
"""

# ruff: noqa: E402 - compiled modules are looked for before any of them is loaded

from __future__ import annotations

from holdfast import compiled

compiled.use()

import argparse

from holdfast.server.server import Ready, run
from holdfast.server.settings_sources import load


def announce(ready: Ready) -> None:
    print(f"ready at {ready.endpoint}, nothing is durable", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Holdfast with SQLite's synchronous=OFF.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--port", required=True)
    given = parser.parse_args()
    run(load({"data": given.data, "port": given.port}, {}), announce, synchronous="OFF")


if __name__ == "__main__":
    main()
