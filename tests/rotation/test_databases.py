"""RotateSecret with real databases: every family's built-in engine, and a function of the user's, from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.testing import Account, Server
from tests.databases import PostgreSQL
from tests.rotation import conformance_function
from tests.rotation.conftest import until
from tests.rotation.engines.conftest import EACH, SERVERS
from tests.rotation.engines.families import STRATEGIES, Family, PostgreSQLFamily
from tests.services.lambda_.conftest import create, role


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def account(server: Server) -> Account:
    return server.create_account()


@pytest.fixture(params=EACH)
def family(request: pytest.FixtureRequest) -> Family:
    kind, name = SERVERS[request.param]
    return kind(request.getfixturevalue(name))


def make_secret(account: Account, family: Family, *, alternating: bool) -> dict[str, Any]:
    secrets = account.client("secretsmanager")
    fields = family.make()
    if alternating:
        fields["masterarn"] = secrets.create_secret(Name="superuser", SecretString=json.dumps(family.master()))["ARN"]
    secrets.create_secret(Name="app", SecretString=json.dumps(fields))
    return fields


def rotate(account: Account, function: str) -> tuple[str, dict[str, Any]]:
    """One rotation, until it is recorded; its token and the new value."""
    secrets = account.client("secretsmanager")
    token = secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)["VersionId"]

    def recorded() -> bool:
        stages = secrets.describe_secret(SecretId="app")["VersionIdsToStages"][token]
        return stages == ["AWSCURRENT"]

    until(recorded, 40)
    return token, json.loads(secrets.get_secret_value(SecretId="app")["SecretString"])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_built_in(account: Account, family: Family, strategy: str) -> None:
    fields = make_secret(account, family, alternating=strategy == "MultiUser")
    function = f"arn:aws:lambda:{account.region}:{account.account}:function:{family.function}{strategy}"
    users = [fields["username"]]
    for _ in range(2):
        before = json.loads(account.client("secretsmanager").get_secret_value(SecretId="app")["SecretString"])
        _, value = rotate(account, function)
        family.log_in(value)
        assert value["password"] != before["password"]
        assert value["note"] == "kept"
        users.append(value["username"])
        if strategy == "MultiUser":
            family.log_in(before)
    assert users[0] == users[2]
    assert (users[1] == f"{users[0]}_clone") is (strategy == "MultiUser")


def test_a_function_of_the_user(account: Account, postgresql_16: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_16)
    make_secret(account, family, alternating=False)
    actions = ["secretsmanager:*", "kms:*"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    function = create(
        account,
        Path(conformance_function.__file__).read_text(),
        "rotate",
        Role=role(account, "rotates", json.dumps(policy)),
        Timeout=30,
    )["FunctionArn"]
    secrets = account.client("secretsmanager")
    with pytest.raises(secrets.exceptions.ClientError, match="grants access to the principal secretsmanager"):
        secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)
    account.client("lambda").add_permission(
        FunctionName="rotate",
        StatementId="secretsmanager",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.account,
    )
    for _ in range(2):
        _, value = rotate(account, function)
        family.log_in(value)


def test_what_is_absent_says_so(account: Account, postgresql_16: PostgreSQL) -> None:
    make_secret(account, PostgreSQLFamily(postgresql_16), alternating=False)
    secrets = account.client("secretsmanager")
    function = f"arn:aws:lambda:{account.region}:{account.account}:function:SecretsManagerRDSOracleRotationSingleUser"
    with pytest.raises(secrets.exceptions.ClientError, match=r"SecretsManagerRDSOracleRotationSingleUser: .*Oracle"):
        secrets.rotate_secret(SecretId="app", RotationLambdaARN=function)
