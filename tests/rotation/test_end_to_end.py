"""Built-in rotations from RotateSecret to the login, through boto3 and a server process, in real databases.

Databases: PostgreSQL 15, 16 and 18, MariaDB under its own and under MySQL's functions, PostgreSQL 16 in Redshift's
place, and a double of MongoDB. Those that have a certificate are rotated over TLS alone, verified.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from holdfast.testing import Server
from tests.databases import Certificates
from tests.rotation.database_secret import REFUSED, DatabaseSecret
from tests.rotation.engines.conftest import EACH, SERVERS
from tests.rotation.engines.families import STRATEGIES, Family, MongoDBFamily

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
ROTATIONS = 6
DATABASES = {**SERVERS, "documentdb-tls": (MongoDBFamily, "mongodb_tls")}
WITH_TLS = frozenset(("postgresql_15", "mariadb_tls", "mongodb_tls"))


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[Server]:
    with Server(arguments=("--rotation-ca-bundle", str(certificates.bundle))) as made:
        yield made


@pytest.fixture
def family(request: pytest.FixtureRequest) -> Family:
    kind, database = DATABASES[request.param]
    return kind(request.getfixturevalue(database))


@pytest.mark.parametrize("family", DATABASES, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_rotations_in_a_row(server: Server, family: Family, strategy: str, request: pytest.FixtureRequest) -> None:
    encrypted = DATABASES[request.node.callspec.params["family"]][1] in WITH_TLS
    secret = DatabaseSecret(server, family, strategy, ssl=encrypted)
    before = secret.labels()["AWSCURRENT"]
    user = secret.first["username"]
    other = f"{user}_clone" if strategy == "MultiUser" else user
    passwords = {secret.first["password"]}
    for pending_user in (other, user):
        _rehearsed(secret, encrypted)
        token = secret.rotate(RotationRules={"ScheduleExpression": "rate(10 days)"})
        described = secret.rotated_to(token)
        assert described["VersionIdsToStages"] == {token: ["AWSCURRENT"], before: ["AWSPREVIOUS"]}
        value = secret.value()
        assert value == {**secret.first, "username": pending_user, "password": value["password"]}
        assert value["password"] not in passwords
        assert secret.logs_in()
        assert secret.logs_in(VersionStage="AWSPREVIOUS") == (strategy == "MultiUser")
        passwords.add(value["password"])
        before = token
    assert secret.names_of_events() == ["RotationStarted", "RotationSucceeded"] * 2
    _shown(secret, before)
    planned = json.loads(secret.holdfast("rotation", "forecast", "--days", "30", "--format", "json").stdout)
    assert [each["secret"] for each in planned["rotations"]].count(secret.arn) in (2, 3)
    assert not [password for password in passwords if password in server.log()]


def _rehearsed(secret: DatabaseSecret, encrypted: bool) -> None:
    """A rehearsal finds nothing but that passwords travel in plaintext, where they do, and changes nothing."""
    labels = secret.labels()
    done = secret.holdfast("rotation", "rehearse", secret.name, "--function", secret.function, "--format", "json")
    found = json.loads(done.stdout)
    failed = {each["check"] for each in found["findings"] if not each["passed"]}
    assert failed <= (set[str]() if encrypted else {"tls", "password"}), found
    assert (found["passed"], done.returncode) == (not failed, 1 if failed else 0)
    assert {"secret", "login"} <= {each["check"] for each in found["findings"]}
    assert secret.labels() == labels


def _shown(secret: DatabaseSecret, token: str) -> None:
    """The timeline as the command-line contract has it."""
    shown = json.loads(secret.holdfast("rotation", "show", secret.name, "--format", "json").stdout)
    assert shown["secret"] == secret.arn
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["succeeded"] * 2
    last = shown["attempts"][-1]
    assert set(last) >= {
        "token", "started", "ended", "outcome", "steps", "labels_before", "labels_after", "next_retry",
    }  # fmt: skip
    assert (last["token"], last["next_retry"]) == (token, None)
    assert [step["step"] for step in last["steps"]] == STEPS
    for step in last["steps"]:
        assert set(step) >= {"step", "started", "ended", "outcome", "error"}
        assert (step["outcome"], step["error"]) == ("succeeded", None)
        assert step["started"] <= step["ended"]
    assert last["labels_before"]["AWSPENDING"] == token
    assert last["labels_after"] == {
        "AWSCURRENT": token,
        "AWSPREVIOUS": last["labels_before"]["AWSCURRENT"],
    }


@pytest.mark.parametrize("family", EACH, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_client_that_logs_in_all_the_time(
    server: Server, family: Family, strategy: str, record_property: Callable[[str, object], None]
) -> None:
    """It reads the secret and logs in, without a pause. Alternating users never fail it."""
    secret = DatabaseSecret(server, family, strategy, ssl=False)
    done = threading.Event()
    logins, refused = [0], [0]
    unexpected: list[BaseException] = []
    client = server.home.client("secretsmanager", use_ssl=False)

    def log_in_all_the_time() -> None:
        try:
            while not done.is_set():
                value = json.loads(client.get_secret_value(SecretId=secret.arn)["SecretString"])
                logins[0] += 1
                try:
                    family.log_in(value)
                except REFUSED:
                    refused[0] += 1
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            unexpected.append(error)

    thread = threading.Thread(target=log_in_all_the_time)
    thread.start()
    try:
        for _ in range(ROTATIONS):
            secret.rotated_to(secret.rotate())
    finally:
        done.set()
        thread.join()
    assert not unexpected
    assert logins[0] >= ROTATIONS
    record_property("failed logins", refused[0])
    print(f"{family.function}{strategy}: {refused[0]} of {logins[0]} logins failed in {ROTATIONS} rotations")
    if strategy == "MultiUser":
        assert refused[0] == 0
    assert secret.logs_in()
