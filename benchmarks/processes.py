"""The servers under measurement: started, watched through /proc, stopped.

CPU is what the kernel booked for the whole process tree, user and system time together. It includes threads and child
processes that are gone, so a server with a thread for each connection, or one that replaces its children, is counted
fully and never goes back; its grain is 10 ms.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

from benchmarks.signed import Endpoint
from holdfast.server.settings import SETTINGS
from holdfast.wire.signer import Credentials

START_SECONDS = 30
HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")
MOTO = Credentials("testing", "testing")
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
ONE_PROCESS: Mapping[str, str] = MappingProxyType({SETTINGS["readers"].variable: "0"})
"""A server without readers."""
GONE = (FileNotFoundError, ProcessLookupError)
"""What /proc answers of a process or thread that has ended while it was read."""
READINGS = 100
"""How often the tree is read anew because it changed."""


class ServerFailed(Exception):
    """A server did not start or did not stop; the text says which."""


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """One server process on a port of its own."""

    def __init__(
        self,
        name: str,
        command: list[str],
        port: int,
        log: IO[bytes] | int = subprocess.DEVNULL,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> None:
        """`settings` are variables of its environment; it gets no other ones about Holdfast or AWS."""
        self.name = name
        self.port = port
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HOLDFAST_", "AWS_"))}
        # The project's root, so that programs of this folder find it; nothing else of the caller's environment changes.
        environment["PYTHONPATH"] = str(HERE.parent)
        environment.update(settings)
        self.began = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.pid = self._process.pid

    def wait_until_listening(self) -> Process:
        """Return when a connection is accepted."""
        deadline = time.perf_counter() + START_SECONDS
        while not accepts(self.port):
            if self._process.poll() is not None or time.perf_counter() > deadline:
                raise ServerFailed(f"{self.name} did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """SIGTERM to this process, and wait for its end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise ServerFailed(f"{self.name} did not stop within 30 s") from None

    # -- what the kernel says of it -----------------------------------------------------------------------------------

    def tree(self) -> list[int]:
        """This process and all its descendants."""
        found = [self.pid]
        for pid in found:
            with contextlib.suppress(*GONE):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the tree so far, children that have ended included."""
        # A child that is waited for while we read would be counted twice or not at all: its time moves to its parent.
        before = self.tree()
        for _ in range(READINGS):
            ticks = sum(map(_ticks, before))
            after = self.tree()
            if after == before:
                return ticks / TICK
            before = after
        raise ServerFailed(f"the children of {self.name} change all the time: its CPU cannot be read")

    def thread_nanoseconds(self) -> dict[tuple[int, int], int]:
        """CPU time of each thread of the tree that lives now, by process and thread (/proc/PID/task/TID/schedstat)."""
        found: dict[tuple[int, int], int] = {}
        for pid in self.tree():
            with contextlib.suppress(*GONE):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    with contextlib.suppress(*GONE):
                        found[pid, int(task.name)] = int((task / "schedstat").read_text().split()[0])
        return found

    def proportional_memory(self) -> float:
        """PSS of the tree in MB: its own pages, and its share of those it shares (proc(5), smaps_rollup)."""
        kilobytes = 0
        for pid in self.tree():
            with contextlib.suppress(*GONE):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kilobytes += int(line.split()[1])
        return kilobytes * 1024 / 1e6

    def settle(self, seconds: float = 3.0) -> None:
        """Wait until it stops using CPU: what a load left in its queues must not be booked on the next one."""
        deadline = time.perf_counter() + seconds
        before = self.cpu_seconds()
        while time.perf_counter() < deadline:
            time.sleep(0.06)
            now = self.cpu_seconds()
            if now == before:
                return
            before = now


def _ticks(pid: int) -> int:
    """User and system time of a process and of those children of it that have ended; 0 when it is gone."""
    with contextlib.suppress(*GONE):
        # The command name in parentheses may hold blanks; utime, stime, cutime and cstime are the 12th to 15th field
        # after it (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))
    return 0


def seconds_between(before: Mapping[tuple[int, int], int], after: Mapping[tuple[int, int], int]) -> float:
    """CPU time between two readings of `thread_nanoseconds`; a thread that ended meanwhile counts nothing."""
    return sum(used - before.get(thread, 0) for thread, used in after.items()) / 1e9


def accepts(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- the servers there are --------------------------------------------------------------------------------------------


def holdfast(
    directory: Path,
    *,
    synchronous: str = "FULL",
    name: str = "holdfast",
    port: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> Process:
    """`holdfast serve` on a directory; with `synchronous="OFF"` the same server without waiting for the disk."""
    port = port or free_port()
    serve = ["-m", "holdfast", "serve"] if synchronous == "FULL" else ["-m", "benchmarks.unsynced_server"]
    command = [sys.executable, *serve, "--data", str(directory), "--port", str(port)]
    with directory.with_suffix(".log").open("ab") as log:
        return Process(name, command, port, log, settings)


def moto() -> Process:
    """`moto_server`, whose store is in memory."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return Process("moto_server", command, port)


def bare() -> Process:
    """Our listener with an empty application: the ceiling."""
    port = free_port()
    return Process("bare listener", [sys.executable, str(HERE / "bare_listener.py"), "--port", str(port)], port)


def credentials_of(directory: Path) -> Credentials:
    """The root access key of a data directory, by the command a person would use."""
    command = [sys.executable, "-m", "holdfast", "env", "--data", str(directory), "--format", "json"]
    deadline = time.perf_counter() + START_SECONDS
    while True:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode == 0:
            break
        # The control socket opens a moment after the port does.
        if time.perf_counter() > deadline:
            raise ServerFailed(f"holdfast env: {finished.stderr}")
    environment = json.loads(finished.stdout)
    return Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])


def holdfast_endpoint(process: Process, directory: Path) -> Endpoint:
    return Endpoint(process.port, credentials_of(directory))


def moto_endpoint(process: Process) -> Endpoint:
    return Endpoint(process.port, MOTO)
