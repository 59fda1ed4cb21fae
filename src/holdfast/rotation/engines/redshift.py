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

_SYSTEM = "('pg_catalog', 'information_schema', 'pg_toast', 'pg_internal')"

_SCHEMA_RIGHTS = ("USAGE", "CREATE")
_TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES")
_DATABASE_RIGHTS = ("CREATE", "TEMPORARY")


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

    def _session(self, connection: Rows, login: Login, *, encrypted: bool) -> RedshiftSession:
        return RedshiftSession(connection, login, encrypted=encrypted)


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
        self._copy_database(account, user)
        self._copy_schemas(account, user)
        self._copy_tables(account, user)

    def _copy_database(self, account: str, user: str) -> None:
        name = self.run("SELECT current_database()")[0][0]
        for right in _DATABASE_RIGHTS:
            self._grant_missing("database", right, [(name,)], account, user)

    def _copy_schemas(self, account: str, user: str) -> None:
        rows = self.run(
            f"SELECT nspname FROM pg_namespace WHERE nspname NOT IN {_SYSTEM} "  # noqa: S608 constants
            "AND nspname NOT LIKE 'pg!_%' ESCAPE '!'"
        )
        for right in _SCHEMA_RIGHTS:
            self._grant_missing("schema", right, rows, account, user)

    def _copy_tables(self, account: str, user: str) -> None:
        rows = self.run(
            f"SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN {_SYSTEM} "  # noqa: S608 constants
            f"UNION SELECT schemaname, viewname FROM pg_views WHERE schemaname NOT IN {_SYSTEM}"
        )
        for right in _TABLE_RIGHTS:
            self._grant_missing("table", right, rows, account, user)

    def _grant_missing(self, kind: str, right: str, rows: list[tuple[str, ...]], account: str, user: str) -> None:
        """What `account` may do and `user` may not yet: groups and PUBLIC have given their part."""
        from psycopg import sql

        for row in rows:
            thing = sql.Identifier(*row)
            # The functions take a table as a text that is quoted as in SQL, and the others as the bare name.
            named = thing.as_string(self._connection) if kind == "table" else row[0]
            missing = self.run(
                f"SELECT has_{kind}_privilege({{account}}, {{thing}}, {{right}}) "
                f"AND NOT has_{kind}_privilege({{user}}, {{thing}}, {{right}})",
                account=self.text(account),
                user=self.text(user),
                thing=self.text(named),
                right=self.text(right),
            )[0][0]
            if missing:
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
