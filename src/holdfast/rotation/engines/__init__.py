"""The built-in rotation engines, under the names of the functions that AWS hosts for the same work.

`ENGINES` is the whole list, and `ABSENT` names those of AWS's functions that have no engine here, with what to tell who
asks for one. Importing this imports no driver: each family does with its first connection.

INVARIANT: an engine is here only when it was run against a server; `docs/guide/rotation-engines.md` says which.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.rotation.engine import Engine
from holdfast.rotation.engines.documentdb import DocumentDB
from holdfast.rotation.engines.mysql import MARIADB, MYSQL
from holdfast.rotation.engines.postgresql import PostgreSQL
from holdfast.rotation.engines.redshift import Redshift
from holdfast.rotation.engines.strategies import AlternatingUsers, Database, SingleUser

_FAMILIES: Mapping[str, Database] = {
    "SecretsManagerRDSPostgreSQLRotation": PostgreSQL(),
    "SecretsManagerRDSMySQLRotation": MYSQL,
    "SecretsManagerRDSMariaDBRotation": MARIADB,
    "SecretsManagerRedshiftRotation": Redshift(),
    "SecretsManagerMongoDBRotation": DocumentDB(),
}

ENGINES: Mapping[str, Engine] = {
    engine.function_name: engine
    for prefix, database in _FAMILIES.items()
    for engine in (SingleUser(f"{prefix}SingleUser", database), AlternatingUsers(f"{prefix}MultiUser", database))
}

ABSENT: Mapping[str, str] = {
    f"SecretsManagerRDS{name}Rotation{strategy}": (
        f"Holdfast has no built-in rotation for {product}. "
        "Create a function with your own or AWS's code and name it as RotationLambdaARN: it runs here unchanged."
    )
    for name, product in (("Oracle", "Oracle Database"), ("SQLServer", "Microsoft SQL Server"), ("Db2", "IBM Db2"))
    for strategy in ("SingleUser", "MultiUser")
}
