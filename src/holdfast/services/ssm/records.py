# ruff: noqa: S608 - statements are put together from constants of this module
"""Tables and their queries: parameters, their versions, labels and tags.

Reading a parameter by name is one statement, a join on two primary keys, whatever the selector. Listings are keyset
scans over an index in the order of the paths, each bounded by its LIMIT.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import msgspec

from holdfast.services.ssm.filters import Range, Source
from holdfast.services.ssm.rules import Settings, parent_of
from holdfast.store.statements import Statement
from holdfast.store.transaction import Row, Transaction

# -- parameters ------------------------------------------------------------------------------------------------------

_METADATA = """
    p.path, p.rooted, p.version, p.type, p.key_id, p.description, p.allowed_pattern, p.tier, p.data_type, p.modified,
    p.modified_by, p.tags
"""
READ_PARAMETER = Statement(
    f"SELECT {_METADATA} FROM parameter AS p WHERE p.account = ? AND p.region = ? AND p.path = ?"
)
INSERT_PARAMETER = Statement(
    """
    INSERT INTO parameter
      (account, region, path, parent, rooted, version, type, key_id, description, allowed_pattern, tier, data_type,
       modified, modified_by, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
UPDATE_PARAMETER = Statement(
    """
    UPDATE parameter SET version = ?, type = ?, key_id = ?, description = ?, allowed_pattern = ?, tier = ?,
      data_type = ?, modified = ?, modified_by = ?
    WHERE account = ? AND region = ? AND path = ?
    """
)
DELETE_PARAMETER = Statement("DELETE FROM parameter WHERE account = ? AND region = ? AND path = ?")
DELETE_VERSIONS = Statement("DELETE FROM parameter_version WHERE account = ? AND region = ? AND path = ?")
DELETE_LABELS = Statement("DELETE FROM parameter_label WHERE account = ? AND region = ? AND path = ?")
DELETE_TAGS = Statement("DELETE FROM parameter_tag WHERE account = ? AND region = ? AND path = ?")

_IN_RANGE = "p.account = ? AND p.region = ? AND p.path >= ? AND p.path < ? ORDER BY p.path LIMIT ?"
# Row values, for with `parent = ? AND path >= ?` SQLite prefers the primary key and reads everything below the level too.
_CHILDREN = """
    p.account = ? AND p.region = ? AND (p.parent, p.path) >= (?, ?) AND (p.parent, p.path) < (?, ?)
    ORDER BY p.parent, p.path LIMIT ?
"""
LIST_PARAMETERS: dict[Source, Statement] = {
    Source.NAMES: Statement(f"SELECT {_METADATA} FROM parameter AS p WHERE {_IN_RANGE}"),
    Source.CHILDREN: Statement(f"SELECT {_METADATA} FROM parameter AS p WHERE {_CHILDREN}"),
    Source.TAGGED: Statement(
        f"""
        SELECT {_METADATA} FROM parameter_tag AS t
        JOIN parameter AS p ON p.account = t.account AND p.region = t.region AND p.path = t.path
        WHERE t.account = ? AND t.region = ?
          AND (t.tag_key, t.tag_value, t.path) >= (?, ?, ?) AND (t.tag_key, t.tag_value, t.path) < (?, ?, ?)
        ORDER BY t.tag_key, t.tag_value, t.path LIMIT ?
        """
    ),
}


class Parameter:
    """A parameter as DescribeParameters tells it: what its current version carries, and its tags."""

    def __init__(self, row: Row) -> None:
        self.path: str = row[0]
        self.rooted: int = row[1]
        self.version: int = row[2]
        self.settings = Settings(*row[3:9])
        self.modified: int = row[9]
        self.modified_by: str = row[10]
        self.tags: str = row[11]

    @property
    def name(self) -> str:
        """As it was created."""
        return self.path if self.rooted else self.path[1:]

    @property
    def type(self) -> str:
        return self.settings.type

    @property
    def key_id(self) -> str:
        return self.settings.key_id

    @property
    def tier(self) -> str:
        return self.settings.tier

    @property
    def data_type(self) -> str:
        return self.settings.data_type

    @cached_property
    def _tag_map(self) -> Mapping[str, str]:
        return read_tags(self.tags)

    def tag_map(self) -> Mapping[str, str]:
        """Decoded when first asked for."""
        return self._tag_map


def read_tags(text: str) -> dict[str, str]:
    """The tags in the column of that name."""
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}


def _tags_text(tags: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(tags)).decode() if tags else ""


def read_parameter(tx: Transaction, account: str, region: str, path: str) -> Parameter | None:
    """A parameter without its value; None when there is none."""
    row = tx.one(READ_PARAMETER, account, region, path)
    return None if row is None else Parameter(row)


def list_parameters(tx: Transaction, account: str, region: str, part: Range, low: str, limit: int) -> list[Parameter]:
    """Parameters of a range from `low` on, in the order of their paths, `limit` at most."""
    bounds = (*part.key, low, *part.key, part.high)
    rows = tx.all(LIST_PARAMETERS[part.source], account, region, *bounds, limit)
    return [Parameter(row) for row in rows]


def insert_parameter(
    tx: Transaction, account: str, region: str, path: str, rooted: bool, settings: Settings, now: int, by: str
) -> None:
    """A new parameter, at version 1, without tags."""
    tx.run(INSERT_PARAMETER, account, region, path, parent_of(path), int(rooted), 1, *settings, now, by, _tags_text({}))


def update_parameter(
    tx: Transaction, account: str, region: str, path: str, version: int, settings: Settings, now: int, by: str
) -> None:
    """Make a new version the current one."""
    tx.run(UPDATE_PARAMETER, version, *settings, now, by, account, region, path)


def delete_parameter(tx: Transaction, account: str, region: str, path: str) -> bool:
    """Delete a parameter with its labels, versions and tags; whether there was one."""
    for statement in (DELETE_LABELS, DELETE_VERSIONS, DELETE_TAGS):
        tx.run(statement, account, region, path)
    return tx.run(DELETE_PARAMETER, account, region, path) > 0


# -- versions --------------------------------------------------------------------------------------------------------

INSERT_VERSION = Statement(
    """
    INSERT INTO parameter_version
      (account, region, path, version, type, key_id, description, allowed_pattern, tier, data_type, modified,
       modified_by, value_sealed, value_encrypted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
DELETE_VERSION = Statement(
    "DELETE FROM parameter_version WHERE account = ? AND region = ? AND path = ? AND version = ?"
)
READ_VERSION_NUMBER = Statement(
    "SELECT version FROM parameter_version WHERE account = ? AND region = ? AND path = ? AND version = ?"
)
LIST_VERSIONS = Statement(
    """
    SELECT version, type, key_id, description, allowed_pattern, tier, data_type, modified, modified_by, value_sealed,
      value_encrypted
    FROM parameter_version
    WHERE account = ? AND region = ? AND path = ? AND version > ? ORDER BY version LIMIT ?
    """
)


class Version(NamedTuple):
    """A version with its value, sealed or encrypted; the other one is None."""

    version: int
    settings: Settings
    modified: int
    modified_by: str
    value_sealed: bytes | None
    value_encrypted: bytes | None


def insert_version(tx: Transaction, account: str, region: str, path: str, version: Version) -> None:
    """Keep a version."""
    number, settings, modified, modified_by, value_sealed, value_encrypted = version
    tx.run(
        INSERT_VERSION,
        account,
        region,
        path,
        number,
        *settings,
        modified,
        modified_by,
        value_sealed,
        value_encrypted,
    )


def delete_version(tx: Transaction, account: str, region: str, path: str, version: int) -> None:
    """Drop a version that has no label."""
    tx.run(DELETE_VERSION, account, region, path, version)


def has_version(tx: Transaction, account: str, region: str, path: str, version: int) -> bool:
    """Whether a version is kept."""
    return tx.one(READ_VERSION_NUMBER, account, region, path, version) is not None


def list_versions(tx: Transaction, account: str, region: str, path: str, after: int, limit: int) -> list[Version]:
    """Versions higher than `after`, ascending."""
    rows = tx.all(LIST_VERSIONS, account, region, path, after, limit)
    return [Version(row[0], Settings(*row[1:7]), *row[7:]) for row in rows]


# -- values, by name or by path --------------------------------------------------------------------------------------

_VALUE = """
    p.path, p.rooted, p.tags, v.version, v.type, v.key_id, v.data_type, v.modified, v.value_sealed, v.value_encrypted
"""
_BY_NAME = "WHERE p.account = ? AND p.region = ? AND p.path = ?"
_VERSION_OF = "v.account = p.account AND v.region = p.region AND v.path = p.path"
_CURRENT = f"JOIN parameter_version AS v ON {_VERSION_OF} AND v.version = p.version"

READ_CURRENT = Statement(f"SELECT {_VALUE} FROM parameter AS p {_CURRENT} {_BY_NAME}")
READ_VERSION = Statement(
    f"""
    SELECT {_VALUE} FROM parameter AS p
    LEFT JOIN parameter_version AS v ON {_VERSION_OF} AND v.version = ?
    {_BY_NAME}
    """
)
READ_LABELLED = Statement(
    f"""
    SELECT {_VALUE} FROM parameter AS p
    LEFT JOIN parameter_label AS l
      ON l.account = p.account AND l.region = p.region AND l.path = p.path AND l.label = ?
    LEFT JOIN parameter_version AS v ON {_VERSION_OF} AND v.version = l.version
    {_BY_NAME}
    """
)
LIST_VALUES: dict[Source, Statement] = {
    Source.NAMES: Statement(f"SELECT {_VALUE} FROM parameter AS p {_CURRENT} WHERE {_IN_RANGE}"),
    Source.CHILDREN: Statement(f"SELECT {_VALUE} FROM parameter AS p {_CURRENT} WHERE {_CHILDREN}"),
}
LIST_LABELLED = Statement(
    f"""
    SELECT {_VALUE} FROM parameter_label AS l
    JOIN parameter AS p ON p.account = l.account AND p.region = l.region AND p.path = l.path
    JOIN parameter_version AS v ON {_VERSION_OF} AND v.version = l.version
    WHERE l.account = ? AND l.region = ? AND l.label = ? AND l.path >= ? AND l.path < ?
    ORDER BY l.path LIMIT ?
    """
)


class Value(NamedTuple):
    """What the Get operations tell of one version; `version` is None when the selector names none."""

    path: str
    rooted: int
    tags: str
    version: int | None
    type: str
    key_id: str
    data_type: str
    modified: int
    value_sealed: bytes | None
    value_encrypted: bytes | None

    @property
    def name(self) -> str:
        """As it was created."""
        return self.path if self.rooted else self.path[1:]


def read_current(tx: Transaction, account: str, region: str, path: str) -> Value | None:
    """The current version; None when there is no parameter."""
    row = tx.one(READ_CURRENT, account, region, path)
    return None if row is None else Value(*row)


def read_version(tx: Transaction, account: str, region: str, path: str, version: int) -> Value | None:
    """One version; None when there is no parameter."""
    row = tx.one(READ_VERSION, version, account, region, path)
    return None if row is None else Value(*row)


def read_labelled(tx: Transaction, account: str, region: str, path: str, label: str) -> Value | None:
    """The version that has a label; None when there is no parameter."""
    row = tx.one(READ_LABELLED, label, account, region, path)
    return None if row is None else Value(*row)


def list_values(tx: Transaction, account: str, region: str, part: Range, low: str, limit: int) -> list[Value]:
    """Current versions of a range from `low` on, in the order of their paths."""
    bounds = (*part.key, low, *part.key, part.high)
    rows = tx.all(LIST_VALUES[part.source], account, region, *bounds, limit)
    return [Value(*row) for row in rows]


def list_labelled(
    tx: Transaction, account: str, region: str, label: str, low: str, high: str, limit: int
) -> list[Value]:
    """Versions that have a label, in the order of their paths."""
    return [Value(*row) for row in tx.all(LIST_LABELLED, account, region, label, low, high, limit)]


# -- labels ----------------------------------------------------------------------------------------------------------

LABELS_OF = Statement(
    "SELECT label, version FROM parameter_label WHERE account = ? AND region = ? AND path = ? ORDER BY label"
)
HAS_LABEL = Statement(
    "SELECT 1 FROM parameter_label WHERE account = ? AND region = ? AND path = ? AND version = ? LIMIT 1"
)
PUT_LABEL = Statement(
    """
    INSERT INTO parameter_label (account, region, path, label, version) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account, region, path, label) DO UPDATE SET version = excluded.version
    """
)
DELETE_LABEL = Statement("DELETE FROM parameter_label WHERE account = ? AND region = ? AND path = ? AND label = ?")


def labels_of(tx: Transaction, account: str, region: str, path: str) -> dict[str, int]:
    """All labels of a parameter with their versions, in order: at most ten on each of a hundred versions."""
    return dict(tx.all(LABELS_OF, account, region, path))


def has_label(tx: Transaction, account: str, region: str, path: str, version: int) -> bool:
    """Whether a version has a label."""
    return tx.one(HAS_LABEL, account, region, path, version) is not None


def put_label(tx: Transaction, account: str, region: str, path: str, label: str, version: int) -> None:
    """Put a label on a version, from wherever it was."""
    tx.run(PUT_LABEL, account, region, path, label, version)


def delete_label(tx: Transaction, account: str, region: str, path: str, label: str) -> None:
    """Take a label off."""
    tx.run(DELETE_LABEL, account, region, path, label)


# -- tags ------------------------------------------------------------------------------------------------------------

INSERT_TAG = Statement("INSERT INTO parameter_tag (account, region, path, tag_key, tag_value) VALUES (?, ?, ?, ?, ?)")
UPDATE_TAGS = Statement("UPDATE parameter SET tags = ? WHERE account = ? AND region = ? AND path = ?")


def write_tags(tx: Transaction, account: str, region: str, path: str, tags: Mapping[str, str]) -> None:
    """Replace all tags of a parameter, in both places where they are."""
    tx.run(DELETE_TAGS, account, region, path)
    tx.many(INSERT_TAG, [(account, region, path, key, value) for key, value in tags.items()])
    tx.run(UPDATE_TAGS, _tags_text(tags), account, region, path)
