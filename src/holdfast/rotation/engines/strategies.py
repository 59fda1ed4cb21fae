"""How passwords change, whatever the database: one user that changes its own, or two users that take turns.

**One user.** Log in with the pending password; when that works the step was done before. Otherwise log in with the current
one, else with the previous one (a rotation that stopped half-way), and have the user change its own password. Between this
and the moment AWSCURRENT moves, a client that reads the secret gets a password which no longer logs in.

**Alternating users.** `app` and `app_clone` take turns. A superuser (`masterarn`) sets the password of the one that is
*not* in use, and makes it with the privileges of the other where it does not exist. The user in use keeps its password
until the next rotation.

INVARIANT: every step may run again with the same pending value, after a crash at any point, and then does what is missing.
THREAT: whoever may write a secret could aim a superuser at another host or another user. So the superuser's password goes
to the host and port of its own secret and these must be the rotated secret's too, the current secret must log in first, and
the pending secret must name the current one's user (or its alternate), host and port.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Protocol

from holdfast.rotation.engine import EngineSettings, Fields, Finding, PasswordRules, RotationError, Values
from holdfast.rotation.engines.logins import CannotConnect, Login, LoginRefused, Tls, read_login

SUFFIX = "_clone"


class Session(Protocol):
    """A user that is logged in. Every method may be repeated; each raises RotationError."""

    encrypted: bool

    def ask(self) -> None:
        """Something harmless that needs the server to work."""
        ...

    def account(self) -> str:
        """The name by which the server knows this user; another login's session is handed it."""
        ...

    def set_own_password(self, pending: Login) -> None: ...

    def set_alternate(self, account: str, pending: Login) -> None:
        """As superuser: give the pending user its password; make it like `account` where it does not exist."""
        ...

    def inspect(self) -> Iterable[Finding]:
        """May this user change its own password? Do the server's password rules take ours?"""
        ...

    def inspect_superuser(self, account: str, pending_user: str) -> Iterable[Finding]:
        """May this user do what `set_alternate` does?"""
        ...


class Database(Protocol):
    """One family of databases."""

    name: str
    engines: tuple[str, ...]
    port: int
    database: str | None
    per_database: bool
    """Whether the superuser must be in the rotated user's database to copy its privileges."""
    longest_user_name: int
    rules: PasswordRules

    def length(self, user: str) -> int:
        """A user name's length in the unit of `longest_user_name`."""
        ...

    def connect(self, login: Login, settings: EngineSettings) -> AbstractContextManager[Session]:
        """LoginRefused or CannotConnect; the connection is closed on leaving."""
        ...


def alternate(user: str) -> str:
    """`app` and `app_clone` take turns."""
    return user.removesuffix(SUFFIX) if user.endswith(SUFFIX) and user != SUFFIX else user + SUFFIX


class _Strategy:
    """What both strategies share."""

    alternating = False

    def __init__(self, function_name: str, database: Database) -> None:
        self.function_name = function_name
        self.database = database

    # -- pure rules -------------------------------------------------------------------------------------------------------

    def require(self, current: Fields) -> None:
        if current.get("engine") not in self.database.engines:
            accepted = " or ".join(f'"{engine}"' for engine in self.database.engines)
            raise RotationError(f'{self.function_name} needs "engine" in the secret\'s JSON to be {accepted}.')
        login = self._login(current)
        longest = max([login.user, self._pending_user(login)], key=self.database.length)
        if self.database.length(longest) > self.database.longest_user_name:
            raise RotationError(
                f"The user name {longest} is longer than the {self.database.longest_user_name} that {self.database.name} takes."
            )

    def password_rules(self, current: Fields) -> PasswordRules:
        del current
        return self.database.rules

    def pending(self, current: Fields, password: str) -> dict[str, Any]:
        self.require(current)
        return {**current, "username": self._pending_user(self._login(current)), "password": password}

    def _pending_user(self, current: Login) -> str:
        return current.user

    def _login(self, fields: Fields) -> Login:
        return read_login(fields, self.database.port, self.database.database)

    def _logins(self, values: Values) -> tuple[Login, Login]:
        self.require(values.current)
        if values.pending is None:
            raise RotationError("There is no pending value.")
        current, pending = self._login(values.current), self._login(values.pending)
        if pending.place != current.place:
            raise RotationError("The pending secret names another host or port than the current one.")
        if pending.user != self._pending_user(current):
            raise RotationError(f"The pending secret must be of the user {self._pending_user(current)}.")
        return current, pending

    # -- steps ------------------------------------------------------------------------------------------------------------

    def test_secret(self, values: Values, settings: EngineSettings) -> None:
        if values.pending is None:
            raise RotationError("There is no pending value.")
        login = self._login(values.pending)
        with self._connect(login, settings, "pending") as session:
            session.ask()

    @contextmanager
    def _connect(self, login: Login, settings: EngineSettings, label: str) -> Generator[Session]:
        try:
            opened = self.database.connect(login, settings)
            session = opened.__enter__()
        except CannotConnect as error:
            raise type(error)(
                f"{self.database.name} at {login.place} does not let {login.user} in with the {label} password: {error}"
                if isinstance(error, LoginRefused)
                else f"Cannot connect to {self.database.name} at {login.place} as {login.user}: {error}"
            ) from None
        try:
            yield session
        finally:
            opened.__exit__(None, None, None)

    def _works(self, login: Login, settings: EngineSettings) -> bool:
        """Whether the server lets the pending login in; an unreachable server is no answer and is raised."""
        try:
            with self._connect(login, settings, "pending"):
                return True
        except LoginRefused:
            return False

    # -- rehearsal --------------------------------------------------------------------------------------------------------

    def rehearse(self, values: Values, settings: EngineSettings) -> Sequence[Finding]:
        found: list[Finding] = []
        try:
            self.require(values.current)
            found.append(Finding("secret", True, "The secret's JSON has what the engine needs."))
            found.extend(self._inspect(values, settings))
        except RotationError as error:
            check = "connection" if isinstance(error, CannotConnect) else "rotation" if found else "secret"
            found.append(Finding(check, False, str(error)))
        return found

    def _inspect(self, values: Values, settings: EngineSettings) -> Iterable[Finding]:
        raise NotImplementedError

    def _describe(self, login: Login, session: Session) -> Iterable[Finding]:
        yield Finding("login", True, f"{login.user} logs in at {login.place}.")
        if session.encrypted:
            yield Finding(
                "tls", True, "The connection is encrypted, and the server's certificate and name are verified."
            )
        elif login.tls is Tls.OFF:
            yield Finding("tls", True, 'The connection is plaintext, as "ssl": false asks for.')
        else:
            yield Finding(
                "tls",
                False,
                "TLS with a verified certificate failed, so a rotation would run in plaintext. Give the server a certificate "
                f'for {login.host}, name its authority in the server\'s settings, and put "ssl": true into the secret.',
            )


class SingleUser(_Strategy):
    """The user changes its own password."""

    def set_secret(self, values: Values, settings: EngineSettings) -> None:
        current, pending = self._logins(values)
        if self._works(pending, settings):
            return
        refused: list[str] = []
        for label, login in self._candidates(values, current):
            try:
                with self._connect(login, settings, label) as session:
                    session.set_own_password(pending)
                    return
            except LoginRefused as error:
                refused.append(str(error))
        raise RotationError(
            f"Neither the pending nor any earlier password logs in. {' '.join(refused)} If the password was changed by "
            "hand, or the user is locked: unlock it, put the right password into the secret as a new value, and rotate again."
        )

    def _candidates(self, values: Values, current: Login) -> Iterable[tuple[str, Login]]:
        yield "current", current
        if values.previous is None:
            return
        try:
            previous = self._login(values.previous)
        except RotationError:  # an earlier value may be anything
            return
        if (previous.place, previous.user) == (current.place, current.user) and previous.password != current.password:
            yield "previous", replace(current, password=previous.password)

    def _inspect(self, values: Values, settings: EngineSettings) -> Iterable[Finding]:
        login = self._login(values.current)
        with self._connect(login, settings, "current") as session:
            yield from self._describe(login, session)
            yield from session.inspect()


class AlternatingUsers(_Strategy):
    """Two users take turns, and a superuser sets their passwords."""

    alternating = True

    def require(self, current: Fields) -> None:
        super().require(current)
        if not isinstance(current.get("masterarn"), str) or not current["masterarn"]:
            raise RotationError(
                f"{self.function_name} needs \"masterarn\" in the secret's JSON: the ARN of the superuser's secret."
            )

    def _pending_user(self, current: Login) -> str:
        return alternate(current.user)

    def _superuser(self, values: Values, current: Login) -> Login:
        if values.master is None:
            raise RotationError('The superuser\'s secret that "masterarn" names has no value.')
        try:
            master = self._login(values.master)
        except RotationError as error:
            raise RotationError(f'In the superuser\'s secret that "masterarn" names: {error}') from None
        if values.master.get("engine", self.database.engines[0]) not in self.database.engines:
            raise RotationError('The superuser\'s secret that "masterarn" names is of another engine.')
        if master.place != current.place:
            raise RotationError(
                "The superuser's secret must name the same host and port as the rotated secret, spelled the same: "
                f"{master.place} is not {current.place}."
            )
        if master.user in {current.user, alternate(current.user)}:
            raise RotationError("The superuser must be another user than the two that take turns.")
        return replace(master, database=current.database) if self.database.per_database else master

    def set_secret(self, values: Values, settings: EngineSettings) -> None:
        current, pending = self._logins(values)
        master = self._superuser(values, current)
        if self._works(pending, settings):
            return
        # Proof that the secret is this user's: otherwise its writer could name any user and take over the alternate.
        with self._connect(current, settings, "current") as session:
            account = session.account()
        with self._connect(master, settings, "superuser's") as session:
            session.set_alternate(account, pending)

    def _inspect(self, values: Values, settings: EngineSettings) -> Iterable[Finding]:
        current = self._login(values.current)
        with self._connect(current, settings, "current") as session:
            yield from self._describe(current, session)
            account = session.account()
        yield Finding("user names", True, f"{current.user} and {alternate(current.user)} will take turns.")
        master = self._superuser(values, current)
        with self._connect(master, settings, "superuser's") as session:
            yield Finding("superuser", True, f"{master.user} logs in at {master.place}.")
            yield from session.inspect_superuser(account, alternate(current.user))
