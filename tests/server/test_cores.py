"""Cores that a container may use: files as the kernel writes them, in both versions of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.server.cores import usable_cores

ALLOWED = len(os.sched_getaffinity(0))


def cores(folder: Path, own: str, **files: str) -> int:
    """`files`: name in the file system of control groups, `/` written `__`."""
    for name, text in files.items():
        path = folder / "groups" / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (folder / "own").write_text(own)
    return usable_cores(folder / "groups", folder / "own")


def test_no_limit(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "absent", tmp_path / "absent") == ALLOWED
    assert cores(tmp_path, "0::/\n", cpu_max="max 100000") == ALLOWED


@pytest.mark.parametrize(("quota", "expected"), [("50000", 1), ("100000", 1), ("150000", 1), ("6400000", ALLOWED)])
def test_a_quota_in_whole_cores(tmp_path: Path, quota: str, expected: int) -> None:
    assert cores(tmp_path, "0::/\n", cpu_max=f"{quota} 100000") == expected


@pytest.mark.skipif(ALLOWED < 2, reason="one core is one core")
def test_groups_around_count_too(tmp_path: Path) -> None:
    own = "0::/outer/inner\n"
    assert cores(tmp_path, own, outer__inner__cpu_max="max 100000", outer__cpu_max="max 100000") == ALLOWED
    assert cores(tmp_path, own, outer__cpu_max="120000 100000") == 1


@pytest.mark.skipif(ALLOWED < 2, reason="one core is one core")
def test_a_group_that_only_the_machine_outside_knows(tmp_path: Path) -> None:
    assert cores(tmp_path, "0::/docker/0123abcd\n", cpu_max="100000 100000") == 1


@pytest.mark.skipif(ALLOWED < 2, reason="one core is one core")
def test_version_one(tmp_path: Path) -> None:
    own = "5:memory:/elsewhere\n4:cpu,cpuacct:/box\n"
    assert cores(tmp_path, own, cpu__box__cfs_quota_us="-1", cpu__box__cfs_period_us="100000") == ALLOWED
    assert cores(tmp_path, own, cpu__box__cfs_quota_us="100000") == 1
