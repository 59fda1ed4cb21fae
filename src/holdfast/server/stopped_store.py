"""The store of a data directory whose server does not run: opened under the directory's lock, for one command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdfast.server.errors import DirectoryUnusable
from holdfast.server.opening import DATABASE, Opened, open_directory
from holdfast.store.sqlite import SqliteTransaction

if TYPE_CHECKING:
    from holdfast.server.settings import Settings
    from holdfast.store.transaction import Transaction


@contextmanager
def stopped_store(settings: Settings) -> Generator[tuple[Opened, Transaction]]:
    """The store, and a transaction that reads it as it is now. Raises a `StartError`."""
    if not (settings.data / DATABASE).exists():
        raise DirectoryUnusable(
            f"{settings.data} holds no store yet: start one with `holdfast serve --data {settings.data}`"
        )
    opened = open_directory(settings)
    database = opened.executor.database
    try:
        reading = SqliteTransaction(database.reading, writable=False)
        reading.execute("BEGIN")
        yield opened, reading
        reading.execute("COMMIT")
    finally:
        database.close()
        opened.lock.release()
