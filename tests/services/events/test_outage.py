"""What an outage does to schedules and events: nothing is lost, nothing fires twice."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from holdfast.services.events.api_calls import Paces
from holdfast.testing import Server
from tests.services.events.conftest import Receiver, destination, put, role, rule

HOUR = 3_600_000


def move_clock(directory: Path, milliseconds: int) -> None:
    """As if so much time had gone by while nobody served the directory."""
    database = sqlite3.connect(directory / "holdfast.db")
    row = database.execute("SELECT value FROM store_metadata WHERE name = 'clock_offset'").fetchone()
    offset = int(row[0]) if row else 0
    database.execute(
        "INSERT INTO store_metadata (name, value) VALUES ('clock_offset', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (str(offset + milliseconds).encode(),),
    )
    database.commit()
    database.close()


def test_a_moment_that_was_missed_fires_once(tmp_path: Path, receiver: Receiver) -> None:
    server = Server(tmp_path / "data", arguments=("--allow-private-targets",))
    with server:
        account = server.home
        target = {"Id": "t", "Arn": destination(account, receiver.url), "RoleArn": role(account)}
        rule(account, target, ScheduleExpression="rate(1 hour)")
        server.advance(hours=1)
        first = receiver.next().json
        # An event that nobody takes is there after the outage too.
        rule(account, target, name="pattern")
        receiver.replies.put((500, {}, b""))
        event_id = put(account)
        assert receiver.next().json["id"] == event_id
    move_clock(tmp_path / "data", 3 * HOUR + HOUR // 2)
    with server:
        got = sorted((receiver.next().json for _ in range(2)), key=lambda event: event["source"])
        assert [event["source"] for event in got] == ["app", "aws.events"]
        assert got[0]["id"] == event_id
        missed = got[1]
        assert missed["time"][11:13] == f"{(int(first['time'][11:13]) + 1) % 24:02}"
        assert receiver.nothing()
        server.advance(hours=1)
        following = receiver.next().json
        assert following["time"][11:13] == f"{(int(first['time'][11:13]) + 4) % 24:02}"
        assert following["time"][14:] == first["time"][14:]
        assert receiver.nothing()


def test_calls_keep_the_pace_of_their_destination() -> None:
    async def took(paces: Paces, name: str, calls: int) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(paces.turn(name, 50) for _ in range(calls)))
        return loop.time() - began

    async def main() -> None:
        paces = Paces()
        alone, one, other = await asyncio.gather(took(paces, "c", 1), took(paces, "a", 6), took(paces, "b", 6))
        assert alone < min(one, other)
        assert min(one, other) >= 0.1

    asyncio.run(main())
