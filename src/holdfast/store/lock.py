"""One server per data directory.

An advisory `flock` on DIR/lock, held for the life of the process: the kernel lets it go when the process dies, however
it dies, so there is never a stale lock to remove by hand.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class DirectoryLocked(Exception):
    """Another process holds the directory; the text names it."""


class DirectoryLock:
    """Holds the lock from construction to `release`."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise DirectoryLocked(
                f"{directory} is in use by another holdfast process" + (f" (process {holder})" if holder else "")
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self._descriptor)
