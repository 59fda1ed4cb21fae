"""Rotations of PostgreSQL users, one by one, and reads of other secrets while a thousand rotate.

One round of a thousand: the rate of reads is sampled second by second, idle, then while rotations run, then idle again, so
that a machine that changes shows. While calls are answered, rotations take turns with them, and the thousand would take
minutes of readers that do nothing but fill the audit trail: after enough samples the readers stop, and the rest of the
rotations runs by itself. Every one of the thousand is looked at in the end.

The database is Debian's PostgreSQL on the same machine. What it takes by itself is measured with the same engine and no
server: connecting (SCRAM is meant to be slow), ALTER USER, connecting again. The rest of a rotation is the machine's: the
call, jobs, versions, labels, audit, events, each step on disk before the next.
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import sql
from tests.databases import PostgreSQL, debian_postgresql, throw_away

from benchmarks import workload, wrk
from benchmarks.client import Connection, send_all
from benchmarks.samples import Tell
from benchmarks.signed import Call, Endpoint, sign, sign_all
from holdfast.rotation.engine import EngineSettings, Values
from holdfast.rotation.engines import ENGINES
from holdfast.testing import Server
from holdfast.wire.signer import Credentials

FUNCTION = "SecretsManagerRDSPostgreSQLRotationSingleUser"
MANY = 1_000
ROTATIONS = 12
READERS = 16
BUSY_SAMPLES = 30
IDLE_SAMPLES = 5
"""Before the many rotations, and as many after them. A sample is a second."""


class RotationFailed(Exception):
    """A secret was not rotated, or was rotated twice."""


@dataclass(slots=True)
class Rotation:
    """Milliseconds, a value for each rotation; rates in requests/s, a value for each load."""

    whole: list[float] = field(default_factory=list[float])
    """From RotateSecret's first byte to the recorded success."""
    database: list[float] = field(default_factory=list[float])
    """The engine alone: setSecret and testSecret without a server."""
    many: int = 0
    read_seconds: float = 0.0
    """How long reads ran beside the many rotations."""
    rotated_meanwhile: int = 0
    """How many of the many were rotated when the reads stopped."""
    many_seconds: float = 0.0
    """Until every one of them was rotated."""
    twice: int = 0
    """Secrets of them that have another version than the one of their rotation."""
    idle_reads: list[float] = field(default_factory=list[float])
    busy_reads: list[float] = field(default_factory=list[float])

    @property
    def overhead(self) -> float:
        return statistics.median(self.whole) - statistics.median(self.database)

    def figures(self) -> list[tuple[str, str]]:
        """What was measured, for people."""
        middle = statistics.median
        rest, seconds = self.many - self.rotated_meanwhile, self.many_seconds - self.read_seconds
        return [
            ("a rotation, from the call to the recorded success", f"{middle(self.whole):.1f} ms"),
            ("the database's part of it", f"{middle(self.database):.1f} ms"),
            ("reads of other secrets, idle", _rates(self.idle_reads)),
            ("reads of other secrets meanwhile", _rates(self.busy_reads)),
            (f"rotated while reads ran, {self.read_seconds:.1f} s", f"{self.rotated_meanwhile:,}"),
            (f"the other {rest:,}, with nobody reading", f"{seconds:.1f} s"),
        ]

    @property
    def kept(self) -> float:
        """The share of their idle rate that reads keep."""
        return statistics.median(self.busy_reads) / statistics.median(self.idle_reads)


def _rates(samples: list[float]) -> str:
    least, most = min(samples), max(samples)
    return f"{statistics.median(samples):,.0f} requests/s [{least:,.0f}-{most:,.0f}], {len(samples)} samples"


def steps(_: int) -> int:
    """How often `measure` tells; there is one round."""
    return 4


def measure(folder: Path, many: int, tell: Tell) -> Rotation:
    found = Rotation(many=many)
    with _database() as database, Server(folder / "rotation", movable_clock=False) as server:
        scene = _Scene(server, database)
        tell("rotations one by one")
        _one_by_one(scene, found)
        tell(f"{many} users and their secrets")
        workload.prepare_reads(scene.endpoint)
        secrets = [scene.create(f"many/{number}") for number in range(many)]
        _many(scene, secrets, found, tell)
    return found


@contextmanager
def _database() -> Generator[PostgreSQL]:
    with throw_away() as directory:
        server = PostgreSQL(debian_postgresql(), directory)
        try:
            yield server
        finally:
            server.stop()


class _Scene:
    """A server, a database, and what is asked of both."""

    def __init__(self, server: Server, database: PostgreSQL) -> None:
        self.server = server
        self.database = database
        home = server.home
        self.endpoint = Endpoint(
            int(server.endpoint_url.rpartition(":")[2]), Credentials(home.access_key_id, home.secret_access_key)
        )
        self.connection = Connection(self.endpoint.port)
        self.admin = database.admin()

    def call(self, operation: str, service: str = "secretsmanager", **parameters: Any) -> dict[str, Any]:
        return self.connection.call(sign(self.endpoint, self.server.region, Call(service, operation, parameters)))

    def user(self, number: str) -> dict[str, Any]:
        """A new user of the database; its secret."""
        name, password = f"app-{number}", f"password of {number}"
        self.admin.execute(sql.SQL("CREATE USER {} PASSWORD {}").format(sql.Identifier(name), password))
        return {
            "engine": "postgres", "host": "127.0.0.1", "port": self.database.port, "username": name,
            "password": password, "ssl": False,
        }  # fmt: skip

    def create(self, name: str) -> str:
        value = json.dumps(self.user(name))
        created = self.call("CreateSecret", Name=name, SecretString=value, ClientRequestToken=str(uuid.uuid4()))
        return str(created["ARN"])

    def rotation_of(self, arn: str, token: str) -> Call:
        function = f"arn:aws:lambda:{self.server.region}:{self.server.home.account}:function:{FUNCTION}"
        return Call(
            "secretsmanager",
            "RotateSecret",
            {"SecretId": arn, "ClientRequestToken": token, "RotationLambdaARN": function},
        )

    def labels(self, arn: str) -> dict[str, list[str]]:
        return self.call("DescribeSecret", SecretId=arn)["VersionIdsToStages"]


# -- one rotation -------------------------------------------------------------------------------------------------------


def _one_by_one(scene: _Scene, found: Rotation) -> None:
    arn = scene.create("one")
    for _ in range(ROTATIONS):
        token = str(uuid.uuid4())
        request = sign(scene.endpoint, scene.server.region, scene.rotation_of(arn, token))
        began = time.time()
        scene.connection.call(request)
        time.sleep(0.5)  # nobody asks meanwhile: the moment of the end is on record
        attempt = scene.server.control("ShowRotation", SecretId=arn)["Attempts"][-1]
        if (attempt["Token"], attempt["Outcome"]) != (token, "succeeded"):
            raise RotationFailed(json.dumps(attempt))
        found.whole.append((attempt["Ended"] - began) * 1000)
    engine, settings = ENGINES[FUNCTION], EngineSettings()
    current = scene.user("direct")
    for number in range(ROTATIONS):
        values = Values(current, engine.pending(current, f"the direct password {number}"))
        began = time.perf_counter()
        engine.set_secret(values, settings)
        engine.test_secret(values, settings)
        found.database.append((time.perf_counter() - began) * 1000)
        assert values.pending is not None
        current = dict(values.pending)


# -- many rotations -----------------------------------------------------------------------------------------------------


def _many(scene: _Scene, secrets: list[str], found: Rotation, tell: Tell) -> None:
    region = scene.server.region
    reads = sign_all(scene.endpoint, region, workload.reads()["GetSecretValue"])
    before = {arn: set(scene.labels(arn)) for arn in secrets}
    found.idle_reads += _idle(scene, reads)
    tokens = {arn: str(uuid.uuid4()) for arn in secrets}
    calls = sign_all(scene.endpoint, region, (scene.rotation_of(arn, token) for arn, token in tokens.items()))

    waiting = list(tokens)

    def rotated(arn: str) -> bool:
        return scene.labels(arn).get(tokens[arn]) == ["AWSCURRENT"]

    def some_wait() -> bool:
        while waiting and rotated(waiting[-1]):  # one question as a rule: calls make rotations wait
            waiting.pop()
        return bool(waiting)

    tell(f"reads while {len(secrets)} secrets rotate")
    began = time.perf_counter()
    send_all(scene.endpoint.port, calls)
    while len(found.busy_reads) < BUSY_SAMPLES:
        rate = wrk.replay(scene.endpoint.port, reads, READERS, 1).rate
        if not some_wait():  # some of that second was idle
            break
        found.busy_reads.append(rate)
    found.read_seconds = time.perf_counter() - began
    found.rotated_meanwhile = sum(map(rotated, secrets))
    tell("the rest of them")
    while some_wait():
        if time.perf_counter() - began > 600:
            raise RotationFailed(
                f"{sum(not rotated(arn) for arn in secrets)} secrets are not rotated after ten minutes"
            )
        time.sleep(0.2)
    found.many_seconds = time.perf_counter() - began
    found.idle_reads += _idle(scene, reads)  # whoever else uses this machine may have changed meanwhile
    found.twice += sum(set(scene.labels(arn)) - before[arn] != {tokens[arn]} for arn in secrets)


def _idle(scene: _Scene, reads: list[bytes]) -> list[float]:
    return [wrk.replay(scene.endpoint.port, reads, READERS, 1).rate for _ in range(IDLE_SAMPLES)]
