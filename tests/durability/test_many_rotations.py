"""Many secrets at once, and time that passes while nobody is there."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

from tests.rotation.conftest import Rotated, function_arn, until
from tests.rotation.file_engine import FileDatabase
from tests.rotation.server import RotatingServer

MANY = 1000


def test_a_thousand_due_in_the_same_minute_are_rotated_once_each(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(MANY)]
    database = FileDatabase(tmp_path / "users.db", dict.fromkeys(names, "first"))
    server = RotatingServer(tmp_path / "data")
    server.start()
    secrets = server.client("secretsmanager")
    other = secrets.create_secret(Name="other", SecretString="x")["ARN"]
    tokens: dict[str, str] = {}
    database.order("down", "1")
    for name in names:
        value = {"engine": "file", "host": str(database.path), "username": name, "password": "first"}
        secrets.create_secret(Name=name, SecretString=json.dumps(value))
        tokens[name] = secrets.rotate_secret(SecretId=name, RotationLambdaARN=function_arn(server))["VersionId"]
    server.stop()
    database.order("down", "")
    # The retries of all of them are due by now, or nearly.
    server.start()
    began = time.monotonic()
    server.advance(hours=1)
    slowest = 0.0
    took = time.monotonic() - began
    for _ in range(20):
        one = time.monotonic()
        secrets = server.client("secretsmanager")
        secrets.get_secret_value(SecretId=other)
        slowest = max(slowest, time.monotonic() - one)
    print(f"\n{MANY} rotations in {took:.1f} s")
    for name in names:
        assert len(database.passwords_set(name)) == 1
    some = names[:: MANY // 20]
    for name in some:
        described = secrets.describe_secret(SecretId=name)
        assert described["VersionIdsToStages"][tokens[name]] == ["AWSCURRENT"]
        assert database.logs_in(json.loads(secrets.get_secret_value(SecretId=name)["SecretString"]))
    server.close()


def test_after_a_long_time_away_it_is_caught_up_once(tmp_path: Path) -> None:
    server = RotatingServer(tmp_path / "data")
    server.start()
    rotated = Rotated(server, tmp_path)
    rotated.rotated_to(rotated.rotate(RotationRules={"ScheduleExpression": "rate(4 hours)"}))
    server.stop()
    # Service time goes on while the server is away: its offset is what the store says.
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "data" / "holdfast.db")) as store, store:
        away = int(timedelta(days=10).total_seconds() * 1000)
        store.execute("INSERT OR REPLACE INTO store_metadata VALUES ('clock_offset', ?)", (str(away).encode(),))
    server.start()
    until(lambda: len(rotated.database.passwords_set("app")) == 2)
    until(lambda: rotated.attempts()[-1]["Outcome"] == "succeeded")
    server.advance(minutes=1)
    assert len(rotated.database.passwords_set("app")) <= 3
    due = rotated.describe()["NextRotationDate"] - server.now()
    assert timedelta() < due <= timedelta(hours=5)
    server.close()
