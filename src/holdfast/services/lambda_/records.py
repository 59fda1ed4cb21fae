"""Functions, versions, code, aliases and policies in the store.

Listings read by keyset and never touch code. Code is removed with the last version that names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.store.statements import Statement
from holdfast.vault.registry import FUNCTION_CODE, FUNCTION_ENVIRONMENT

if TYPE_CHECKING:
    from holdfast.services.lambda_.identifiers import Reference
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault

Key = tuple[str, str, str]
"""Account, region, name."""


class Function(NamedTuple):
    """What all versions of a function share."""

    account: str
    region: str
    name: str
    created: int
    newest_version: int
    reserved_concurrency: int
    tags: str

    @property
    def key(self) -> Key:
        return self.account, self.region, self.name


class Version(NamedTuple):
    """One version, in the order of its columns."""

    account: str
    region: str
    name: str
    version: int
    runtime: str
    handler: str
    role: str
    description: str
    timeout: int
    memory_size: int
    storage_size: int
    architecture: str
    log_format: str
    log_level: str
    log_group: str
    last_modified: int
    code_sha256: str
    code_size: int
    revision_id: str
    environment_sealed: bytes | None

    @property
    def key(self) -> Key:
        return self.account, self.region, self.name


class Alias(NamedTuple):
    """A name for a version."""

    alias: str
    version: int
    description: str
    revision_id: str


class Policy(NamedTuple):
    """The resource policy of a function, version or alias, as it is evaluated."""

    text: str
    revision_id: str


_COLUMNS = ", ".join(Version._fields)
_MARKS = ", ".join("?" * len(Version._fields))
_KEY = "account = ? AND region = ? AND name = ?"

READ_FUNCTION = Statement(f"SELECT {', '.join(Function._fields)} FROM lambda_function WHERE {_KEY}")  # noqa: S608
INSERT_FUNCTION = Statement("INSERT INTO lambda_function VALUES (?, ?, ?, ?, ?, ?, ?)")
WRITE_NEWEST = Statement(f"UPDATE lambda_function SET newest_version = ? WHERE {_KEY}")  # noqa: S608
WRITE_TAGS = Statement(f"UPDATE lambda_function SET tags = ? WHERE {_KEY}")  # noqa: S608
WRITE_CONCURRENCY = Statement(f"UPDATE lambda_function SET reserved_concurrency = ? WHERE {_KEY}")  # noqa: S608
READ_VERSION = Statement(f"SELECT {_COLUMNS} FROM lambda_version WHERE {_KEY} AND version = ?")  # noqa: S608
INSERT_VERSION = Statement(f"INSERT INTO lambda_version ({_COLUMNS}) VALUES ({_MARKS})")  # noqa: S608
REMOVE_VERSION = Statement(f"DELETE FROM lambda_version WHERE {_KEY} AND version = ?")  # noqa: S608
UPDATE_VERSION = Statement(
    f"UPDATE lambda_version SET {', '.join(f'{field} = ?' for field in Version._fields[4:])}"  # noqa: S608
    f" WHERE {_KEY} AND version = ?"
)
LIST_FUNCTIONS = Statement(
    f"SELECT {_COLUMNS} FROM lambda_version WHERE account = ? AND region = ? AND name > ? AND version = 0"  # noqa: S608
    " ORDER BY name LIMIT ?"
)
LIST_ALL_VERSIONS = Statement(
    f"SELECT {_COLUMNS} FROM lambda_version WHERE account = ? AND region = ? AND (name, version) > (?, ?)"  # noqa: S608
    " ORDER BY name, version LIMIT ?"
)
LIST_VERSIONS = Statement(
    f"SELECT {_COLUMNS} FROM lambda_version WHERE {_KEY} AND version > ? ORDER BY version LIMIT ?"  # noqa: S608
)
INSERT_CODE = Statement(
    "INSERT INTO lambda_code (account, region, name, code_sha256, zip_sealed) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (account, region, name, code_sha256) DO NOTHING"
)
READ_CODE = Statement(f"SELECT zip_sealed FROM lambda_code WHERE {_KEY} AND code_sha256 = ?")  # noqa: S608
HAS_CODE = Statement(f"SELECT 1 FROM lambda_code WHERE {_KEY} AND code_sha256 = ?")  # noqa: S608
REMOVE_UNUSED_CODE = Statement(
    """
    DELETE FROM lambda_code WHERE account = ? AND region = ? AND name = ? AND NOT EXISTS (
      SELECT 1 FROM lambda_version AS v WHERE v.account = lambda_code.account AND v.region = lambda_code.region
        AND v.name = lambda_code.name AND v.code_sha256 = lambda_code.code_sha256)
    """
)
READ_ALIAS = Statement(
    f"SELECT alias, version, description, revision_id FROM lambda_alias WHERE {_KEY} AND alias = ?"  # noqa: S608
)
LIST_ALIASES = Statement(
    f"SELECT alias, version, description, revision_id FROM lambda_alias WHERE {_KEY} AND alias > ?"  # noqa: S608
    " ORDER BY alias LIMIT ?"
)
ALIASES_OF_VERSION = Statement(
    f"SELECT alias FROM lambda_alias WHERE {_KEY} AND version = ? ORDER BY alias LIMIT 20"  # noqa: S608
)
INSERT_ALIAS = Statement("INSERT INTO lambda_alias VALUES (?, ?, ?, ?, ?, ?, ?)")
UPDATE_ALIAS = Statement(
    f"UPDATE lambda_alias SET version = ?, description = ?, revision_id = ? WHERE {_KEY} AND alias = ?"  # noqa: S608
)
REMOVE_ALIAS = Statement(f"DELETE FROM lambda_alias WHERE {_KEY} AND alias = ?")  # noqa: S608
READ_POLICY = Statement(f"SELECT policy, revision_id FROM lambda_policy WHERE {_KEY} AND qualifier = ?")  # noqa: S608
WRITE_POLICY = Statement(
    "INSERT INTO lambda_policy (account, region, name, qualifier, policy, revision_id) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (account, region, name, qualifier) DO UPDATE SET policy = excluded.policy,"
    " revision_id = excluded.revision_id"
)
REMOVE_POLICY = Statement(f"DELETE FROM lambda_policy WHERE {_KEY} AND qualifier = ?")  # noqa: S608
REMOVE_ALL = tuple(
    Statement(f"DELETE FROM {table} WHERE {_KEY}")  # noqa: S608
    for table in ("lambda_event", "lambda_policy", "lambda_alias", "lambda_version", "lambda_code", "lambda_function")
)


def read_function(tx: Transaction, key: Key) -> Function | None:
    row = tx.one(READ_FUNCTION, *key)
    return None if row is None else Function(*row)


def read_version(tx: Transaction, key: Key, version: int) -> Version | None:
    row = tx.one(READ_VERSION, *key, version)
    return None if row is None else Version(*row)


def read_alias(tx: Transaction, key: Key, alias: str) -> Alias | None:
    row = tx.one(READ_ALIAS, *key, alias)
    return None if row is None else Alias(*row)


def read_policy(tx: Transaction, key: Key, qualifier: str) -> Policy | None:
    row = tx.one(READ_POLICY, *key, qualifier)
    return None if row is None else Policy(*row)


def resolve(tx: Transaction, where: Reference) -> Version | None:
    """The version that a reference names, by number or by alias."""
    from holdfast.services.lambda_.identifiers import version_number

    number = version_number(where.qualifier)
    if number is None:
        alias = read_alias(tx, where.key, where.qualifier)
        if alias is None:
            return None
        number = alias.version
    return read_version(tx, where.key, number)


def insert_version(tx: Transaction, version: Version) -> None:
    tx.run(INSERT_VERSION, *version)


def update_version(tx: Transaction, version: Version) -> None:
    tx.run(UPDATE_VERSION, *version[4:], *version.key, version.version)


def insert_code(tx: Transaction, vault: Vault, key: Key, sha256: str, content: bytes) -> None:
    """Keep a zip, unless the function has the same already."""
    if tx.one(HAS_CODE, *key, sha256) is None:
        tx.run(INSERT_CODE, *key, sha256, vault.seal(FUNCTION_CODE, (*key, sha256), content))


def read_code(tx: Transaction, vault: Vault, version: Version) -> bytes:
    """The zip of a version."""
    row = tx.one(READ_CODE, *version.key, version.code_sha256)
    assert row is not None  # the schema says so
    return vault.open(FUNCTION_CODE, (*version.key, version.code_sha256), row[0])


def seal_environment(vault: Vault, key: Key, version: int, encoded: bytes) -> bytes:
    return vault.seal(FUNCTION_ENVIRONMENT, (*key, version), encoded)


def open_environment(vault: Vault, version: Version) -> bytes:
    """The variables as JSON; empty when there are none."""
    if version.environment_sealed is None:
        return b""
    return vault.open(FUNCTION_ENVIRONMENT, (*version.key, version.version), version.environment_sealed)
