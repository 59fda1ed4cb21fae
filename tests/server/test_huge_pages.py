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
import hashlib, mmap
from holdfast.server import huge_pages
def digest():
    return hashlib.sha256(b"".join(kept)).digest()
def kilobytes(name):
    return sum(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith(name))
seldom_used = mmap.mmap(-1, 8 * huge_pages.SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for place in range(0, len(seldom_used), huge_pages.SIZE):
    seldom_used[place] = 1
kept = [number.to_bytes(8, "big") * 50 for number in range(100_000)]
before, resident = digest(), kilobytes("Rss:")
done = huge_pages.collapse()
assert kilobytes("AnonHugePages:") * 1024 >= done, done
assert kilobytes("Rss:") < resident + 6 * 1024, "what is hardly used takes no more than it did"
assert digest() == before
print("done")
"""


def test_whole_pages_of_anonymous_memory_are_asked_for() -> None:
    heap, first, second = 0x55D5C2A00000, 0x7F1200000000, 0x7F1210200000
    assert places(MAPS) == [heap, heap + SIZE, heap + 2 * SIZE, heap + 3 * SIZE, first, first + SIZE, second]


def test_nothing_is_lost() -> None:
    finished = subprocess.run([sys.executable, "-c", KEEPS_WHAT_IS_THERE], capture_output=True, text=True, check=False)
    assert finished.stdout == "done\n", finished.stderr
