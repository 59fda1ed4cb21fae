"""One process per directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.store.lock import DirectoryLock, DirectoryLocked

HOLD = """
import sys
from pathlib import Path
from holdfast.store.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DirectoryLocked, match=f"process {holder.pid}"):
            DirectoryLock(tmp_path)
        holder.kill()
        holder.wait()
    # The kernel let go with the process: no stale lock.
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DirectoryLocked):
        DirectoryLock(tmp_path)
    lock.release()
    DirectoryLock(tmp_path).release()
