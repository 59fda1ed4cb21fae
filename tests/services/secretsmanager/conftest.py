"""Secrets Manager twice: behind a real server with boto3, and without a server around it.

Most tests go through boto3. The house is for what only the inside shows: what is in the tables, the number of
statements, and thousands of steps of a state machine.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.config import Config

from holdfast.access.grounds import Identity
from holdfast.access.principal import root_of, service_role
from holdfast.api.base import Operation
from holdfast.rotation.surroundings import RotationSurroundings
from holdfast.server.directory import Directory
from holdfast.services.call import Call, Source
from holdfast.services.service import JobEffect, SecondHalf, Served, Service
from holdfast.store.migrate import for_postgresql, migrate
from holdfast.store.postgresql import PostgresqlTransaction
from holdfast.store.postgresql import transaction as postgresql_transaction
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction
from holdfast.testing import Account, Server
from holdfast.vault.randomness import Randomness, UnsafeSeededRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from holdfast.work.due import CANCEL, next_job
from tests.services.houses import StoreHouse

ACCOUNT = "123456789012"
REGION = "eu-central-1"
START = 1_800_000_000_000
ONE_TRY = Config(retries={"total_max_attempts": 1})
"""SDKs repeat a LimitExceededException four times, with pauses."""


@pytest.fixture(scope="module")
def account(holdfast_session_server: Server) -> Account:
    """One account for a module's tests; each uses names of its own."""
    return holdfast_session_server.create_account()


@pytest.fixture(scope="module")
def secrets(account: Account) -> Any:
    """A boto3 client that tries once."""
    return account.client("secretsmanager", config=ONE_TRY)


@pytest.fixture(scope="module")
def keys(account: Account) -> Any:
    """A boto3 client of KMS."""
    return account.client("kms")


_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"team/secret_{next(_numbers)}"


class House(StoreHouse[Transaction]):
    """A store, a vault, Secrets Manager and KMS; also the `Surroundings` of their calls."""

    partition = "aws"
    control: Any = None
    wall: Any = None
    principals: Any = None
    outside: Any = None
    functions: Any = None
    deliveries: Any = None
    rotation = RotationSurroundings()

    def __init__(self, path: Path) -> None:
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = SqliteTransaction(self.database.writing, writable=True)
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        self.tx.execute("COMMIT")
        self._furnish()

    def _furnish(self) -> None:
        self.randomness: Randomness = UnsafeSeededRandomness("house")
        self.vault = Vault(RootKeys.generate(self.randomness), self.randomness)
        self.directory = Directory()
        self.now = START
        self.notes: dict[tuple[str, Any], Any] = {}
        self.last_call: Call
        self.principal = root_of(ACCOUNT)
        self.identity: Identity | None = None
        """Who calls instead of the principal, with policies."""
        self.instead: dict[str, Callable[..., Any]] = {}
        """KMS operations by name that answer otherwise."""
        self.between: Callable[[], None] = lambda: None
        """What happens between an effect of a job and its second half."""

    # Surroundings

    def served(self, operation: Operation[Any, Any]) -> Served:
        served = self.directory.served(operation)
        if operation.service == "kms" and operation.name in self.instead:
            return Served(self.instead[operation.name], served.mode)
        return served

    def service(self, name: str) -> Service:
        return self.directory.service(name)

    def pending_note(self, kind: str, key: Any) -> Any:
        return self.notes.get((kind, key))

    # Calls

    def _new_call(self, tx: Transaction, principal: Any) -> Call:
        identity = self.identity or Identity(principal)
        self.last_call = Call(
            self,
            tx,
            principal=identity.principal,
            identity=identity,
            region=REGION,
            now=self.now,
            request_id="request",
            source=Source(),
        )
        return self.last_call

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool, **options: Any) -> Any:
        with self.transaction(writable=writable) as tx:
            call = self._new_call(tx, self.principal)
            output = self.served(operation).function(call, value)
            assert any(d.allowed for d in call.decisions)
        self.notes |= {(kind, key): note for kind, key, note in call.notes}
        return output

    def write_notes(self) -> None:
        """What the server does some milliseconds after a read."""
        writers = self.service("secretsmanager").notes
        with self.transaction(writable=True) as tx:
            for (kind, key), value in self.notes.items():
                writers[kind](tx, key, value)
        self.notes = {}

    def advance(self, milliseconds: int) -> None:
        """Move the clock, stopping at each due job to run it."""
        end = self.now + milliseconds
        while True:
            with self.transaction(writable=True) as tx:
                job = next_job(tx)
                if job is None or job.due > end:
                    break
                self.now = max(self.now, job.due)
                tx.run(CANCEL, *job.key)
                call = self._new_call(tx, service_role(job.account, "secretsmanager.holdfast", "Role"))
                effect = self.service("secretsmanager").jobs[job.kind](call, job.subject, job.payload)
            while effect is not None:
                effect = self._perform(effect)
        self.now = end

    def _perform(self, effect: JobEffect) -> JobEffect | None:
        """A job's effect and its second half, as the server would: `between` may do something meanwhile."""

        async def run() -> SecondHalf | None:
            return await effect("identity")

        half = asyncio.run(run())
        self.between()
        if half is None or not self.still_wanted():
            return None
        with self.transaction(writable=True) as tx:
            call = self._new_call(tx, service_role(ACCOUNT, "secretsmanager.holdfast", "Role"))
            return half.function(call)

    def still_wanted(self) -> bool:
        """Whether nobody took the job back or replaced it while its effect ran. The house removes a row when it begins,
        so any row there is now is another's."""
        return not self.rows("SELECT 1 FROM due_job WHERE kind = 'secretsmanager.rotate-secret' AND due <= ?", self.now)

    def execute(self, text: str, *parameters: Any) -> None:
        """Change the tables behind everybody's back."""
        with self.transaction(writable=True) as tx:
            tx.run(Statement(text), *parameters)


class PostgresqlHouse(House):
    """The same on a database of a PostgreSQL server."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        with postgresql_transaction(connection) as tx:
            migrate(tx, tx.execute, for_postgresql)
        self._furnish()

    @contextmanager
    def transaction(self, *, writable: bool = True) -> Generator[PostgresqlTransaction]:
        with postgresql_transaction(self.connection) as tx:
            tx.writable = writable
            yield tx


@pytest.fixture
def postgresql_house(postgresql: str) -> Iterator[PostgresqlHouse]:
    """A house on a database of its own."""
    with psycopg.connect(postgresql, autocommit=True) as server:
        server.execute("CREATE DATABASE secretsmanager")
        with psycopg.connect(postgresql, dbname="secretsmanager", autocommit=True) as connection:
            yield PostgresqlHouse(connection)
        server.execute("DROP DATABASE secretsmanager")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store.db")
    yield made
    made.database.close()
