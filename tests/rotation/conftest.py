"""A server with the file engine, and secrets of its users."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.testing import Server
from tests.rotation.file_engine import FUNCTION, FileDatabase
from tests.rotation.server import RotatingServer

_numbers = itertools.count()


def function_arn(server: Server, name: str = FUNCTION) -> str:
    return f"arn:aws:lambda:{server.region}:{server.home.account}:function:{name}"


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """The condition's first true value: rotations run beside the calls that begin them."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
    return found


class Rotated:
    """One secret with its user in the database."""

    def __init__(self, server: Server, path: Path, client: Any = None) -> None:
        self.server = server
        self.name = f"db/user-{next(_numbers)}"
        self.database = FileDatabase(path / f"{self.name.replace('/', '-')}.db", {"app": "first-password"})
        self._client = client
        self.arn = self.client.create_secret(
            Name=self.name,
            SecretString=json.dumps(
                {"engine": "file", "host": str(self.database.path), "username": "app", "password": "first-password"}
            ),
        )["ARN"]

    @property
    def client(self) -> Any:
        return self._client or self.server.client("secretsmanager")

    @property
    def function(self) -> str:
        return function_arn(self.server)

    def rotate(self, **members: Any) -> str:
        members.setdefault("RotationLambdaARN", self.function)
        return self.client.rotate_secret(SecretId=self.name, **members)["VersionId"]

    def describe(self) -> dict[str, Any]:
        return self.client.describe_secret(SecretId=self.name)

    def labels(self) -> dict[str, str]:
        stages = self.describe().get("VersionIdsToStages", {})
        return {label: version for version, labels in stages.items() for label in labels}

    def value(self, **members: Any) -> dict[str, Any]:
        return json.loads(self.client.get_secret_value(SecretId=self.name, **members)["SecretString"])

    def attempts(self) -> list[dict[str, Any]]:
        return self.server.control("ShowRotation", SecretId=self.arn)["Attempts"]

    def rotated_to(self, token: str) -> dict[str, Any]:
        """The description once the rotation to this version is recorded."""

        def done() -> dict[str, Any] | None:
            found = self.describe()
            return found if found["VersionIdsToStages"].get(token) == ["AWSCURRENT"] else None

        return until(done)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with RotatingServer() as made:
        yield made


@pytest.fixture
def rotated(server: Server, tmp_path: Path) -> Rotated:
    return Rotated(server, tmp_path)
