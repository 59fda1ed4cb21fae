"""Users, groups, memberships, roles and access keys: rows and queries.

Names are looked up in lower case; listings are keyset scans in the order of the lower-case name, or of (path, name)
where a path prefix was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.store.statements import LAST_CHARACTER, Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Row, Transaction


class User(NamedTuple):
    """A user. `created` is in milliseconds, `tags` a JSON object."""

    key: str
    name: str
    id: str
    path: str
    created: int
    tags: str


class Group(NamedTuple):
    """A group."""

    key: str
    name: str
    id: str
    path: str
    created: int


class Role(NamedTuple):
    """A role. Times are in milliseconds, `last_used` 0 for never; `trusted` and `tags` are JSON objects."""

    key: str
    name: str
    id: str
    path: str
    created: int
    description: str
    maximum_session: int
    trust: str
    trusted: str
    last_used: int
    last_used_region: str
    tags: str


class AccessKey(NamedTuple):
    """A long-term key without its secret. `user_name` is empty for the root user's."""

    id: str
    account: str
    user_name: str
    principal_id: str
    active: int
    created: int
    last_used: int
    last_used_service: str
    last_used_region: str


class Queries(NamedTuple):
    """How users, groups or roles are listed."""

    by_key: Statement
    by_path: Statement


_USER = "SELECT u.user_key, u.user_name, u.user_id, u.path, u.created, u.tags FROM iam_user AS u"
_GROUP = "SELECT g.group_key, g.group_name, g.group_id, g.path, g.created FROM iam_group AS g"
_ROLE = (
    "SELECT r.role_key, r.role_name, r.role_id, r.path, r.created, r.description, r.maximum_session, r.trust, r.trusted,"
    " r.last_used, r.last_used_region, r.tags FROM iam_role AS r"
)

READ_USER = Statement(f"{_USER} WHERE u.account = ? AND u.user_key = ?")
LIST_USERS = Statement(f"{_USER} WHERE u.account = ? AND u.user_key > ? ORDER BY u.user_key LIMIT ?")
LIST_USERS_BY_PATH = Statement(
    f"{_USER} WHERE u.account = ? AND u.path < ? AND (u.path, u.user_key) > (?, ?) ORDER BY u.path, u.user_key LIMIT ?"
)
INSERT_USER = Statement(
    "INSERT INTO iam_user (account, user_key, user_name, user_id, path, created, tags) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
MOVE_USER = Statement("UPDATE iam_user SET user_key = ?, user_name = ?, path = ? WHERE account = ? AND user_key = ?")
WRITE_USER_TAGS = Statement("UPDATE iam_user SET tags = ? WHERE account = ? AND user_key = ?")
DELETE_USER = Statement("DELETE FROM iam_user WHERE account = ? AND user_key = ?")

READ_GROUP = Statement(f"{_GROUP} WHERE g.account = ? AND g.group_key = ?")
LIST_GROUPS = Statement(f"{_GROUP} WHERE g.account = ? AND g.group_key > ? ORDER BY g.group_key LIMIT ?")
LIST_GROUPS_BY_PATH = Statement(
    f"{_GROUP} WHERE g.account = ? AND g.path < ? AND (g.path, g.group_key) > (?, ?)"
    " ORDER BY g.path, g.group_key LIMIT ?"
)
INSERT_GROUP = Statement(
    "INSERT INTO iam_group (account, group_key, group_name, group_id, path, created) VALUES (?, ?, ?, ?, ?, ?)"
)
MOVE_GROUP = Statement(
    "UPDATE iam_group SET group_key = ?, group_name = ?, path = ? WHERE account = ? AND group_key = ?"
)
DELETE_GROUP = Statement("DELETE FROM iam_group WHERE account = ? AND group_key = ?")

ADD_MEMBER = Statement(
    "INSERT INTO iam_group_member (account, group_id, user_id) VALUES (?, ?, ?)"
    " ON CONFLICT (account, group_id, user_id) DO NOTHING"
)
REMOVE_MEMBER = Statement("DELETE FROM iam_group_member WHERE account = ? AND group_id = ? AND user_id = ?")
ANY_MEMBER = Statement("SELECT user_id FROM iam_group_member WHERE account = ? AND group_id = ? LIMIT 1")
LIST_MEMBERS = Statement(
    f"{_USER} JOIN iam_group_member AS m ON m.account = u.account AND m.user_id = u.user_id"
    " WHERE m.account = ? AND m.group_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?"
)
LIST_GROUPS_OF_USER = Statement(
    f"{_GROUP} JOIN iam_group_member AS m ON m.account = g.account AND m.group_id = g.group_id"
    " WHERE m.account = ? AND m.user_id = ? AND m.group_id > ? ORDER BY m.group_id LIMIT ?"
)

READ_ROLE = Statement(f"{_ROLE} WHERE r.account = ? AND r.role_key = ?")
LIST_ROLES = Statement(f"{_ROLE} WHERE r.account = ? AND r.role_key > ? ORDER BY r.role_key LIMIT ?")
LIST_ROLES_BY_PATH = Statement(
    f"{_ROLE} WHERE r.account = ? AND r.path < ? AND (r.path, r.role_key) > (?, ?) ORDER BY r.path, r.role_key LIMIT ?"
)
INSERT_ROLE = Statement(
    """
    INSERT INTO iam_role (account, role_key, role_name, role_id, path, created, description, maximum_session, trust,
      trusted, last_used, last_used_region, tags)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?)
    """
)
WRITE_ROLE = Statement("UPDATE iam_role SET description = ?, maximum_session = ? WHERE account = ? AND role_key = ?")
WRITE_TRUST = Statement("UPDATE iam_role SET trust = ?, trusted = ? WHERE account = ? AND role_key = ?")
WRITE_ROLE_TAGS = Statement("UPDATE iam_role SET tags = ? WHERE account = ? AND role_key = ?")
USE_ROLE = Statement(
    "UPDATE iam_role SET last_used = ?, last_used_region = ? WHERE account = ? AND role_id = ? AND last_used < ?"
)
DELETE_ROLE = Statement("DELETE FROM iam_role WHERE account = ? AND role_key = ?")

# Where a user or role is from its unique id, in whatever account: for principals of policies.
WHERE_USER = Statement("SELECT account, path, user_name FROM iam_user WHERE user_id = ?")
WHERE_ROLE = Statement("SELECT account, path, role_name FROM iam_role WHERE role_id = ?")

_KEY = (
    "SELECT access_key_id, account, user_name, principal_id, active, created, last_used, last_used_service,"
    " last_used_region FROM access_key"
)
READ_KEY = Statement(f"{_KEY} WHERE access_key_id = ?")
LIST_KEYS = Statement(
    f"{_KEY} WHERE account = ? AND principal_id = ? AND access_key_id > ? ORDER BY access_key_id LIMIT ?"
)
INSERT_KEY = Statement(
    """
    INSERT INTO access_key (access_key_id, account, principal_kind, principal_id, principal_arn, active, secret_sealed,
      row_version, created, user_name)
    VALUES (?, ?, ?, ?, ?, 1, ?, 1, ?, ?)
    """
)
ACTIVATE_KEY = Statement(
    "UPDATE access_key SET active = ?, row_version = row_version + 1 WHERE account = ? AND access_key_id = ?"
)
RENAME_KEYS = Statement(
    "UPDATE access_key SET user_name = ?, principal_arn = ?, row_version = row_version + 1"
    " WHERE account = ? AND principal_id = ?"
)
USE_KEY = Statement(
    "UPDATE access_key SET last_used = ?, last_used_service = ?, last_used_region = ?"
    " WHERE access_key_id = ? AND last_used < ?"
)
DELETE_KEY = Statement("DELETE FROM access_key WHERE account = ? AND access_key_id = ?")

USERS = Queries(LIST_USERS, LIST_USERS_BY_PATH)
GROUPS = Queries(LIST_GROUPS, LIST_GROUPS_BY_PATH)
ROLES = Queries(LIST_ROLES, LIST_ROLES_BY_PATH)

MOST_KEYS = 2
MOST_GROUPS = 10
"""Of one user."""


def read_user(tx: Transaction, account: str, name: str) -> User | None:
    """A user by its name, in any case."""
    row = tx.one(READ_USER, account, name.lower())
    return None if row is None else User(*row)


def read_group(tx: Transaction, account: str, name: str) -> Group | None:
    """A group by its name, in any case."""
    row = tx.one(READ_GROUP, account, name.lower())
    return None if row is None else Group(*row)


def read_role(tx: Transaction, account: str, name: str) -> Role | None:
    """A role by its name, in any case."""
    row = tx.one(READ_ROLE, account, name.lower())
    return None if row is None else Role(*row)


def groups_of(tx: Transaction, account: str, user_id: str) -> list[Group]:
    """All groups of a user, who is in ten at most."""
    return [Group(*row) for row in tx.all(LIST_GROUPS_OF_USER, account, user_id, "", MOST_GROUPS)]


def read_key(tx: Transaction, access_key_id: str) -> AccessKey | None:
    """A long-term access key."""
    row = tx.one(READ_KEY, access_key_id)
    return None if row is None else AccessKey(*row)


def keys_of(tx: Transaction, account: str, principal_id: str, after: str = "", limit: int = 100) -> list[AccessKey]:
    """The access keys of a user, or of the root user (whose principal id is the account's)."""
    return [AccessKey(*row) for row in tx.all(LIST_KEYS, account, principal_id, after, limit)]


def listed(tx: Transaction, queries: Queries, account: str, prefix: str, after: list[Any], limit: int) -> list[Row]:
    """Rows of users, groups or roles from a position on: [key], or [path, key] with a path prefix."""
    if prefix == "/":
        return tx.all(queries.by_key, account, after[0] if after else "", limit)
    # One lower bound for prefix and position: with two, the index would be read from the prefix on.
    path, key = after or [prefix, ""]
    return tx.all(queries.by_path, account, prefix + LAST_CHARACTER, path, key, limit)
