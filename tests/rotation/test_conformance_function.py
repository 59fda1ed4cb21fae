"""The conformance function against a real server and PostgreSQL: its calls are the recorded ones, its passwords work."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from holdfast.testing import Account
from tests.canaries import canary
from tests.databases import PostgreSQL
from tests.rotation import conformance_function
from tests.rotation.engines.families import PostgreSQLFamily

Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def calls(holdfast: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Every call that the function makes, from the driver's own events."""
    for name, value in holdfast.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", holdfast.endpoint_url)
    boto3.setup_default_session()
    recorded: Calls = []

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        recorded.append((model.name, {key: value for key, value in params.items() if key != "SecretString"}))

    session: Any = boto3.DEFAULT_SESSION
    session.events.register("before-parameter-build.secretsmanager.*", record)
    yield recorded
    boto3.DEFAULT_SESSION = None


@pytest.mark.parametrize("alternating", [False, True])
def test_its_calls_and_its_passwords(
    holdfast: Account, calls: Calls, postgresql_16: PostgreSQL, alternating: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALTERNATING_USERS", str(alternating).lower())
    family = PostgreSQLFamily(postgresql_16)
    client = holdfast.client("secretsmanager")
    fields = family.make()
    master = None
    if alternating:
        master = client.create_secret(Name="superuser", SecretString=json.dumps(family.master()))["ARN"]
        fields["masterarn"] = master
    made = client.create_secret(Name="app", SecretString=json.dumps(fields))
    arn, first = made["ARN"], made["VersionId"]
    token = str(uuid.uuid4())
    pending = {**fields, "password": canary("pending")}
    if alternating:
        pending["username"] += "_clone"
    client.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(pending), VersionStages=["AWSPENDING"]
    )
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret") * 2:  # the second time nothing happens
        conformance_function.handler({"SecretId": arn, "ClientRequestToken": token, "Step": step}, None)

    describe = ("DescribeSecret", {"SecretId": arn})
    current = ("GetSecretValue", {"SecretId": arn, "VersionStage": "AWSCURRENT"})
    waiting = ("GetSecretValue", {"SecretId": arn, "VersionStage": "AWSPENDING", "VersionId": token})
    previous = ("GetSecretValue", {"SecretId": arn, "VersionStage": "AWSPREVIOUS"})
    superuser = ("GetSecretValue", {"SecretId": master, "VersionStage": "AWSCURRENT"})
    moved = {"SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": token, "RemoveFromVersionId": first}
    assert calls == [
        *(describe, current, waiting),
        *((describe, current, waiting, superuser) if alternating else (describe, previous, current, waiting)),
        *(describe, waiting),
        *(describe, describe, ("UpdateSecretVersionStage", moved)),
        *(describe,) * 4,
    ]
    family.log_in(json.loads(client.get_secret_value(SecretId=arn)["SecretString"]))
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[token]
    assert stages[first] == ["AWSPREVIOUS"]


def test_a_version_that_is_not_pending_is_refused(holdfast: Account, calls: Calls) -> None:
    made = holdfast.client("secretsmanager").create_secret(Name="app", SecretString="{}")
    event = {"SecretId": made["ARN"], "ClientRequestToken": str(uuid.uuid4()), "Step": "createSecret"}
    with pytest.raises(ValueError, match="has no stage for rotation"):
        conformance_function.handler(event, None)
    assert [name for name, _ in calls] == ["DescribeSecret"]
