"""Amazon Redshift: PostgreSQL's protocol, with users, groups and privileges of its own.

Redshift takes no SCRAM verifier but does take `md5` and the MD5 of password and user name, so a new password is in no
statement. It folds names to lower case, the one that is hashed too. It has no membership of a user in another: an alternate
user joins the groups of the first, then gets each privilege on the database and its schemas, tables and views that the
first has and it does not have yet.

INVARIANT: user, groups, privileges and password come in one transaction; a user that exists only gets a password.
What is not copied: roles (`GRANT ROLE`), privileges on functions and in other databases. Make the alternate user beforehand
for those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from holdfast.rotation.engine import Finding, PasswordRules
from holdfast.rotation.engines.logins import Login
from holdfast.rotation.engines.postgresql import PostgreSQL, PostgreSQLSession

if TYPE_CHECKING:
    from holdfast.rotation.engines.postgresql import Rows

_OURS = "NOT IN ('information_schema') AND {} NOT LIKE 'pg!_%' ESCAPE '!'"
_TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES")
_TABLE = "quote_ident(schemaname) || '.' || quote_ident({})"

# Kind, rights, columns that name a thing, the text by which has_…_privilege takes it, and where they are.
_THINGS = (
    ("database", ("CREATE", "TEMPORARY"), "datname", "datname", "pg_database WHERE datname = current_database()"),
    ("schema", ("USAGE", "CREATE"), "nspname", "nspname", f"pg_namespace WHERE nspname {_OURS.format('nspname')}"),
    *(
        (
            "table",
            _TABLE_RIGHTS,
            f"schemaname, {name}",
            _TABLE.format(name),
            f"{view} WHERE schemaname {_OURS.format('schemaname')}",
        )
        for view, name in (("pg_tables", "tablename"), ("pg_views", "viewname"))
    ),
)


class Redshift(PostgreSQL):
    """The family."""

    name = "Redshift"
    engines = ("redshift",)
    port = 5439
    database = "dev"
    per_database = True
    longest_user_name = 127
    # 8-64 printable ASCII characters with an upper-case letter, a lower-case letter and a digit, without ' " \ / @ and space
    # (Redshift's CREATE USER).
    rules = PasswordRules()

    def _session(self, connection: Rows, login: Login, encrypted: bool, seconds: float) -> RedshiftSession:
        return RedshiftSession(connection, login, encrypted, seconds)


class RedshiftSession(PostgreSQLSession):
    """A user that is logged in."""

    family = "Redshift"

    def verifier(self, pending: Login) -> str:
        salted = pending.password + pending.user.lower()
        return "md5" + hashlib.md5(salted.encode(), usedforsecurity=False).hexdigest()

    def account(self) -> str:
        return self._login.user.lower()

    def _user_exists(self, user: str) -> bool:
        return bool(self.run("SELECT 1 FROM pg_user WHERE usename = {user}", user=self.text(user.lower())))

    def _create_like(self, account: str, user: str, verifier: str) -> None:
        user = user.lower()
        self.run(
            "CREATE USER {user} WITH PASSWORD {verifier}",
            hidden=(verifier,),
            user=self.name(user),
            verifier=self.text(verifier),
        )
        for (group,) in self.run(
            "SELECT g.groname FROM pg_group g, pg_user u WHERE u.usename = {user} AND u.usesysid = ANY(g.grolist)",
            user=self.text(account),
        ):
            self.run("ALTER GROUP {group} ADD USER {user}", group=self.name(group), user=self.name(user))
        for kind, rights, columns, named, source in _THINGS:
            for right in rights:
                self._grant_missing(kind, right, (columns, named, source), account, user)

    def _grant_missing(self, kind: str, right: str, things: tuple[str, str, str], account: str, user: str) -> None:
        """What `account` may do and `user` may not yet: groups and PUBLIC have given their part."""
        from psycopg import sql

        columns, named, source = things
        rows = self.run(
            f"SELECT {columns} FROM {source} AND has_{kind}_privilege({{account}}, {named}, {{right}}) "  # noqa: S608 constants
            f"AND NOT has_{kind}_privilege({{user}}, {named}, {{right}})",
            account=self.text(account),
            user=self.text(user),
            right=self.text(right),
        )
        for row in rows:
            thing = sql.Identifier(*row)
            self.run(f"GRANT {right} ON {kind} {{thing}} TO {{user}}", thing=thing, user=self.name(user))

    # -- rehearsal --------------------------------------------------------------------------------------------------------

    def _password_rules(self) -> Finding:
        return Finding("password", True, "Passwords are sent as MD5 hashes, which is what Redshift stores.")

    def inspect(self) -> Iterable[Finding]:
        yield Finding("privilege", True, "A Redshift user may change its own password.")
        yield self._password_rules()

    def inspect_superuser(self, account: str, pending_user: str) -> Iterable[Finding]:
        yield self._password_rules()
        me = self._login.user
        superuser = self.run("SELECT usesuper FROM pg_user WHERE usename = {me}", me=self.text(me.lower()))[0][0]
        yield Finding(
            "privilege",
            superuser,
            f"{me} is a superuser." if superuser else f"{me} must be a superuser: ALTER USER {me} CREATEUSER.",
        )
        exists = self._user_exists(pending_user)
        yield Finding(
            "alternate user",
            True,
            f"{pending_user} exists and gets only a password."
            if exists
            else f"{pending_user} will be made like {account}: its groups, and its privileges in this database.",
        )
