"""SIGKILL while real databases are rotated: the version that was pending is finished with the value it had, and it logs in.

A seeded sample of `make chaos` (HOLDFAST_CHAOS_ROUNDS), for every engine and both strategies at once.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Server
from tests.rotation.conftest import until
from tests.rotation.engines.conftest import EACH, SERVERS
from tests.rotation.engines.families import STRATEGIES, Family

ROUNDS = max(2, int(os.environ.get("HOLDFAST_CHAOS_ROUNDS", "6")) // 3)
SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261127"))


class Secret:
    """One database user of one family, rotated by one strategy."""

    def __init__(self, server: Server, family: Family, strategy: str, number: int) -> None:
        self.server = server
        self.family = family
        self.name = f"{family.function}{strategy}-{number}"
        account = server.home
        self.function = f"arn:aws:lambda:{account.region}:{account.account}:function:{family.function}{strategy}"
        fields = family.make()
        if strategy == "MultiUser":
            master = json.dumps(family.master())
            fields["masterarn"] = self.client.create_secret(Name=f"{self.name}-master", SecretString=master)["ARN"]
        self.client.create_secret(Name=self.name, SecretString=json.dumps(fields))

    @property
    def client(self) -> Any:
        return self.server.client("secretsmanager")

    def rotate(self) -> str:
        return self.client.rotate_secret(SecretId=self.name, RotationLambdaARN=self.function)["VersionId"]

    def value(self, version: str) -> str | None:
        try:
            return self.client.get_secret_value(SecretId=self.name, VersionId=version)["SecretString"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
            return None

    def finished(self, version: str) -> bool:
        stages = self.client.describe_secret(SecretId=self.name)["VersionIdsToStages"]
        return stages.get(version) == ["AWSCURRENT"]


def test_killed_at_any_moment_every_database_is_rotated(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path / "data")
    server.start()
    secrets: list[Secret] = []
    for number, each in enumerate(EACH):
        kind, name = SERVERS[each]
        family = kind(request.getfixturevalue(name))
        secrets += [Secret(server, family, strategy, number) for strategy in STRATEGIES]
    for _ in range(ROUNDS):
        versions = {each: each.rotate() for each in secrets}
        # Not a wait for something to happen: the moment of the kill is the random variable.
        time.sleep(chance.random() * 0.3)
        server.kill()
        server.start()
        seen = {each: each.value(version) for each, version in versions.items()}
        for each, version in versions.items():
            until(lambda each=each, version=version: each.finished(version), 60)
            value = each.value(version)
            assert value is not None
            assert seen[each] in (None, value), f"{each.name}: a second password for one version"
            each.family.log_in(json.loads(value))
    server.close()
