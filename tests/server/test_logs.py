"""The log of a server: what happens when nobody takes it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.server.logs import Log


class Disk(io.StringIO):
    """A stream on a disk that may be full."""

    full = False

    def write(self, text: str, /) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_line_that_cannot_be_written_is_counted_and_hurts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(sys, "stderr", disk)
    log = Log("json", "info")
    disk.full = True
    log.info("one")
    log.failure("id", RuntimeError())
    disk.full = False
    log.warning("three")
    log.info("four")
    three, four = map(json.loads, disk.getvalue().splitlines())
    assert (three["event"], three["lines_lost_before"]) == ("three", 2)
    assert (four["event"], "lines_lost_before" in four) == ("four", False)


def test_a_line_for_which_the_logger_cannot_be_loaded_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    monkeypatch.setattr(sys, "stderr", disk)
    monkeypatch.setitem(sys.modules, "structlog", None)  # `import` raises ImportError, as without a free descriptor
    Log("json", "info").warning("no-descriptor", error="OSError")
    line = json.loads(disk.getvalue())
    assert (line["event"], line["level"], line["error"]) == ("no-descriptor", "warning", "OSError")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_server_whose_log_takes_nothing_stops_in_order() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "holdfast", "dev", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=full, text=True) as server:
            assert server.stdout is not None
            assert "is ready" in server.stdout.readline()
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
