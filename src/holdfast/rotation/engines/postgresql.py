"""PostgreSQL, and what Redshift shares with it (`redshift.py`).

The server never sees a new password: libpq computes what it stores, a SCRAM-SHA-256 verifier or an MD5 hash as
`password_encryption` says, and only that is in the statement, in the server's log and in pg_stat_activity. An alternate
user is made as a member of the first one (`GRANT app TO app_clone`) in the transaction that sets its password, so it never
logs in with less than all of its privileges.

INVARIANT: names reach SQL as quoted identifiers, texts as escaped literals; utility statements take no parameters.
THREAT: a server may hang at any point, so libpq's connect time-out, the server's `statement_timeout` and a timer that shuts
the socket bound each step.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from holdfast.rotation.engine import EngineSettings, Finding, PasswordRules, RotationError
from holdfast.rotation.engines.logins import (
    CannotConnect,
    Login,
    LoginRefused,
    Tls,
    authorities,
    need_driver,
    open_connection,
    without,
)

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    Rows = psycopg.Connection[tuple[Any, ...]]


class PostgreSQL:
    """The family; `connect` logs in."""

    name = "PostgreSQL"
    engines: tuple[str, ...] = ("postgres", "aurora-postgresql")
    port = 5432
    database: str | None = "postgres"
    per_database = False
    longest_user_name = 63  # NAMEDATALEN - 1; the server cuts longer names without an error
    rules = PasswordRules()

    def length(self, user: str) -> int:
        return len(user.encode())

    @contextmanager
    def connect(self, login: Login, settings: EngineSettings) -> Generator[PostgreSQLSession]:
        need_driver("psycopg", "postgresql", self.name)
        connection, encrypted = open_connection(
            login, settings, lambda over_tls: _connect(login, settings, over_tls=over_tls)
        )
        try:
            session = self._session(connection, login, encrypted, settings.statement_timeout)
            session.run(f"SET statement_timeout = {math.ceil(settings.statement_timeout * 1000)}")
            yield session
        finally:
            connection.close()

    def _session(self, connection: Rows, login: Login, encrypted: bool, seconds: float) -> PostgreSQLSession:
        return PostgreSQLSession(connection, login, encrypted, seconds)


def _connect(login: Login, settings: EngineSettings, *, over_tls: bool) -> Rows:
    import psycopg

    options: dict[str, Any] = {"sslmode": "disable"}
    if over_tls:
        bundle = authorities(settings)
        # "system" is compiled into libpq, and the driver's own libpq need not know where this system keeps them.
        options = {"sslmode": "verify-full", "sslrootcert": str(bundle) if bundle else "system"}
    elif login.tls is not Tls.OFF:
        options["require_auth"] = "!password"
    try:
        return psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            dbname=login.database,
            connect_timeout=math.ceil(settings.connect_timeout),
            application_name="holdfast-rotation",
            client_encoding="UTF8",  # Redshift would report one that Python does not know
            gssencmode="disable",
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
            **options,
        )
    except psycopg.Error as error:
        text = without(str(error), login.password)
        # A connection that failed has no SQLSTATE, and its text is in the server's language. That the server asked
        # for a password is known in any language: what came after that is its refusal of this login.
        raise (LoginRefused if error.pgconn and error.pgconn.used_password else CannotConnect)(text) from None


@contextmanager
def _time_limit(connection: Rows, seconds: float) -> Generator[None]:
    """Shut the socket when it takes longer: libpq waits for ever for a server that is silent."""
    duplicate = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def shut() -> None:
        with suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        duplicate.close()


class PostgreSQLSession:
    """A user that is logged in."""

    family = "PostgreSQL"

    def __init__(self, connection: Rows, login: Login, encrypted: bool, seconds: float) -> None:
        self._connection = connection
        self._login = login
        self.encrypted = encrypted
        self._limit = 2 * seconds  # the server's own limit comes first, where it still answers

    # -- statements -------------------------------------------------------------------------------------------------------

    def run(self, statement: str, *, hidden: tuple[str, ...] = (), **parts: sql.Composable) -> list[tuple[Any, ...]]:
        """Run a statement with its `{parts}` filled in; its rows, if it has any."""
        import psycopg
        from psycopg import sql

        try:
            # Statements are constants of this package; psycopg asks for literals to keep values out of them.
            text: Any = statement
            with _time_limit(self._connection, self._limit):
                cursor = self._connection.execute(sql.SQL(text).format(**parts))
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error) or type(error).__name__
            more = " ".join(part for part in (said, error.diag.message_detail, error.diag.message_hint) if part)
            raise RotationError(f"{self.family} refused: {without(more, self._login.password, *hidden)}") from None

    @staticmethod
    def name(name: str) -> sql.Identifier:
        from psycopg import sql

        return sql.Identifier(name)

    @staticmethod
    def text(text: str) -> sql.Literal:
        from psycopg import sql

        return sql.Literal(text)

    def verifier(self, pending: Login) -> str:
        """What the server stores in place of the password, computed here."""
        import psycopg

        try:
            hashed = self._connection.pgconn.encrypt_password(
                pending.password.encode(), pending.user.encode(), self._algorithm()
            )
        except psycopg.Error as error:
            raise RotationError(f"The password cannot be hashed: {without(str(error), pending.password)}") from None
        return hashed.decode()

    def _algorithm(self) -> bytes:
        """As `password_encryption` says; servers before 10 say on or off and know MD5 only."""
        said = self.run("SHOW password_encryption")[0][0]
        return b"scram-sha-256" if said == "scram-sha-256" else b"md5"

    # -- steps ------------------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        self.run("SELECT now()")

    def account(self) -> str:
        return self._login.user

    def set_own_password(self, pending: Login) -> None:
        verifier = self.verifier(pending)
        self.run(
            "ALTER USER {user} WITH PASSWORD {verifier}",
            hidden=(pending.password, verifier),
            user=self.name(pending.user),
            verifier=self.text(verifier),
        )

    def set_alternate(self, account: str, pending: Login) -> None:
        verifier = self.verifier(pending)
        with self._transaction():
            if self._user_exists(pending.user):
                self._alter(pending.user, verifier)
            else:
                self._create_like(account, pending.user, verifier)

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with suppress(RotationError):
                self.run("ROLLBACK")
            raise

    def _user_exists(self, user: str) -> bool:
        return bool(self.run("SELECT 1 FROM pg_roles WHERE rolname = {user}", user=self.text(user)))

    def _alter(self, user: str, verifier: str) -> None:
        self.run(
            "ALTER USER {user} WITH PASSWORD {verifier}",
            hidden=(verifier,),
            user=self.name(user),
            verifier=self.text(verifier),
        )

    def _create_like(self, account: str, user: str, verifier: str) -> None:
        self.run(
            "CREATE ROLE {user} WITH LOGIN PASSWORD {verifier}",
            hidden=(verifier,),
            user=self.name(user),
            verifier=self.text(verifier),
        )
        self.run("GRANT {account} TO {user}", account=self.name(account), user=self.name(user))

    # -- rehearsal --------------------------------------------------------------------------------------------------------

    def inspect(self) -> Iterable[Finding]:
        yield self._writable()
        yield Finding("privilege", True, "A PostgreSQL user may change its own password.")
        yield self._password_rules()

    def _writable(self) -> Finding:
        read_only = self.run("SHOW transaction_read_only")[0][0] == "on"
        return Finding(
            "writable",
            not read_only,
            "The server is read-only, a standby perhaps: put the primary's address into the secret."
            if read_only
            else "The server takes changes.",
        )

    def _password_rules(self) -> Finding:
        algorithm = self._algorithm().decode()
        return Finding("password", True, f"Passwords are sent as {algorithm} verifiers (password_encryption).")

    def inspect_superuser(self, account: str, pending_user: str) -> Iterable[Finding]:
        yield self._writable()
        yield self._password_rules()
        superuser, creator = self.run("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")[0]
        exists = self._user_exists(pending_user)
        me = self._login.user
        if exists:
            yield self._membership(account, pending_user)
        if superuser:
            yield Finding("privilege", True, f"{me} is a superuser.")
            return
        yield Finding(
            "privilege",
            creator,
            f"{me} has CREATEROLE."
            if creator
            else f"{me} is no superuser and lacks CREATEROLE: ALTER ROLE {me} CREATEROLE.",
        )
        yield from self._targets(account, pending_user if exists else None)
        # Since 16, CREATEROLE reaches only roles that it was given ADMIN OPTION on.
        if self._connection.info.server_version >= 160000:
            needed = pending_user if exists else account
            yield self._admin_option(needed, me)

    def _targets(self, account: str, pending_user: str | None) -> Iterable[Finding]:
        for user in filter(None, (account, pending_user)):
            if self.run("SELECT 1 FROM pg_roles WHERE rolname = {user} AND rolsuper", user=self.text(user)):
                yield Finding("privilege", False, f"{user} is a superuser: only a superuser may set its password.")

    def _admin_option(self, role: str, me: str) -> Finding:
        holds = self.run(
            "SELECT pg_has_role({role}, 'MEMBER WITH ADMIN OPTION')", role=self.text(role)
        )[0][0]  # fmt: skip
        return Finding(
            "admin option",
            holds,
            f"{me} has ADMIN OPTION on {role}."
            if holds
            else f'{me} lacks ADMIN OPTION on {role}: GRANT "{role}" TO "{me}" WITH ADMIN OPTION.',
        )

    def _membership(self, account: str, pending_user: str) -> Finding:
        linked = self.run(
            "SELECT pg_has_role({a}, {b}, 'MEMBER') OR pg_has_role({b}, {a}, 'MEMBER')",
            a=self.text(account),
            b=self.text(pending_user),
        )[0][0]
        return Finding(
            "membership",
            linked,
            f"{account} and {pending_user} share their privileges."
            if linked
            else f"{pending_user} exists and is no member of {account}, so it may lack privileges: "
            f'GRANT "{account}" TO "{pending_user}".',
        )
