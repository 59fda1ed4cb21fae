# ruff: noqa: S608 - statements are put together from constants of this module
"""Tables and their queries: parameters, their values and tags. Versions by number, and labels, are in `version_records`.

Reading a parameter by name is one statement, a join on two primary keys, whatever the selector. Listings are keyset
scans over an index in the order of the paths, each bounded by its LIMIT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from holdfast.services.ssm.filters import Range, Source
from holdfast.services.ssm.rules import Settings, parent_of
from holdfast.services.stored_tags import decode_tags, encode_tags
from holdfast.store.statements import Statement
from holdfast.store.transaction import Row, Transaction

# -- parameters ------------------------------------------------------------------------------------------------------

_METADATA = """
    p.account, p.path, p.rooted, p.version, p.type, p.key_id, p.description, p.allowed_pattern, p.tier, p.data_type,
    p.policies, p.modified, p.modified_by, p.tags, p.resource_policy, p.resource_policy_id
"""
READ_PARAMETER = Statement(
    f"SELECT {_METADATA} FROM parameter AS p WHERE p.account = ? AND p.region = ? AND p.path = ?"
)
INSERT_PARAMETER = Statement(
    """
    INSERT INTO parameter
      (account, region, path, parent, rooted, version, type, key_id, description, allowed_pattern, tier, data_type,
       policies, modified, modified_by, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
UPDATE_PARAMETER = Statement(
    """
    UPDATE parameter SET version = ?, type = ?, key_id = ?, description = ?, allowed_pattern = ?, tier = ?,
      data_type = ?, policies = ?, modified = ?, modified_by = ?
    WHERE account = ? AND region = ? AND path = ?
    """
)
DELETE_PARAMETER = Statement("DELETE FROM parameter WHERE account = ? AND region = ? AND path = ?")
DELETE_VERSIONS = Statement("DELETE FROM parameter_version WHERE account = ? AND region = ? AND path = ?")
DELETE_LABELS = Statement("DELETE FROM parameter_label WHERE account = ? AND region = ? AND path = ?")
DELETE_TAGS = Statement("DELETE FROM parameter_tag WHERE account = ? AND region = ? AND path = ?")
DELETE_SHARES = Statement("DELETE FROM parameter_share WHERE account = ? AND region = ? AND path = ?")

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
        self.account: str = row[0]
        """The owner."""
        self.path: str = row[1]
        self.rooted: int = row[2]
        self.version: int = row[3]
        self.settings = Settings(*row[4:11])
        self.modified: int = row[11]
        self.modified_by: str = row[12]
        self.tags: str = row[13]
        self.resource_policy: str = row[14]
        self.resource_policy_id: str = row[15]

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
        return decode_tags(self.tags)

    def tag_map(self) -> Mapping[str, str]:
        """Decoded when first asked for."""
        return self._tag_map


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
    tx.run(INSERT_PARAMETER, account, region, path, parent_of(path), int(rooted), 1, *settings, now, by, "")


def update_parameter(
    tx: Transaction, account: str, region: str, path: str, version: int, settings: Settings, now: int, by: str
) -> None:
    """Make a new version the current one."""
    tx.run(UPDATE_PARAMETER, version, *settings, now, by, account, region, path)


def delete_parameter(tx: Transaction, account: str, region: str, path: str, tier: str) -> None:
    """Delete a parameter of a tier, with its labels, versions, tags and shares."""
    for statement in (DELETE_LABELS, DELETE_VERSIONS, DELETE_TAGS, DELETE_SHARES, DELETE_PARAMETER):
        tx.run(statement, account, region, path)
    add_to_count(tx, account, region, tier, -1)


# -- how many there are ----------------------------------------------------------------------------------------------

READ_COUNT = Statement("SELECT parameters FROM parameter_count WHERE account = ? AND region = ? AND tier = ?")
ADD_TO_COUNT = Statement(
    """
    INSERT INTO parameter_count (account, region, tier, parameters) VALUES (?, ?, ?, ?)
    ON CONFLICT (account, region, tier) DO UPDATE SET parameters = parameter_count.parameters + excluded.parameters
    """
)


def count_of(tx: Transaction, account: str, region: str, tier: str) -> int:
    """How many parameters of a tier there are."""
    row = tx.one(READ_COUNT, account, region, tier)
    return 0 if row is None else row[0]


def add_to_count(tx: Transaction, account: str, region: str, tier: str, number: int) -> None:
    """Some were created, or with a negative number deleted."""
    tx.run(ADD_TO_COUNT, account, region, tier, number)


# -- parameter policies ----------------------------------------------------------------------------------------------

UPDATE_POLICIES = Statement("UPDATE parameter SET policies = ? WHERE account = ? AND region = ? AND path = ?")
UPDATE_VERSION_POLICIES = Statement(
    "UPDATE parameter_version SET policies = ? WHERE account = ? AND region = ? AND path = ? AND version = ?"
)


def write_policies(tx: Transaction, found: Parameter, region: str, policies: str) -> None:
    """What the policies of the current version came to."""
    tx.run(UPDATE_POLICIES, policies, found.account, region, found.path)
    tx.run(UPDATE_VERSION_POLICIES, policies, found.account, region, found.path, found.version)


# -- sharing ---------------------------------------------------------------------------------------------------------

UPDATE_RESOURCE_POLICY = Statement(
    "UPDATE parameter SET resource_policy = ?, resource_policy_id = ? WHERE account = ? AND region = ? AND path = ?"
)
INSERT_SHARE = Statement("INSERT INTO parameter_share (consumer, region, account, path) VALUES (?, ?, ?, ?)")
LIST_SHARED = Statement(
    f"""
    SELECT {_METADATA} FROM parameter_share AS s
    JOIN parameter AS p ON p.account = s.account AND p.region = s.region AND p.path = s.path
    WHERE s.consumer = ? AND s.region = ? AND (s.account, s.path) >= (?, ?)
    ORDER BY s.account, s.path LIMIT ?
    """
)


def write_resource_policy(
    tx: Transaction, found: Parameter, region: str, policy: str, policy_id: str, consumers: Iterable[str]
) -> None:
    """Replace the resource policy of a parameter; `consumers` are the accounts it is listed to."""
    tx.run(UPDATE_RESOURCE_POLICY, policy, policy_id, found.account, region, found.path)
    tx.run(DELETE_SHARES, found.account, region, found.path)
    tx.many(INSERT_SHARE, [(consumer, region, found.account, found.path) for consumer in sorted(consumers)])


def list_shared(tx: Transaction, consumer: str, region: str, low: tuple[str, str], limit: int) -> list[Parameter]:
    """Parameters of other accounts that are shared with one, in the order of account and path."""
    return [Parameter(row) for row in tx.all(LIST_SHARED, consumer, region, *low, limit)]


# -- values, by name or by path --------------------------------------------------------------------------------------

_VALUE = """
    p.account, p.path, p.rooted, p.tags, p.resource_policy, v.version, v.type, v.key_id, v.data_type, v.modified,
    v.value_sealed, v.value_encrypted
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

    account: str
    """The owner."""
    path: str
    rooted: int
    tags: str
    resource_policy: str
    version: int | None
    type: str
    key_id: str
    data_type: str
    modified: int
    value_sealed: bytes | None
    value_encrypted: bytes | None

    @property
    def stored(self) -> tuple[bytes | None, bytes | None]:
        return self.value_sealed, self.value_encrypted

    @property
    def name(self) -> str:
        """As it was created."""
        return self.path if self.rooted else self.path[1:]


def read_current(tx: Transaction, account: str, region: str, path: str) -> Value | None:
    """The current version; None when there is no parameter."""
    row = tx.once(READ_CURRENT, account, region, path)
    return None if row is None else Value(*row)


def read_version(tx: Transaction, account: str, region: str, path: str, version: int) -> Value | None:
    """One version; None when there is no parameter."""
    row = tx.once(READ_VERSION, version, account, region, path)
    return None if row is None else Value(*row)


def read_labelled(tx: Transaction, account: str, region: str, path: str, label: str) -> Value | None:
    """The version that has a label; None when there is no parameter."""
    row = tx.once(READ_LABELLED, label, account, region, path)
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


# -- tags ------------------------------------------------------------------------------------------------------------

INSERT_TAG = Statement("INSERT INTO parameter_tag (account, region, path, tag_key, tag_value) VALUES (?, ?, ?, ?, ?)")
UPDATE_TAGS = Statement("UPDATE parameter SET tags = ? WHERE account = ? AND region = ? AND path = ?")


def write_tags(tx: Transaction, account: str, region: str, path: str, tags: Mapping[str, str]) -> None:
    """Replace all tags of a parameter, in both places where they are."""
    tx.run(DELETE_TAGS, account, region, path)
    tx.many(INSERT_TAG, [(account, region, path, key, value) for key, value in tags.items()])
    tx.run(UPDATE_TAGS, encode_tags(tags), account, region, path)
