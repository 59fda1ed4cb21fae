"""The garbage collector and the memory of a process that serves: the main one, and each reader."""

from __future__ import annotations

import gc
import threading

from holdfast.server import huge_pages

COLLECT_AFTER = 20_000
"""New objects until it looks at the young ones."""


def settle() -> None:
    """Call when everything that lives as long as the process is there: the collector need not look at it again.

    A finished call leaves no cycle (`exchange.forget`), so it finds next to nothing: with its usual 700 it looked at every
    record that waits for its batch again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    # Some milliseconds, and the first call need not wait for them.
    threading.Thread(target=huge_pages.keep_collapsing, name="huge pages", daemon=True).start()
