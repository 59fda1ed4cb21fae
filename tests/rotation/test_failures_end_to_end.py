"""A database that is down, a wrong password, a locked user: the event, the text, the retry, and how each is cured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.testing import Server
from tests.databases import MariaDB, PostgreSQL, debian_postgresql, running, throw_away
from tests.mongodb import MongoDB
from tests.rotation.conftest import until
from tests.rotation.database_secret import DatabaseSecret
from tests.rotation.engines.families import STRATEGIES, Family, MariaDBFamily, MongoDBFamily, PostgreSQLFamily


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture(params=["postgresql", "mariadb", "documentdb"], scope="module")
def family(request: pytest.FixtureRequest) -> Iterator[Family]:
    """On a server of its own: these tests stop it."""
    if request.param == "documentdb":
        with running(MongoDB()) as double:
            yield MongoDBFamily(double)
        return
    with throw_away() as directory:
        if request.param == "mariadb":
            with running(MariaDB(directory)) as mariadb:
                yield MariaDBFamily(mariadb)
        else:
            with running(PostgreSQL(debian_postgresql(), directory)) as postgresql:
                yield PostgreSQLFamily(postgresql)


def failed_at(secret: DatabaseSecret, step: str, number: int = 1) -> dict[str, Any]:
    """The attempt that failed there, with its event and what follows."""
    attempt = secret.ended("failed", number)
    last = attempt["Steps"][-1]
    assert (last["Step"], last["Outcome"]) == (step, "failed")
    event = secret.events()[-1]
    assert event["eventName"] == "RotationFailed"
    assert event["errorMessage"] == f"Error when executing lambda {secret.function} during {step} step"
    assert attempt["NextRetry"] > attempt["Ended"]
    assert secret.first["password"] not in last["Error"]
    return last


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_database_that_is_down_and_comes_back(server: Server, family: Family, strategy: str) -> None:
    secret = DatabaseSecret(server, family, strategy, ssl=False)
    family.server.stop()
    token = secret.rotate(RotationRules={"ScheduleExpression": "rate(10 days)"})
    error = failed_at(secret, "setSecret")["Error"]
    assert f"127.0.0.1:{family.server.port}" in error
    assert "refused" in error
    pending = secret.value(VersionId=token)
    server.advance(seconds(secret))
    failed_at(secret, "setSecret", 2)
    family.server.start()
    assert secret.logs_in()
    server.advance(seconds(secret))
    secret.rotated_to(token)
    assert secret.value() == pending
    assert secret.logs_in()
    assert secret.names_of_events() == ["RotationStarted", *["RotationFailed"] * 2, "RotationSucceeded"]
    assert {attempt["Token"] for attempt in secret.attempts()} == {token}


def seconds(secret: DatabaseSecret) -> float:
    """Until the next retry, and a little."""
    return secret.attempts()[-1]["NextRetry"] - secret.server.now().timestamp() + 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_password_that_somebody_changed(server: Server, family: Family, strategy: str) -> None:
    """No retry helps: the right password, put into the secret, abandons the rotation, and the next one works."""
    secret = DatabaseSecret(server, family, strategy, ssl=False)
    right = "the-right-password-of-now"
    family.change_by_hand(secret.first["username"], right)
    first = secret.rotate()
    error = failed_at(secret, "setSecret")["Error"]
    assert "does not let" in error
    assert secret.first["username"] in error
    secret.client.put_secret_value(SecretId=secret.arn, SecretString=json.dumps({**secret.first, "password": right}))
    assert secret.names_of_events()[-1] == "RotationAbandoned"
    assert "AWSPENDING" not in secret.labels()
    token = secret.rotate()
    assert token != first
    secret.rotated_to(token)
    assert secret.logs_in()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_locked_user(server: Server, family: Family, strategy: str) -> None:
    if isinstance(family, MongoDBFamily):
        pytest.skip("MongoDB locks nobody")
    secret = DatabaseSecret(server, family, strategy, ssl=False)
    family.lock(secret.first["username"])
    token = secret.rotate()
    error = failed_at(secret, "setSecret")["Error"]
    assert "not permitted to log in" in error or "locked" in error
    family.lock(secret.first["username"], locked=False)
    assert secret.holdfast("rotation", "retry", secret.name).returncode == 0
    secret.rotated_to(token)
    assert secret.logs_in()
    until(lambda: secret.names_of_events() == ["RotationStarted", "RotationFailed", "RotationSucceeded"])
