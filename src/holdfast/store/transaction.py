"""What an operation sees of the database: one transaction, three verbs, the same on both engines.

The storage is untrusted: what comes back is checked by the vault (ciphertexts) or by the schema (labels, uniqueness),
never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from holdfast.store.statements import Statement

Row = tuple[Any, ...]


class StoreError(Exception):
    """The store cannot do its work: disk full, I/O error, connection lost. Answered as 503; nothing was written."""


class ReadOnlyTransaction(Exception):
    """A read reached a statement that writes; the call has to run again as a write (`Call.needs_write`)."""


class Transaction(Protocol):
    """One open transaction."""

    writable: bool

    def one(self, statement: Statement, *parameters: Any) -> Row | None:
        """The first row, or None."""
        ...

    def once(self, statement: Statement, *parameters: Any) -> Row | None:
        """As `one`, for a row that many calls ask for: all calls in one snapshot get what the first of them read."""
        ...

    def all(self, statement: Statement, *parameters: Any) -> list[Row]:
        """Every row; the statement carries its own LIMIT."""
        ...

    def run(self, statement: Statement, *parameters: Any) -> int:
        """Change rows; how many changed."""
        ...

    def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Run one statement for each row of parameters."""
        ...

    def savepoint(self) -> int:
        """Begin a part that can be taken back; parts nest. Its mark ends it, and whatever is still open inside it."""
        ...

    def release(self, mark: int) -> None:
        """Keep the part."""
        ...

    def rollback(self, mark: int) -> None:
        """Take the part back."""
        ...
