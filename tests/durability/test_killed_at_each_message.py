"""SIGKILL of the server before and after everything that it says to a real database in a rotation.

Two moments for each message: the database has not seen it, or it has and the server does not learn of it. These are the
insides of setSecret and testSecret and the boundaries around them; the first message comes after createSecret, and the last
one before finishSecret. Every rotation ends with the same version and the value that this had before the kill, AWSCURRENT
logs in, and where it did not meanwhile the timeline says where the rotation was cut off.

`make chaos` (HOLDFAST_CHAOS_ROUNDS) tries every moment; without it a seeded sample.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from holdfast.testing import Server
from tests.rotation.conftest import until
from tests.rotation.database_secret import REFUSED, DatabaseSecret
from tests.rotation.engines.conftest import EACH, SERVERS
from tests.rotation.engines.families import STRATEGIES, Family, MongoDBFamily
from tests.rotation.relay import Relay

EVERY = "HOLDFAST_CHAOS_ROUNDS" in os.environ
SAMPLE = 2
SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261127"))


@pytest.fixture
def family(request: pytest.FixtureRequest) -> Family:
    kind, database = SERVERS[request.param]
    return kind(request.getfixturevalue(database))


class Killed:
    """A secret behind a relay, and a server that is killed at a moment of its rotation."""

    def __init__(self, directory: Path, family: Family, strategy: str) -> None:
        self.server = Server(directory).start()
        self.relay = Relay(family.server.port)
        self.family = family
        self.alternating = strategy == "MultiUser"
        self.secret = DatabaseSecret(self.server, family, strategy, ssl=False, port=self.relay.port)

    def close(self) -> None:
        self.server.close()
        self.relay.stop()

    def messages(self) -> int:
        """How many a whole rotation takes, and one is made."""
        self.relay.at(0, after=False, act=lambda: None)
        self.secret.rotated_to(self.secret.rotate())
        return self.relay.pieces

    def rotate_and_kill(self, moment: int, *, after: bool) -> None:
        process, client = self.server.process, self.server.client("secretsmanager")
        assert process is not None
        kept: list[Any] = []

        def kill() -> None:
            # MongoDB's driver talks beside the step too, and perhaps when it has ended.
            with suppress(client.exceptions.ResourceNotFoundException):
                pending = client.get_secret_value(SecretId=self.secret.arn, VersionStage="AWSPENDING")
                kept.append((pending["VersionId"], json.loads(pending["SecretString"])))
            os.kill(process.pid, signal.SIGKILL)

        self.relay.at(moment, after=after, act=kill)
        before = self.secret.value()
        token = self.secret.rotate()
        until(lambda: process.poll() is not None or self._over(token), 60)
        self.relay.at(0, after=False, act=lambda: None)
        if process.poll() is None:
            assert isinstance(self.family, MongoDBFamily), "its driver says a little more or less each time"
            return
        client.close()
        assert self.server.kill() == -signal.SIGKILL
        self.server.start()
        self._may_log_in(before)
        self.secret.rotated_to(token)
        attempts = [attempt for attempt in self.secret.attempts() if attempt["Token"] == token]
        if not kept or len(attempts) == 1:
            assert isinstance(self.family, MongoDBFamily)
            assert self.secret.logs_in()
            return
        assert kept == [(token, self.secret.value())], "no second password is made for one version"
        assert self.secret.logs_in()
        assert [attempt["Outcome"] for attempt in attempts] == ["interrupted", "succeeded"]
        cut = attempts[0]["Steps"][-1]
        assert cut["Step"] in ("setSecret", "testSecret")
        assert (cut["Outcome"], "the server stopped" in cut["Error"]) == ("interrupted", True)

    def _over(self, token: str) -> bool:
        with suppress(BotoCoreError):
            return self.secret.labels()["AWSCURRENT"] == token
        return False

    def _may_log_in(self, current: Mapping[str, Any]) -> None:
        """The value of before: always for alternating users; for one user not while its rotation is being finished."""
        try:
            self.family.log_in(current)
        except REFUSED:
            assert not self.alternating


@pytest.mark.parametrize("family", [*EACH, *(("mysql",) if EVERY else ())], indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_killed_at_a_message_it_ends_with_the_same_value(
    tmp_path: Path, family: Family, strategy: str, request: pytest.FixtureRequest
) -> None:
    killed = Killed(tmp_path / "data", family, strategy)
    try:
        if strategy == "MultiUser":
            killed.messages()  # the first one makes the user, and takes more of them
        count = killed.messages()
        every = [(moment, after) for moment in range(1, count + 1) for after in (False, True)]
        chance = random.Random(f"{SEED} {request.node.name}")
        for moment, after in every if EVERY else chance.sample(every, SAMPLE):
            killed.rotate_and_kill(moment, after=after)
        print(
            f"{family.function}{strategy}: {count} messages, {len(every) if EVERY else SAMPLE} of {len(every)} moments"
        )
    finally:
        killed.close()


@pytest.mark.parametrize("family", EACH, indirect=True)
def test_killed_while_the_alternate_user_is_made(tmp_path: Path, family: Family) -> None:
    """The longest conversation there is, with one secret for each moment."""
    killed = Killed(tmp_path / "data", family, "MultiUser")
    try:
        count = killed.messages()
        every = [(moment, after) for moment in range(1, count + 1) for after in (False, True)]
        chance = random.Random(SEED)
        for moment, after in every if EVERY else chance.sample(every, SAMPLE):
            killed.secret = DatabaseSecret(killed.server, family, "MultiUser", ssl=False, port=killed.relay.port)
            killed.rotate_and_kill(moment, after=after)
    finally:
        killed.close()
