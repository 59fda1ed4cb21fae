"""A secret of a user in a real database, on a real server: what the end-to-end tests rotate."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

import psycopg
import pymongo.errors
import pymysql

from holdfast.testing import Server
from tests.cli.conftest import clean_environment
from tests.rotation.conftest import Rotated, function_arn, until
from tests.rotation.engines.families import Family

REFUSED = (psycopg.OperationalError, pymysql.OperationalError, pymongo.errors.OperationFailure)
"""What the drivers raise when a login is refused."""
_numbers = itertools.count(1)


class DatabaseSecret(Rotated):
    """One user of a family's server with its secret, and for alternating users the superuser's secret."""

    def __init__(self, server: Server, family: Family, strategy: str, **also: Any) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.server = server
        self._client = None
        self.family = family
        self.strategy = strategy
        self.name = f"end-to-end/{next(_numbers)}"
        self.first = {**family.make(), **also}
        if strategy == "MultiUser":
            master = json.dumps({**family.master(), **also})
            self.first["masterarn"] = self.client.create_secret(Name=f"{self.name}/superuser", SecretString=master)[
                "ARN"
            ]
        self.arn = self.client.create_secret(Name=self.name, SecretString=json.dumps(self.first))["ARN"]

    @property
    def function(self) -> str:
        return function_arn(self.server, self.family.function + self.strategy)

    def logs_in(self, **version: str) -> bool:
        """Whether the secret's value, or that of a version, logs in."""
        try:
            self.family.log_in(self.value(**version))
        except REFUSED:
            return False
        return True

    def events(self) -> list[dict[str, Any]]:
        """The service events about the secret, the oldest first."""
        found = self.server.control("SearchAudit", ResourceName=self.name, MaxResults=1000)["Records"]
        records = [json.loads(record["Record"]) for record in found]
        return [r for r in records if r.get("eventType") == "AwsServiceEvent"]

    def names_of_events(self) -> list[str]:
        return [event["eventName"] for event in self.events()]

    def ended(self, outcome: str = "failed", number: int = 1) -> dict[str, Any]:
        """The newest attempt, once `number` attempts have ended so."""

        def there() -> dict[str, Any] | None:
            attempts = self.attempts()
            return attempts[-1] if [a["Outcome"] for a in attempts].count(outcome) >= number else None

        return until(there, 60)

    def holdfast(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`holdfast ARGUMENTS` on the server's directory."""
        return subprocess.run(
            [sys.executable, "-m", "holdfast", *arguments, "--data", str(self.server.directory)],
            capture_output=True, text=True, env=clean_environment(), timeout=60, check=False,
        )  # fmt: skip
