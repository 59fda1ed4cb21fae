"""Rotations of PostgreSQL users, the functions that do the same, and reads while a thousand secrets rotate.

The database is Debian's PostgreSQL on the same machine. What it takes by itself is measured with the same engine and no
server: connecting (SCRAM is meant to be slow), ALTER USER, connecting again. The rest of a rotation is the machine's: the
call, jobs, versions, labels, audit, events, each step on disk before the next.
"""

from __future__ import annotations

import http.client
import io
import json
import statistics
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
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
COLD, WARM = 3, 300
READERS = 16
SOURCE = "import boto3\ndef handler(event, context):\n    return 1\n"


class RotationFailed(Exception):
    """A secret was not rotated, or was rotated twice."""


@dataclass(slots=True)
class Rotation:
    """Milliseconds, a value for each rotation or invocation; rates in requests/s, a value for each load."""

    whole: list[float] = field(default_factory=list[float])
    """From RotateSecret's first byte to the recorded success."""
    database: list[float] = field(default_factory=list[float])
    """The engine alone: setSecret and testSecret without a server."""
    cold: list[float] = field(default_factory=list[float])
    warm: list[float] = field(default_factory=list[float])
    many: int = 0
    many_seconds: list[float] = field(default_factory=list[float])
    """Until every one of the many secrets was rotated."""
    twice: int = 0
    """Secrets of them that have another version than the one of their rotation."""
    idle_reads: list[float] = field(default_factory=list[float])
    busy_reads: list[float] = field(default_factory=list[float])

    @property
    def overhead(self) -> float:
        return statistics.median(self.whole) - statistics.median(self.database)

    @property
    def kept(self) -> float:
        """The share of their idle rate that reads keep."""
        return statistics.median(self.busy_reads) / statistics.median(self.idle_reads)


def steps(rounds: int) -> int:
    """How often `measure` tells."""
    return 3 + rounds


def measure(folder: Path, rounds: int, many: int, tell: Tell) -> Rotation:
    found = Rotation(many=many)
    with _database() as database, Server(folder / "rotation", movable_clock=False) as server:
        scene = _Scene(server, database)
        tell("rotations one by one")
        _one_by_one(scene, found)
        tell("functions")
        _functions(scene, found)
        tell(f"{many} users and their secrets")
        workload.prepare_reads(scene.endpoint)
        secrets = [scene.create(f"many/{number}") for number in range(many)]
        for _ in range(rounds):
            tell(f"reads while {many} secrets rotate")
            _many(scene, secrets, found)
    return found


@contextmanager
def _database() -> Iterator[PostgreSQL]:
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


# -- functions ----------------------------------------------------------------------------------------------------------


def _functions(scene: _Scene, found: Rotation) -> None:
    home = scene.server.home
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = home.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", SOURCE)
    connection = http.client.HTTPConnection("127.0.0.1", scene.endpoint.port)
    for number in range(COLD):
        home.client("lambda").create_function(
            FunctionName=f"f{number}", Role=role, Runtime="python3.11", Handler="app.handler", Timeout=30,
            MemorySize=256, Code={"ZipFile": content.getvalue()},
        )  # fmt: skip
        found.cold.append(_invoke(scene, connection, f"f{number}"))
    for _ in range(WARM):
        found.warm.append(_invoke(scene, connection, "f0"))
    connection.close()


def _invoke(scene: _Scene, connection: http.client.HTTPConnection, name: str) -> float:
    """Milliseconds of one invocation over HTTP; it is signed before the clock runs."""
    path = f"/2015-03-31/functions/{name}/invocations"
    request = AWSRequest("POST", f"http://{scene.endpoint.host}{path}", data=b"{}")
    credentials = BotoCredentials(scene.server.home.access_key_id, scene.server.home.secret_access_key)
    SigV4Auth(credentials, "lambda", scene.server.region).add_auth(request)
    headers = dict(request.headers.items())
    began = time.perf_counter()
    connection.request("POST", path, b"{}", headers)
    response = connection.getresponse()
    body = response.read()
    took = (time.perf_counter() - began) * 1000
    if (response.status, body) != (200, b"1"):
        raise RotationFailed(f"{response.status} {body[:500]!r}")
    return took


# -- many rotations -----------------------------------------------------------------------------------------------------


def _many(scene: _Scene, secrets: list[str], found: Rotation) -> None:
    region = scene.server.region
    reads = sign_all(scene.endpoint, region, workload.reads()["GetSecretValue"])
    found.idle_reads += [wrk.replay(scene.endpoint.port, reads, READERS, 1).rate for _ in range(3)]
    before = {arn: set(scene.labels(arn)) for arn in secrets}
    tokens = {arn: str(uuid.uuid4()) for arn in secrets}
    calls = sign_all(scene.endpoint, region, (scene.rotation_of(arn, token) for arn, token in tokens.items()))
    began = time.perf_counter()
    send_all(scene.endpoint.port, calls)
    waiting = list(tokens)
    while waiting:
        rate = wrk.replay(scene.endpoint.port, reads, READERS, 1).rate
        waiting = [arn for arn in waiting if scene.labels(arn).get(tokens[arn]) != ["AWSCURRENT"]]
        if waiting:  # otherwise some of that second was idle
            found.busy_reads.append(rate)
        if time.perf_counter() - began > 600:
            raise RotationFailed(f"{len(waiting)} secrets are not rotated after ten minutes")
    found.many_seconds.append(time.perf_counter() - began)
    found.twice += sum(set(scene.labels(arn)) - before[arn] != {tokens[arn]} for arn in secrets)
