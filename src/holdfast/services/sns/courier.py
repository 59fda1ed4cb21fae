"""How a message reaches a subscription, and what becomes of it when it does not.

    http, https         a POST; retried as the delivery policy says, but for 4xx other than 429
    sqs, lambda         AWS's policy for its own endpoints: 100,015 attempts over 23 days
    email, email-json   AWS's policy for SMTP: 50 attempts over six hours

("Amazon SNS message delivery retries", developer guide.) What is given up goes to the subscription's dead-letter queue, if
it has one. A subscription or function that is gone, and a function whose policy does not let SNS in, are given up at once.

INVARIANT: no reason of a failure holds anything of the message, of the endpoint's credentials or of what it answered.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from holdfast.services.functions import NotInvoked, function_at
from holdfast.services.outbox.deliveries import Again, Courier, Delivery, GivenUp, NotDelivered, Send
from holdfast.services.outbox.jobs import deliver as deliver_due
from holdfast.services.outbox.records import put
from holdfast.services.outbox.rules import AWS_MANAGED, CUSTOMER_MANAGED, DeliveryPolicy, retry_message
from holdfast.services.outside import Answer, NotConfigured, Outgoing, QueueAttribute, Refused
from holdfast.services.service import JobEffect, SecondHalf
from holdfast.services.sns import formats, records
from holdfast.services.sns.attributes import queue_of
from holdfast.services.sns.delivery_policies import effective
from holdfast.services.sns.endpoints import EMAIL, LAMBDA, SQS, WEB, credentials_of
from holdfast.services.sns.identifiers import subscription_key
from holdfast.services.sns.messages import CONFIRMATION, GOODBYE, NOTIFICATION, Message, decode, encode
from holdfast.services.sns.records import CONFIRMED, DELETED, PENDING, SigningKey, Subscription, Topic
from holdfast.services.sns.subscriptions import DELIVER
from holdfast.store.transaction import StoreError
from holdfast.vault.message_signatures import MessageSigner, new_signing_key
from holdfast.work.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.services.call import Call

SERVICE = "sns.amazonaws.com"
DEAD_LETTER = "dead-letter|"
SECONDS = 15.0
"""For an endpoint's answer ("endpoints must respond within 15 seconds")."""
GONE = NotDelivered("NO_RESOURCE", "the subscription has ended", final=True)
STATES = {NOTIFICATION: CONFIRMED, CONFIRMATION: PENDING, GOODBYE: DELETED}
"""In which state a subscription gets which kind of message."""


def deliver(call: Call, destination: str, _payload: dict[str, object]) -> JobEffect | None:
    """The job of a subscription or a dead-letter queue. The region's first one makes its signing key before."""
    if records.read_signing_key(call.tx, call.region) is not None:
        return deliver_due(call, destination, COURIER)
    wall, randomness, name = call.surroundings.wall(), call.randomness, f"sns.{call.region}.holdfast"

    async def make_key(_identity: str) -> SecondHalf:
        made = await in_thread(lambda: new_signing_key(randomness, wall, name))

        def second_half(call: Call) -> JobEffect | None:
            if records.read_signing_key(call.tx, call.region) is None:
                records.insert_signing_key(
                    call.tx, call.vault, call.region, made.key_id, call.now, made.certificate, made.private
                )
            return deliver_due(call, destination, COURIER)

        return SecondHalf(second_half)

    return make_key


# -- one delivery -------------------------------------------------------------------------------------------------------


def prepare(call: Call, delivery: Delivery) -> Send | NotDelivered | None:
    message = decode(delivery.body)
    if delivery.destination.startswith(DEAD_LETTER):
        return _to_dead_letter(call, delivery.destination.removeprefix(DEAD_LETTER), message)
    key = subscription_key(delivery.destination, call.region)
    subscription = records.read_subscription(call.tx, key)
    topic = records.read_topic(call.tx, key.topic)
    if subscription is None or topic is None:
        return GONE
    if subscription.state != STATES[message.kind]:
        # A confirmation that is not needed any more is no failure.
        return GONE if message.kind == NOTIFICATION else None
    return _to_endpoint(call, topic, subscription, message, delivery.delivery_id)


def _to_endpoint(
    call: Call, topic: Topic, subscription: Subscription, message: Message, delivery_id: str
) -> Send | NotDelivered:
    post, signing = _post(call, topic, subscription.key.arn(call.partition))
    raw = bool(subscription.raw) and message.kind == NOTIFICATION
    if subscription.protocol in WEB:
        content_type = effective(topic.delivery_policy, subscription.delivery_policy).content_type
        return _to_web(call, records.open_endpoint(call.vault, subscription), message, post, signing, content_type, raw)
    if subscription.protocol == LAMBDA:
        return _to_function(call, topic, subscription, message, post, signing, delivery_id)
    outside = call.surroundings.outside
    if subscription.protocol == SQS:
        return _to_queue(call, subscription.endpoint, message, post, signing, raw=raw)
    to = subscription.endpoint

    async def mail() -> NotDelivered | None:
        plain = subscription.protocol == EMAIL
        letter = formats.letter(message, post, to) if plain else formats.json_letter(message, post, signing, to)
        return await _told(lambda: outside.mail(letter))

    return mail


def _post(call: Call, topic: Topic, subscription_arn: str) -> tuple[formats.Post, formats.Signing]:
    base = call.surroundings.control.home(call.tx)[0]
    key = records.read_signing_key(call.tx, call.region)
    assert key is not None  # `deliver` made one
    post = formats.Post(topic.key.arn(call.partition), subscription_arn, base, topic.display_name)
    url = formats.certificate_url(base, key.key_id)
    return post, formats.Signing(_signer(call, key), url, topic.signature_version or "1")


def _signer(call: Call, key: SigningKey) -> Callable[[bytes, str], bytes]:
    """Signs when it is asked to: a signature takes half a millisecond, which no transaction should wait for."""
    return MessageSigner(records.open_signing_key(call.vault, key)).sign


def _to_web(
    call: Call,
    endpoint: str,
    message: Message,
    post: formats.Post,
    signing: formats.Signing,
    content_type: str,
    raw: bool,
) -> Send:
    url, credentials = credentials_of(endpoint)
    headers = formats.headers(message, post, content_type, raw=raw)
    if credentials is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    outside = call.surroundings.outside

    async def send() -> NotDelivered | None:
        body = message.text if raw else formats.envelope(message, post, signing)
        answer = await outside.post(Outgoing("POST", url, headers, body.encode(), SECONDS))
        return judged(answer)

    return send


def judged(answer: Answer) -> NotDelivered | None:
    """What a status means: 5xx and 429 may be tried again, all else but 2xx is final."""
    if 200 <= answer.status < 300:
        return None
    again = answer.status >= 500 or answer.status == 429
    return NotDelivered(
        str(answer.status),
        f"the endpoint answered status {answer.status}",
        final=not again,
        retry_after=answer.retry_after if again else 0,
    )


def _to_function(
    call: Call,
    topic: Topic,
    subscription: Subscription,
    message: Message,
    post: formats.Post,
    signing: formats.Signing,
    delivery_id: str,
) -> Send | NotDelivered:
    functions, arn = call.surroundings.functions, subscription.endpoint
    if not functions.exists(call, arn):
        return NotDelivered("NO_RESOURCE", "the function does not exist", final=True)
    if not functions.admits(call, arn, SERVICE, post.topic_arn, topic.account):
        return NotDelivered(
            "NO_PERMISSIONS", "the function's policy does not let sns.amazonaws.com invoke it", final=True
        )
    target = function_at(arn)
    assert target is not None  # `Subscribe` took it

    async def send() -> NotDelivered | None:
        try:
            await functions.keep_event(target, formats.function_event(message, post, signing), delivery_id)
        except NotInvoked as error:
            return NotDelivered("SDK_CLIENT_ERROR", str(error))
        except StoreError:
            return NotDelivered("INTERNAL_ERROR", "the store did not take the event")
        return None

    return send


def _to_queue(
    call: Call, queue: str, message: Message, post: formats.Post, signing: formats.Signing, *, raw: bool
) -> Send:
    outside = call.surroundings.outside

    async def send() -> NotDelivered | None:
        if raw:
            attributes = {name: QueueAttribute(*attribute) for name, attribute in message.attributes.items()}
            return await _told(lambda: outside.enqueue(queue, message.text, attributes, group=message.group))
        body = formats.envelope(message, post, signing)
        return await _told(lambda: outside.enqueue(queue, body, group=message.group))

    return send


async def _told(send: Callable[[], Awaitable[None]]) -> NotDelivered | None:
    """A refusal in the words of deliveries; anything else that goes wrong is the outbox's to tell."""
    try:
        await send()
    except Refused as error:
        return NotDelivered(error.code, str(error), final=error.permanent)
    except NotConfigured as error:
        return NotDelivered("SDK_CLIENT_ERROR", str(error), final=True)
    return None


# -- failures -----------------------------------------------------------------------------------------------------------


def judge(call: Call, delivery: Delivery, failure: NotDelivered) -> Again | GivenUp:
    policy = _policy(call, delivery)
    return retry_message(delivery.attempts, policy, call.randomness, retry_after=failure.retry_after)


def _policy(call: Call, delivery: Delivery) -> DeliveryPolicy:
    if delivery.destination.startswith(DEAD_LETTER):
        return AWS_MANAGED
    key = subscription_key(delivery.destination, call.region)
    subscription = records.read_subscription(call.tx, key)
    topic = records.read_topic(call.tx, key.topic)
    if subscription is None or topic is None:
        return DeliveryPolicy(num_retries=0)
    if subscription.protocol in WEB:
        return effective(topic.delivery_policy, subscription.delivery_policy).retries
    return AWS_MANAGED if subscription.protocol in (SQS, LAMBDA) else CUSTOMER_MANAGED


def exhausted(call: Call, delivery: Delivery, failure: NotDelivered, given_up: GivenUp) -> None:
    if delivery.destination.startswith(DEAD_LETTER):
        return
    subscription = records.read_subscription(call.tx, subscription_key(delivery.destination, call.region))
    message = decode(delivery.body)
    if subscription is None or not subscription.redrive_policy or message.kind != NOTIFICATION:
        return
    message.subscription = delivery.destination
    queue = queue_of(subscription.redrive_policy)
    put(call, DELIVER, f"{DEAD_LETTER}{queue}", delivery.carried, encode(message), account=delivery.account)


def _to_dead_letter(call: Call, queue: str, message: Message) -> Send | NotDelivered:
    """What the endpoint would have got, for whoever looks into the queue."""
    key = subscription_key(message.subscription, call.region)
    subscription = records.read_subscription(call.tx, key)
    topic = records.read_topic(call.tx, key.topic)
    if topic is None:
        return GONE
    post, signing = _post(call, topic, message.subscription)
    return _to_queue(call, queue, message, post, signing, raw=subscription is not None and bool(subscription.raw))


COURIER = Courier(prepare, judge, exhausted)
