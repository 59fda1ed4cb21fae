"""MySQL and MariaDB: one protocol, and different ways to set a password.

Which of the two a server is, its version says, whatever the secret calls it. MariaDB takes the hash that it stores
(`mysql_native_password`: SHA-1 twice), so the password is in no statement, unless a password validation plug-in insists on
seeing it. MySQL takes a hash only from a superuser and for `mysql_native_password`; otherwise the statement carries the
password, which MySQL takes out of its own logs (manual, "Passwords and Logging"), and TLS keeps it off the wire.

An alternate user is made locked and without a password, then gets the grants of the first (`grants.py`), and only then is
unlocked with its password: these statements commit one by one, and a crash between them must leave a user that cannot log
in yet.

INVARIANT: an account that is locked and has no password is one we did not finish; any other account only gets a password.
THREAT: in plaintext a server could ask for the password itself; only `"ssl": false` lets it.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from holdfast.rotation.engine import EngineSettings, Finding, PasswordRules, RotationError
from holdfast.rotation.engines.grants import Account, Description, for_another, may_manage_users
from holdfast.rotation.engines.logins import (
    CannotConnect,
    Login,
    LoginRefused,
    Tls,
    need_driver,
    open_connection,
    tls_context,
    without,
)

if TYPE_CHECKING:
    import pymysql

_REFUSALS = {
    1044,  # access to the database denied
    1045,  # access denied: name, password, or TLS required of this user
    1049,  # unknown database
    1698,  # access denied, no password
    1820,  # must change its password first
    1862,  # password expired
    3118,  # MySQL: account locked
    4151,  # MariaDB: account locked
}
_OPTION_PREVENTS = 1290
_NOT_VALID = 1819
_OPERATION_FAILED = 1396
_NOT_IN_PLAINTEXT = ("mysql_clear_password", "mysql_old_password", "dialog")


class Refused(RotationError):
    """A statement failed."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class MySQL:
    """The family; `connect` logs in."""

    port = 3306
    database: str | None = None
    per_database = False
    rules = PasswordRules()

    def __init__(self, name: str, engines: tuple[str, ...], longest_user_name: int) -> None:
        self.name = name
        self.engines = engines
        self.longest_user_name = longest_user_name

    def length(self, user: str) -> int:
        return len(user)

    @contextmanager
    def connect(self, login: Login, settings: EngineSettings) -> Generator[MySQLSession]:
        need_driver("pymysql", "mysql", self.name)
        connection, encrypted = open_connection(
            login, settings, lambda over_tls: _connect(login, settings, over_tls=over_tls)
        )
        try:
            yield MySQLSession(self.name, connection, login, encrypted=encrypted)
        finally:
            connection.close()


MYSQL = MySQL("MySQL", ("mysql", "aurora-mysql"), 32)
MARIADB = MySQL("MariaDB", ("mariadb",), 80)


def _connect(login: Login, settings: EngineSettings, *, over_tls: bool) -> pymysql.Connection[Any]:
    import pymysql

    class NoClearPassword:
        def __init__(self, connection: Any) -> None:
            del connection

        def authenticate(self, packet: Any) -> None:
            del packet
            raise pymysql.err.OperationalError(0, "the server asks for the password itself over a plaintext connection")

    guarded = not over_tls and login.tls is not Tls.OFF
    options: dict[str, Any] = {"ssl": tls_context(settings)} if over_tls else {"ssl_disabled": True}
    try:
        return pymysql.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            database=login.database,
            connect_timeout=max(1, round(settings.connect_timeout)),
            read_timeout=settings.statement_timeout,
            write_timeout=settings.statement_timeout,
            charset="utf8mb4",
            autocommit=True,
            auth_plugin_map=dict.fromkeys(_NOT_IN_PLAINTEXT, NoClearPassword) if guarded else {},
            **options,
        )
    except pymysql.MySQLError as error:
        code, text = _told(error)
        kind = LoginRefused if code in _REFUSALS else CannotConnect
        raise kind(without(text, login.password)) from None
    except (ssl.SSLError, OSError, UnicodeError) as error:
        raise CannotConnect(without(str(error) or type(error).__name__, login.password)) from None


def _told(error: Exception) -> tuple[int, str]:
    """The server's number and text."""
    if len(error.args) > 1 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error) or type(error).__name__


def native_hash(password: str) -> str:
    """What `mysql_native_password` stores: hashes are the format, not our choice."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


class MySQLSession:
    """A user that is logged in."""

    def __init__(self, family: str, connection: pymysql.Connection[Any], login: Login, *, encrypted: bool) -> None:
        self._family = family
        self._connection = connection
        self._login = login
        self.encrypted = encrypted
        self.mariadb = "mariadb" in str(self.run("SELECT VERSION()")[0][0]).lower()
        if not self.mariadb:
            with suppress(RotationError):  # MySQL 8.0.17; before that what SHOW CREATE USER prints may be no UTF-8
                self.run("SET SESSION print_identified_with_as_hex = ON")

    def run(self, statement: str, hidden: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement that is complete; values in it went through `text`, names through Account."""
        import pymysql

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            code, said = self._cause(*_told(error))
            raise Refused(f"{self._family} refused: {without(said, self._login.password, *hidden)}", code) from None

    def _cause(self, code: int, said: str) -> tuple[int, str]:
        """ALTER USER only says that it failed; why is among the warnings."""
        if code == _OPERATION_FAILED:
            with suppress(Exception), self._connection.cursor() as cursor:
                cursor.execute("SHOW WARNINGS")
                for _, number, text in cursor.fetchall():
                    if number != code:
                        return int(number), f"{text} ({said})"
        return code, said

    def text(self, text: str) -> str:
        with self._connection.cursor() as cursor:
            return cursor.mogrify("%s", (text,))

    # -- steps ------------------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        self.run("SELECT NOW()")

    def account(self) -> str:
        """The row of mysql.user that let this user in: its host may be a pattern."""
        return str(self.run("SELECT CURRENT_USER()")[0][0])

    def set_own_password(self, pending: Login) -> None:
        plain, hashed = self.text(pending.password), self.text(native_hash(pending.password))
        hidden = (pending.password, plain, hashed.strip("'"))
        if not self.mariadb:
            self.run(f"SET PASSWORD = {plain}", hidden)
            return
        self._describe(Account.parse(self.account()), own=True).must_be_native()
        self._hash_or_plain(f"SET PASSWORD = {hashed}", f"SET PASSWORD = PASSWORD({plain})", hidden)

    def _hash_or_plain(self, with_hash: str, with_password: str, hidden: tuple[str, ...]) -> None:
        """A validation plug-in (`strict_password_validation`) refuses what it cannot read."""
        try:
            self.run(with_hash, hidden)
        except Refused as error:
            if error.code != _OPTION_PREVENTS:
                raise
            self.run(with_password, hidden)

    def _describe(self, account: Account, *, own: bool = False) -> Description:
        """What SHOW CREATE USER says. A user may always see itself."""
        return Description(self.run(f"SHOW CREATE USER {'CURRENT_USER()' if own else account}")[0][0])

    def _exists(self, account: Account) -> bool:
        user, host = self.text(account.user), self.text(account.host)
        return bool(self.run(f"SELECT 1 FROM mysql.user WHERE User = {user} AND Host = {host}"))  # noqa: S608 escaped

    def set_alternate(self, account: str, pending: Login) -> None:
        original = Account.parse(account)
        other = Account(pending.user, original.host)
        if self._exists(other) and not (known := self._describe(other)).unfinished:
            self._set_password(other, known, pending, "")
            return
        model = self._describe(original)
        if self.mariadb:
            model.must_be_native()
        self._create_locked(other, model)
        for (grant,) in self.run(f"SHOW GRANTS FOR {original}"):
            if statement := for_another(grant, original, other):
                self.run(statement)
        if model.default_roles:
            self.run(f"ALTER USER {other} DEFAULT ROLE {model.default_roles}")
        self._set_password(other, model, pending, " ACCOUNT UNLOCK")

    def _create_locked(self, account: Account, model: Description) -> None:
        """Without a password; where a validation plug-in forbids that, with a way in that knows none."""
        create, options = f"CREATE USER IF NOT EXISTS {account} ", f"{model.options} ACCOUNT LOCK"
        try:
            self.run(create + model.identification + options)
        except Refused as error:
            if error.code != _NOT_VALID or not self.mariadb:
                raise
            self.run(f"{create}IDENTIFIED VIA unix_socket{options}")

    def _set_password(self, account: Account, known: Description, pending: Login, also: str) -> None:
        plain, hashed = self.text(pending.password), self.text(native_hash(pending.password))
        hidden = (pending.password, plain, hashed.strip("'"))
        if self.mariadb:
            known.must_be_native()
            self._hash_or_plain(
                f"ALTER USER {account} IDENTIFIED BY PASSWORD {hashed}{also}",
                f"ALTER USER {account} IDENTIFIED BY {plain}{also}",
                hidden,
            )
        elif known.plugin == "mysql_native_password":
            self.run(f"ALTER USER {account} IDENTIFIED WITH 'mysql_native_password' AS {hashed}{also}", hidden)
        else:
            self.run(f"ALTER USER {account} IDENTIFIED WITH {self.text(known.plugin)} BY {plain}{also}", hidden)

    # -- rehearsal --------------------------------------------------------------------------------------------------------

    def inspect(self) -> Iterable[Finding]:
        yield self._writable()
        account = Account.parse(self.account())
        description = self._describe(account, own=True)
        if self.mariadb and not description.native:
            yield Finding("privilege", False, description.not_native())
        else:
            yield Finding("privilege", True, f"A {self._family} user may change its own password.")
        yield from self._password_rules(description, superuser=False)

    def _writable(self) -> Finding:
        read_only = bool(int(self.run("SELECT @@global.read_only")[0][0]))
        return Finding(
            "writable",
            not read_only,
            "The server is read-only, a replica perhaps: put the primary's address into the secret."
            if read_only
            else "The server takes changes.",
        )

    def _password_rules(self, description: Description, *, superuser: bool) -> Iterable[Finding]:
        said = dict(self.run("SHOW GLOBAL VARIABLES LIKE '%password%'"))
        shortest = [
            int(said[name])
            for name in ("validate_password.length", "validate_password_length", "simple_password_check_minimal_length")
            if name in said
        ]
        ours = PasswordRules().length
        if max(shortest, default=0) > ours:
            yield Finding("password", False, f"The server wants {max(shortest)} characters and gets {ours}.")
        hashed = not shortest if self.mariadb else superuser and description.plugin == "mysql_native_password"
        if hashed:
            yield Finding("password", True, "Passwords are sent as mysql_native_password hashes.")
        else:
            yield Finding(
                "password",
                self.encrypted or self._login.tls is Tls.OFF,
                "The statement carries the password itself (the server takes no hash here), "
                + ("over TLS." if self.encrypted else "and the connection is plaintext: give the server TLS."),
            )

    def inspect_superuser(self, account: str, pending_user: str) -> Iterable[Finding]:
        yield self._writable()
        original = Account.parse(account)
        other = Account(pending_user, original.host)
        me = Account.parse(self.account())
        users, grants = may_manage_users([row[0] for row in self.run("SHOW GRANTS")])
        for check, held, right in (("privilege", users, "CREATE USER"), ("grant option", grants, "GRANT OPTION")):
            yield Finding(
                check,
                held,
                f"{me} has {right}."
                if held
                else f"{me} lacks {right} on *.*: GRANT {right if right == 'CREATE USER' else 'USAGE'} ON *.* TO {me}"
                + (
                    "." if right == "CREATE USER" else " WITH GRANT OPTION, beside every privilege that the users have."
                ),
            )
        try:
            known = self._describe(original)
            self.run(f"SHOW GRANTS FOR {original}")
            exists = self._exists(other)
        except RotationError as error:
            yield Finding("privilege", False, f"{error} {me} must read users: GRANT SELECT ON mysql.* TO {me}.")
            return
        if self.mariadb and not known.native:
            yield Finding("privilege", False, known.not_native())
        yield Finding(
            "alternate user",
            True,
            f"{other} exists and gets only a password."
            if exists
            else f"{other} will be made with the grants of {original}.",
        )
        yield from self._password_rules(known, superuser=True)
