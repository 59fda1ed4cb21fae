"""A rotation function that makes exactly the calls, in the order and with the arguments, of the functions that AWS publishes.

Written from a recording of that traffic, for one or two PostgreSQL users; `handler` is its entry point in a function's zip,
which needs nothing of this repository. It shows that a server serves such functions: empty AWSPENDING versions answer
ResourceNotFoundException, PutSecretValue fills them, a step that runs again does nothing, and AWSCURRENT moves.

It reads SECRETS_MANAGER_ENDPOINT, EXCLUDE_CHARACTERS, PASSWORD_LENGTH, EXCLUDE_NUMBERS, EXCLUDE_PUNCTUATION,
EXCLUDE_UPPERCASE, EXCLUDE_LOWERCASE and REQUIRE_EACH_INCLUDED_TYPE as those do. ALTERNATING_USERS=true makes it the
function of two users.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Mapping
from typing import Any

import boto3
import psycopg
from psycopg import sql

Secret = dict[str, Any]


def handler(event: Mapping[str, str], context: object) -> None:
    """One step: `Step`, `SecretId` and `ClientRequestToken` of the event."""
    del context
    client: Any = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    described = client.describe_secret(SecretId=arn)
    if not described.get("RotationEnabled", True):
        raise ValueError(f"Secret {arn} is not enabled for rotation")
    versions = described["VersionIdsToStages"]
    if token not in versions:
        raise ValueError(f"Secret version {token} has no stage for rotation of secret {arn}")
    if "AWSCURRENT" in versions[token]:
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError(f"Secret version {token} not set as AWSPENDING for rotation of secret {arn}")
    steps = {"createSecret": create, "setSecret": set_password, "testSecret": test, "finishSecret": finish}
    if step not in steps:
        raise ValueError(f"Invalid step parameter {step} for secret {arn}")
    steps[step](client, arn, token)


# -- the steps ---------------------------------------------------------------------------------------------------------


def create(client: Any, arn: str, token: str) -> None:
    current = value(client, arn, "AWSCURRENT")
    try:
        value(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        if alternating():
            current["username"] = other(current["username"])
        current["password"] = client.get_random_password(**password_rules())["RandomPassword"]
        client.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=["AWSPENDING"]
        )


def set_password(client: Any, arn: str, token: str) -> None:
    set_by_superuser(client, arn, token) if alternating() else set_by_itself(client, arn, token)


def set_by_itself(client: Any, arn: str, token: str) -> None:
    try:
        previous: Secret | None = value(client, arn, "AWSPREVIOUS")
    except (client.exceptions.ResourceNotFoundException, KeyError):
        previous = None
    current = value(client, arn, "AWSCURRENT")
    pending = value(client, arn, "AWSPENDING", token)
    if logs_in(pending):
        return
    for candidate in (current, previous):
        if candidate and logs_in(candidate):
            with connected(candidate) as connection:
                run(connection, "ALTER USER {} WITH PASSWORD {}", pending)
            return
    raise ValueError(f"Unable to log into database with previous, current, or pending secret of secret arn {arn}")


def set_by_superuser(client: Any, arn: str, token: str) -> None:
    current = value(client, arn, "AWSCURRENT")
    pending = value(client, arn, "AWSPENDING", token)
    if logs_in(pending):
        return
    if not logs_in(current):
        raise ValueError(f"Unable to log into database using current credentials for secret {arn}")
    master = value(client, current["masterarn"], "AWSCURRENT")
    if master["host"] != current["host"]:
        raise ValueError("Master and secret are not of the same host")
    with connected(master) as connection:
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (pending["username"],)).fetchone()
        if found:
            run(connection, "ALTER USER {} WITH PASSWORD {}", pending)
            return
        run(connection, "CREATE ROLE {} WITH LOGIN PASSWORD {}", pending)
        names = sql.Identifier(current["username"]), sql.Identifier(pending["username"])
        connection.execute(sql.SQL("GRANT {} TO {}").format(*names))


def test(client: Any, arn: str, token: str) -> None:
    with connected(value(client, arn, "AWSPENDING", token)) as connection:
        connection.execute("SELECT NOW()")


def finish(client: Any, arn: str, token: str) -> None:
    """AWSPREVIOUS follows by itself, and removing AWSPENDING is the server's work."""
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    if current != token:
        client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )


# -- what the steps share ------------------------------------------------------------------------------------------------


def value(client: Any, arn: str, stage: str, token: str | None = None) -> Secret:
    asked: dict[str, str] = {"SecretId": arn, "VersionStage": stage}
    if token:
        asked["VersionId"] = token
    secret: Secret = json.loads(client.get_secret_value(**asked)["SecretString"])
    if secret["engine"] not in {"postgres", "aurora-postgresql"}:
        raise KeyError("Database engine must be set to 'postgres' in order to use this rotation lambda")
    return secret


def password_rules() -> dict[str, Any]:
    def flag(name: str, default: str) -> bool:
        return os.environ.get(name, default).lower() in {"true", "1", "y", "yes"}

    return {
        "ExcludeCharacters": os.environ.get("EXCLUDE_CHARACTERS", ":/@\"'\\"),
        "PasswordLength": int(os.environ.get("PASSWORD_LENGTH", "32")),
        "ExcludeNumbers": flag("EXCLUDE_NUMBERS", "false"),
        "ExcludePunctuation": flag("EXCLUDE_PUNCTUATION", "false"),
        "ExcludeUppercase": flag("EXCLUDE_UPPERCASE", "false"),
        "ExcludeLowercase": flag("EXCLUDE_LOWERCASE", "false"),
        "RequireEachIncludedType": flag("REQUIRE_EACH_INCLUDED_TYPE", "true"),
    }


def alternating() -> bool:
    """AWS publishes one function for each strategy; this one is told which it is."""
    return os.environ.get("ALTERNATING_USERS") == "true"


def other(user: str) -> str:
    return user.removesuffix("_clone") if user.endswith("_clone") else f"{user}_clone"


@contextlib.contextmanager
def connected(secret: Secret) -> Generator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=secret["host"],
        port=int(secret.get("port", 5432)),
        user=secret["username"],
        password=secret["password"],
        dbname=secret.get("dbname", "postgres"),
        connect_timeout=5,
        autocommit=True,
    ) as connection:
        yield connection


def logs_in(secret: Secret) -> bool:
    try:
        with connected(secret):
            return True
    except psycopg.OperationalError:
        return False


def run(connection: psycopg.Connection[Any], statement: Any, pending: Secret) -> None:
    names = sql.Identifier(pending["username"]), sql.Literal(pending["password"])
    connection.execute(sql.SQL(statement).format(*names))
