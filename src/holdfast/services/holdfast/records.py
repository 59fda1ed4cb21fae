"""Accounts, their access keys, and the store's own facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Row, Transaction

INSERT_ACCOUNT = Statement("INSERT INTO account (account, created) VALUES (?, ?) ON CONFLICT (account) DO NOTHING")
READ_IAM_VERSION: Final = Statement("SELECT iam_version FROM account WHERE account = ?")
LIST_ACCOUNTS = Statement("SELECT account FROM account WHERE account > ? ORDER BY account LIMIT 1000")
DESCRIBE_ACCOUNTS = Statement("SELECT account, created FROM account WHERE account > ? ORDER BY account LIMIT ?")
INSERT_ACCESS_KEY = Statement(
    """
    INSERT INTO access_key
      (access_key_id, account, principal_kind, principal_id, principal_arn, active, secret_sealed, row_version, created)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
READ_ACCESS_KEY: Final = Statement(
    "SELECT k.account, k.principal_kind, k.principal_id, k.principal_arn, k.active, k.secret_sealed, k.row_version,"
    " k.user_name, k.last_used, a.iam_version"
    " FROM access_key k JOIN account a ON a.account = k.account WHERE k.access_key_id = ?"
)
ROOT_ACCESS_KEY = Statement(
    "SELECT access_key_id, secret_sealed FROM access_key"
    " WHERE account = ? AND principal_kind = 'Root' AND active = 1 ORDER BY access_key_id LIMIT 1"
)
READ_METADATA = Statement("SELECT value FROM store_metadata WHERE name = ?")
WRITE_METADATA = Statement(
    "INSERT INTO store_metadata (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)

ACCESS_KEY_TABLE = "access_key"


class AccessKey:
    """One credential as the store has it."""

    __slots__ = (
        "access_key_id",
        "account",
        "active",
        "iam_version",
        "kind",
        "last_used",
        "principal_arn",
        "principal_id",
        "row",
        "row_version",
        "secret_sealed",
        "user_name",
    )

    def __init__(self, access_key_id: str, row: Row) -> None:
        """`row`: of READ_ACCESS_KEY."""
        self.access_key_id = access_key_id
        self.row = row
        self.account: str = row[0]
        self.kind: str = row[1]
        self.principal_id: str = row[2]
        self.principal_arn: str = row[3]
        self.active: int = row[4]
        """0 or 1."""
        self.secret_sealed: bytes = row[5]
        self.row_version: int = row[6]
        self.user_name: str = row[7]
        """Empty for the account's root user."""
        self.last_used: int = row[8]
        """Service time in milliseconds, as far as it is on disk."""
        self.iam_version: int = row[9]
        """Of the account: what is derived from its users, roles and policies belongs to one version."""


def read_access_key(transaction: Transaction, access_key_id: str, known: AccessKey | None = None) -> AccessKey | None:
    """A credential, or None. `known` is answered if the row still says the same, since making one costs a microsecond."""
    row = transaction.once(READ_ACCESS_KEY, access_key_id)
    if row is None:
        return None
    return known if known is not None and known.row == row else AccessKey(access_key_id, row)


def read_metadata(transaction: Transaction, name: str) -> bytes | None:
    """One of the store's own facts."""
    row = transaction.one(READ_METADATA, name)
    return None if row is None else row[0]


def read_text(transaction: Transaction, name: str, default: str = "") -> str:
    """A fact that is text."""
    value = read_metadata(transaction, name)
    return default if value is None else value.decode()
