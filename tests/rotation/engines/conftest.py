"""One server of each family; `SERVERS` names all servers that there are."""

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

SERVERS = {
    "postgresql-15": (PostgreSQLFamily, "postgresql_15"),
    "postgresql-16": (PostgreSQLFamily, "postgresql_16"),
    "postgresql-18": (PostgreSQLFamily, "postgresql_18"),
    "redshift": (RedshiftFamily, "postgresql_16"),
    "mysql": (MySQLFamily, "mariadb"),
    "mariadb": (MariaDBFamily, "mariadb"),
    "mariadb-tls": (MariaDBFamily, "mariadb_tls"),
    "documentdb": (MongoDBFamily, "mongodb"),
}


EACH = ("postgresql-15", "redshift", "mariadb", "documentdb")


@pytest.fixture(params=EACH)
def family(request: pytest.FixtureRequest) -> Family:
    kind, server = SERVERS[request.param]
    return kind(request.getfixturevalue(server))
