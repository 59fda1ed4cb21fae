"""A client that reads the secret and logs in, all the time, while the secret rotates: alternating users never fail it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pymongo.errors
import pymysql
import pytest

from holdfast.rotation.engine import EngineSettings
from tests.rotation.engines.families import STRATEGIES, Family, Rotation

ROTATIONS = 8
REFUSED = (psycopg.OperationalError, pymysql.OperationalError, pymongo.errors.OperationFailure)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_client_that_logs_in_all_the_time(
    family: Family, strategy: str, record_property: Callable[[str, object], None]
) -> None:
    rotation = Rotation(family, strategy, EngineSettings(), ssl=False)
    done = threading.Event()
    logins, in_a_row = [0], [0]
    failures: list[str] = []

    def client() -> None:
        while not done.wait(0.002):
            fields = rotation.current
            logins[0] += 1
            try:
                family.log_in(fields)
                in_a_row[0] += 1
            except REFUSED as error:
                in_a_row[0] = 0
                failures.append(type(error).__name__)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        for _ in range(ROTATIONS):
            rotation.rotate()
            in_a_row[0], after = 0, logins[0]
            while in_a_row[0] < 2:  # between two rotations everybody gets in
                assert logins[0] < after + 100
                done.wait(0.001)
    finally:
        done.set()
        thread.join()
    record_property("failed logins", len(failures))
    print(f"{family.function}{strategy}: {len(failures)} of {logins[0]} logins failed in {ROTATIONS} rotations")
    # One user: between the database's change and AWSCURRENT's the password that a client reads is the old one.
    assert logins[0] >= 2 * ROTATIONS
    if strategy == "MultiUser":
        assert not failures
    family.log_in(rotation.current)
