"""The audit records of a store whose server does not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from holdfast.services.cloudtrail.search import After
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction


def stored_records(directory: Path, account: str = "") -> list[dict[str, Any]]:
    """In the order of writing, those in pages too; of all accounts, or of one."""
    database = SqliteDatabase(directory / "holdfast.db")
    try:
        reading = After(0, account, 1_000_000)
        while not reading.step(SqliteTransaction(database.reading, writable=False)):
            pass
        return [msgspec.json.decode(text) for *_, text in reading.found]
    finally:
        database.close()
