"""What a MySQL server is sent. None can be started here, so this is a script of its answers, taken from MySQL 8.0's manual."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest

from holdfast.rotation.engine import RotationError
from holdfast.rotation.engines.logins import Login, Tls
from holdfast.rotation.engines.mysql import MySQLSession, native_hash

NATIVE = "CREATE USER `app`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*ABC' REQUIRE SSL PASSWORD EXPIRE DEFAULT"
SHA2 = (
    "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 DEFAULT ROLE `r`@`%` REQUIRE NONE "
    "PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT"
)
LOCKED = "CREATE USER `app_clone`@`%` IDENTIFIED WITH 'caching_sha2_password' REQUIRE NONE ACCOUNT LOCK"
PENDING = Login("db", 3306, "app_clone", "new'\\password", None, Tls.REQUIRED)


class Script:
    """A connection that answers from a script and keeps what it was sent."""

    def __init__(self, answers: dict[str, list[tuple[Any, ...]] | Exception]) -> None:
        self.answers = {"SELECT VERSION()": [("8.0.36",)], **answers}
        self.sent: list[str] = []
        self._rows: list[tuple[Any, ...]] = []

    def cursor(self) -> Script:
        return self

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None: ...

    def mogrify(self, statement: str, values: tuple[str, ...]) -> str:
        del statement
        return "'" + pymysql.converters.escape_string(values[0]) + "'"

    def execute(self, statement: str) -> None:
        self.sent.append(statement)
        answer = next((found for begin, found in self.answers.items() if statement.startswith(begin)), [])
        if isinstance(answer, Exception):
            raise answer
        self._rows = answer

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def changes(self) -> list[str]:
        return [text for text in self.sent if not text.startswith(("SELECT", "SHOW", "SET SESSION"))]


def session(answers: dict[str, list[tuple[Any, ...]] | Exception]) -> tuple[Script, MySQLSession]:
    script: Any = Script(answers)
    return script, MySQLSession("MySQL", script, Login("db", 3306, "root", "old", None, Tls.REQUIRED), encrypted=True)


def test_a_user_sets_its_own_password() -> None:
    script, found = session({"SELECT CURRENT_USER()": [("app@%",)]})
    found.set_own_password(PENDING)
    assert script.changes() == ["SET PASSWORD = 'new\\'\\\\password'"]


def test_an_alternate_user_is_made_locked_and_unlocked_last() -> None:
    script, found = session(
        {
            "SELECT 1 FROM mysql.user": [],
            "SHOW CREATE USER `app`@`%`": [(SHA2,)],
            "SHOW GRANTS": [("GRANT USAGE ON *.* TO `app`@`%`",), ("GRANT `r`@`%` TO `app`@`%`",)],
        }
    )
    found.set_alternate("app@%", PENDING)
    assert script.changes() == [
        "CREATE USER IF NOT EXISTS `app_clone`@`%` IDENTIFIED WITH 'caching_sha2_password' REQUIRE NONE ACCOUNT LOCK",
        "GRANT USAGE ON *.* TO `app_clone`@`%`",
        "GRANT `r`@`%` TO `app_clone`@`%`",
        "ALTER USER `app_clone`@`%` DEFAULT ROLE `r`@`%`",
        "ALTER USER `app_clone`@`%` IDENTIFIED WITH 'caching_sha2_password' BY 'new\\'\\\\password' ACCOUNT UNLOCK",
    ]


@pytest.mark.parametrize("half_made", [True, False])
def test_an_alternate_user_that_is_there(half_made: bool) -> None:
    script, found = session(
        {
            "SELECT 1 FROM mysql.user": [(1,)],
            "SHOW CREATE USER `app`@`%`": [(NATIVE,)],
            "SHOW CREATE USER `app_clone`@`%`": [(LOCKED if half_made else NATIVE,)],
        }
    )
    found.set_alternate("app@%", PENDING)
    set_it = f"ALTER USER `app_clone`@`%` IDENTIFIED WITH 'mysql_native_password' AS '{native_hash(PENDING.password)}'"
    made = "CREATE USER IF NOT EXISTS `app_clone`@`%` IDENTIFIED WITH 'mysql_native_password' REQUIRE SSL ACCOUNT LOCK"
    assert script.changes() == ([made, f"{set_it} ACCOUNT UNLOCK"] if half_made else [set_it])


def test_a_syntax_error_that_quotes_the_password() -> None:
    quoted = pymysql.err.ProgrammingError(1064, "near ''new\\'\\\\password'' at line 1")
    _, found = session({"SET PASSWORD": quoted})
    with pytest.raises(RotationError) as raised:
        found.set_own_password(PENDING)
    assert str(raised.value) == "MySQL refused: near '***' at line 1"
