"""A new password is in no statement: the servers log every one, and their logs and activity views are searched."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from holdfast.rotation.engines.mysql import native_hash
from tests.canaries import places
from tests.databases import MariaDB, PostgreSQL
from tests.rotation.engines.conftest import SERVERS
from tests.rotation.engines.families import (
    STRATEGIES,
    Family,
    MariaDBFamily,
    PostgreSQLFamily,
    RedshiftFamily,
    Rotation,
    log_of,
)


@pytest.mark.parametrize("family", SERVERS, indirect=True)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_password_in_the_servers_log(family: Family, strategy: str) -> None:
    if not isinstance(family.server, (PostgreSQL, MariaDB)):
        pytest.skip("a double writes no log")
    # Other tests send passwords on purpose, as AWS's templates do, to the same servers.
    before = len(log_of(family.server))
    rotation = Rotation(family, strategy)
    rotation.rotate()
    rotation.rotate()
    log = log_of(family.server)[before:]
    assert re.search(rb"ALTER USER|SET PASSWORD", log)
    assert not list(places(log))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("encryption", "stored"), [("scram-sha-256", "SCRAM-SHA-256$4096:"), ("md5", "md5")])
def test_postgresql_stores_what_password_encryption_says(
    postgresql_16: PostgreSQL, strategy: str, encryption: str, stored: str
) -> None:
    """An md5 server's pg_hba.conf takes md5 too, so the database `dev` is used."""
    family = PostgreSQLFamily(postgresql_16)
    family.database, family.encryption = "dev", encryption
    rotation = Rotation(family, strategy)
    with postgresql_16.admin() as admin:
        admin.execute(f"ALTER SYSTEM SET password_encryption = '{encryption}'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            for _ in range(2):
                rotation.rotate()
                family.log_in(rotation.current)
                assert family.stored(rotation.current["username"]).startswith(stored)
        finally:
            admin.execute("ALTER SYSTEM RESET password_encryption")
            admin.execute("SELECT pg_reload_conf()")


def test_scram_iterations_follow_the_server(postgresql_16: PostgreSQL) -> None:
    family = PostgreSQLFamily(postgresql_16)
    rotation = Rotation(family, "SingleUser")
    with postgresql_16.admin() as admin:
        admin.execute(f"ALTER ROLE {rotation.current['username']} SET scram_iterations = 9000")
    rotation.rotate()
    assert family.stored(rotation.current["username"]).startswith("SCRAM-SHA-256$9000:")
    family.log_in(rotation.current)


def test_redshift_stores_md5(postgresql_16: PostgreSQL) -> None:
    family = RedshiftFamily(postgresql_16)
    rotation = Rotation(family, "MultiUser")
    rotation.rotate()
    assert family.stored(rotation.current["username"]).startswith("md5")


def test_no_password_in_pg_stat_activity(postgresql_15: PostgreSQL) -> None:
    """The last statement of the connection stays visible: watched while rotations run."""
    rotation = Rotation(PostgreSQLFamily(postgresql_15), "SingleUser")
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        with postgresql_15.admin() as admin:
            admin.execute("SET log_statement = none; SET log_min_duration_statement = -1")
            while not done.is_set():
                seen.update(row[0] for row in admin.execute("SELECT query FROM pg_stat_activity").fetchall())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(10):
        rotation.rotate()
    done.set()
    watcher.join()
    assert any("ALTER USER" in query for query in seen)
    assert not list(places("\n".join(seen).encode()))


def test_a_plug_in_that_must_see_the_password_sees_it(mariadb_tls: MariaDB) -> None:
    """MariaDB refuses hashes while a validation plug-in is loaded; then the statement carries the password."""
    family = MariaDBFamily(mariadb_tls)
    family.run("INSTALL SONAME 'simple_password_check'")
    try:
        family.run("SET GLOBAL simple_password_check_minimal_length = 5")
        family.run("SET GLOBAL simple_password_check_letters_same_case = 0")
        for strategy in STRATEGIES:
            rotation = Rotation(family, strategy)
            for password in ("a-Long1-enough-password!", "another-Long2-password?"):
                pending: Any = {**rotation.engine.pending(rotation.current, password)}
                rotation.pending = pending
                rotation.rotate()
                family.log_in(rotation.current)
            assert not rotation.findings()["password"][0]
            rotation.pending = {**rotation.engine.pending(rotation.current, "aaaa")}
            with pytest.raises(Exception, match=r"policy requirements|Too short"):
                rotation.set()
    finally:
        family.run("UNINSTALL SONAME 'simple_password_check'")


def test_native_hash_is_the_servers(mariadb: MariaDB) -> None:
    for password in ("x", "päss wörd'\"\\", "a" * 64):
        with mariadb.admin() as admin, admin.cursor() as cursor:
            cursor.execute("SELECT PASSWORD(%s)", (password,))
            assert cursor.fetchone() == (native_hash(password),)
