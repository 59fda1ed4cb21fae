"""Tables and their queries: keys, key material, aliases, tags.

Every statement that uses a key reads the key and the one material it needs in a single join on primary keys: Decrypt on
behalf of GetSecretValue is the hottest path of the product. Listings are keyset scans.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from holdfast.services.kms.rules import KeyState, Lifecycle
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction


class KeyInUse:
    """What encrypting and decrypting need of a key: its state, whose it is, and one of its materials, sealed."""

    __slots__ = ("grants", "key_id", "managed_for", "material_id", "material_sealed", "policy", "state")

    def __init__(
        self,
        key_id: str,
        state: str,
        managed_for: str,
        policy: str,
        grants: int,
        material_id: str,
        material_sealed: bytes,
    ) -> None:
        self.key_id = key_id
        self.state = state
        self.managed_for = managed_for
        """The service of an AWS managed key; empty for a customer managed one."""
        self.policy = policy
        """As for `Key`."""
        self.grants = grants
        """How many grants it has."""
        self.material_id = material_id
        self.material_sealed = material_sealed


class Key(NamedTuple):
    """A key as management operations see it. Times are milliseconds, 0 for none."""

    key_id: str
    managed_for: str
    description: str
    policy: str
    """As the customer sent it; empty for the default or the fixed one."""
    created: int
    material_id: str
    """The current one."""
    lifecycle: Lifecycle
    grants: int = 0
    """How many grants it has."""


class Material(NamedTuple):
    """One material of a key, without the material."""

    sequence: int
    material_id: str
    created: int
    rotation_type: str


class Alias(NamedTuple):
    """An alias; `name` begins with `alias/`."""

    name: str
    key_id: str
    created: int
    updated: int


USE_KEY: Final = Statement(
    """
    SELECT k.key_id, k.state, k.managed_for, k.policy, k.grants, m.material_id, m.material_sealed FROM kms_key AS k
    JOIN kms_key_material AS m
      ON m.account = k.account AND m.region = k.region AND m.key_id = k.key_id AND m.material_id = k.current_material_id
    WHERE k.account = ? AND k.region = ? AND k.key_id = ?
    """
)
USE_ALIAS = Statement(
    """
    SELECT k.key_id, k.state, k.managed_for, k.policy, k.grants, m.material_id, m.material_sealed FROM kms_alias AS a
    JOIN kms_key AS k ON k.account = a.account AND k.region = a.region AND k.key_id = a.key_id
    JOIN kms_key_material AS m
      ON m.account = k.account AND m.region = k.region AND m.key_id = k.key_id AND m.material_id = k.current_material_id
    WHERE a.account = ? AND a.region = ? AND a.name = ?
    """
)
USE_MATERIAL: Final = Statement(
    """
    SELECT k.key_id, k.state, k.managed_for, k.policy, k.grants, m.material_id, m.material_sealed FROM kms_key_material AS m
    JOIN kms_key AS k ON k.account = m.account AND k.region = m.region AND k.key_id = m.key_id
    WHERE m.account = ? AND m.region = ? AND m.key_id = ? AND m.material_id = ?
    """
)
OWNER_OF_MATERIAL = Statement(
    "SELECT account FROM kms_key_material WHERE region = ? AND key_id = ? AND material_id = ?"
)

READ_KEY = Statement(
    """
    SELECT k.key_id, k.managed_for, k.description, k.policy, k.created, k.current_material_id, k.grants,
      k.state, k.deletion_due, k.rotation_period, k.next_rotation
    FROM kms_key AS k WHERE k.account = ? AND k.region = ? AND k.key_id = ?
    """
)
READ_KEY_BY_ALIAS = Statement(
    """
    SELECT k.key_id, k.managed_for, k.description, k.policy, k.created, k.current_material_id, k.grants,
      k.state, k.deletion_due, k.rotation_period, k.next_rotation
    FROM kms_alias AS a
    JOIN kms_key AS k ON k.account = a.account AND k.region = a.region AND k.key_id = a.key_id
    WHERE a.account = ? AND a.region = ? AND a.name = ?
    """
)
LIST_KEYS = Statement(
    "SELECT key_id FROM kms_key WHERE account = ? AND region = ? AND key_id > ? ORDER BY key_id LIMIT ?"
)
INSERT_KEY = Statement(
    """
    INSERT INTO kms_key (account, region, key_id, managed_for, state, description, policy, created, deletion_due,
      current_material_id, rotation_period, next_rotation)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
WRITE_LIFECYCLE = Statement(
    """
    UPDATE kms_key SET state = ?, deletion_due = ?, rotation_period = ?, next_rotation = ?
    WHERE account = ? AND region = ? AND key_id = ?
    """
)
WRITE_DESCRIPTION = Statement("UPDATE kms_key SET description = ? WHERE account = ? AND region = ? AND key_id = ?")
WRITE_POLICY = Statement("UPDATE kms_key SET policy = ? WHERE account = ? AND region = ? AND key_id = ?")
WRITE_CURRENT_MATERIAL = Statement(
    "UPDATE kms_key SET current_material_id = ? WHERE account = ? AND region = ? AND key_id = ?"
)
DELETE_KEY = Statement("DELETE FROM kms_key WHERE account = ? AND region = ? AND key_id = ?")

INSERT_MATERIAL = Statement(
    """
    INSERT INTO kms_key_material (account, region, key_id, material_id, sequence, material_sealed, created,
      rotation_type)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    """
)
NEWEST_SEQUENCE = Statement(
    "SELECT MAX(sequence) FROM kms_key_material WHERE account = ? AND region = ? AND key_id = ?"
)
COUNT_ON_DEMAND = Statement(
    """
    SELECT COUNT(*) FROM kms_key_material
    WHERE account = ? AND region = ? AND key_id = ? AND rotation_type = 'ON_DEMAND'
    """
)
LIST_MATERIALS = Statement(
    """
    SELECT sequence, material_id, created, rotation_type FROM kms_key_material
    WHERE account = ? AND region = ? AND key_id = ? AND sequence > ? ORDER BY sequence LIMIT ?
    """
)
DELETE_MATERIALS = Statement("DELETE FROM kms_key_material WHERE account = ? AND region = ? AND key_id = ?")

READ_ALIAS = Statement(
    "SELECT name, key_id, created, updated FROM kms_alias WHERE account = ? AND region = ? AND name = ?"
)
LIST_ALIASES = Statement(
    """
    SELECT name, key_id, created, updated FROM kms_alias
    WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?
    """
)
LIST_ALIASES_OF_KEY = Statement(
    """
    SELECT name, key_id, created, updated FROM kms_alias
    WHERE account = ? AND region = ? AND key_id = ? AND name > ? ORDER BY name LIMIT ?
    """
)
COUNT_ALIASES_OF_KEY = Statement("SELECT COUNT(*) FROM kms_alias WHERE account = ? AND region = ? AND key_id = ?")
INSERT_ALIAS = Statement(
    "INSERT INTO kms_alias (account, region, name, key_id, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
)
WRITE_ALIAS = Statement("UPDATE kms_alias SET key_id = ?, updated = ? WHERE account = ? AND region = ? AND name = ?")
DELETE_ALIAS = Statement("DELETE FROM kms_alias WHERE account = ? AND region = ? AND name = ?")
DELETE_ALIASES_OF_KEY = Statement("DELETE FROM kms_alias WHERE account = ? AND region = ? AND key_id = ?")

LIST_TAGS = Statement(
    """
    SELECT tag_key, tag_value FROM kms_tag
    WHERE account = ? AND region = ? AND key_id = ? AND tag_key > ? ORDER BY tag_key LIMIT ?
    """
)
WRITE_TAG = Statement(
    """
    INSERT INTO kms_tag (account, region, key_id, tag_key, tag_value) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account, region, key_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value
    """
)
DELETE_TAG = Statement("DELETE FROM kms_tag WHERE account = ? AND region = ? AND key_id = ? AND tag_key = ?")
DELETE_TAGS = Statement("DELETE FROM kms_tag WHERE account = ? AND region = ? AND key_id = ?")


def key_of_row(row: tuple[Any, ...] | None) -> Key | None:
    """A row of READ_KEY or READ_KEY_BY_ALIAS."""
    if row is None:
        return None
    key_id, managed_for, description, policy, created, material_id, grants, state, *times = row
    return Key(
        key_id, managed_for, description, policy, created, material_id, Lifecycle(KeyState(state), *times), grants
    )


def read_key(tx: Transaction, account: str, region: str, key_id: str) -> Key | None:
    """A key by its id."""
    return key_of_row(tx.one(READ_KEY, account, region, key_id))


def read_alias(tx: Transaction, account: str, region: str, name: str) -> Alias | None:
    """An alias by its name."""
    row = tx.one(READ_ALIAS, account, region, name)
    return None if row is None else Alias(*row)


def read_tags(tx: Transaction, account: str, region: str, key_id: str) -> dict[str, str]:
    """All tags of a key, which are few."""
    return dict(tx.all(LIST_TAGS, account, region, key_id, "", 1000))


def alias_names(tx: Transaction, account: str, region: str, key_id: str) -> list[str]:
    """The names of a key's aliases, which are few."""
    return [row[0] for row in tx.all(LIST_ALIASES_OF_KEY, account, region, key_id, "", 1000)]
