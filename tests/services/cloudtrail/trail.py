"""A store with audit chains in it and nothing else: written by the server's own Audit, HeadKeeper and GroupCommit."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from holdfast.server.audit import Audit
from holdfast.server.audit_heads import FILE_NAME, HeadKeeper, HeadsFile, tell
from holdfast.server.directory import Directory
from holdfast.services.cloudtrail.attributes import terms_of
from holdfast.services.cloudtrail.lines import Line
from holdfast.services.cloudtrail.marks import marks_of_all
from holdfast.services.cloudtrail.pages import whole
from holdfast.services.cloudtrail.verification import Verifier
from holdfast.store.group_commit import GroupCommit
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.transaction import StoreError, Transaction
from holdfast.vault.randomness import SystemRandomness, time_ordered_id
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault

ACCOUNT = "123456789012"
REGION = "eu-central-1"
START = 1_800_000_000_000
DATABASE = "holdfast.db"


def row(
    number: int,
    name: str = "GetSecretValue",
    *,
    account: str = ACCOUNT,
    region: str = REGION,
    moment: int | None = None,
    **members: Any,
) -> Line:
    """A record as `Audit.append` takes it."""
    moment = START + number if moment is None else moment
    content: dict[str, Any] = {
        "userIdentity": {"type": "IAMUser", "userName": f"user-{number % 5}", "accessKeyId": f"AKIA{number % 3}"},
        "eventName": name,
        "eventSource": "secretsmanager.amazonaws.com",
        "readOnly": True,
        "eventID": time_ordered_id(SystemRandomness(), moment),
        "requestID": f"request-{number}",
        "recipientAccountId": account,
        **members,
    }
    marks = marks_of_all(terms_of(content))
    return whole(account, region, moment, f"request-{number}", marks, msgspec.json.encode(content))


class Writer:
    """One start of a server, as far as audit goes."""

    def __init__(self, store: AuditStore, database: SqliteDatabase) -> None:
        self.executor = GroupCommit(database, time.monotonic)
        self.audit = Audit(Directory(), store.vault, SystemRandomness(), lambda: START / 1000)
        self.executor.carried = self.audit
        self.reported: list[BaseException] = []
        self.heads = HeadKeeper(
            self.audit, self.executor, store.vault, lambda: START / 1000, lambda _, error: self.reported.append(error)
        )
        self.heads.file = store.file
        self._numbers = store

    def submit(self, count: int = 1, fail: Exception | None = None) -> list[StoreError | None]:
        """Queue one unit with some records; what became of it stands in the list later."""
        outcome: list[StoreError | None] = []
        rows = [row(self._numbers.next_number()) for _ in range(count)]

        def unit(transaction: Transaction) -> None:
            self.audit.append(transaction, rows)
            if fail is not None:
                raise fail

        assert self.executor.write(unit, outcome.append)
        return outcome

    async def write(self, count: int = 1) -> None:
        """Records on disk, each in a unit of its own."""
        for _ in range(count):
            self.submit()
        await self.executor.idle()


class AuditStore:
    """A data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.vault = Vault(RootKeys.generate(SystemRandomness()), SystemRandomness())
        self.file = HeadsFile(directory / FILE_NAME)
        self.number = 0
        database = SqliteDatabase(directory / DATABASE, synchronous="OFF")
        with database.writing:
            migrate(SqliteTransaction(database.writing, writable=True), database.execute)
        database.close()

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def serve(self, work: Callable[[Writer], Awaitable[None]], *, crash: Callable[[], bool] = lambda: False) -> None:
        """Start, work, and stop in good order, or crash."""

        async def main() -> None:
            database = SqliteDatabase(self.directory / DATABASE, synchronous="OFF")
            writer = Writer(self, database)
            await work(writer)
            await writer.executor.idle()
            if not crash():
                await writer.heads.close()
            assert not writer.reported
            await writer.executor.close()

        asyncio.run(main())

    def write(self, count: int, *, crash: bool = False) -> None:
        """One start that writes so many records."""
        self.serve(lambda writer: writer.write(count), crash=lambda: crash)

    def verify(self, heads: str = "") -> Verifier:
        """Walk it all."""
        database = SqliteDatabase(self.directory / DATABASE)
        try:
            transaction = SqliteTransaction(database.reading, writable=False)
            verifier = Verifier(self.vault)
            tell(verifier, self.file, heads)
            verifier.begin(transaction)
            while not verifier.step(transaction):
                pass
            return verifier
        finally:
            database.close()

    def kinds(self, heads: str = "") -> list[str]:
        """The kinds of what a verification finds."""
        return [finding.kind for finding in self.verify(heads).findings]

    def sql(self, text: str, *parameters: Any) -> list[Any]:
        """What somebody does who can write the database."""
        connection = sqlite3.connect(self.directory / DATABASE)
        try:
            with connection:
                return connection.execute(text, parameters).fetchall()
        finally:
            connection.close()
