"""What MySQL and MariaDB print about users (SHOW CREATE USER, SHOW GRANTS), read so that another user can be made alike.

Both print SQL in which the names of databases, roles and users stand quoted. Everything between quotes is set aside first,
so that a database called `x' TO root` is never taken for syntax; then the account after TO, FOR or FROM is replaced by the
other one.

INVARIANT: no text between quotes decides anything but by whole equality with the account's name; a line of anybody else is
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.rotation.engine import RotationError

_QUOTED = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"", re.DOTALL)
_BLANK = "\0"


@dataclass(frozen=True, slots=True)
class Account:
    """A row of mysql.user; as a text, quoted for SQL."""

    user: str
    host: str

    @staticmethod
    def parse(text: str) -> Account:
        """From CURRENT_USER(): a host holds no @, a name may."""
        user, _, host = text.rpartition("@")
        return Account(user, host)

    def __str__(self) -> str:
        return f"{quoted(self.user)}@{quoted(self.host)}"


def quoted(name: str) -> str:
    """An identifier: backquotes need no knowledge of the server's `sql_mode`."""
    return "`" + name.replace("`", "``") + "`"


def _blanked(line: str) -> str:
    """The line with everything between quotes as blanks of the same length."""
    return _QUOTED.sub(lambda found: _BLANK * len(found[0]), line)


def _unquoted(text: str) -> str:
    quote, inner = text[0], text[1:-1].replace(text[0] * 2, text[0])
    return inner if quote == "`" else re.sub(r"\\(.)", r"\1", inner)


def for_another(line: str, original: Account, other: Account) -> str | None:
    """A line of SHOW GRANTS for another account, without password or TLS; None when it is not `original`'s."""
    blank = _blanked(line)
    found = re.search(r" (?:TO|FOR|FROM) (\0+)@(\0+)(.*)$", blank, re.DOTALL)
    if found is None:
        return None
    user, host = (_unquoted(line[slice(*found.span(part))]) for part in (1, 2))
    if (user, host) != (original.user, original.host):
        return None
    option = re.search(r" WITH (?:GRANT|ADMIN) OPTION", found[3])
    return f"{line[: found.start(1)]}{other}{option[0] if option else ''}"


class Description:
    """What SHOW CREATE USER printed."""

    def __init__(self, line: str) -> None:
        self._line = line
        blank = _blanked(line)
        end = (
            r"(?= PASSWORD (?:EXPIRE|HISTORY|REUSE|REQUIRE)| ACCOUNT (?:UN)?LOCK| FAILED_LOGIN| COMMENT | ATTRIBUTE |$)"
        )
        self.options = self._part(blank, rf" (?:REQUIRE|WITH MAX_).*?{end}")
        self.default_roles = self._part(blank, rf"(?<= DEFAULT ROLE ).*?(?= REQUIRE |{end})")
        self._vias = self._part(blank, rf" IDENTIFIED (?:VIA|WITH) .*?(?= DEFAULT ROLE | REQUIRE | WITH MAX_|{end})")
        via = re.search(r" (?:VIA|WITH) ['`]?(\w+)['`]?", self._vias)
        self.plugin = via[1] if via else "mysql_native_password"
        locked = re.search(r" ACCOUNT LOCK", blank) is not None
        has_password = re.search(r" (?:AS|USING|BY PASSWORD) (?:\0{3,}|0x\w)", blank) is not None
        self.unfinished = locked and not has_password

    def _part(self, blank: str, pattern: str) -> str:
        found = re.search(pattern, blank, re.DOTALL)
        return self._line[slice(*found.span())] if found else ""

    @property
    def native(self) -> bool:
        """Whether its password is a `mysql_native_password` hash (MariaDB lists several ways to log in, joined by OR)."""
        return not self._vias or "mysql_native_password" in self._vias

    @property
    def identification(self) -> str:
        """How a new account logs in, without a password: MySQL's plug-in as the original has it, MariaDB's default."""
        return f"IDENTIFIED WITH '{self.plugin}'" if self._vias and " WITH " in self._vias else ""

    def not_native(self) -> str:
        return f"The user logs in with {self.plugin}; on MariaDB only users of mysql_native_password can be rotated."

    def must_be_native(self) -> None:
        if not self.native:
            raise RotationError(self.not_native())


def may_manage_users(lines: Iterable[str]) -> tuple[bool, bool]:
    """Whether SHOW GRANTS of a user gives it CREATE USER, and GRANT OPTION, everywhere."""
    users = grants = False
    for line in lines:
        if found := re.match(r"GRANT (.*) ON \*\.\* TO ", blank := _blanked(line)):
            rights = {right.strip() for right in found[1].split(",")}
            users |= bool(rights & {"ALL PRIVILEGES", "CREATE USER"})
            grants |= " WITH GRANT OPTION" in blank[found.end() :]
    return users, grants
