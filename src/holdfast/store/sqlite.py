"""SQLite: a WAL file in the data directory, one connection that writes and one that reads.

Both connections live on the event loop's thread; only COMMIT runs elsewhere (`group_commit.py`), and while it runs the
loop does not touch the writing connection. `synchronous=FULL` makes a returned COMMIT mean "on disk"
(https://www.sqlite.org/pragma.html#pragma_synchronous): in WAL mode FULL syncs the log at each commit, NORMAL does not.
"""

# apsw's stubs leave the buffer type of a binding unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import apsw

from holdfast.store.statements import Statement
from holdfast.store.transaction import ReadOnlyTransaction, Row, StoreError

Synchronous = Literal["FULL", "OFF"]

PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",
    # KB, of each connection. What is seldom asked for comes from the kernel's pages at a few microseconds; a larger cache is
    # memory that every commit walks through: with 64 MB a tenth more CPU for reads and writes alike (docs/adr/0020).
    "PRAGMA cache_size=-4096",
)

PAGE_SIZE = 8192
"""Bytes, of a new file; an older one keeps its own. Audit records of a kilobyte and more are most of what is written, and
fill such pages at a fifth less CPU than SQLite's usual 4,096 (measured)."""
BUSY = 5000
"""Milliseconds."""
FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX
READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOMUTEX
"""No thread uses a connection while another does (above), so SQLite need not lock it: an eighth of a short query."""
LONGEST_LOG = 64 << 20
"""Bytes. SQLite begins its log anew when nobody reads from it at that moment, which under a load of reads may never come
(https://www.sqlite.org/wal.html, "Checkpoint starvation"). One that is longer waits for that moment."""
PATIENCE = 150
"""Milliseconds that it waits, with every write: for snapshots from before the commit and then for all that read from the log,
each of which lasts `group_commit.SNAPSHOT_SECONDS` at most."""
KEPT_ROWS = 256
"""How many rows `once` keeps. One may have 90 KB."""

_UNREAD: Final[Any] = object()


class SqliteTransaction:
    """The transaction that is open on a connection; the executor opens and ends it."""

    def __init__(self, connection: apsw.Connection, *, writable: bool) -> None:
        self.connection = connection
        self.writable = writable
        self.execute: Callable[..., Any] = connection.cursor().execute
        self._many: Callable[..., Any] = connection.cursor().executemany
        self._depth = 0
        self.read: dict[tuple[Any, ...], Row | None] | None = None
        """What `once` has read in the snapshot that is open; None where it is to read each time, as in a transaction that
        writes."""

    def one(self, statement: Statement, *parameters: Any) -> Row | None:
        # Stepping to the end resets the statement; a row left unread would hold the snapshot open.
        rows = self.execute(statement.text, parameters).fetchall()
        return rows[0] if rows else None

    def once(self, statement: Statement, *parameters: Any) -> Row | None:
        read = self.read
        if read is None:
            return self.one(statement, *parameters)
        name = (statement, *parameters)
        kept = read.get(name, _UNREAD)
        if kept is not _UNREAD:
            return kept
        row = self.one(statement, *parameters)
        if len(read) < KEPT_ROWS:
            read[name] = row
        return row

    def all(self, statement: Statement, *parameters: Any) -> list[Row]:
        return self.execute(statement.text, parameters).fetchall()

    def run(self, statement: Statement, *parameters: Any) -> int:
        if not self.writable:
            raise ReadOnlyTransaction(statement.text)
        self.execute(statement.text, parameters)
        return self.connection.changes()

    def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        if not self.writable:
            raise ReadOnlyTransaction(statement.text)
        self._many(statement.text, rows)

    def savepoint(self) -> int:
        self._depth += 1
        self.execute(f"SAVEPOINT s{self._depth}")
        return self._depth

    def release(self, mark: int) -> None:
        self.execute(f"RELEASE s{mark}")
        self._depth = mark - 1

    def rollback(self, mark: int) -> None:
        self.execute(f"ROLLBACK TO s{mark}")
        self.release(mark)

    def forget_savepoints(self) -> None:
        """After the outer transaction ended, whatever was open inside it is gone."""
        self._depth = 0


class SqliteDatabase:
    """The two connections on one file."""

    def __init__(
        self, path: Path, *, synchronous: Synchronous = "FULL", vfs: str | None = None, read_only: bool = False
    ) -> None:
        """Open or create the file.

        `synchronous="OFF"` exists for the benchmark that shows what durability costs; `vfs` names an apsw file layer, for the
        suite that cuts the power. `read_only` is for a process beside the one that writes: one connection, which can write
        nothing, on a file that is there.
        """
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._log_limit = LONGEST_LOG
        try:
            if read_only:
                self.writing = self.reading = _connect_read_only(path)
                return
            self.writing = self._connect(path, synchronous, vfs)
            self.reading = self._connect(path, synchronous, vfs)
        except apsw.Error as error:
            raise StoreError(f"cannot open {path}: {error}") from error
        self.reading.execute("PRAGMA query_only=ON")

    @staticmethod
    def _connect(path: Path, synchronous: Synchronous, vfs: str | None) -> apsw.Connection:
        connection = apsw.Connection(str(path), flags=FLAGS, statementcachesize=512, vfs=vfs)
        connection.set_busy_timeout(BUSY)
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute(f"PRAGMA synchronous={synchronous}")
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def execute(self, text: str) -> None:
        """Run one statement without parameters on the writing connection, for migrations."""
        self.writing.execute(text)

    def begin(self) -> None:
        """Open a write transaction."""
        self.writing.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End it; when this returns, it is on disk."""
        self.writing.execute("COMMIT")
        self._shorten_log()

    def _shorten_log(self) -> None:
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            return
        if size < self._log_limit:
            return
        self.writing.set_busy_timeout(PATIENCE)
        try:
            busy = self.writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        except apsw.Error:  # what was committed stays so; whatever is wrong meets the next one
            busy = 1
        finally:
            self.writing.set_busy_timeout(BUSY)
        # Somebody who hangs in a snapshot must not slow down every write.
        self._log_limit = 2 * size if busy else LONGEST_LOG

    def close(self) -> None:
        self.reading.close()
        self.writing.close()


def _connect_read_only(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=READ_ONLY, statementcachesize=512)
    connection.set_busy_timeout(BUSY)
    for pragma in (*PRAGMAS, "PRAGMA query_only=ON"):
        connection.execute(pragma)
    return connection


def is_store_failure(error: BaseException) -> bool:
    """Whether an exception means that the store cannot work (disk full, I/O), not that a statement was wrong."""
    return isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError | apsw.SQLError)
