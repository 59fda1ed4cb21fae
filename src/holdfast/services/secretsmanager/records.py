"""Secrets, their versions and labels in the store.

`read_value` is the hottest statement of the server: the secret, the label asked for and its version in one join of
three primary keys. Labels are written twice, in `secret_label` for the schema and in `secret.stages` for readers,
always by `write_labels`, which `labels` calls. Listing statements are in `listings`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from holdfast.services.secretsmanager.identifiers import Reference
from holdfast.services.secretsmanager.rotation_records import DELETE_ATTEMPTS, DELETE_UNDERWAY
from holdfast.services.secretsmanager.rules import Labels, changed_labels, stages_text
from holdfast.store.statements import Statement
from holdfast.store.transaction import Row, Transaction

READ_SECRET = Statement(
    """
    SELECT account, region, name, suffix, description, kms_key_id, type, created, last_changed, last_accessed,
      deletion_date, create_token, version_count, stages, tags, rotation, policy
    FROM secret WHERE account = ? AND region = ? AND name = ?
    """
)
INSERT_SECRET = Statement(
    """
    INSERT INTO secret (account, region, name, suffix, description, kms_key_id, type, created, last_changed,
      last_accessed, deletion_date, create_token, version_count, stages, tags, rotation, policy)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
UPDATE_SECRET = Statement(
    """
    UPDATE secret SET description = ?, kms_key_id = ?, type = ?, last_changed = ?, deletion_date = ?,
      version_count = ?, stages = ?, tags = ?, rotation = ?
    WHERE account = ? AND region = ? AND name = ?
    """
)
WRITE_POLICY = Statement("UPDATE secret SET policy = ?, last_changed = ? WHERE account = ? AND region = ? AND name = ?")
DELETE_SECRET = Statement("DELETE FROM secret WHERE account = ? AND region = ? AND name = ?")
DELETE_VERSIONS = Statement("DELETE FROM secret_version WHERE account = ? AND region = ? AND name = ?")
DELETE_LABELS = Statement("DELETE FROM secret_label WHERE account = ? AND region = ? AND name = ?")
NOTE_SECRET_ACCESS = Statement(
    """
    UPDATE secret SET last_accessed = ?
    WHERE account = ? AND region = ? AND name = ? AND suffix = ? AND last_accessed < ?
    """
)
NOTE_VERSION_ACCESS = Statement(
    """
    UPDATE secret_version SET last_accessed = ?
    WHERE account = ? AND region = ? AND name = ? AND version_id = ? AND last_accessed < ?
    """
)

READ_VALUE_BY_LABEL: Final = Statement(
    """
    SELECT s.suffix, s.deletion_date, s.stages, s.tags, s.type, s.last_accessed, s.policy, s.rotation,
      v.version_id, v.created, v.last_accessed, v.kind, v.kms_key, v.data_key, v.value_sealed
    FROM secret AS s
    LEFT JOIN secret_label AS l
      ON l.account = s.account AND l.region = s.region AND l.name = s.name AND l.label = ?
    LEFT JOIN secret_version AS v
      ON v.account = l.account AND v.region = l.region AND v.name = l.name AND v.version_id = l.version_id
    WHERE s.account = ? AND s.region = ? AND s.name = ?
    """
)
READ_VALUE_BY_VERSION: Final = Statement(
    """
    SELECT s.suffix, s.deletion_date, s.stages, s.tags, s.type, s.last_accessed, s.policy, s.rotation,
      v.version_id, v.created, v.last_accessed, v.kind, v.kms_key, v.data_key, v.value_sealed
    FROM secret AS s
    LEFT JOIN secret_version AS v
      ON v.account = s.account AND v.region = s.region AND v.name = s.name AND v.version_id = ?
    WHERE s.account = ? AND s.region = ? AND s.name = ?
    """
)

VALUE_KMS_KEY = 12
"""The column `v.kms_key` of both statements above, for who wants nothing else of the row."""

READ_VERSION = Statement(
    """
    SELECT version_id, kind, kms_key, data_key, value_sealed
    FROM secret_version WHERE account = ? AND region = ? AND name = ? AND version_id = ?
    """
)
INSERT_VERSION = Statement(
    """
    INSERT INTO secret_version
      (account, region, name, version_id, created, last_accessed, kind, kms_key, data_key, value_sealed)
    VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)
    """
)
FILL_VERSION = Statement(
    """
    UPDATE secret_version SET kind = ?, kms_key = ?, data_key = ?, value_sealed = ?
    WHERE account = ? AND region = ? AND name = ? AND version_id = ? AND kind IS NULL
    """
)
REWRAP_VERSION = Statement(
    """
    UPDATE secret_version SET kms_key = ?, data_key = ?
    WHERE account = ? AND region = ? AND name = ? AND version_id = ?
    """
)
DELETE_VERSION = Statement(
    "DELETE FROM secret_version WHERE account = ? AND region = ? AND name = ? AND version_id = ?"
)
LIST_VERSIONS = Statement(
    """
    SELECT version_id, created, last_accessed, kms_key FROM secret_version
    WHERE account = ? AND region = ? AND name = ? AND version_id > ? ORDER BY version_id LIMIT ?
    """
)
"""At most 100 rows a secret."""

SET_LABEL = Statement(
    """
    INSERT INTO secret_label (account, region, name, label, version_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account, region, name, label) DO UPDATE SET version_id = excluded.version_id
    """
)
DELETE_LABEL = Statement("DELETE FROM secret_label WHERE account = ? AND region = ? AND name = ? AND label = ?")


SECRET_ACCESS = "secretsmanager.secret-access"  # noqa: S105 - a note's name
VERSION_ACCESS = "secretsmanager.version-access"
"""Notes of an access, written once a day: the value is the start of the day."""


class Secret(NamedTuple):
    """A secret's row. Times are ms of service time; empty text and 0 mean "none"."""

    account: str
    region: str
    name: str
    suffix: str
    description: str
    kms_key_id: str
    """As the caller gave it."""
    type: str
    created: int
    last_changed: int
    last_accessed: int
    """The start of a day."""
    deletion_date: int
    create_token: str
    """The ClientRequestToken of CreateSecret, by which its repetition is known."""
    version_count: int
    stages: str
    """JSON: version id -> labels."""
    tags: str
    """JSON: key -> value; empty when there were never any."""
    rotation: str = ""
    """JSON of `rotation_rules.Rotation`; empty when rotation was never configured."""
    policy: str = ""
    """The resource policy, empty when there is none. Listings leave it out: it may be long, and they show it nowhere."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name


class Version(NamedTuple):
    """A version with its ciphertexts; all of them are None while it has no value."""

    version_id: str
    kind: str | None
    kms_key: str | None
    data_key: bytes | None
    value_sealed: bytes | None


class SealedValue(NamedTuple):
    """What the store keeps of a value."""

    kind: str
    kms_key: str
    data_key: bytes
    value_sealed: bytes


class ListedVersion(NamedTuple):
    """A version without its ciphertexts."""

    version_id: str
    created: int
    last_accessed: int
    kms_key: str | None


def read_secret(tx: Transaction, reference: Reference) -> Secret | None:
    """The secret that a SecretId points to."""
    row = tx.one(READ_SECRET, reference.account, reference.region, reference.name)
    if row is None:
        return None
    secret = Secret._make(row)
    return secret if reference.suffix in ("", secret.suffix) else None


def insert_secret(tx: Transaction, secret: Secret) -> None:
    """A new secret. Its versions and labels come after it."""
    tx.run(INSERT_SECRET, *secret)


def update_secret(tx: Transaction, secret: Secret) -> None:
    """Write what may change of a secret; its last access and its policy are written by their own statements."""
    tx.run(
        UPDATE_SECRET,
        secret.description,
        secret.kms_key_id,
        secret.type,
        secret.last_changed,
        secret.deletion_date,
        secret.version_count,
        secret.stages,
        secret.tags,
        secret.rotation,
        *secret.key,
    )


def write_policy(tx: Transaction, secret: Secret, policy: str, now: int) -> None:
    """Another resource policy, or none."""
    tx.run(WRITE_POLICY, policy, now, *secret.key)


def delete_secret(tx: Transaction, secret: Secret) -> None:
    """Remove a secret with all its versions and labels, for good."""
    tx.run(DELETE_UNDERWAY, *secret.key)
    tx.run(DELETE_ATTEMPTS, *secret.key)
    tx.run(DELETE_LABELS, *secret.key)
    tx.run(DELETE_VERSIONS, *secret.key)
    tx.run(DELETE_SECRET, *secret.key)


def read_value(tx: Transaction, reference: Reference, version_id: str | None, label: str) -> Row | None:
    """One row for GetSecretValue: the secret's columns, then those of the version with this id, or with this label.

    The version's columns are None when there is no such version.
    """
    if version_id is None:
        row = tx.once(READ_VALUE_BY_LABEL, label, reference.account, reference.region, reference.name)
    else:
        row = tx.once(READ_VALUE_BY_VERSION, version_id, reference.account, reference.region, reference.name)
    return None if row is None or reference.suffix not in ("", row[0]) else row


def read_version(tx: Transaction, secret: Secret, version_id: str) -> Version | None:
    row = tx.one(READ_VERSION, *secret.key, version_id)
    return None if row is None else Version._make(row)


def insert_version(tx: Transaction, secret: Secret, version_id: str, now: int, value: SealedValue | None) -> None:
    """A new version; without a value it is only reserved."""
    tx.run(INSERT_VERSION, *secret.key, version_id, now, *(value or (None, None, None, None)))


def fill_version(tx: Transaction, secret: Secret, version_id: str, value: SealedValue) -> None:
    """Give a version that was reserved without a value its value."""
    tx.run(FILL_VERSION, *value, *secret.key, version_id)


def rewrap_version(tx: Transaction, secret: Secret, version_id: str, kms_key: str, data_key: bytes) -> None:
    """The same data key, wrapped under another KMS key."""
    tx.run(REWRAP_VERSION, kms_key, data_key, *secret.key, version_id)


def delete_version(tx: Transaction, secret: Secret, version_id: str) -> None:
    """Remove a version; the schema refuses one that bears a label."""
    tx.run(DELETE_VERSION, *secret.key, version_id)


def list_versions(tx: Transaction, secret: Secret, after: str, limit: int) -> list[ListedVersion]:
    """Versions in the order of their ids, beginning after one."""
    return [ListedVersion._make(row) for row in tx.all(LIST_VERSIONS, *secret.key, after, limit)]


def write_labels(tx: Transaction, secret: Secret, before: Labels, after: Labels) -> Secret:
    """Bring the label rows from `before` to `after`; the secret with its new `stages`, which the caller writes."""
    moved, gone = changed_labels(before, after)
    for label, version_id in moved:
        tx.run(SET_LABEL, *secret.key, label, version_id)
    for label in gone:
        tx.run(DELETE_LABEL, *secret.key, label)
    return secret._replace(stages=stages_text(after))


def note_secret_access(tx: Transaction, key: tuple[str, str, str, str], day: int) -> None:
    """Write a SECRET_ACCESS; its key is account, region, name, suffix: a successor of the name is not meant."""
    tx.run(NOTE_SECRET_ACCESS, day, *key, day)


def note_version_access(tx: Transaction, key: tuple[str, str, str, str], day: int) -> None:
    """Write a VERSION_ACCESS; its key is account, region, name, version id."""
    tx.run(NOTE_VERSION_ACCESS, day, *key, day)
