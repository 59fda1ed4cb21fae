"""What lives as long as the process, in pages of 2 MB instead of 4 KB.

A call touches some 1,500 pages of 4 KB here and there: objects of Python, of SQLite and OpenSSL, and code. The processor knows
the addresses of about as many at a time, and looks up any other one in tables, which on a virtual machine takes 60 to 200 ns by
the hour. One entry for 2 MB does for 512 of them: 4 to 6 in a hundred of the CPU of a call (docs/adr/0020).

Linux 6.1 and later do it at once (madvise(2), MADV_COLLAPSE), whatever is set for transparent huge pages. Where that is not to
be had everything works as before. What a server takes under its load comes after its start, so it looks again later.
"""

from __future__ import annotations

import ctypes
import mmap
import re
import time
from pathlib import Path
from typing import NoReturn

SIZE = 2 << 20
"""Bytes."""
MOSTLY = 7 / 8
"""How much of a place must be in use: what is not takes memory from then on. Stacks of threads are nearly empty."""
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0
"""Seconds until it looks again: twice as long each time."""
MADV_COLLAPSE = 25

# proc(5), /proc/pid/maps: private memory that can be written, of no file: the heap, and what was mapped for itself.
_ANONYMOUS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 *(?:\[heap\])?")


def places(maps: str) -> list[int]:
    """Where in the memory of /proc/self/maps a huge page can be: they begin at multiples of their size."""
    found: list[int] = []
    for line in maps.splitlines():
        match = _ANONYMOUS.fullmatch(line)
        if match is not None:
            begin, end = -(-int(match[1], 16) // SIZE), int(match[2], 16) // SIZE
            found += [number * SIZE for number in range(begin, end)]
    return found


def collapse() -> int:
    """Call when everything that lives as long as the process is there; how many bytes are in huge pages now."""
    try:
        maps = Path("/proc/self/maps").read_text()
        library = ctypes.CDLL(None)
        advise, look = library.madvise, library.mincore
    except (OSError, AttributeError):
        return 0
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    look.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    resident = ctypes.create_string_buffer(SIZE // mmap.PAGESIZE)
    done = 0
    for place in places(maps):
        if look(place, SIZE, resident) == 0 and resident.raw.count(1) >= MOSTLY * len(resident.raw):
            # Refused where the kernel is older or has no such page free: then it stays as it is.
            done += SIZE if advise(place, SIZE, MADV_COLLAPSE) == 0 else 0
    return done


def keep_collapsing() -> NoReturn:
    """The whole life of a thread. A look takes 5 to 10 ms in which others run, a page that is put together 1 to 4."""
    pause = FIRST_PAUSE
    while True:
        collapse()
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
