"""User names that are SQL, quotes and no ASCII: each is one user, rotated, and nobody else is touched."""

from __future__ import annotations

import pytest

from tests.rotation.engines.families import Family, RedshiftFamily, Rotation, new_user

NAMES = [
    "a\"; ALTER USER postgres PASSWORD 'x'; --",
    "a'; DROP USER root; --",
    "a`@`%` IDENTIFIED BY 'x'; --",
    "back\\slash' OR '1'='1",
    "dollar$quoted$",
    "per%cent %s {name}",
    "Straße Übermut",
    "a,b=c@d.e",
    "-- comment",
]


@pytest.mark.parametrize("strategy", ["SingleUser", "MultiUser"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name(family: Family, strategy: str, name: str) -> None:
    name = name[:16] + new_user()  # MySQL takes 32 characters
    if isinstance(family, RedshiftFamily):
        name = name.lower()  # Redshift folds names
    rotation = Rotation(family, strategy)
    rotation.current = {**rotation.current, **family.make(name)}
    for _ in range(2):
        rotation.rotate()
        family.log_in(rotation.current)
    master = rotation.family.master()
    rotation.current = {**rotation.current, "username": master["username"], "password": master["password"]}
    assert rotation.findings()["login"][0], "the superuser's password was changed"
