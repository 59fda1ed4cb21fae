"""The table of grants and its queries. A grant's place in a listing is its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from holdfast.access.grounds import GrantStatement
from holdfast.services.kms.named_principals import principal_name
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction

EQUALS = "EncryptionContextEquals"
SUBSET = "EncryptionContextSubset"
SOURCE_ARN = "SourceArn"


class Grant(NamedTuple):
    """One grant."""

    grant_id: str
    account: str
    """The key's."""
    key_id: str
    name: str
    grantee: str
    """As `named_principals` remembers it."""
    retiring: str
    issuer: str
    operations: tuple[str, ...]
    constraints: Mapping[str, Mapping[str, str]]
    """On the encryption context."""
    created: int
    source_arn: str = ""
    """The constraint SourceArn."""

    def statement(self) -> GrantStatement:
        """As an evaluation reads it."""
        return GrantStatement(
            self.grant_id,
            principal_name(self.grantee),
            frozenset(self.operations),
            equals=self.constraints.get(EQUALS),
            subset=self.constraints.get(SUBSET),
            source_arn=self.source_arn,
        )


READ_GRANT = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE account = ? AND region = ? AND key_id = ? AND grant_id = ?
    """
)
GRANTS_FOR = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE account = ? AND region = ? AND key_id = ? AND grantee IN (?, ?, ?, ?, ?) ORDER BY grantee, grant_id
    """
)
GRANTS_OF_NAME = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE account = ? AND region = ? AND key_id = ? AND name = ? ORDER BY grant_id
    """
)
LIST_GRANTS = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE account = ? AND region = ? AND key_id = ? AND grant_id > ? ORDER BY grant_id LIMIT ?
    """
)
LIST_GRANTS_OF_GRANTEE = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE account = ? AND region = ? AND key_id = ? AND grantee = ? AND grant_id > ? ORDER BY grant_id LIMIT ?
    """
)
LIST_RETIRABLE = Statement(
    """
    SELECT grant_id, account, key_id, name, grantee, retiring, issuer, operations, constraints, created FROM kms_grant
    WHERE region = ? AND retiring = ? AND grant_id > ? ORDER BY grant_id LIMIT ?
    """
)
INSERT_GRANT = Statement(
    """
    INSERT INTO kms_grant (account, region, key_id, grant_id, name, grantee, retiring, issuer, operations, constraints,
      created)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    """
)
DELETE_GRANT = Statement("DELETE FROM kms_grant WHERE account = ? AND region = ? AND key_id = ? AND grant_id = ?")
DELETE_GRANTS = Statement("DELETE FROM kms_grant WHERE account = ? AND region = ? AND key_id = ?")
CHANGE_COUNT = Statement("UPDATE kms_key SET grants = grants + ? WHERE account = ? AND region = ? AND key_id = ?")


def grant_of_row(row: tuple[Any, ...]) -> Grant:
    """A row of any of the queries above."""
    *plain, operations, constraints, created = row
    grant_id, account, key_id, name, grantee, retiring, issuer = plain
    stored: dict[str, Any] = msgspec.json.decode(constraints) if constraints else {}
    source_arn = stored.pop(SOURCE_ARN, "")
    return Grant(
        grant_id,
        account,
        key_id,
        name,
        grantee,
        retiring,
        issuer,
        msgspec.json.decode(operations, type=tuple[str, ...]),
        stored,
        created,
        source_arn,
    )


def read_grant(tx: Transaction, account: str, region: str, key_id: str, grant_id: str) -> Grant | None:
    """One grant of a key."""
    row = tx.one(READ_GRANT, account, region, key_id, grant_id)
    return None if row is None else grant_of_row(row)


def grants_for(tx: Transaction, account: str, region: str, key_id: str, names: list[str]) -> list[Grant]:
    """The grants of a key whose grantee has one of at most five names."""
    padded = (names + [""] * 5)[:5]
    return [grant_of_row(row) for row in tx.all(GRANTS_FOR, account, region, key_id, *padded)]


def all_grants(tx: Transaction, account: str, region: str, key_id: str) -> Iterator[Grant]:
    """Every grant of a key, a thousand at a time."""
    after = ""
    while rows := tx.all(LIST_GRANTS, account, region, key_id, after, 1000):
        yield from map(grant_of_row, rows)
        after = rows[-1][0]


def insert_grant(tx: Transaction, region: str, grant: Grant) -> None:
    """A new grant, counted in its key's row."""
    stored = {**grant.constraints, SOURCE_ARN: grant.source_arn} if grant.source_arn else grant.constraints
    tx.run(
        INSERT_GRANT,
        grant.account,
        region,
        grant.key_id,
        grant.grant_id,
        grant.name,
        grant.grantee,
        grant.retiring,
        grant.issuer,
        msgspec.json.encode(grant.operations).decode(),
        msgspec.json.encode(stored).decode() if stored else "",
        grant.created,
    )
    tx.run(CHANGE_COUNT, 1, grant.account, region, grant.key_id)


def delete_grant(tx: Transaction, region: str, grant: Grant) -> None:
    """End a grant."""
    tx.run(DELETE_GRANT, grant.account, region, grant.key_id, grant.grant_id)
    tx.run(CHANGE_COUNT, -1, grant.account, region, grant.key_id)
