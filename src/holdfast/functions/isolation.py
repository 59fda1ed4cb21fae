"""How functions are kept apart from this server and from each other; found out by trying, the strongest first.

    user          the server runs as root: each environment has a user of its own, which owns nothing; in namespaces too,
                  where they work, in which an interpreter that lies in root's home can be reached, and nothing beside it
    namespaces    user, mount, IPC and process-id namespaces: the data directory is empty there, other processes are not
                  seen; files of the server's user can be read
    same-user     neither works: limits only. The function can read what this user can, the data directory too

There is no network namespace: functions must reach their databases and this server. Limits hold in every mode.

INVARIANT: a mode is used only after a program that was started in it could neither list the hidden folders nor read this
process's environment, and could read what functions need.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.functions.process import Cage, Process

USER, NAMESPACES, SAME_USER = "user", "namespaces", "same-user"
USER_RANGES = (range(2_000_000_000, 2_140_000_000), range(64_000, 65_500))
"""User ids of functions: beyond those that systems and containers give out; within what a container may use. Servers begin
at random in them, so that functions of two servers on one machine have different ones."""
PROCESSES = 64
OPEN_FILES = 1024
HEADROOM = 96 << 20
"""Bytes of memory beside the function's MemorySize: its interpreter, the stacks of its threads."""
PR_SET_DUMPABLE = 4

_PROBE = """
import os, sys
for folder in sys.argv[3:]:
    try:
        seen = bool(os.listdir(folder))
    except OSError:
        seen = False
    if seen: sys.exit(3)
try:
    seen = bool(open(f"/proc/{sys.argv[1]}/environ", "rb").read())
except OSError:
    seen = False
if seen: sys.exit(4)
open(sys.argv[2]).read()
"""


@dataclass(frozen=True, slots=True)
class Isolation:
    """What functions run in."""

    mode: str
    users: range = range(0)
    apart: bool = False
    hidden: tuple[str, ...] = ()
    opened: tuple[tuple[str, tuple[str, ...]], ...] = ()
    why: str = ""
    """Why nothing stronger is used; for people."""

    def cage(
        self, number: int, program: list[str], environment: dict[str, str], folder: Path, memory: int, storage: int
    ) -> Cage:
        """The cage of the environment with this number."""
        user = self.users[number % len(self.users)] if self.mode == USER else os.getuid()
        processes = PROCESSES
        if self.mode == SAME_USER:
            processes += _processes_of(os.getuid())
        limits = {
            "CORE": 0,
            "NOFILE": OPEN_FILES,
            "NPROC": processes,
            "DATA": (memory << 20) + HEADROOM,
            "FSIZE": storage << 20,
        }
        return Cage(
            mode=self.mode,
            program=program,
            environment=environment,
            folder=str(folder),
            limits=limits,
            user=user,
            group=user if self.mode == USER else os.getgid(),
            apart=self.apart,
            hidden=list(self.hidden) if self.apart else [],
            opened={closed: list(needed) for closed, needed in self.opened} if self.apart else {},
        )


def _processes_of(user: int) -> int:
    """Processes and threads of a user, which the limit counts together."""
    count = 0
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                if place.stat().st_uid == user:
                    count += len(list((place / "task").iterdir()))
            except OSError:
                continue
    return count


async def probe(hidden: tuple[Path, ...], needed: Path, folder: Path) -> Isolation:
    """The strongest mode that works. `needed` must be readable there, `hidden` folders not; `folder` is where it starts."""
    places = tuple(str(place) for place in hidden)
    candidates: list[Isolation] = []
    if os.getuid() == 0:
        opened = closed_folders((sys.prefix, sys.base_prefix, str(folder)))
        candidates += [Isolation(USER, users, True, places, opened) for users in USER_RANGES]
        candidates += [Isolation(USER, users, False, places) for users in USER_RANGES]
    candidates.append(Isolation(NAMESPACES, apart=True, hidden=places))
    why: list[str] = []
    for candidate in candidates:
        said = await _try(candidate, needed, folder)
        if not said:
            return replace(candidate, why="; ".join(why))
        why.append(f"{candidate.mode}: {said}")
    # So that a process of the same user cannot read this one's environment and memory (proc(5), /proc/pid/environ).
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return Isolation(SAME_USER, why="; ".join(why))


def closed_folders(needed: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Folders on the way to what is needed that other users may not pass, the outermost ones -> what is below them."""
    found: dict[str, list[str]] = {}
    for place in dict.fromkeys(os.path.realpath(path) for path in needed):
        for folder in reversed(Path(place).parents):
            if not folder.stat().st_mode & 0o001:
                found.setdefault(str(folder), []).append(place)
                break
    return tuple((closed, tuple(below)) for closed, below in found.items())


async def _try(candidate: Isolation, needed: Path, folder: Path) -> str:
    """What is wrong with a mode; empty when nothing is."""
    program = [sys.executable, "-I", "-S", "-c", _PROBE, str(os.getpid()), str(needed), *candidate.hidden]
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(how: str) -> None:
        if not ended.done():
            ended.set_result(how)

    process = Process(candidate.cage(-1, program, {}, folder, 128, 1), end)
    try:
        async with asyncio.timeout(10):
            how = await ended
    except TimeoutError:
        how = "no answer"
    finally:
        process.kill()
        await process.gone()
    if how == "exit status 0":
        return ""
    last = process.log.decode("utf-8", "replace").strip().splitlines()[-1:]
    return last[0][:200] if last else how
