"""Memory in huge pages: what is asked for, and that nothing is lost by it."""

from __future__ import annotations

import subprocess
import sys

from holdfast.server.huge_pages import SIZE, places

MAPS = """\
55d5c1a00000-55d5c1a01000 r-xp 00000000 fe:00 393 /usr/bin/python3.11
55d5c2911000-55d5c3200000 rw-p 00000000 00:00 0                          [heap]
7f1200000000-7f1200400000 rw-p 00000000 00:00 0
7f1210001000-7f1210401000 rw-p 00000000 00:00 0
7f1220000000-7f1220400000 r--p 00000000 00:00 0
7f1230000000-7f1230400000 rw-s 00000000 00:01 77 /memfd:commits (deleted)
7f1240000000-7f1240400000 rw-p 00000000 fe:00 412 /usr/lib/libsomething.so
7ffe10000000-7ffe10400000 rw-p 00000000 00:00 0                          [stack]
"""

KEEPS_WHAT_IS_THERE = """
import hashlib
from holdfast.server import huge_pages
def digest(kept):
    return hashlib.sha256(b"".join(kept)).digest()
kept = [number.to_bytes(8, "big") * 50 for number in range(100_000)]
before = digest(kept)
done = huge_pages.collapse()
assert digest(kept) == before
assert done % huge_pages.SIZE == 0
huge = sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages:"))
assert huge * 1024 >= done, (huge, done)
print("done")
"""


def test_whole_pages_of_anonymous_memory_are_asked_for() -> None:
    assert places(MAPS) == [
        (0x55D5C2A00000, 4 * SIZE),
        (0x7F1200000000, 2 * SIZE),
        (0x7F1210200000, SIZE),
    ]


def test_nothing_is_lost() -> None:
    finished = subprocess.run([sys.executable, "-c", KEEPS_WHAT_IS_THERE], capture_output=True, text=True, check=False)
    assert finished.stdout == "done\n", finished.stderr
