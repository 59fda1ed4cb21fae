"""What the tests need to know of each family: how to make, use, lock and change a user, and where its server writes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pymongo
import pymysql
from psycopg import sql

from holdfast.rotation.engine import Engine, EngineSettings, Values
from holdfast.rotation.engines import ENGINES
from tests.canaries import canary
from tests.databases import MariaDB, PostgreSQL
from tests.mongodb import MongoDB

_numbers = itertools.count(1)
STRATEGIES = ("SingleUser", "MultiUser")


class Family(Protocol):
    """One kind of database, on a server that runs."""

    function: str
    server: Any

    def make(self, user: str | None = None) -> dict[str, Any]:
        """A new user with privileges of its own; its secret."""
        ...

    def master(self) -> dict[str, Any]: ...
    def log_in(self, fields: Mapping[str, Any]) -> None:
        """With this secret, in plaintext: whatever is raised says that the login failed, or that it lacks the privilege."""
        ...

    def lock(self, user: str, *, locked: bool = True) -> None: ...
    def change_by_hand(self, user: str, password: str) -> None: ...


def engine(family: Family, strategy: str) -> Engine:
    return ENGINES[family.function + strategy]


def new_user() -> str:
    return f"app{next(_numbers)}"


class Rotation:
    """The labels of one secret, and the steps in the order in which the state machine takes them."""

    def __init__(self, family: Family, strategy: str, settings: EngineSettings | None = None, **also: Any) -> None:
        self.family = family
        self.engine = engine(family, strategy)
        self.settings = settings or EngineSettings()
        self.current: Mapping[str, Any] = {**family.make(), **also}
        self.previous: Mapping[str, Any] | None = None
        self.pending: Mapping[str, Any] | None = None
        self.master: Mapping[str, Any] | None = None
        if self.engine.alternating:
            self.current = {**self.current, "masterarn": "arn:aws:secretsmanager:us-east-1:1:secret:superuser-aaaaaa"}
            self.master = {**family.master(), **also}

    @property
    def values(self) -> Values:
        return Values(self.current, self.pending, self.previous, self.master)

    def create(self) -> None:
        self.engine.require(self.current)
        if self.pending is None:
            self.pending = self.engine.pending(self.current, canary("rotated"))

    def set(self) -> None:
        self.engine.set_secret(self.values, self.settings)

    def test(self) -> None:
        self.engine.test_secret(self.values, self.settings)

    def finish(self) -> None:
        assert self.pending is not None
        self.previous, self.current, self.pending = self.current, self.pending, None

    def rotate(self) -> None:
        self.create()
        self.set()
        self.test()
        self.finish()

    def findings(self) -> dict[str, tuple[bool, str]]:
        """What a rehearsal finds; where a check comes twice, the one that did not pass."""
        found: dict[str, tuple[bool, str]] = {}
        for finding in self.engine.rehearse(self.values, self.settings):
            if found.get(finding.check, (True, ""))[0]:
                found[finding.check] = finding.passed, finding.text
        return found


class PostgreSQLFamily:
    function = "SecretsManagerRDSPostgreSQLRotation"
    database = "postgres"
    kind = "postgres"
    encryption = "scram-sha-256"

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server

    def _secret(self, user: str, password: str) -> dict[str, Any]:
        return {
            "engine": self.kind, "host": "127.0.0.1", "port": self.server.port, "username": user,
            "password": password, "dbname": self.database, "note": "kept",
        }  # fmt: skip

    def make(self, user: str | None = None) -> dict[str, Any]:
        user, password = user or new_user(), canary("first")
        with self.server.admin(self.database) as admin:
            name, table = sql.Identifier(user), sql.Identifier(f"of {user}"[:63])
            # Hidden from the log: the tests search it for what the engine sent.
            admin.execute("SET log_statement = none; SET log_min_duration_statement = -1")
            admin.execute(sql.SQL("SET password_encryption = {}").format(self.encryption))
            admin.execute(sql.SQL("CREATE USER {} WITH PASSWORD {}").format(name, password))
            admin.execute(sql.SQL("CREATE TABLE {} (n int)").format(table))
            admin.execute(sql.SQL("GRANT SELECT, INSERT ON {} TO {}").format(table, name))
        return self._secret(user, password)

    def master(self) -> dict[str, Any]:
        return self._secret(self.server.superuser, self.server.password)

    def log_in(self, fields: Mapping[str, Any]) -> None:
        user = fields["username"]
        with psycopg.connect(
            host="127.0.0.1", port=fields["port"], user=user, password=fields["password"], sslmode="disable",
            dbname=fields["dbname"],
        ) as connection:  # fmt: skip
            table = sql.Identifier(f"of {user.removesuffix('_clone')}"[:63])
            connection.execute(sql.SQL("INSERT INTO {} VALUES (1)").format(table))
            connection.execute(sql.SQL("SELECT n FROM {}").format(table))

    def lock(self, user: str, *, locked: bool = True) -> None:
        with self.server.admin() as admin:
            admin.execute(
                sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(user), sql.SQL("NOLOGIN" if locked else "LOGIN"))
            )

    def change_by_hand(self, user: str, password: str) -> None:
        with self.server.admin(self.database) as admin:
            admin.execute("SET log_statement = none; SET log_min_duration_statement = -1")
            admin.execute(sql.SQL("SET password_encryption = {}").format(self.encryption))
            admin.execute(sql.SQL("ALTER USER {} PASSWORD {}").format(sql.Identifier(user), password))

    def stored(self, user: str) -> str:
        with self.server.admin() as admin:
            row = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (user,)).fetchone()
            assert row
            return row[0]


class RedshiftFamily(PostgreSQLFamily):
    """PostgreSQL 16's database `dev`, which takes MD5 only."""

    function = "SecretsManagerRedshiftRotation"
    database = "dev"
    kind = "redshift"
    encryption = "md5"


class MariaDBFamily:
    function = "SecretsManagerRDSMariaDBRotation"
    kind = "mariadb"

    def __init__(self, server: MariaDB) -> None:
        self.server = server

    def _secret(self, user: str, password: str) -> dict[str, Any]:
        return {
            "engine": self.kind, "host": "127.0.0.1", "port": self.server.port, "username": user,
            "password": password, "dbname": "shop", "note": "kept",
        }  # fmt: skip

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Kept out of the general log, which the tests search for what the engine sent."""
        with self.server.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SET SESSION sql_log_off = 1")
            cursor.execute(statement)
            return list(cursor.fetchall())

    @staticmethod
    def account(user: str, host: str = "%") -> str:
        return "`" + user.replace("`", "``") + f"`@`{host}`"

    def make(self, user: str | None = None, extra: str = "") -> dict[str, Any]:
        user, password = user or new_user(), canary("first")
        self.run("CREATE DATABASE IF NOT EXISTS shop")
        self.run("CREATE TABLE IF NOT EXISTS shop.orders (n int)")
        self.run(f"CREATE USER {self.account(user)} IDENTIFIED BY '{password}' {extra}")
        self.run(f"GRANT SELECT, INSERT ON shop.* TO {self.account(user)}")
        return self._secret(user, password)

    def master(self) -> dict[str, Any]:
        return {**self._secret(self.server.superuser, self.server.password), "dbname": None}

    def log_in(self, fields: Mapping[str, Any]) -> None:
        with pymysql.connect(
            host="127.0.0.1", port=fields["port"], user=fields["username"], password=fields["password"],
            database="shop", ssl_disabled=True,
        ) as connection, connection.cursor() as cursor:  # fmt: skip
            cursor.execute("INSERT INTO orders VALUES (1)")
            cursor.execute("SELECT n FROM orders")

    def lock(self, user: str, *, locked: bool = True) -> None:
        self.run(f"ALTER USER {self.account(user)} ACCOUNT {'LOCK' if locked else 'UNLOCK'}")

    def change_by_hand(self, user: str, password: str) -> None:
        self.run(f"ALTER USER {self.account(user)} IDENTIFIED BY '{password}'")


class MySQLFamily(MariaDBFamily):
    """MariaDB under the names of MySQL's functions."""

    function = "SecretsManagerRDSMySQLRotation"
    kind = "mysql"


class MongoDBFamily:
    function = "SecretsManagerMongoDBRotation"

    def __init__(self, server: MongoDB) -> None:
        self.server = server

    def _secret(self, user: str, password: str) -> dict[str, Any]:
        return {
            "engine": "mongo", "host": "127.0.0.1", "port": self.server.port, "username": user, "password": password,
            "note": "kept",
        }  # fmt: skip

    def make(self, user: str | None = None) -> dict[str, Any]:
        user, password = user or new_user(), canary("first")
        self.server.add(user, password, [{"role": "readWrite", "db": "shop"}, {"role": "ownPassword", "db": "admin"}])
        return self._secret(user, password)

    def master(self) -> dict[str, Any]:
        return self._secret(self.server.superuser, self.server.password)

    def log_in(self, fields: Mapping[str, Any]) -> None:
        tls: dict[str, Any] = {"tls": True, "tlsAllowInvalidCertificates": True} if self.server.context else {}
        with pymongo.MongoClient[dict[str, Any]](
            host="127.0.0.1", port=fields["port"], username=fields["username"], password=fields["password"],
            directConnection=True, serverSelectionTimeoutMS=2000, **tls,
        ) as client:  # fmt: skip
            status = client.admin.command({"connectionStatus": 1})
            roles = [role["role"] for role in status["authInfo"]["authenticatedUserRoles"]]
            assert "readWrite" in roles

    def lock(self, user: str, *, locked: bool = True) -> None:
        raise NotImplementedError("MongoDB locks nobody")

    def change_by_hand(self, user: str, password: str) -> None:
        self.server.users["admin", user].set_password(password)


def log_of(server: PostgreSQL | MariaDB) -> bytes:
    return Path(server.log).read_bytes()
