"""One store's suite, two engines."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.store.migrate import for_postgresql, migrate
from holdfast.store.postgresql import PostgresqlTransaction, transaction
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.transaction import Transaction


@pytest.fixture(scope="session")
def postgresql_schema(postgresql: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a PostgreSQL that has the whole schema."""
    with psycopg.connect(postgresql, autocommit=True, prepare_threshold=None) as connection:
        with transaction(connection) as tx:
            migrate(tx, tx.execute, for_postgresql)
        yield connection


class Engine:
    """Opens transactions on one engine."""

    def __init__(self, name: str) -> None:
        self.name = name

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        raise NotImplementedError


class OnSqlite(Engine):
    def __init__(self, path: Path) -> None:
        super().__init__("sqlite")
        self.database = SqliteDatabase(path)
        self._tx = SqliteTransaction(self.database.writing, writable=True)
        with self.transaction() as tx:
            migrate(tx, self.database.execute)

    @contextmanager
    def transaction(self) -> Generator[Transaction]:
        self._tx.execute("BEGIN IMMEDIATE")
        try:
            yield self._tx
        except BaseException:
            self._tx.execute("ROLLBACK")
            self._tx.forget_savepoints()
            raise
        self._tx.execute("COMMIT")


class OnPostgresql(Engine):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__("postgresql")
        self.connection = connection

    @contextmanager
    def transaction(self) -> Generator[PostgresqlTransaction]:
        with transaction(self.connection) as tx:
            yield tx


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A store with the whole schema and nothing in it."""
    if request.param == "sqlite":
        on_sqlite = OnSqlite(tmp_path / "store.db")
        yield on_sqlite
        on_sqlite.database.close()
        return
    connection: psycopg.Connection[Any] = request.getfixturevalue("postgresql_schema")
    yield OnPostgresql(connection)
    with connection.transaction():
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'"
        ).fetchall()
        names = ", ".join(row[0] for row in tables)
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())
