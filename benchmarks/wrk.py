"""`wrk` as load generator: one thread, N connections, requests that were signed before.

One thread suffices up to about 100,000 requests a second, and leaves the other cores to the server. wrk is installed by
`apt-get install wrk`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SCRIPT = Path(__file__).with_name("replay.lua")


class WrkFailed(Exception):
    """wrk is missing, or a measurement is void."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw."""

    requests: int
    seconds: float
    p50_milliseconds: float
    p99_milliseconds: float
    failed: int
    """Answers of 400 and above."""
    broken: int
    """Connections lost, time-outs."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def require() -> None:
    """Raise WrkFailed when wrk is not there."""
    if shutil.which("wrk") is None:
        raise WrkFailed("wrk is not installed: apt-get install wrk")


def replay(port: int, requests: Sequence[bytes], connections: int, seconds: int, *, once: bool = False) -> Load:
    """Send `requests` in turn for some whole seconds; with `once`, none twice. Raises WrkFailed."""
    with tempfile.NamedTemporaryFile(prefix="requests-") as file:
        _write(file, requests)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
        command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}/", "--", file.name, "once" if once else "again"]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    last = finished.stdout.rstrip().rpartition("\n")[2]
    if finished.returncode or not last.startswith("{"):
        raise WrkFailed(f"wrk failed: {finished.stderr or finished.stdout}")
    seen = json.loads(last)
    if seen["exhausted"]:
        raise WrkFailed(f"{len(requests)} requests were not enough for {seconds} s: sign more")
    return Load(
        requests=seen["requests"],
        seconds=seen["microseconds"] / 1e6,
        p50_milliseconds=seen["p50"] / 1e3,
        p99_milliseconds=seen["p99"] / 1e3,
        failed=seen["failed"],
        broken=seen["broken"],
    )


def _write(file: IO[bytes], requests: Sequence[bytes]) -> None:
    for request in requests:
        file.write(b"%d\n%b" % (len(request), request))
    file.flush()
