"""Rehearsals: they pass where a rotation would succeed; where it would fail, doing what the finding says helps."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from holdfast.rotation.engine import RotationError
from tests.canaries import canary, places
from tests.databases import MariaDB, PostgreSQL
from tests.mongodb import MongoDB
from tests.rotation.engines.conftest import SERVERS
from tests.rotation.engines.families import (
    STRATEGIES,
    Family,
    MariaDBFamily,
    MongoDBFamily,
    PostgreSQLFamily,
    RedshiftFamily,
    Rotation,
)


def failed(rotation: Rotation) -> dict[str, str]:
    """What did not pass, but for TLS, which most of these servers have not."""
    findings = rotation.findings()
    for _, text in findings.values():
        assert not list(places(text.encode()))
    return {
        check: text
        for check, (passed, text) in findings.items()
        if not passed and check != "tls" and not (check == "password" and "plaintext" in text)
    }


@pytest.mark.parametrize("family", SERVERS, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_passes_and_changes_nothing(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    assert failed(rotation) == {}
    family.log_in(rotation.current)
    rotation.create()
    with pytest.raises(RotationError):  # neither the user nor its password was made
        rotation.test()
    rotation.rotate()
    assert failed(rotation) == {}
    family.log_in(rotation.current)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_wrong_password(family: Family, strategy: str) -> None:
    rotation = Rotation(family, strategy)
    rotation.current = {**rotation.current, "password": canary("wrong")}
    assert "with the current password" in failed(rotation)["connection"]


def test_no_superuser(family: Family) -> None:
    rotation = Rotation(family, "MultiUser")
    master, rotation.master = rotation.master, None
    assert "masterarn" in failed(rotation)["rotation"]
    assert master
    rotation.master = {"username": master["username"], "password": master["password"]}
    assert '"host"' in failed(rotation)["rotation"]
    rotation.master = {**master, "host": "localhost"}
    assert "same host and port" in failed(rotation)["rotation"]
    rotation.master = rotation.current
    assert "another user" in failed(rotation)["rotation"]


# -- the exact privileges of a superuser, as the guide names them ------------------------------------------------------------


def superuser(family: PostgreSQLFamily, attributes: str) -> dict[str, Any]:
    made = family.make()
    with family.server.admin() as admin:
        admin.execute(f"ALTER ROLE {made['username']} {attributes}")
    return made


@pytest.mark.parametrize("version", [15, 16, 18])
def test_a_postgresql_superuser_needs_createrole(version: int, request: pytest.FixtureRequest) -> None:
    family = PostgreSQLFamily(request.getfixturevalue(f"postgresql_{version}"))
    rotation = Rotation(family, "MultiUser")
    rotation.master = superuser(family, "NOCREATEROLE")
    app, me = rotation.current["username"], rotation.master["username"]
    found = failed(rotation)
    assert f"ALTER ROLE {me} CREATEROLE" in found["privilege"]
    rotation.create()
    with pytest.raises(RotationError, match="refused"):
        rotation.set()
    with family.server.admin() as admin:
        admin.execute(f"ALTER ROLE {me} CREATEROLE")
        if version >= 16:
            assert f'GRANT "{app}" TO "{me}" WITH ADMIN OPTION' in failed(rotation)["admin option"]
            with pytest.raises(RotationError, match="refused"):
                rotation.set()
            admin.execute(f'GRANT "{app}" TO "{me}" WITH ADMIN OPTION')
    assert failed(rotation) == {}
    for _ in range(3):
        rotation.rotate()
        family.log_in(rotation.current)
        assert failed(rotation) == {}


def test_a_postgresql_superuser_is_needed_for_superusers(postgresql_15: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_15)
    rotation = Rotation(family, "MultiUser")
    rotation.master = superuser(family, "CREATEROLE")
    rotation.current = {**rotation.current, **superuser(family, "SUPERUSER")}
    assert "only a superuser" in failed(rotation)["privilege"]
    rotation.create()
    with pytest.raises(RotationError, match="refused"):
        rotation.set()


def test_an_alternate_that_shares_nothing(postgresql_16: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_16)
    rotation = Rotation(family, "MultiUser")
    app = rotation.current["username"]
    family.make(f"{app}_clone")
    assert f'GRANT "{app}" TO "{app}_clone"' in failed(rotation)["membership"]
    with postgresql_16.admin() as admin:
        admin.execute(f'GRANT "{app}" TO "{app}_clone"')
    assert failed(rotation) == {}


def test_a_read_only_postgresql(postgresql_16: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_16)
    rotation = Rotation(family, "SingleUser")
    with postgresql_16.admin() as admin:
        admin.execute(f"ALTER ROLE {rotation.current['username']} SET default_transaction_read_only = on")
    assert "primary" in failed(rotation)["writable"]
    rotation.create()
    with pytest.raises(RotationError, match="read-only"):
        rotation.set()


def test_a_mariadb_superuser_needs_users_and_grants(mariadb: MariaDB) -> None:
    family = MariaDBFamily(mariadb)
    rotation = Rotation(family, "MultiUser")
    rotation.master = {**family.make(), "dbname": None}
    me = family.account(rotation.master["username"])
    assert "GRANT SELECT ON mysql.*" in failed(rotation)["privilege"] or "CREATE USER" in failed(rotation)["privilege"]
    steps = [
        f"GRANT CREATE USER ON *.* TO {me}",
        f"GRANT SELECT ON mysql.* TO {me}",
        f"GRANT SELECT, INSERT ON shop.* TO {me}",
        f"GRANT USAGE ON *.* TO {me} WITH GRANT OPTION",
    ]
    for step in steps:
        assert failed(rotation)
        rotation.create()
        with pytest.raises(RotationError, match="refused"):
            rotation.set()
        family.run(step)
    assert failed(rotation) == {}
    for _ in range(3):
        rotation.rotate()
        family.log_in(rotation.current)


def test_a_read_only_mariadb(mariadb: MariaDB) -> None:
    family = MariaDBFamily(mariadb)
    rotation = Rotation(family, "SingleUser")
    family.run("SET GLOBAL read_only = 1")
    try:
        assert "primary" in failed(rotation)["writable"]
    finally:
        family.run("SET GLOBAL read_only = 0")


def test_mysql_wants_longer_passwords_than_ours(mariadb_tls: MariaDB) -> None:
    family = MariaDBFamily(mariadb_tls)
    rotation = Rotation(family, "SingleUser")
    family.run("INSTALL SONAME 'simple_password_check'")
    try:
        family.run("SET GLOBAL simple_password_check_minimal_length = 40")
        assert failed(rotation)["password"].startswith("The server wants 40 characters and gets 32")
    finally:
        family.run("UNINSTALL SONAME 'simple_password_check'")


def test_a_redshift_superuser_is_one(postgresql_16: PostgreSQL) -> None:
    family = RedshiftFamily(postgresql_16)
    rotation = Rotation(family, "MultiUser")
    rotation.master = family.make()
    assert "must be a superuser" in failed(rotation)["privilege"]


def test_redshift_copies_groups_and_privileges(postgresql_16: PostgreSQL) -> None:
    """Each privilege that the first user has and the second had not: through groups where it comes from groups."""
    family = RedshiftFamily(postgresql_16)
    rotation = Rotation(family, "MultiUser")
    user = rotation.current["username"]
    with postgresql_16.admin("dev") as admin:
        for statement in (
            f'CREATE SCHEMA "A{user}"', f'CREATE TABLE "A{user}"."T.1" (n int)', f'CREATE VIEW "A{user}".v AS SELECT 1',
            f'GRANT USAGE, CREATE ON SCHEMA "A{user}" TO {user}', f'GRANT DELETE, REFERENCES ON "A{user}"."T.1" TO {user}',
            f'GRANT SELECT ON "A{user}".v TO {user}', f"CREATE GROUP g{user}", f"ALTER GROUP g{user} ADD USER {user}",
            f'GRANT UPDATE ON "A{user}"."T.1" TO GROUP g{user}', f"GRANT CREATE ON DATABASE dev TO {user}",
        ):  # fmt: skip
            admin.execute(statement)
        rotation.rotate()
        family.log_in(rotation.current)

        def may(kind: str, thing: str, right: str) -> bool:
            row = admin.execute(
                sql.SQL("SELECT {}(%s, %s, %s)").format(sql.Identifier(f"has_{kind}_privilege")),
                (f"{user}_clone", thing, right),
            ).fetchone()
            return bool(row and row[0])

        table = f'"A{user}"."T.1"'
        assert all(may("schema", f"A{user}", right) for right in ("USAGE", "CREATE"))
        assert all(may("table", table, right) for right in ("DELETE", "REFERENCES", "UPDATE"))
        assert not any(may("table", table, right) for right in ("SELECT", "INSERT"))
        assert may("table", f'"A{user}".v', "SELECT")
        assert may("database", "dev", "CREATE")
        admin.execute(f"ALTER GROUP g{user} DROP USER {user}_clone")
        assert not may("table", table, "UPDATE")


def test_documentdb_privileges(mongodb: MongoDB) -> None:
    family = MongoDBFamily(mongodb)
    rotation = Rotation(family, "SingleUser")
    user = mongodb.users["admin", rotation.current["username"]]
    roles, user.roles = user.roles, user.roles[:1]
    assert "changeOwnPassword" in failed(rotation)["privilege"]
    rotation.create()
    with pytest.raises(RotationError, match="not authorized"):
        rotation.set()
    user.roles = roles
    assert failed(rotation) == {}
    alternating = Rotation(family, "MultiUser")
    alternating.master = family.make()
    assert "changePassword, createUser, grantRole, viewUser" in failed(alternating)["privilege"]


def test_a_documentdb_replica(mongodb: MongoDB) -> None:
    rotation = Rotation(MongoDBFamily(mongodb), "SingleUser")
    mongodb.primary = False
    try:
        assert "cluster's endpoint" in failed(rotation)["writable"]
        rotation.create()
        with pytest.raises(RotationError, match="not primary"):
            rotation.set()
    finally:
        mongodb.primary = True
