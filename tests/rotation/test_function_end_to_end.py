"""A user's function that rotates PostgreSQL: zip, role, permission, RotateSecret, as AWS's guide has it.

The function makes exactly the calls of AWS's own (`conformance_function.py`), under a role with the rights that the guide
names and no more. Then everything that functions do wrong: what the timeline says, the event, the retry, and that the
rotation ends with the same version once the function is mended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.testing import Server
from tests.databases import PostgreSQL
from tests.rotation.conftest import function_arn
from tests.rotation.database_secret import DatabaseSecret
from tests.rotation.engines.families import STRATEGIES, PostgreSQLFamily
from tests.services.lambda_.conftest import role, zipped

CONFORMANCE = Path(__file__).with_name("conformance_function.py").read_text()
TEMPLATES = os.environ.get("HOLDFAST_AWS_TEMPLATES")
SERVICE = "secretsmanager.amazonaws.com"
OFFICIAL = "SecretsManagerRDSPostgreSQLRotation"

MISBEHAVING = """
import os, sys, time
import conformance_function

def handler(event, context):
    how = os.environ.get("MISBEHAVE") if event["Step"] == "setSecret" else None
    if how == "raise":
        raise ValueError("no route to the database")
    if how == "hang":
        time.sleep(600)
    if how == "flood":
        for number in range(2000):
            print("x" * 1000)
        raise ValueError("after the flood")
    if how == "fork":
        for number in range(20):
            if os.fork() == 0:
                time.sleep(600)
        os._exit(3)
    if how == "garbage":
        return {1, 2}
    if how == "tell":
        import json
        value = conformance_function.value(
            conformance_function.boto3.client("secretsmanager"), event["SecretId"], "AWSCURRENT"
        )
        print("the password is", value["password"])
        raise ValueError("cannot use " + value["password"])
    return conformance_function.handler(event, context)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


class FunctionSecret(DatabaseSecret):
    """A secret with a function of its own."""

    @property
    def function(self) -> str:
        return function_arn(self.server, self.function_name)

    @property
    def function_name(self) -> str:
        return self.name.replace("/", "-")

    def rights(self) -> str:
        """What AWS's guide gives to a rotation function's role."""
        own = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
        statements = [
            {"Effect": "Allow", "Action": [f"secretsmanager:{each}" for each in own], "Resource": self.arn},
            {"Effect": "Allow", "Action": "secretsmanager:GetRandomPassword", "Resource": "*"},
        ]
        if master := self.first.get("masterarn"):
            statements.append({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": master})
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    def create_function(self, files: dict[str, str | bytes], handler: str, timeout: int = 30, **variables: str) -> None:
        functions = self.server.client("lambda")
        functions.create_function(
            FunctionName=self.function_name,
            Role=role(self.server.home, f"{self.function_name}-role", self.rights()),
            Runtime="python3.11", Handler=handler, Timeout=timeout, MemorySize=256,
            Code={"ZipFile": zipped(files)}, Environment={"Variables": variables},
        )  # fmt: skip
        functions.add_permission(
            FunctionName=self.function_name, StatementId="rotation", Action="lambda:InvokeFunction", Principal=SERVICE,
            SourceAccount=self.server.home.account,
        )  # fmt: skip

    def calls(self) -> list[str]:
        """The operations of Secrets Manager that the function's role called, in their order."""
        found = self.server.control("SearchAudit", EventSource=SERVICE, MaxResults=1000)["Records"]
        records = [json.loads(record["Record"]) for record in found]
        session = f"assumed-role/{self.function_name}-role/"
        return [r["eventName"] for r in records if session in str(r["userIdentity"].get("arn"))]


def _rotations_in_a_row(secret: FunctionSecret, strategy: str) -> None:
    before = secret.labels()["AWSCURRENT"]
    for _ in range(2):
        token = secret.rotate()
        described = secret.rotated_to(token)
        assert described["VersionIdsToStages"] == {token: ["AWSCURRENT"], before: ["AWSPREVIOUS"]}
        assert secret.logs_in()
        assert secret.logs_in(VersionStage="AWSPREVIOUS") == (strategy == "MultiUser")
        before = token
    assert secret.names_of_events() == ["RotationStarted", "RotationSucceeded"] * 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_calls_of_awss_functions_rotate(server: Server, postgresql_15: PostgreSQL, strategy: str) -> None:
    secret = FunctionSecret(server, PostgreSQLFamily(postgresql_15), strategy)
    secret.create_function(
        {"conformance_function.py": CONFORMANCE}, "conformance_function.handler",
        ALTERNATING_USERS=str(strategy == "MultiUser").lower(),
    )  # fmt: skip
    _rotations_in_a_row(secret, strategy)
    get, describe = "GetSecretValue", "DescribeSecret"
    assert (
        secret.calls()
        == [
            *(describe, get, get, "GetRandomPassword", "PutSecretValue"),
            *(describe, get, get, get),
            *(describe, get),
            *(describe, describe, "UpdateSecretVersionStage"),
        ]
        * 2
    )


@pytest.mark.skipif(TEMPLATES is None, reason="HOLDFAST_AWS_TEMPLATES names no folder with AWS's rotation functions")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_awss_own_functions_rotate(server: Server, postgresql_15: PostgreSQL, strategy: str) -> None:
    secret = FunctionSecret(server, PostgreSQLFamily(postgresql_15), strategy)
    source = (Path(TEMPLATES or "") / f"{OFFICIAL}{strategy}" / "lambda_function.py").read_bytes()
    secret.create_function(
        {"lambda_function.py": source}, "lambda_function.lambda_handler",
        SECRETS_MANAGER_ENDPOINT=f"https://secretsmanager.{server.region}.amazonaws.com",
    )  # fmt: skip
    _rotations_in_a_row(secret, strategy)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise", "ValueError: no route to the database"),
        ("hang", "Sandbox.Timedout: RequestId: {request} Error: Task timed out after 2.00 seconds"),
        ("flood", "ValueError: after the flood"),
        ("fork", "Runtime.ExitError: RequestId: {request} Error: Runtime exited with error: exit status 3"),
        ("garbage", "Runtime.MarshalError: Unable to marshal response"),
        ("tell", "ValueError: cannot use ***"),
    ],
)
def test_a_function_that_goes_wrong(server: Server, postgresql_15: PostgreSQL, how: str, error: str) -> None:
    secret = FunctionSecret(server, PostgreSQLFamily(postgresql_15), "SingleUser")
    files: dict[str, str | bytes] = {"app.py": MISBEHAVING, "conformance_function.py": CONFORMANCE}
    secret.create_function(files, "app.handler", timeout=2 if how == "hang" else 30, MISBEHAVE=how)
    token = secret.rotate()
    failed = secret.ended()
    assert [(s["Step"], s["Outcome"]) for s in failed["Steps"]] == [
        ("createSecret", "succeeded"),
        ("setSecret", "failed"),
    ]
    step: dict[str, Any] = failed["Steps"][-1]
    request = step["Log"].rpartition("END RequestId: ")[2].split()[0]
    assert step["Error"].startswith(error.format(request=request))
    assert len(step["Log"]) <= 4096
    assert secret.first["password"] not in json.dumps(failed)
    assert 5 <= failed["NextRetry"] - failed["Ended"] <= 15
    event = secret.events()[-1]
    assert event["eventName"] == "RotationFailed"
    assert event["errorMessage"] == f"Error when executing lambda {secret.function} during setSecret step"
    assert secret.labels()["AWSPENDING"] == token
    assert secret.logs_in()
    pending = secret.value(VersionId=token)

    server.client("lambda").update_function_configuration(
        FunctionName=secret.function_name, Timeout=30, Environment={"Variables": {}}
    )
    server.advance(minutes=1)
    secret.rotated_to(token)
    assert secret.value() == pending
    assert secret.logs_in()
    assert secret.names_of_events() == ["RotationStarted", "RotationFailed", "RotationSucceeded"]


def test_a_function_that_may_not_write(server: Server, postgresql_15: PostgreSQL) -> None:
    """IAM holds for the function: what its role may not do is what the timeline says, and granting it is the cure."""
    secret = FunctionSecret(server, PostgreSQLFamily(postgresql_15), "SingleUser")
    secret.create_function({"conformance_function.py": CONFORMANCE}, "conformance_function.handler")
    iam, name = server.client("iam"), f"{secret.function_name}-role"
    iam.put_role_policy(
        RoleName=name, PolicyName="own", PolicyDocument=secret.rights().replace("PutSecretValue", "TagResource")
    )
    token = secret.rotate()
    step = secret.ended()["Steps"][-1]
    assert step["Step"] == "createSecret"
    assert "AccessDeniedException" in step["Error"]
    assert "not authorized to perform: secretsmanager:PutSecretValue" in step["Error"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=secret.rights())
    server.advance(minutes=1)
    secret.rotated_to(token)
    assert secret.logs_in()
