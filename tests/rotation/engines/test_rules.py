"""The rules that need no database: what a secret must hold, who comes next, what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.rotation.engine import EngineSettings, RotationError, Values
from holdfast.rotation.engines import ABSENT, ENGINES
from holdfast.rotation.engines.logins import Tls, read_login, without
from holdfast.rotation.engines.strategies import alternate
from tests.canaries import canary, places

KINDS = {
    "SecretsManagerRDSPostgreSQLRotation": ("postgres", 63),
    "SecretsManagerRDSMySQLRotation": ("mysql", 32),
    "SecretsManagerRDSMariaDBRotation": ("mariadb", 80),
    "SecretsManagerRedshiftRotation": ("redshift", 127),
    "SecretsManagerMongoDBRotation": ("mongo", 63),
}


def test_every_name_that_users_know() -> None:
    assert set(ENGINES) == {prefix + strategy for prefix in KINDS for strategy in ("SingleUser", "MultiUser")}
    assert all(engine.function_name == name for name, engine in ENGINES.items())
    assert all(engine.alternating == name.endswith("MultiUser") for name, engine in ENGINES.items())
    assert not set(ENGINES) & set(ABSENT)
    assert "no built-in rotation for Microsoft SQL Server" in ABSENT["SecretsManagerRDSSQLServerRotationMultiUser"]
    assert len(ABSENT) == 6


def secret(kind: str, **also: Any) -> dict[str, Any]:
    return {"engine": kind, "host": "db", "username": "app", "password": canary(), "masterarn": "arn", **also}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("also", "text"),
    [
        ({"engine": "oracle"}, '"engine"'),
        ({"engine": None}, '"engine"'),
        ({"host": ""}, '"host"'),
        ({"host": 5}, '"host"'),
        ({"host": "good,evil"}, "one host name"),
        ({"host": "/tmp"}, "one host name"),
        ({"username": None}, '"username"'),
        ({"username": "a\0b"}, "control character"),
        ({"password": ""}, '"password"'),
        ({"password": ["x"]}, '"password"'),
        ({"port": 0}, '"port"'),
        ({"port": "70000"}, '"port"'),
        ({"port": "5e3"}, '"port"'),
        ({"port": True}, '"port"'),
        ({"dbname": 7}, '"dbname"'),
    ],
)
def test_what_a_secret_must_hold(name: str, also: dict[str, Any], text: str) -> None:
    kind = KINDS[name.removesuffix("SingleUser").removesuffix("MultiUser")][0]
    fields = secret(kind, **also)
    with pytest.raises(RotationError, match=text) as raised:
        ENGINES[name].require(fields)
    assert not list(places(str(raised.value).encode()))
    finding = ENGINES[name].rehearse(Values(fields), EngineSettings())[-1]
    assert (finding.check, finding.passed, finding.text) == ("secret", False, str(raised.value))
    ENGINES[name].require(secret(kind))


@pytest.mark.parametrize(("prefix", "kind", "longest"), [(name, *rest) for name, rest in KINDS.items()])
def test_user_names_have_room_for_the_suffix(prefix: str, kind: str, longest: int) -> None:
    single, multi = ENGINES[prefix + "SingleUser"], ENGINES[prefix + "MultiUser"]
    single.require(secret(kind, username="a" * longest))
    multi.require(secret(kind, username="a" * (longest - 6)))
    multi.require(secret(kind, username="a" * (longest - 6) + "_clone"))
    with pytest.raises(RotationError, match=f"longer than the {longest}"):
        single.require(secret(kind, username="a" * (longest + 1)))
    with pytest.raises(RotationError, match=f"longer than the {longest}"):
        multi.require(secret(kind, username="a" * (longest - 5)))


def test_postgresql_counts_bytes() -> None:
    with pytest.raises(RotationError, match="longer than the 63"):
        ENGINES["SecretsManagerRDSPostgreSQLRotationSingleUser"].require(secret("postgres", username="ß" * 32))


def test_alternating_users_need_a_superuser() -> None:
    for prefix, (kind, _) in KINDS.items():
        for missing in ("", None, 5):
            with pytest.raises(RotationError, match='"masterarn"'):
                ENGINES[prefix + "MultiUser"].require(secret(kind, masterarn=missing))
            ENGINES[prefix + "SingleUser"].require(secret(kind, masterarn=missing))


@given(st.text(min_size=1))
def test_two_users_take_turns(user: str) -> None:
    other = alternate(user)
    assert other != user
    if not user.endswith("_clone_clone"):
        assert alternate(other) == user
    assert {user, other} == {other, alternate(other)} or user.endswith("_clone_clone")


@given(
    st.dictionaries(st.sampled_from(["note", "dbClusterIdentifier", "ssl", "port"]), st.sampled_from([5432, True, "x"]))
)
def test_the_pending_secret_keeps_every_other_key(also: dict[str, Any]) -> None:
    fields = secret("postgres", **{key: value for key, value in also.items() if key != "port" or value == 5432})
    single = ENGINES["SecretsManagerRDSPostgreSQLRotationSingleUser"].pending(fields, "new")
    assert single == {**fields, "password": "new"}
    multi = ENGINES["SecretsManagerRDSPostgreSQLRotationMultiUser"].pending(fields, "new")
    assert multi == {**fields, "password": "new", "username": "app_clone"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, Tls.REQUIRED), ("true", Tls.REQUIRED), ("TRUE", Tls.REQUIRED),
        (False, Tls.OFF), ("false", Tls.OFF),
        (None, Tls.PREFERRED), ("", Tls.PREFERRED), ("yes", Tls.PREFERRED), (1.5, Tls.PREFERRED),
    ],
)  # fmt: skip
def test_what_ssl_means(value: Any, expected: Tls) -> None:
    login = read_login(secret("postgres", ssl=value), 5432, "postgres")
    assert login.tls is expected
    assert (login.port, login.database, login.place) == (5432, "postgres", "db:5432")
    assert not list(places(repr(login).encode()))


@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=3))
def test_no_secret_survives_in_a_text(text: str, secrets: list[str]) -> None:
    cleaned = without("<" + " ".join([text, *secrets]) + ">", *secrets)
    assert "\n" not in cleaned
    for hidden in secrets:
        assert hidden not in cleaned.replace("***", "") or not hidden.strip("* <>")


def test_passwords_are_legal() -> None:
    for engine in ENGINES.values():
        rules = engine.password_rules({})
        assert set("/@\"'\\") <= set(rules.exclude_characters)
        assert 8 <= rules.length <= 41  # Redshift 64, MySQL's managed services 41
        assert rules.require_each_included_type
