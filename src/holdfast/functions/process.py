"""One function as a process: started through `launcher.py`, its output read within bounds, killed as a whole.

INVARIANT: what a function writes never takes more memory than KEPT, nor more of the loop's time than one read of CHUNK
bytes for each PAUSE; a function that writes faster waits, since its pipe is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
CHUNK = 64 << 10
KEPT = 64 << 10
PAUSE = 0.02
DRAINED = 256 << 10
"""Bytes read at once when an invocation ended."""
PATIENCE = 5.0
"""Seconds for the launcher to kill what it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cage:
    """How a function runs; `launcher.py` reads the same names."""

    mode: str
    """`user`, `namespaces` or `same-user`."""
    program: list[str]
    environment: dict[str, str] = field(repr=False)
    folder: str
    limits: dict[str, int]
    user: int = 0
    group: int = 0
    apart: bool = False
    """In namespaces of its own."""
    hidden: list[str] = field(default_factory=list[str])
    """Folders that are empty there."""
    opened: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Folders that its user could not pass -> what must be reached below them, and nothing else is there."""

    def encode(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields).encode() + b"\n"


class Process:
    """A running function. Everything runs on the loop's thread."""

    def __init__(self, cage: Cage, ended: Callable[[str], None]) -> None:
        """Starts it. `ended` is called once, with `exit status 1`, `signal: killed`, or nothing when it was killed by us.

        Raises OSError.
        """
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self.log = bytearray()
        """The newest KEPT bytes of its output."""
        ours, theirs = socket.socketpair()
        self._output, output = os.pipe()
        try:
            # From this thread, which lives as long as the process: the launcher is its child.
            self._launcher = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", str(LAUNCHER)],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=output,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.close(self._output)
            raise
        finally:
            theirs.close()
            os.close(output)
        os.set_blocking(self._output, False)
        self._socket: socket.socket | None = ours
        ours.setblocking(True)
        with contextlib.suppress(OSError):  # it is gone already: told below, like any other end
            ours.sendall(cage.encode())
        ours.setblocking(False)
        self._loop.add_reader(ours, self._report)
        self._loop.add_reader(self._output, self._read)
        self._reading = True

    # -- its output ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        taken = self._take()
        if taken == 0:
            self._close_output()
        elif taken >= CHUNK // 2:
            self._loop.remove_reader(self._output)
            self._reading = False
            self._loop.call_later(PAUSE, self._read_again)

    def _read_again(self) -> None:
        if self._output >= 0 and not self._reading:
            self._reading = True
            self._loop.add_reader(self._output, self._read)

    def _take(self) -> int:
        """Read once; -1 when there is nothing, 0 at the end."""
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return -1
        self.log += data
        if len(self.log) > KEPT:
            del self.log[: len(self.log) - KEPT]
        return len(data)

    def drain(self) -> None:
        """Read what it has written by now."""
        left = DRAINED
        while self._output >= 0 and left > 0:
            taken = self._take()
            if taken <= 0:
                return
            left -= taken

    def _close_output(self) -> None:
        if self._output >= 0:
            self._loop.remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    # -- its end ------------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """The launcher said how the function ended, or is gone itself."""
        text = b""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                text = self._socket.recv(4096)
        self.drain()
        self._close(reason(text))

    def kill(self) -> None:
        """Kill it and all that it started."""
        self._close("")

    def _close(self, how: str) -> None:
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self._close_output()
        self._ended(how)

    async def gone(self) -> None:
        """Wait until nothing of it is left."""
        try:
            await asyncio.to_thread(self._launcher.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            await asyncio.to_thread(self._launcher.wait)


def reason(report: bytes) -> str:
    """A launcher's report in AWS's words."""
    import signal

    try:
        found = json.loads(report)
    except ValueError:
        return "signal: killed"
    if "status" in found:
        return f"exit status {found['status']}"
    with contextlib.suppress(ValueError):
        name = signal.strsignal(found["signal"]) or ""
        return f"signal: {name.lower()}"
    return f"signal: {found['signal']}"
