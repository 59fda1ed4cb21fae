"""Clients write, the server gets SIGKILL at random moments, many rounds: every acknowledged write is there, none is half there.

A moment is so many acknowledged writes and a little more: it comes later on a machine that is busy, not sooner in the work.
The rounds are a seeded sample of `make chaos`, which runs the same with HOLDFAST_CHAOS_ROUNDS=200.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from pathlib import Path

from holdfast.testing import Server
from tests.durability.writers import State, Writer, observe
from tests.raw_client import client_of
from tests.server.reading import all_there

ROUNDS = int(os.environ.get("HOLDFAST_CHAOS_ROUNDS", "6"))
WRITERS = 6
MOST_WRITES = 90
"""Acknowledged before the kill, of all writers together; fewer than one each finds them at their first secrets."""
WITHIN_A_WRITE = 0.02
"""Seconds: a kill that always came right after an answer would never meet a commit."""
SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261124"))


def _recorded(directory: Path) -> set[str]:
    with sqlite3.connect(directory / "holdfast.db") as connection:
        return {row[0] for row in connection.execute("SELECT request_id FROM audit_record")}


def test_no_acknowledged_write_is_lost_and_none_is_half_there(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    alone = Server(tmp_path / "data")
    # The writers' connections are spread on two processes then.
    shared = Server(tmp_path / "data", arguments=("--readers", "1"), movable_clock=False)
    states: list[State | None] = [None] * WRITERS
    acknowledged = found_after_all = 0
    ids: set[str] = set()
    for round_number in range(ROUNDS):
        server = shared if round_number % 2 else alone
        server.start()
        if server is shared:
            all_there(server)
        told = threading.Semaphore(0)
        writers = [Writer(n, client_of(server.home), states[n], chance.getrandbits(32), told) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        awaited = chance.randrange(MOST_WRITES)
        for _ in range(awaited):
            assert told.acquire(timeout=60), f"round {round_number}: writes end before there are {awaited} of them"
        # Not a wait for something to happen: the moment of the kill is the random variable.
        time.sleep(chance.random() * WITHIN_A_WRITE)
        server.kill()
        for writer in writers:
            writer.join(30)
            assert not writer.is_alive()
            assert not writer.wrong, writer.wrong
        server.start()
        client = client_of(server.home)
        for writer in writers:
            seen = observe(client, writer)
            assert seen in (writer.state, writer.under_way), (
                f"round {round_number}, {writer.name}: saw {seen}, acknowledged {writer.state}, under way {writer.under_way}"
            )
            found_after_all += seen != writer.state
            states[writer.number] = seen
            acknowledged += len(writer.acknowledged)
            ids.update(writer.acknowledged)
        client.close()
        server.stop()
    missing = ids - _recorded(tmp_path / "data")
    assert not missing, f"{len(missing)} acknowledged writes have no audit record"
    print(
        f"\n{ROUNDS} kills, {acknowledged} acknowledged writes, 0 lost, 0 half done, "
        f"{found_after_all} unacknowledged writes found whole, {len(ids)} audit records checked"
    )
