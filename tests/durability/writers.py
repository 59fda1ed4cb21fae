"""Clients that write while the server is killed, and what must be true of what they were told.

Each writer owns one secret and one parameter and keeps a model of them: the state after every acknowledged write, and the
one write that was under way. After the crash the store must hold either the state before or the state after that write,
whole: value readable, labels legal, versions without gaps.
"""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from tests.raw_client import RawClient


@dataclass
class State:
    """What one writer's things look like."""

    secret: dict[str, str] = field(default_factory=dict[str, str])
    """version id -> value, of the current and the previous version."""
    generation: int = 0
    versions: int = 0
    """Versions that the secret of this generation got; AWS allows 100 in 24 hours."""
    current: str = ""
    previous: str = ""
    parameter: str = ""
    parameter_version: int = 0
    tag: str = ""

    def copy(self) -> State:
        return replace(self, secret=dict(self.secret))


class Writer(threading.Thread):
    """Writes until the connection breaks. `told` is released with each acknowledged write."""

    def __init__(
        self, number: int, client: RawClient, state: State | None, seed: int, told: threading.Semaphore
    ) -> None:
        super().__init__(name=f"writer-{number}", daemon=True)
        self.number = number
        self.client = client
        self.told = told
        self.random = random.Random(seed)
        self.state = state or State()
        self.under_way: State | None = None
        self.acknowledged: list[str] = []
        """Request ids of acknowledged writes of this round."""
        self.wrong: list[str] = []

    @property
    def secret_name(self) -> str:
        return secret_name(self.number, self.state.generation)

    @property
    def parameter_name(self) -> str:
        return f"/writer/{self.number}"

    def run(self) -> None:
        try:
            while True:
                self.write_something()
        except (OSError, http.client.HTTPException):
            pass
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.wrong.append(repr(error))
        finally:
            self.client.close()

    def write_something(self) -> None:
        choice = self.random.random()
        value = f"{self.name}-{self.random.getrandbits(64):x}"
        token = f"{self.random.getrandbits(128):032x}"
        after = self.state.copy()
        if not self.state.current or self.state.versions >= 90:
            after.generation += 1
            after.secret, after.current, after.previous, after.tag, after.versions = {token: value}, token, "", "", 1
            name = secret_name(self.number, after.generation)
            self.do(after, "secretsmanager", "CreateSecret", Name=name, SecretString=value, ClientRequestToken=token)
        elif choice < 0.5:
            after.secret = {self.state.current: self.state.secret[self.state.current], token: value}
            after.previous, after.current = self.state.current, token
            after.versions += 1
            self.do(
                after,
                "secretsmanager",
                "PutSecretValue",
                SecretId=self.secret_name,
                SecretString=value,
                ClientRequestToken=token,
            )
        elif choice < 0.65:
            after.tag = value
            self.do(
                after,
                "secretsmanager",
                "TagResource",
                SecretId=self.secret_name,
                Tags=[{"Key": "mark", "Value": value}],
            )
        else:
            after.parameter = value
            after.parameter_version += 1
            self.do(
                after, "ssm", "PutParameter", Name=self.parameter_name, Value=value, Type="SecureString", Overwrite=True
            )  # fmt: skip

    def do(self, after: State, service: str, operation: str, **values: Any) -> None:
        self.under_way = after
        answer = self.client.call(service, operation, **values)
        if answer.status != 200:
            self.wrong.append(f"{operation}: {answer.body}")
            raise ConnectionError
        self.acknowledged.append(answer.request_id)
        self.state, self.under_way = after, None
        self.told.release()


def secret_name(number: int, generation: int) -> str:
    """The secret of one writer; a new one before the old one has too many versions."""
    return f"writer/{number}/{generation}"


def observe(client: RawClient, writer: Writer) -> State:
    """The writer's things as the server has them now."""
    under_way = writer.under_way or writer.state
    seen = State(generation=under_way.generation, versions=under_way.versions)
    name = secret_name(writer.number, under_way.generation)
    described = client.call("secretsmanager", "DescribeSecret", SecretId=name)
    if described.status != 200 and under_way.generation != writer.state.generation:
        # A new secret was under way and is not there: the one before must be as it was.
        seen = State(generation=writer.state.generation, versions=writer.state.versions)
        if not writer.state.generation:
            return read_parameter(client, writer, seen)
        name = writer.secret_name
        described = client.call("secretsmanager", "DescribeSecret", SecretId=name)
    if described.status == 200:
        for version, labels in described.body["VersionIdsToStages"].items():
            value = client.call("secretsmanager", "GetSecretValue", SecretId=name, VersionId=version)
            assert value.status == 200, value.body
            seen.secret[version] = value.body["SecretString"]
            assert len(labels) == 1, labels
            if labels == ["AWSCURRENT"]:
                seen.current = version
            elif labels == ["AWSPREVIOUS"]:
                seen.previous = version
        seen.tag = next((t["Value"] for t in described.body.get("Tags", ()) if t["Key"] == "mark"), "")
    else:
        assert described.error == "ResourceNotFoundException", described.body
    if seen.secret == writer.state.secret and under_way is not writer.state:
        seen.versions = writer.state.versions
    return read_parameter(client, writer, seen)


def read_parameter(client: RawClient, writer: Writer, seen: State) -> State:
    """Add the writer's parameter to what was seen."""
    history = client.call("ssm", "GetParameter", Name=writer.parameter_name, WithDecryption=True)
    if history.status == 200:
        seen.parameter = history.body["Parameter"]["Value"]
        seen.parameter_version = history.body["Parameter"]["Version"]
    else:
        assert history.error == "ParameterNotFound", history.body
    return seen
