"""A disk whose power can be cut: what was not synced may be lost, in any combination.

A file layer for SQLite (apsw VFS) that passes everything through to real files and remembers, per file, what a sync has
made durable and which writes came after it. `image(directory)` writes the files as a power cut at this moment might leave
them: everything synced, and of the rest whatever the random source picks, torn in the middle or not at all. SIGKILL does not
test this: the page cache survives it.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import apsw


class _Durable:
    """One file as the platter has it, and what waits in the drive's cache."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.pending: list[tuple[int, bytes] | int] = []
        """Writes (offset, data) and truncations (size), oldest first."""

    @staticmethod
    def apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
        if isinstance(change, int):
            del content[change:]
            return
        offset, data = change
        if len(content) < offset:
            content.extend(b"\0" * (offset - len(content)))
        content[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """The file layer; its name is what SqliteDatabase takes as `vfs`."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.files: dict[str, _Durable] = {}
        self.chance = chance
        self.lock = threading.Lock()
        self.syncs = 0
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        with self.lock:
            self.files.pop(filename, None)

    def image(self, directory: Path) -> None:
        """Write what a power cut now might leave."""
        with self.lock:
            for name, file in self.files.items():
                content = bytearray(file.content)
                for change in file.pending:
                    fate = self.chance.random()
                    if fate < 0.4:
                        continue  # lost, though later ones may not be: drives reorder
                    if fate < 0.6 and not isinstance(change, int):
                        offset, data = change
                        change = (offset, data[: self.chance.randrange(len(data) + 1)])
                    _Durable.apply(content, change)
                (directory / Path(name).name).write_bytes(content)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._durable: _Durable | None = None
        if name is not None:
            with disk.lock:
                self._durable = disk.files.setdefault(name if isinstance(name, str) else name.filename(), _Durable())
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self._disk.lock:
            super().xWrite(data, offset)
            if self._durable is not None:
                self._durable.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        with self._disk.lock:
            super().xTruncate(newsize)
            if self._durable is not None:
                self._durable.pending.append(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        with self._disk.lock:
            self._disk.syncs += 1
            if self._durable is not None:
                for change in self._durable.pending:
                    _Durable.apply(self._durable.content, change)
                self._durable.pending.clear()
