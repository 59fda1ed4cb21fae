"""Topics, subscriptions, fan-outs and signing keys in the store.

Listings read by keyset. How many subscriptions a topic has of each state stands in the topic's row: whoever changes one
says so with `count`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from holdfast.services.sns.identifiers import SubscriptionKey, TopicKey
from holdfast.store.statements import Statement
from holdfast.vault.registry import FAN_OUT_MESSAGE, SIGNING_KEY, SUBSCRIPTION_ENDPOINT

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction
    from holdfast.vault.vault import Vault

PENDING, CONFIRMED, DELETED = "pending", "confirmed", "deleted"
State = Literal["pending", "confirmed", "deleted"]


class Topic(NamedTuple):
    """One topic, in the order of its columns."""

    account: str
    region: str
    name: str
    created: int
    display_name: str
    policy: str
    """With unique ids of users and roles; empty: the default one."""
    delivery_policy: str
    signature_version: str
    tracing: str
    tags: str
    confirmed: int
    pending: int
    deleted: int

    @property
    def key(self) -> TopicKey:
        return TopicKey(self.account, self.region, self.name)


class Subscription(NamedTuple):
    """One subscription, in the order of its columns."""

    account: str
    region: str
    name: str
    subscription_id: str
    owner: str
    principal: str
    """The ARN of whoever subscribed."""
    protocol: str
    endpoint: str
    """As it may be shown."""
    endpoint_sealed: bytes | None
    created: int
    state: str
    token_hash: str
    authenticated: int
    """Only its owner, or the topic's, may end it, with a signature."""
    raw: int
    filter_policy: str
    filter_scope: str
    delivery_policy: str
    redrive_policy: str

    @property
    def key(self) -> SubscriptionKey:
        return SubscriptionKey(self.account, self.region, self.name, self.subscription_id)


_KEY = "account = ? AND region = ? AND name = ?"
_TOPIC = ", ".join(Topic._fields)
_SUBSCRIPTION = ", ".join(Subscription._fields)

READ_TOPIC = Statement(f"SELECT {_TOPIC} FROM sns_topic WHERE {_KEY}")  # noqa: S608 - constants of this module
INSERT_TOPIC = Statement(f"INSERT INTO sns_topic VALUES ({', '.join('?' * len(Topic._fields))})")  # noqa: S608
WRITE_TOPIC = Statement(
    f"UPDATE sns_topic SET {', '.join(f'{field} = ?' for field in Topic._fields[4:10])} WHERE {_KEY}"  # noqa: S608
)
COUNT = Statement(
    f"UPDATE sns_topic SET confirmed = confirmed + ?, pending = pending + ?, deleted = deleted + ? WHERE {_KEY}"  # noqa: S608
)
REMOVE_TOPIC = Statement(f"DELETE FROM sns_topic WHERE {_KEY}")  # noqa: S608
LIST_TOPICS = Statement(
    "SELECT name FROM sns_topic WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?"
)

READ_SUBSCRIPTION = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE {_KEY} AND subscription_id = ?"  # noqa: S608
)
READ_BY_ENDPOINT = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE {_KEY} AND protocol = ? AND endpoint = ?"  # noqa: S608
    " AND state <> 'deleted'"
)
READ_BY_TOKEN = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE token_hash = ? AND {_KEY}"  # noqa: S608
)
INSERT_SUBSCRIPTION = Statement(f"INSERT INTO sns_subscription VALUES ({', '.join('?' * len(Subscription._fields))})")  # noqa: S608
WRITE_SUBSCRIPTION = Statement(
    f"UPDATE sns_subscription SET {', '.join(f'{field} = ?' for field in Subscription._fields[10:])}"  # noqa: S608
    f" WHERE {_KEY} AND subscription_id = ?"
)
REMOVE_SUBSCRIPTION = Statement(f"DELETE FROM sns_subscription WHERE {_KEY} AND subscription_id = ?")  # noqa: S608
REMOVE_SUBSCRIPTIONS = Statement(f"DELETE FROM sns_subscription WHERE {_KEY}")  # noqa: S608
LIST_BY_OWNER = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE owner = ? AND region = ?"  # noqa: S608
    " AND (name, subscription_id) > (?, ?) AND state <> 'deleted' ORDER BY name, subscription_id LIMIT ?"
)
LIST_BY_TOPIC = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE {_KEY} AND subscription_id > ? AND state <> 'deleted'"  # noqa: S608
    " ORDER BY subscription_id LIMIT ?"
)
LIST_CONFIRMED = Statement(
    f"SELECT {_SUBSCRIPTION} FROM sns_subscription WHERE {_KEY} AND state = 'confirmed' AND subscription_id > ?"  # noqa: S608
    " ORDER BY subscription_id LIMIT ?"
)
COUNT_FILTERS = Statement(
    f"SELECT COUNT(*) FROM (SELECT 1 FROM sns_subscription WHERE {_KEY} AND filter_policy <> '' LIMIT ?) AS filters"  # noqa: S608
)
COUNT_ALL_FILTERS = Statement(
    "SELECT COUNT(*) FROM (SELECT 1 FROM sns_subscription"
    " WHERE account = ? AND region = ? AND filter_policy <> '' LIMIT ?) AS filters"
)

INSERT_FAN_OUT = Statement(
    "INSERT INTO sns_fan_out (message_id, account, region, name, position, message_sealed) VALUES (?, ?, ?, ?, ?, ?)"
)
READ_FAN_OUT = Statement("SELECT account, region, name, position, message_sealed FROM sns_fan_out WHERE message_id = ?")
MOVE_FAN_OUT = Statement("UPDATE sns_fan_out SET position = ? WHERE message_id = ?")
REMOVE_FAN_OUTS = Statement(f"DELETE FROM sns_fan_out WHERE {_KEY}")  # noqa: S608
REMOVE_FAN_OUT = Statement("DELETE FROM sns_fan_out WHERE message_id = ?")

READ_SIGNING_KEY = Statement(
    "SELECT key_id, certificate, key_sealed FROM sns_signing_key WHERE region = ? ORDER BY created DESC, key_id LIMIT 1"
)
READ_CERTIFICATE = Statement("SELECT certificate FROM sns_signing_key WHERE key_id = ?")
INSERT_SIGNING_KEY = Statement(
    "INSERT INTO sns_signing_key (region, key_id, created, certificate, key_sealed) VALUES (?, ?, ?, ?, ?)"
)


# -- topics -------------------------------------------------------------------------------------------------------------


def read_topic(tx: Transaction, key: TopicKey) -> Topic | None:
    row = tx.one(READ_TOPIC, *key)
    return None if row is None else Topic(*row)


def write_topic(tx: Transaction, topic: Topic) -> None:
    """Everything but the counts, which `count` moves."""
    tx.run(WRITE_TOPIC, *topic[4:10], *topic.key)


def remove_topic(tx: Transaction, key: TopicKey) -> None:
    """The topic with its subscriptions, and what was on its way to them."""
    tx.run(REMOVE_FAN_OUTS, *key)
    tx.run(REMOVE_SUBSCRIPTIONS, *key)
    tx.run(REMOVE_TOPIC, *key)


# -- subscriptions ------------------------------------------------------------------------------------------------------


def read_subscription(tx: Transaction, key: SubscriptionKey) -> Subscription | None:
    row = tx.one(READ_SUBSCRIPTION, *key)
    return None if row is None else Subscription(*row)


def insert_subscription(tx: Transaction, subscription: Subscription) -> None:
    tx.run(INSERT_SUBSCRIPTION, *subscription)
    _count(tx, subscription, 1)


def write_subscription(tx: Transaction, before: Subscription, after: Subscription) -> None:
    """Everything that can change of it."""
    tx.run(WRITE_SUBSCRIPTION, *after[10:], *after.key)
    if before.state != after.state:
        _count(tx, before, -1)
        _count(tx, after, 1)


def remove_subscription(tx: Transaction, subscription: Subscription) -> None:
    tx.run(REMOVE_SUBSCRIPTION, *subscription.key)
    _count(tx, subscription, -1)


def _count(tx: Transaction, subscription: Subscription, more: int) -> None:
    changes = (more if subscription.state == state else 0 for state in (CONFIRMED, PENDING, DELETED))
    tx.run(COUNT, *changes, *subscription.key.topic)


def seal_endpoint(vault: Vault, key: SubscriptionKey, endpoint: str) -> bytes:
    return vault.seal(SUBSCRIPTION_ENDPOINT, key, endpoint.encode())


def open_endpoint(vault: Vault, subscription: Subscription) -> str:
    """The endpoint as it was given, with whatever credentials stand in it."""
    if subscription.endpoint_sealed is None:
        return subscription.endpoint
    return vault.open(SUBSCRIPTION_ENDPOINT, subscription.key, subscription.endpoint_sealed).decode()


# -- fan-outs and signing keys ------------------------------------------------------------------------------------------


def insert_fan_out(tx: Transaction, vault: Vault, topic: TopicKey, message_id: str, position: str, body: bytes) -> None:
    sealed = vault.seal(FAN_OUT_MESSAGE, (message_id,), body)
    tx.run(INSERT_FAN_OUT, message_id, *topic, position, sealed)


class FanOut(NamedTuple):
    """A message on its way to the rest of its topic's subscriptions."""

    topic: TopicKey
    position: str
    body: bytes


def read_fan_out(tx: Transaction, vault: Vault, message_id: str) -> FanOut | None:
    row = tx.one(READ_FAN_OUT, message_id)
    if row is None:
        return None
    return FanOut(TopicKey(*row[:3]), row[3], vault.open(FAN_OUT_MESSAGE, (message_id,), row[4]))


def read_certificate(tx: Transaction, key_id: str) -> bytes | None:
    row = tx.one(READ_CERTIFICATE, key_id)
    return None if row is None else row[0].encode()


class SigningKey(NamedTuple):
    """The newest key of a region."""

    region: str
    key_id: str
    certificate: str
    sealed: bytes


def read_signing_key(tx: Transaction, region: str) -> SigningKey | None:
    row = tx.one(READ_SIGNING_KEY, region)
    return None if row is None else SigningKey(region, *row)


def open_signing_key(vault: Vault, key: SigningKey) -> bytes:
    """The private key, PKCS #8 DER."""
    return vault.open(SIGNING_KEY, (key.region, key.key_id), key.sealed)


def insert_signing_key(tx: Transaction, vault: Vault, region: str, key_id: str, now: int, pem: str, key: bytes) -> None:
    tx.run(INSERT_SIGNING_KEY, region, key_id, now, pem, vault.seal(SIGNING_KEY, (region, key_id), key))
