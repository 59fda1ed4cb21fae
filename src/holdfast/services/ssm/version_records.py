"""The versions of a parameter, by their numbers, and the labels on them.

A label names one version at most, and a version that has one cannot be deleted: the schema holds both.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.services.ssm.rules import Settings
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction

# -- versions --------------------------------------------------------------------------------------------------------

INSERT_VERSION = Statement(
    """
    INSERT INTO parameter_version
      (account, region, path, version, type, key_id, description, allowed_pattern, tier, data_type, policies, modified,
       modified_by, value_sealed, value_encrypted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
    SELECT version, type, key_id, description, allowed_pattern, tier, data_type, policies, modified, modified_by,
      value_sealed, value_encrypted
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
    return [Version(row[0], Settings(*row[1:8]), *row[8:]) for row in rows]


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
