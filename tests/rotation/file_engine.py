"""A tiny database for rotation tests: users and passwords in an SQLite file, which `host` names.

It checks passwords and counts logins, can be told to be down, and can make the server kill itself inside a step: what
rotation needs of a database, in microseconds. The built-in engines have tests against real databases of their own.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from holdfast.rotation.engine import EngineSettings, Fields, Finding, PasswordRules, RotationError, Values

FUNCTION = "FileDatabaseRotationSingleUser"


class FileDatabase:
    """The test's side of the database."""

    def __init__(self, path: Path, users: Mapping[str, str]) -> None:
        self.path = path
        with closing(_connect(path)) as db, db:
            db.execute("CREATE TABLE account (name TEXT PRIMARY KEY, password TEXT)")
            db.execute("CREATE TABLE passwords (name TEXT, password TEXT)")
            db.execute("CREATE TABLE orders (what TEXT PRIMARY KEY, value TEXT)")
            db.executemany("INSERT INTO account VALUES (?, ?)", users.items())

    def order(self, what: str, value: str) -> None:
        """`down` 1, or `kill` set-before / set-after / test, or `slow` seconds."""
        with closing(_connect(self.path)) as db, db:
            db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?)", (what, value))

    def logs_in(self, fields: Mapping[str, Any]) -> bool:
        with closing(_connect(self.path)) as db:
            return _password(db, fields["username"]) == fields["password"]

    def passwords_set(self, name: str) -> list[str]:
        """Every password that was ever set, in order."""
        with closing(_connect(self.path)) as db:
            return [row[0] for row in db.execute("SELECT password FROM passwords WHERE name = ?", (name,))]


def _connect(path: str | Path) -> sqlite3.Connection:
    """It survives the server, not the machine: nothing waits for the disk."""
    db = sqlite3.connect(path, timeout=30)
    db.execute("PRAGMA synchronous = OFF")
    return db


def _password(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT password FROM account WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _order(db: sqlite3.Connection, what: str) -> str:
    row = db.execute("SELECT value FROM orders WHERE what = ?", (what,)).fetchone()
    return row[0] if row else ""


def _kill_if_ordered(db: sqlite3.Connection, moment: str) -> None:
    if _order(db, "kill") == moment:
        with db:
            db.execute("DELETE FROM orders WHERE what = 'kill'")
        os.kill(os.getpid(), signal.SIGKILL)


class FileEngine:
    """`holdfast.rotation.engine.Engine` for it."""

    function_name = FUNCTION
    alternating = False

    def require(self, current: Fields) -> None:
        missing = [name for name in ("host", "username", "password") if not current.get(name)]
        if missing:
            raise RotationError(f"The secret has no {' and no '.join(missing)}.")

    def password_rules(self, current: Fields) -> PasswordRules:
        return PasswordRules()

    def pending(self, current: Fields, password: str) -> dict[str, Any]:
        return {**current, "password": password}

    def _open(self, fields: Fields) -> sqlite3.Connection:
        db = _connect(fields["host"])
        if _order(db, "down"):
            db.close()
            raise RotationError("The database does not answer: start it.")
        if slow := _order(db, "slow"):
            time.sleep(float(slow))
        return db

    def set_secret(self, values: Values, settings: EngineSettings) -> None:
        assert values.pending is not None
        with closing(self._open(values.pending)) as db, db:
            _kill_if_ordered(db, "set-before")
            name, wanted = values.pending["username"], values.pending["password"]
            present = _password(db, name)
            if present == wanted:
                return
            if present not in (values.current["password"], (values.previous or {}).get("password")):
                raise RotationError("Unable to log into database with previous, current, or pending secret.")
            db.execute("UPDATE account SET password = ? WHERE name = ?", (wanted, name))
            db.execute("INSERT INTO passwords VALUES (?, ?)", (name, wanted))
            db.commit()
            _kill_if_ordered(db, "set-after")

    def test_secret(self, values: Values, settings: EngineSettings) -> None:
        assert values.pending is not None
        with closing(self._open(values.pending)) as db:
            _kill_if_ordered(db, "test")
            if _password(db, values.pending["username"]) != values.pending["password"]:
                raise RotationError("Unable to log into database with pending secret.")

    def rehearse(self, values: Values, settings: EngineSettings) -> Sequence[Finding]:
        with closing(self._open(values.current)) as db:
            good = _password(db, values.current["username"]) == values.current["password"]
            return [Finding("login", good, "The current password logs in." if good else "Put the right password.")]
