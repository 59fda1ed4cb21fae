"""What an account has as a whole: its version, counts, alias, and OpenID Connect providers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction


class Provider(NamedTuple):
    """An OpenID Connect provider. `name` is its URL without the scheme; lists and tags are JSON."""

    name: str
    url: str
    created: int
    client_ids: str
    thumbprints: str
    tags: str


NEW_VERSION = Statement("UPDATE account SET iam_version = iam_version + 1 WHERE account = ?")
READ_VERSION = Statement("SELECT iam_version FROM account WHERE account = ?")
READ_CREATED = Statement("SELECT created FROM account WHERE account = ?")

READ_COUNT = Statement("SELECT amount FROM iam_count WHERE account = ? AND resource = ?")
LIST_COUNTS = Statement("SELECT resource, amount FROM iam_count WHERE account = ? ORDER BY resource LIMIT 100")
COUNT = Statement(
    """
    INSERT INTO iam_count (account, resource, amount) VALUES (?, ?, 1)
    ON CONFLICT (account, resource) DO UPDATE SET amount = iam_count.amount + 1
    """
)
UNCOUNT = Statement("UPDATE iam_count SET amount = amount - 1 WHERE account = ? AND resource = ?")

READ_ALIAS = Statement("SELECT alias FROM account_alias WHERE account = ?")
ALIAS_OWNER = Statement("SELECT account FROM account_alias WHERE alias = ?")
WRITE_ALIAS = Statement(
    "INSERT INTO account_alias (account, alias) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET alias = excluded.alias"
)
DELETE_ALIAS = Statement("DELETE FROM account_alias WHERE account = ? AND alias = ?")

READ_PROVIDER = Statement(
    "SELECT name, url, created, client_ids, thumbprints, tags FROM iam_oidc_provider WHERE account = ? AND name = ?"
)
# An account has 100 at most.
LIST_PROVIDERS = Statement("SELECT name FROM iam_oidc_provider WHERE account = ? ORDER BY name LIMIT 1000")
INSERT_PROVIDER = Statement(
    "INSERT INTO iam_oidc_provider (account, name, url, created, client_ids, thumbprints, tags)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
WRITE_CLIENT_IDS = Statement("UPDATE iam_oidc_provider SET client_ids = ? WHERE account = ? AND name = ?")
WRITE_THUMBPRINTS = Statement("UPDATE iam_oidc_provider SET thumbprints = ? WHERE account = ? AND name = ?")
WRITE_PROVIDER_TAGS = Statement("UPDATE iam_oidc_provider SET tags = ? WHERE account = ? AND name = ?")
DELETE_PROVIDER = Statement("DELETE FROM iam_oidc_provider WHERE account = ? AND name = ?")


def version_of(tx: Transaction, account: str) -> int | None:
    """The version of an account's IAM; None when there is no such account."""
    row = tx.one(READ_VERSION, account)
    return None if row is None else row[0]


def count_of(tx: Transaction, account: str, resource: str) -> int:
    """How many of a resource an account has."""
    row = tx.one(READ_COUNT, account, resource)
    return 0 if row is None else row[0]


def read_provider(tx: Transaction, account: str, name: str) -> Provider | None:
    """A provider by its URL without the scheme."""
    row = tx.one(READ_PROVIDER, account, name)
    return None if row is None else Provider(*row)


def strings_of(text: str) -> list[str]:
    """A JSON array of a row."""
    return json.loads(text)
