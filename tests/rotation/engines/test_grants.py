"""What MySQL and MariaDB print about users, read: by a real MariaDB in the last test, as MySQL's manual says in the others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.rotation.engine import RotationError
from holdfast.rotation.engines.grants import Account, Description, for_another, may_manage_users, quoted
from tests.databases import MariaDB
from tests.rotation.engines.families import MariaDBFamily, Rotation

APP, CLONE = Account("app", "%"), Account("app_clone", "%")
HASH = "*2B602296A79E0A8784ACC5C88D92E46588CCA3C3"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GRANT USAGE ON *.* TO `app`@`%`", "GRANT USAGE ON *.* TO `app_clone`@`%`"),
        (
            f"GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '{HASH}' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5",
            "GRANT USAGE ON *.* TO `app_clone`@`%`",
        ),
        (
            f"GRANT ALL PRIVILEGES ON *.* TO 'app'@'%' IDENTIFIED BY PASSWORD '{HASH}' WITH GRANT OPTION",
            "GRANT ALL PRIVILEGES ON *.* TO `app_clone`@`%` WITH GRANT OPTION",
        ),
        (
            "GRANT SELECT (`a`, `b`), INSERT ON `x`.`y` TO `app`@`%` WITH GRANT OPTION",
            "GRANT SELECT (`a`, `b`), INSERT ON `x`.`y` TO `app_clone`@`%` WITH GRANT OPTION",
        ),
        ("GRANT `r`@`%` TO `app`@`%` WITH ADMIN OPTION", "GRANT `r`@`%` TO `app_clone`@`%` WITH ADMIN OPTION"),
        ("SET DEFAULT ROLE `r` FOR `app`@`%`", "SET DEFAULT ROLE `r` FOR `app_clone`@`%`"),
        ("REVOKE SELECT ON `m`.* FROM `app`@`%`", "REVOKE SELECT ON `m`.* FROM `app_clone`@`%`"),
        (
            "GRANT SELECT ON `x`` TO 'root'@'%' -- `.* TO `app`@`%`",
            "GRANT SELECT ON `x`` TO 'root'@'%' -- `.* TO `app_clone`@`%`",
        ),
        ("GRANT USAGE ON *.* TO `r`", None),
        ("GRANT SELECT ON `a`.* TO `other`@`%`", None),
        ("GRANT SELECT ON `a`.* TO `app`@`localhost`", None),
        ("nonsense", None),
    ],
)
def test_a_grant_for_another(line: str, expected: str | None) -> None:
    assert for_another(line, APP, CLONE) == expected


names = st.text(st.sampled_from("a`'\"\\ @%TO.;-ß"), min_size=1, max_size=12)


@given(names, names, names)
def test_names_are_never_syntax(database: str, user: str, other: str) -> None:
    account = Account(user, "%")
    line = f"GRANT SELECT ON {quoted(database)}.* TO {account} WITH GRANT OPTION"
    assert for_another(line, account, Account(other, "%")) == (
        f"GRANT SELECT ON {quoted(database)}.* TO {quoted(other)}@`%` WITH GRANT OPTION"
    )
    if other != user:
        assert for_another(line, Account(other, "%"), account) is None
    assert Account.parse(f"{user}@%") == account


@pytest.mark.parametrize(
    ("line", "plugin", "options", "roles", "unfinished", "native"),
    [
        (f"CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '{HASH}'", "mysql_native_password", "", "", False, True),
        (
            f"CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '{HASH}' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 ACCOUNT LOCK",
            "mysql_native_password",
            " REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5",
            "",
            False,
            True,
        ),
        ("CREATE USER `a`@`%` ACCOUNT LOCK", "mysql_native_password", "", "", True, True),
        ("CREATE USER `a`@`%` IDENTIFIED VIA unix_socket ACCOUNT LOCK", "unix_socket", "", "", True, False),
        ("CREATE USER `a`@`%` IDENTIFIED VIA ed25519 USING 'xyzxyz'", "ed25519", "", "", False, False),
        (
            f"CREATE USER `a`@`%` IDENTIFIED VIA unix_socket OR mysql_native_password USING '{HASH}'",
            "unix_socket",
            "",
            "",
            False,
            True,
        ),
        (
            "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x244124 DEFAULT ROLE `r`@`%`,`s`@`%` "
            "REQUIRE SUBJECT '/CN= ACCOUNT LOCK' PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT",
            "caching_sha2_password",
            " REQUIRE SUBJECT '/CN= ACCOUNT LOCK'",
            "`r`@`%`,`s`@`%`",
            False,
            False,
        ),
        (
            "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT LOCK "
            "PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT",
            "caching_sha2_password",
            " REQUIRE NONE",
            "",
            True,
            False,
        ),
    ],
)
def test_a_description(line: str, plugin: str, options: str, roles: str, unfinished: bool, native: bool) -> None:
    found = Description(line)
    assert (found.plugin, found.options, found.default_roles) == (plugin, options, roles)
    assert (found.unfinished, found.native) == (unfinished, native)
    if not native:
        with pytest.raises(RotationError, match=plugin):
            found.must_be_native()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["GRANT ALL PRIVILEGES ON *.* TO `m`@`%` WITH GRANT OPTION"], (True, True)),
        (["GRANT SELECT, CREATE USER ON *.* TO `m`@`%`"], (True, False)),
        (
            ["GRANT SELECT ON *.* TO `m`@`%`", "GRANT ALL PRIVILEGES ON `x`.* TO `m`@`%` WITH GRANT OPTION"],
            (False, False),
        ),
    ],
)
def test_what_a_superuser_may(lines: list[str], expected: tuple[bool, bool]) -> None:
    assert may_manage_users(lines) == expected


def test_a_clone_has_everything_that_mariadb_prints(mariadb: MariaDB) -> None:
    family = MariaDBFamily(mariadb)
    rotation = Rotation(family, "MultiUser")
    user, clone = (family.account(rotation.current["username"] + suffix) for suffix in ("", "_clone"))
    for statement in (
        "CREATE ROLE IF NOT EXISTS auditors",
        "CREATE DATABASE IF NOT EXISTS `a`` TO 'root'@'%' WITH GRANT OPTION`",
        f"GRANT auditors TO {user} WITH ADMIN OPTION",
        f"SET DEFAULT ROLE auditors FOR {user}",
        f"GRANT SELECT ON `a`` TO 'root'@'%' WITH GRANT OPTION`.* TO {user}",
        f"GRANT UPDATE (n) ON shop.orders TO {user} WITH GRANT OPTION",
        f"GRANT PROCESS ON *.* TO {user}",
        f"ALTER USER {user} WITH MAX_QUERIES_PER_HOUR 1000",
    ):
        family.run(statement)
    rotation.rotate()
    family.log_in(rotation.current)

    def printed(account: str) -> list[str]:
        lines = [*family.run(f"SHOW GRANTS FOR {account}"), *family.run(f"SHOW CREATE USER {account}")]
        return [re.sub(r"PASSWORD '.*?'", "PASSWORD", line.replace(account, "X")) for (line,) in lines]

    assert len(printed(user)) == 7
    assert printed(clone) == printed(user)
