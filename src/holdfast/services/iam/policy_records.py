"""Managed policies and their versions, attachments, boundaries, inline policies: rows and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

Purpose = Literal["policy", "boundary"]


class Policy(NamedTuple):
    """A customer managed policy. Times are in milliseconds, `tags` a JSON object."""

    key: str
    name: str
    id: str
    arn: str
    path: str
    description: str
    created: int
    updated: int
    default_version: int
    newest_version: int
    tags: str
    attachments: int
    boundaries: int


class Version(NamedTuple):
    """A version of a managed policy."""

    version: int
    document: str
    created: int


class Held(NamedTuple):
    """A managed policy that a user, group or role has: `document` is its default version's, None for one of AWS."""

    owner_id: str
    purpose: Purpose
    arn: str
    document: str | None


class Inline(NamedTuple):
    """An inline policy."""

    owner_id: str
    name: str
    document: str


_POLICY = (
    "SELECT p.policy_key, p.policy_name, p.policy_id, p.policy_arn, p.path, p.description, p.created, p.updated,"
    " p.default_version, p.newest_version, p.tags, COALESCE(c.attachments, 0), COALESCE(c.boundaries, 0)"
    " FROM iam_policy AS p LEFT JOIN iam_policy_use AS c ON c.account = p.account AND c.policy_arn = p.policy_arn"
)
READ_POLICY = Statement(f"{_POLICY} WHERE p.account = ? AND p.policy_arn = ?")
READ_POLICY_BY_NAME = Statement(f"{_POLICY} WHERE p.account = ? AND p.policy_key = ?")
LIST_POLICIES = Statement(f"{_POLICY} WHERE p.account = ? AND p.policy_key > ? ORDER BY p.policy_key LIMIT ?")
LIST_POLICIES_BY_PATH = Statement(
    f"{_POLICY} WHERE p.account = ? AND p.path < ? AND (p.path, p.policy_key) > (?, ?)"
    " ORDER BY p.path, p.policy_key LIMIT ?"
)
INSERT_POLICY = Statement(
    """
    INSERT INTO iam_policy (account, policy_key, policy_name, policy_id, policy_arn, path, description, created, updated,
      default_version, newest_version, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?)
    """
)
WRITE_VERSIONS = Statement(
    "UPDATE iam_policy SET default_version = ?, newest_version = ?, updated = ? WHERE account = ? AND policy_arn = ?"
)
WRITE_POLICY_TAGS = Statement("UPDATE iam_policy SET tags = ? WHERE account = ? AND policy_arn = ?")
DELETE_POLICY = Statement("DELETE FROM iam_policy WHERE account = ? AND policy_arn = ?")

READ_VERSION = Statement(
    "SELECT version, document, created FROM iam_policy_version WHERE account = ? AND policy_id = ? AND version = ?"
)
LIST_VERSIONS = Statement(
    "SELECT version, document, created FROM iam_policy_version"
    " WHERE account = ? AND policy_id = ? ORDER BY version DESC LIMIT 5"
)
INSERT_VERSION = Statement(
    "INSERT INTO iam_policy_version (account, policy_id, version, document, created) VALUES (?, ?, ?, ?, ?)"
)
DELETE_VERSION = Statement("DELETE FROM iam_policy_version WHERE account = ? AND policy_id = ? AND version = ?")

ATTACH = Statement(
    "INSERT INTO iam_attachment (account, owner_id, purpose, policy_arn) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (account, owner_id, purpose, policy_arn) DO NOTHING"
)
DETACH = Statement("DELETE FROM iam_attachment WHERE account = ? AND owner_id = ? AND purpose = ? AND policy_arn = ?")
READ_BOUNDARY = Statement(
    "SELECT policy_arn FROM iam_attachment WHERE account = ? AND owner_id = ? AND purpose = 'boundary'"
)
LIST_ATTACHED = Statement(
    "SELECT policy_arn FROM iam_attachment WHERE account = ? AND owner_id = ? AND purpose = 'policy'"
    " ORDER BY policy_arn LIMIT 100"
)
# The prefix of an id tells the kind of its owner; ids sort groups, users, roles.
LIST_OWNERS = Statement(
    "SELECT owner_id, purpose FROM iam_attachment WHERE account = ? AND policy_arn = ?"
    " AND (owner_id, purpose) > (?, ?) ORDER BY owner_id, purpose LIMIT ?"
)
OWNER_GROUP = Statement("SELECT group_name, path FROM iam_group WHERE account = ? AND group_id = ?")
OWNER_USER = Statement("SELECT user_name, path FROM iam_user WHERE account = ? AND user_id = ?")
OWNER_ROLE = Statement("SELECT role_name, path FROM iam_role WHERE account = ? AND role_id = ?")

READ_USE = Statement("SELECT attachments, boundaries FROM iam_policy_use WHERE account = ? AND policy_arn = ?")
COUNT_USE = Statement(
    """
    INSERT INTO iam_policy_use (account, policy_arn, attachments, boundaries) VALUES (?, ?, ?, ?)
    ON CONFLICT (account, policy_arn) DO UPDATE SET attachments = iam_policy_use.attachments + excluded.attachments,
      boundaries = iam_policy_use.boundaries + excluded.boundaries
    """
)
UNCOUNT_USE = Statement(
    "UPDATE iam_policy_use SET attachments = attachments - ?, boundaries = boundaries - ?"
    " WHERE account = ? AND policy_arn = ?"
)
DELETE_USE = Statement("DELETE FROM iam_policy_use WHERE account = ? AND policy_arn = ?")

READ_INLINE = Statement(
    "SELECT owner_id, policy_name, document FROM iam_inline_policy"
    " WHERE account = ? AND owner_id = ? AND policy_name = ?"
)
# Their number is bounded by the size that all of them together may have.
LIST_INLINE = Statement(
    "SELECT owner_id, policy_name, document FROM iam_inline_policy WHERE account = ? AND owner_id = ?"
    " ORDER BY policy_name LIMIT 1000"
)
WRITE_INLINE = Statement(
    """
    INSERT INTO iam_inline_policy (account, owner_id, policy_name, document) VALUES (?, ?, ?, ?)
    ON CONFLICT (account, owner_id, policy_name) DO UPDATE SET document = excluded.document
    """
)
DELETE_INLINE = Statement("DELETE FROM iam_inline_policy WHERE account = ? AND owner_id = ? AND policy_name = ?")

_HELD = (
    "SELECT a.owner_id, a.purpose, a.policy_arn, v.document FROM {source}"
    " LEFT JOIN iam_policy AS p ON p.policy_arn = a.policy_arn"
    " LEFT JOIN iam_policy_version AS v"
    " ON v.account = p.account AND v.policy_id = p.policy_id AND v.version = p.default_version"
)
HELD_BY_OWNER = Statement(
    _HELD.format(source="iam_attachment AS a")
    + " WHERE a.account = ? AND a.owner_id = ? ORDER BY a.purpose, a.policy_arn LIMIT 100"
)
# CROSS JOIN keeps SQLite from beginning with all attachments of the account.
HELD_BY_GROUPS = Statement(
    _HELD.format(source="iam_group_member AS m CROSS JOIN iam_attachment AS a")
    + " WHERE m.account = ? AND m.user_id = ? AND a.account = m.account AND a.owner_id = m.group_id"
    " ORDER BY m.group_id, a.policy_arn LIMIT 1000"
)
INLINE_OF_GROUPS = Statement(
    "SELECT i.owner_id, i.policy_name, i.document FROM iam_group_member AS m CROSS JOIN iam_inline_policy AS i"
    " WHERE m.account = ? AND m.user_id = ? AND i.account = m.account AND i.owner_id = m.group_id"
    " ORDER BY m.group_id, i.policy_name LIMIT 10000"
)
DEFAULT_DOCUMENT = Statement(
    "SELECT v.document FROM iam_policy AS p JOIN iam_policy_version AS v"
    " ON v.account = p.account AND v.policy_id = p.policy_id AND v.version = p.default_version"
    " WHERE p.account = ? AND p.policy_arn = ?"
)


def read_policy(tx: Transaction, account: str, arn: str) -> Policy | None:
    """A customer managed policy of the account."""
    row = tx.one(READ_POLICY, account, arn)
    return None if row is None else Policy(*row)


def versions_of(tx: Transaction, account: str, policy_id: str) -> list[Version]:
    """The versions of a policy, the newest first; five at most."""
    return [Version(*row) for row in tx.all(LIST_VERSIONS, account, policy_id)]


def boundary_of(tx: Transaction, account: str, owner_id: str) -> str | None:
    """The ARN of the permissions boundary of a user or role."""
    row = tx.one(READ_BOUNDARY, account, owner_id)
    return None if row is None else row[0]


def attached_to(tx: Transaction, account: str, owner_id: str) -> list[str]:
    """The ARNs of the managed policies of a user, group or role, in order."""
    return [row[0] for row in tx.all(LIST_ATTACHED, account, owner_id)]


def inline_of(tx: Transaction, account: str, owner_id: str) -> list[Inline]:
    """The inline policies of a user, group or role, by name."""
    return [Inline(*row) for row in tx.all(LIST_INLINE, account, owner_id)]


def uses_of(tx: Transaction, account: str, arn: str) -> tuple[int, int]:
    """How often a policy is attached in the account, and how often it is a boundary."""
    row = tx.one(READ_USE, account, arn)
    return (0, 0) if row is None else (row[0], row[1])


def attach(tx: Transaction, account: str, owner_id: str, purpose: Purpose, arn: str) -> bool:
    """Attach a policy; whether it was not attached before."""
    if not tx.run(ATTACH, account, owner_id, purpose, arn):
        return False
    tx.run(COUNT_USE, account, arn, int(purpose == "policy"), int(purpose == "boundary"))
    return True


def detach(tx: Transaction, account: str, owner_id: str, purpose: Purpose, arn: str) -> bool:
    """Detach a policy; whether it was attached."""
    if not tx.run(DETACH, account, owner_id, purpose, arn):
        return False
    tx.run(UNCOUNT_USE, int(purpose == "policy"), int(purpose == "boundary"), account, arn)
    return True
