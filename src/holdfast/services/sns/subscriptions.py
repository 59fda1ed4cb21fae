"""The life of a subscription: what Subscribe, ConfirmSubscription and Unsubscribe do to its row.

    subscribe ──► pending ──token──► confirmed ──unsubscribe──► deleted ──token──► confirmed
                     └─────────── three days ───────► gone ◄────────┘

Endpoints that belong to the caller's own account are confirmed at once. Any other endpoint gets a token, which proves
that whoever confirms can read what is sent there.

INVARIANT: a token is 256 random bits; the store keeps its SHA-256 only, but for the sealed message that carries it.

Threat: whoever may subscribe has this server write to endpoints that never asked for it. Until the endpoint of a pending
subscription has had time to answer, it is not asked again, however often somebody subscribes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from holdfast.services.outbox.records import put
from holdfast.services.sns import records
from holdfast.services.sns.formats import confirmation_text, goodbye_text
from holdfast.services.sns.identifiers import subscription_key
from holdfast.services.sns.messages import CONFIRMATION, GOODBYE, Message, encode
from holdfast.services.sns.records import CONFIRMED, DELETED, PENDING, Subscription
from holdfast.work.due import read_job

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.identifiers import SubscriptionKey, TopicKey

DELIVER = "sns.deliver"
EXPIRE = "sns.expire"
PENDING_TIME = 3 * 24 * 3_600_000
"""Milliseconds that a token is good for ("valid for three days", developer guide)."""
ASK_AGAIN_TIME = 60_000
"""Milliseconds before a pending endpoint is asked again. Ours: AWS says that it throttles, not how."""


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(call: Call) -> str:
    return call.randomness.bytes(32).hex()


def is_unsigned(call: Call) -> bool:
    """Whether nobody signed the request."""
    return not call.principal.arn


def take_place(call: Call, topic: TopicKey) -> None:
    """An unsigned request happens where the topic is, and is on record with its owner."""
    call.region = topic.region
    call.identify(call.identity, topic.account)


def ask(call: Call, subscription: Subscription, token: str) -> None:
    """Send the endpoint of a pending subscription its token, and end the subscription if nobody comes back with it."""
    text = confirmation_text(subscription.key.topic.arn(call.partition))
    _send_token(call, subscription, CONFIRMATION, text, token)


def asked_lately(call: Call, subscription: Subscription) -> bool:
    """Whether the token of a pending subscription was sent less than ASK_AGAIN_TIME ago; its last moment says when."""
    arn = subscription.key.arn(call.partition)
    last_moment = read_job(call.tx, (EXPIRE, subscription.account, call.region, arn))
    return last_moment is not None and call.now < last_moment.due - PENDING_TIME + ASK_AGAIN_TIME


def confirm(call: Call, subscription: Subscription, *, authenticated: bool) -> Subscription:
    """A subscription whose token came back: pending, or deleted by mistake."""
    after = subscription._replace(state=CONFIRMED, authenticated=int(authenticated))
    if subscription.state == DELETED:
        other = by_endpoint(call, subscription.key.topic, subscription.protocol, subscription.endpoint)
        if other is not None:  # subscribed anew meanwhile
            records.remove_subscription(call.tx, subscription)
            return other
    records.write_subscription(call.tx, subscription, after)
    call.cancel(EXPIRE, subscription.key.arn(call.partition), account=subscription.account)
    return after


def end(call: Call, subscription: Subscription, *, say_goodbye: bool) -> None:
    """End a subscription; with a goodbye its endpoint can take that back."""
    if not say_goodbye:
        records.remove_subscription(call.tx, subscription)
        return
    token = new_token(call)
    after = subscription._replace(state=DELETED, token_hash=hash_of(token))
    records.write_subscription(call.tx, subscription, after)
    _send_token(call, after, GOODBYE, goodbye_text(subscription.key.arn(call.partition)), token)


def _send_token(call: Call, subscription: Subscription, kind: str, text: str, token: str) -> None:
    arn, account = subscription.key.arn(call.partition), subscription.account
    message = Message(kind, call.randomness.uuid4(), call.now, text, token=token)
    put(call, DELIVER, arn, message.message_id, encode(message), account=account)
    call.schedule(EXPIRE, arn, call.now + PENDING_TIME, account=account)


def expire(call: Call, subject: str, _payload: dict[str, object]) -> None:
    """The job of a token's last moment."""
    subscription = records.read_subscription(call.tx, subscription_key(subject, call.region))
    if subscription is not None and subscription.state != CONFIRMED:
        records.remove_subscription(call.tx, subscription)


def by_endpoint(call: Call, topic: TopicKey, protocol: str, endpoint: str) -> Subscription | None:
    """The subscription, pending or confirmed, that an endpoint has at a topic."""
    row = call.tx.one(records.READ_BY_ENDPOINT, *topic, protocol, endpoint)
    return None if row is None else Subscription(*row)


def by_token(call: Call, topic: TopicKey, token: str) -> Subscription | None:
    """The subscription that a token is for."""
    row = call.tx.one(records.READ_BY_TOKEN, hash_of(token), *topic)
    return None if row is None else Subscription(*row)


def shown_arn(call: Call, subscription: Subscription) -> str:
    """As listings show it."""
    return "PendingConfirmation" if subscription.state == PENDING else subscription.key.arn(call.partition)


def new_row(call: Call, key: SubscriptionKey, protocol: str, endpoint: str, secret: str) -> Subscription:
    """A subscription as it begins, pending and without attributes."""
    sealed = records.seal_endpoint(call.vault, key, secret) if secret else None
    return Subscription(
        *key, call.account, call.principal.arn, protocol, endpoint, sealed, call.now, PENDING, "", 0, 0,
        "", "MessageAttributes", "", "",
    )  # fmt: skip
