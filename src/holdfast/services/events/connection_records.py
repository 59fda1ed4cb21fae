"""Connections and API destinations in the store. What a connection authorizes itself with is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.api import events as api
from holdfast.services.arn import parse_arn
from holdfast.store.statements import Statement
from holdfast.vault.registry import CONNECTION_PARAMETERS

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault

AUTHORIZED = "AUTHORIZED"
DEAUTHORIZED = "DEAUTHORIZED"
CONNECTION = "connection"
API_DESTINATION = "api-destination"


class Connection(NamedTuple):
    """One row, in the order of its columns."""

    account: str
    region: str
    name: str
    connection_id: str
    description: str
    state: str
    authorization_type: str
    created: int
    modified: int
    authorized: int
    parameters_sealed: bytes | None

    def arn(self, partition: str) -> str:
        return f"arn:{partition}:events:{self.region}:{self.account}:{CONNECTION}/{self.name}/{self.connection_id}"


class Destination(NamedTuple):
    """One row, in the order of its columns."""

    account: str
    region: str
    name: str
    destination_id: str
    description: str
    connection: str
    """An ARN: that of a connection that may be there no more."""
    endpoint: str
    method: str
    rate_limit: int
    created: int
    modified: int

    def arn(self, partition: str) -> str:
        return (
            f"arn:{partition}:events:{self.region}:{self.account}:{API_DESTINATION}/{self.name}/{self.destination_id}"
        )


_KEY = "account = ? AND region = ? AND name = ?"
_CONNECTION = ", ".join(Connection._fields)
_DESTINATION = ", ".join(Destination._fields)


def _write(table: str, fields: tuple[str, ...]) -> Statement:
    changes = ", ".join(f"{field} = excluded.{field}" for field in fields[3:])
    return Statement(
        f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
        f" ON CONFLICT (account, region, name) DO UPDATE SET {changes}"
    )


READ_CONNECTION = Statement(f"SELECT {_CONNECTION} FROM event_connection WHERE {_KEY}")  # noqa: S608
WRITE_CONNECTION = _write("event_connection", Connection._fields)
REMOVE_CONNECTION = Statement(f"DELETE FROM event_connection WHERE {_KEY}")  # noqa: S608
LIST_CONNECTIONS = Statement(
    f"SELECT {_CONNECTION} FROM event_connection WHERE account = ? AND region = ? AND name > ?"  # noqa: S608
    " AND name >= ? AND name < ? AND (? = '' OR state = ?) ORDER BY name LIMIT ?"
)
READ_DESTINATION = Statement(f"SELECT {_DESTINATION} FROM event_api_destination WHERE {_KEY}")  # noqa: S608
WRITE_DESTINATION = _write("event_api_destination", Destination._fields)
REMOVE_DESTINATION = Statement(f"DELETE FROM event_api_destination WHERE {_KEY}")  # noqa: S608
LIST_DESTINATIONS = Statement(
    f"SELECT {_DESTINATION} FROM event_api_destination WHERE account = ? AND region = ? AND name > ?"  # noqa: S608
    " AND name >= ? AND name < ? AND (? = '' OR connection = ?) ORDER BY name LIMIT ?"
)


def read_connection(tx: Transaction, account: str, region: str, name: str) -> Connection | None:
    row = tx.one(READ_CONNECTION, account, region, name)
    return None if row is None else Connection(*row)


def read_destination(tx: Transaction, account: str, region: str, name: str) -> Destination | None:
    row = tx.one(READ_DESTINATION, account, region, name)
    return None if row is None else Destination(*row)


def _name_and_id(arn: str, kind: str) -> tuple[str, str, str, str] | None:
    parts = parse_arn(arn)
    if parts is None or parts.service != "events":
        return None
    found, _, rest = parts.resource.partition("/")
    name, _, unique = rest.partition("/")
    return (parts.account, parts.region, name, unique) if found == kind and unique else None


def connection_at(tx: Transaction, arn: str) -> Connection | None:
    """The connection that has this ARN; None for one made anew under its name."""
    where = _name_and_id(arn, CONNECTION)
    found = None if where is None else read_connection(tx, *where[:3])
    return found if found is not None and where is not None and found.connection_id == where[3] else None


def destination_at(tx: Transaction, arn: str) -> Destination | None:
    """The API destination that has this ARN."""
    where = _name_and_id(arn, API_DESTINATION)
    found = None if where is None else read_destination(tx, *where[:3])
    return found if found is not None and where is not None and found.destination_id == where[3] else None


def seal(vault: Vault, key: tuple[str, str, str], parameters: api.CreateConnectionAuthRequestParameters) -> bytes:
    return vault.seal(CONNECTION_PARAMETERS, key, msgspec.json.encode(parameters))


def open_parameters(vault: Vault, connection: Connection) -> api.CreateConnectionAuthRequestParameters | None:
    """AuthParameters with their secrets; None for a connection without."""
    if connection.parameters_sealed is None:
        return None
    opened = vault.open(CONNECTION_PARAMETERS, connection[:3], connection.parameters_sealed)
    return msgspec.json.decode(opened, type=api.CreateConnectionAuthRequestParameters)
