"""From one message to a delivery for each subscription that gets it.

The first PAGE subscriptions are served in the transaction that took the message. When there are more, the message is kept,
sealed, and a job goes on a page at a time: publishing costs the same at a topic with a hundred thousand of them.

INVARIANT: each subscription gets a message once: how far a fan-out came moves in the transaction that put the deliveries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.outbox.records import newest_due, put
from holdfast.services.sns import records
from holdfast.services.sns.delivery_policies import effective
from holdfast.services.sns.endpoints import WEB
from holdfast.services.sns.filters import Candidate
from holdfast.services.sns.messages import Message, decode, encode
from holdfast.services.sns.records import Subscription
from holdfast.services.sns.subscriptions import DELIVER

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Topic

PAGE = 100
FAN_OUT = "sns.fan_out"


def begin(call: Call, topic: Topic, message: Message) -> None:
    """Hand a message to the subscriptions of a topic."""
    position = _page(call, topic, message, "")
    if position is not None:
        body = encode(message)
        records.insert_fan_out(call.tx, call.vault, topic.key, message.message_id, position, body)
        call.schedule(FAN_OUT, message.message_id, call.now, account=topic.account)


def go_on(call: Call, subject: str, _payload: dict[str, object]) -> None:
    """The job of a fan-out: one more page."""
    fan_out = records.read_fan_out(call.tx, call.vault, subject)
    if fan_out is None:
        return
    topic = records.read_topic(call.tx, fan_out.topic)
    position = None if topic is None else _page(call, topic, decode(fan_out.body), fan_out.position)
    if position is None:
        call.tx.run(records.REMOVE_FAN_OUT, subject)
        return
    call.tx.run(records.MOVE_FAN_OUT, position, subject)
    call.schedule(FAN_OUT, subject, call.now, account=fan_out.topic.account)


def _page(call: Call, topic: Topic, message: Message, after: str) -> str | None:
    """Serve a page of subscriptions; where the next one begins, or None."""
    candidate = Candidate(message.text, message.attributes)
    bodies: dict[str, bytes] = {}
    rows = call.tx.all(records.LIST_CONFIRMED, *topic.key, after, PAGE)
    for row in rows:
        subscription = Subscription(*row)
        if not candidate.passes(subscription.filter_policy, subscription.filter_scope):
            continue
        protocol = subscription.protocol
        body = bodies.get(protocol)
        if body is None:
            body = bodies[protocol] = encode(message.for_protocol(protocol))
        arn = subscription.key.arn(call.partition)
        delay = _delay(call, topic, subscription, arn)
        put(call, DELIVER, arn, message.message_id, body, account=topic.account, delay=delay)
    return Subscription(*rows[-1]).subscription_id if len(rows) == PAGE else None


def _delay(call: Call, topic: Topic, subscription: Subscription, arn: str) -> int:
    """Milliseconds that a message waits for its turn, where an endpoint takes only so many a second."""
    if subscription.protocol not in WEB or not (topic.delivery_policy or subscription.delivery_policy):
        return 0
    per_second = effective(topic.delivery_policy, subscription.delivery_policy).per_second
    if not per_second:
        return 0
    before = newest_due(call, DELIVER, arn, topic.account)
    return 0 if before is None else max(0, before + -(-1000 // per_second) - call.now)
