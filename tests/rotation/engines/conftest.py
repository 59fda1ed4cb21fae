"""Every family on every server that there is for it."""

from __future__ import annotations

import pytest

from tests.rotation.engines.families import (
    Family,
    MariaDBFamily,
    MongoDBFamily,
    MySQLFamily,
    PostgreSQLFamily,
    RedshiftFamily,
)

FAMILIES = {
    "postgresql-15": (PostgreSQLFamily, "postgresql_15"),
    "postgresql-16": (PostgreSQLFamily, "postgresql_16"),
    "postgresql-18": (PostgreSQLFamily, "postgresql_18"),
    "redshift": (RedshiftFamily, "postgresql_16"),
    "mysql": (MySQLFamily, "mariadb"),
    "mariadb": (MariaDBFamily, "mariadb"),
    "mariadb-tls": (MariaDBFamily, "mariadb_tls"),
    "documentdb": (MongoDBFamily, "mongodb"),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    kind, server = FAMILIES[request.param]
    return kind(request.getfixturevalue(server))
