"""The folder in which functions live: their code, unpacked, and a scratch folder for each environment.

    holdfast-functions-XXXX/     mode 0711: who does not know a name below it finds nothing
      lock                       held while the server lives; a folder whose lock is free is somebody's who died
      support/ drivers/          what Python functions load beside their own code
      code/<random>/             one zip file, unpacked, read-only
      scratch/<random>/          HOME and TMPDIR of one environment, which owns it

It is outside the data directory, which functions must not reach, and nothing in it outlives the server: code is unpacked
anew from the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Hashable
from pathlib import Path

PREFIX = "holdfast-functions-"
PACKAGE = Path(__file__).parent
UNUSED_CODES = 16
"""Unpacked codes that are kept although nothing runs them."""


class Workspace:
    """One per server, made when it is first needed."""

    def __init__(self, token: Callable[[], str], parent: Path | None = None) -> None:
        """`token` draws a name that nobody can guess."""
        self._token = token
        parent = parent or Path(tempfile.gettempdir())
        sweep(parent)
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for name in ("code", "scratch"):
            (self.root / name).mkdir(mode=0o711)
            (self.root / name).chmod(0o711)
        for name in ("support", "drivers"):
            _copy(PACKAGE / name, self.root / name)
        self.root.chmod(0o711)
        self._codes: dict[Hashable, asyncio.Future[Path]] = {}
        self._users: dict[Path, int] = {}

    @property
    def support(self) -> Path:
        """What goes into PYTHONPATH."""
        return self.root / "support"

    async def code(self, name: Hashable, read: Callable[[], bytes]) -> Path:
        """The folder with the code that `read` gives as a zip, unpacked once for each `name`. `code_left` gives it back."""
        known = self._codes.get(name)
        if known is None:
            folder = self.root / "code" / self._token()
            content = read()
            known = self._codes[name] = asyncio.ensure_future(asyncio.to_thread(_unpack, content, folder))
        try:
            path = await asyncio.shield(known)
        except Exception:
            self._codes.pop(name, None)
            raise
        self._users[path] = self._users.get(path, 0) + 1
        return path

    async def code_left(self, path: Path) -> None:
        """An environment that used it has ended; the code that was not used for longest goes when there are many."""
        self._users[path] -= 1
        unused = [(name, done) for name, done in self._codes.items() if done.done() and self._free(done)]
        for name, done in unused[: max(0, len(unused) - UNUSED_CODES)]:
            del self._codes[name]
            await asyncio.to_thread(shutil.rmtree, done.result(), True)

    def _free(self, done: asyncio.Future[Path]) -> bool:
        return done.exception() is None and not self._users.get(done.result())

    def scratch(self, user: int, group: int) -> Path:
        """A folder of its own for an environment."""
        path = self.root / "scratch" / self._token()
        path.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(path, user, group)
        return path

    async def remove(self, path: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, path, True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.close(self._lock)


def sweep(parent: Path) -> None:
    """Remove what servers that were killed have left."""
    for place in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            lock = os.open(place / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(lock)


def _copy(source: Path, target: Path) -> None:
    """Python files, readable by every user."""
    target.mkdir()
    target.chmod(0o755)
    for file in source.glob("*.py"):
        (target / file.name).write_bytes(file.read_bytes())
        (target / file.name).chmod(0o644)


def _unpack(content: bytes, folder: Path) -> Path:
    """Unpack a zip that `services.lambda_.rules.check_zip` has seen. Every file can be read and, if it was so, executed."""
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            parts = [part for part in entry.filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
            if not parts:
                continue
            target = folder.joinpath(*parts)
            _folders(folder, parts if entry.is_dir() else parts[:-1])
            if entry.is_dir():
                continue
            with archive.open(entry) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            # The upper half of external_attr is the Unix mode, where a Unix program made the archive.
            target.chmod(0o644 | ((entry.external_attr >> 16) & 0o111))
    return folder


def _folders(folder: Path, parts: list[str]) -> None:
    for number in range(len(parts)):
        place = folder.joinpath(*parts[: number + 1])
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o755)
