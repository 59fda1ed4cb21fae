"""How many cores this process may use: what the scheduler lets it run on, and what its container pays for.

A container with `--cpus 1` runs on all cores of the machine, for a part of the time: processes for the other cores would
take that time from each other. The limit is in files of the control group (kernel: "Control Group v2", `cpu.max`; for
version 1 "CFS Bandwidth Control", `cpu.cfs_quota_us`), in the group's own or in those of a group that it lies in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def usable_cores(groups: Path = GROUPS, own: Path = OWN) -> int:
    """Whole cores, at least one."""
    cores = len(os.sched_getaffinity(0))
    for quota in _quotas(groups, own):
        cores = min(cores, int(quota))
    return max(1, cores)


def _quotas(groups: Path, own: Path) -> Iterator[float]:
    """Cores that each group around this process may use on average; none for a group without a limit."""
    for controllers, name in _memberships(own):
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / "cpu" if controllers else groups
        place = root / name.lstrip("/")
        # In a container the name may be one that only the machine outside knows: then its root is the group.
        for folder in (place, *place.parents):
            words = _read(folder / "cpu.max").split() or [
                _read(folder / "cpu.cfs_quota_us"),
                _read(folder / "cpu.cfs_period_us"),
            ]
            if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
                yield int(words[0]) / int(words[1])
            if folder == root:
                break


def _memberships(own: Path) -> Iterator[tuple[str, str]]:
    """(controllers, name) of each hierarchy; no controllers for version 2's (cgroups(7), "/proc/pid/cgroup")."""
    for line in _read(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        yield controllers, name


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
