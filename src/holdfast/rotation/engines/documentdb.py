"""Amazon DocumentDB and MongoDB: their wire protocol, with users as documents.

A new password is in the command (`updateUser`, `createUser`): neither server takes a verifier. Both leave these commands'
arguments out of their logs, and TLS keeps them off the wire; a rehearsal says when there is none. An alternate user is made
in one command with its password and the first one's roles.

The connection is direct: the user's credentials go to the host that the secret names and to no member that it announces, so
this must be the primary (DocumentDB's cluster endpoint is).

INVARIANT: a user's name and password are values of a command's document, never parts of a text.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.rotation.engine import EngineSettings, Finding, PasswordRules, RotationError
from holdfast.rotation.engines.logins import (
    CannotConnect,
    Login,
    LoginRefused,
    authorities,
    need_driver,
    open_connection,
    reach,
    tls_context,
    without,
)

if TYPE_CHECKING:
    from pymongo import MongoClient

    Client = MongoClient[dict[str, Any]]

_AUTHENTICATION_FAILED = 18
_OWN = {"changeOwnPassword", "changePassword"}
_SUPERUSER = {"viewUser", "createUser", "changePassword", "grantRole"}


class DocumentDB:
    """The family; `connect` logs in."""

    name = "DocumentDB"
    engines: tuple[str, ...] = ("mongo",)
    port = 27017
    database: str | None = "admin"
    """The database that holds the user: DocumentDB's are all in `admin`."""
    per_database = False
    longest_user_name = 63
    rules = PasswordRules()

    def length(self, user: str) -> int:
        return len(user)

    @contextmanager
    def connect(self, login: Login, settings: EngineSettings) -> Generator[DocumentDBSession]:
        need_driver("pymongo", "documentdb", self.name)
        client, encrypted = open_connection(
            login, settings, lambda over_tls: _connect(login, settings, over_tls=over_tls)
        )
        try:
            yield DocumentDBSession(client, login, encrypted=encrypted)
        finally:
            client.close()


def _connect(login: Login, settings: EngineSettings, *, over_tls: bool) -> Client:
    import pymongo
    from pymongo.errors import OperationFailure, PyMongoError

    # The driver repeats a failed handshake until its time is up; asked once before, the reason is known at once.
    if trouble := reach(login, settings):
        raise CannotConnect(f"{login.place} cannot be reached: {trouble}")
    options: dict[str, Any] = {"tls": False}
    if over_tls:
        _try_tls(login, settings)
        options = {"tls": True, "tlsCAFile": str(authorities(settings))}
    milliseconds = round(settings.connect_timeout * 1000)
    client: Client = pymongo.MongoClient(
        host=login.host,
        port=login.port,
        username=login.user,
        password=login.password,
        authSource=login.database or "admin",
        directConnection=True,
        retryWrites=False,  # DocumentDB has none
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        socketTimeoutMS=round(settings.statement_timeout * 1000),
        appname="holdfast-rotation",
        **options,
    )
    try:
        client.admin.command("ping")
    except (PyMongoError, UnicodeError) as error:
        client.close()
        refused = isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED
        raise (LoginRefused if refused else CannotConnect)(_said(error, login.password)) from None
    return client


def _try_tls(login: Login, settings: EngineSettings) -> None:
    context = tls_context(settings)
    try:
        with (
            socket.create_connection((login.host, login.port), settings.connect_timeout) as plain,
            context.wrap_socket(plain, server_hostname=login.host),
        ):
            pass
    except ssl.SSLCertVerificationError as error:
        raise CannotConnect(f"the server's certificate is not accepted: {error.verify_message}") from None
    except OSError as error:
        raise CannotConnect(f"the server does not speak TLS: {error.strerror or type(error).__name__}") from None


def _said(error: Exception, *secrets: str) -> str:
    """The server's own text: the driver's adds the whole answer."""
    details: Mapping[str, Any] = getattr(error, "details", None) or {}
    text = details.get("errmsg")
    return without(str(text or error) or type(error).__name__, *secrets)


class DocumentDBSession:
    """A user that is logged in."""

    def __init__(self, client: Client, login: Login, *, encrypted: bool) -> None:
        self._client = client
        self._login = login
        self.encrypted = encrypted

    def _run(self, database: str | None, command: dict[str, Any], *hidden: str) -> dict[str, Any]:
        from pymongo.errors import PyMongoError

        try:
            return dict(self._client[database or "admin"].command(command))
        except PyMongoError as error:
            raise RotationError(f"DocumentDB refused: {_said(error, self._login.password, *hidden)}") from None

    def ask(self) -> None:
        self._run("admin", {"ping": 1})

    def account(self) -> str:
        """User and the database that holds it, which no name of a database can blur: it has no dot."""
        return f"{self._login.database or 'admin'}.{self._login.user}"

    def set_own_password(self, pending: Login) -> None:
        self._run(pending.database, {"updateUser": pending.user, "pwd": pending.password}, pending.password)

    def _roles(self, database: str | None, user: str) -> list[Any] | None:
        """The user's roles; None when there is no such user."""
        users = self._run(database, {"usersInfo": {"user": user, "db": database or "admin"}}).get("users", [])
        return list(users[0].get("roles", [])) if users else None

    def set_alternate(self, account: str, pending: Login) -> None:
        database, _, user = account.partition(".")
        if self._roles(pending.database, pending.user) is not None:
            self.set_own_password(pending)
            return
        roles = self._roles(database, user)
        if roles is None:
            raise RotationError(f"{user} is not a user of the database {database}.")
        self._run(
            pending.database,
            {"createUser": pending.user, "pwd": pending.password, "roles": roles},
            pending.password,
        )

    # -- rehearsal --------------------------------------------------------------------------------------------------------

    def _actions(self) -> set[str]:
        """What this user may do with users, by its server's account."""
        status = self._run("admin", {"connectionStatus": 1, "showPrivileges": True})
        privileges: list[Mapping[str, Any]] = status.get("authInfo", {}).get("authenticatedUserPrivileges", [])
        database = self._login.database or "admin"
        return {
            action
            for privilege in privileges
            if privilege.get("resource", {}).get("anyResource")
            or privilege.get("resource", {}).get("db") in {"", database}
            for action in privilege.get("actions", ())
        }

    def _carries_password(self) -> Finding:
        return Finding(
            "password",
            self.encrypted,
            "The command carries the password itself, over TLS."
            if self.encrypted
            else "The command carries the password itself, and the connection is plaintext: give the server TLS.",
        )

    def _primary(self) -> Finding:
        primary = bool(self._run("admin", {"hello": 1}).get("isWritablePrimary"))
        return Finding(
            "writable",
            primary,
            "The server takes changes."
            if primary
            else "The server is not the primary: put the cluster's endpoint into the secret.",
        )

    def inspect(self) -> Iterable[Finding]:
        yield self._primary()
        actions = self._actions()
        held = bool(actions & _OWN)
        yield Finding(
            "privilege",
            held,
            f"{self._login.user} may change its own password."
            if held
            else f"{self._login.user} lacks the action changeOwnPassword: grant a role that has it.",
        )
        yield self._carries_password()

    def inspect_superuser(self, account: str, pending_user: str) -> Iterable[Finding]:
        yield self._primary()
        database, _, user = account.partition(".")
        missing = _SUPERUSER - self._actions()
        me = self._login.user
        yield Finding(
            "privilege",
            not missing,
            f"{me} may manage users."
            if not missing
            else f"{me} lacks the actions {', '.join(sorted(missing))}: grant it userAdminAnyDatabase.",
        )
        if "viewUser" in missing:
            return
        exists = self._roles(database, pending_user) is not None
        yield Finding(
            "alternate user",
            True,
            f"{pending_user} exists and gets only a password."
            if exists
            else f"{pending_user} will be made with {user}'s roles.",
        )
        yield self._carries_password()
