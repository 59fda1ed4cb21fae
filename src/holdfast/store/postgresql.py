"""PostgreSQL behind the same transaction verbs.

The server mode on PostgreSQL is a later step; today the suite creates the schema here, runs every statement and the
store's own tests, so that nothing is written that only SQLite understands.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, cast

from holdfast.store.statements import Statement
from holdfast.store.transaction import Row

if TYPE_CHECKING:
    import psycopg


def _query(text: str) -> LiteralString:
    # Statement texts are module constants; psycopg asks for a literal to keep values out of them.
    return cast("LiteralString", text)


class PostgresqlTransaction:
    """The transaction that is open on a psycopg connection."""

    def __init__(self, connection: psycopg.Connection[Row], *, writable: bool = True) -> None:
        self.connection = connection
        self.writable = writable
        self._depth = 0

    def execute(self, text: str) -> object:
        """Run one statement without parameters, for migrations."""
        return self.connection.execute(_query(text.replace("%", "%%")))

    def one(self, statement: Statement, *parameters: Any) -> Row | None:
        return self.connection.execute(_query(statement.postgresql), parameters).fetchone()

    def once(self, statement: Statement, *parameters: Any) -> Row | None:
        return self.one(statement, *parameters)

    def all(self, statement: Statement, *parameters: Any) -> list[Row]:
        return self.connection.execute(_query(statement.postgresql), parameters).fetchall()

    def run(self, statement: Statement, *parameters: Any) -> int:
        return self.connection.execute(_query(statement.postgresql), parameters).rowcount

    def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        with self.connection.cursor() as cursor:
            cursor.executemany(_query(statement.postgresql), rows)

    def savepoint(self) -> int:
        self._depth += 1
        self.connection.execute(_query(f"SAVEPOINT s{self._depth}"))
        return self._depth

    def release(self, mark: int) -> None:
        self.connection.execute(_query(f"RELEASE SAVEPOINT s{mark}"))
        self._depth = mark - 1

    def rollback(self, mark: int) -> None:
        self.connection.execute(_query(f"ROLLBACK TO SAVEPOINT s{mark}"))
        self.release(mark)


@contextmanager
def transaction(connection: psycopg.Connection[Row]) -> Generator[PostgresqlTransaction]:
    """One serializable transaction, committed at the end, rolled back on any error."""
    from psycopg import IsolationLevel

    connection.isolation_level = IsolationLevel.SERIALIZABLE
    with connection.transaction():
        yield PostgresqlTransaction(connection)
