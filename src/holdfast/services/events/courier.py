"""From a delivery to its target: what `services.outbox.jobs.deliver` asks of EventBridge.

    prepare     in the store (a topic, another bus): done there and then, as events.amazonaws.com, for the rule's ARN, or
                as the target's role. Outside (a queue, an API destination) and for functions: what is to be awaited.
    judge       the target's RetryPolicy: 185 further attempts within 24 hours when it has none
    exhausted   its DeadLetterConfig gets a delivery of its own, with AWS's attributes

What permission or presence is lacking is final ("Event retry policy and using dead-letter queues", user guide): trying
again cannot help until somebody has done something.

INVARIANT: a target is asked with no more permission than its own policy, or the role of the target, gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.api.base import AccessDeniedException, ServiceError
from holdfast.services.events import records
from holdfast.services.events.api_calls import api_call
from holdfast.services.events.inputs import compact, input_of
from holdfast.services.events.names import BusAt, RuleAt, parse_bus_arn, parse_rule_arn
from holdfast.services.events.policies import compiled
from holdfast.services.events.roles import EVENTS, assumable, role_may
from holdfast.services.events.routing import DELIVER, Carried, route_to
from holdfast.services.events.targets import Kind, decode_target, kind_of
from holdfast.services.events.transformer import TooLarge
from holdfast.services.functions import function_at
from holdfast.services.outbox.deliveries import Again, Courier, Delivery, GivenUp, NotDelivered, Send
from holdfast.services.outbox.records import put
from holdfast.services.outbox.rules import MAXIMUM_EVENT_AGE, MAXIMUM_RETRY_ATTEMPTS, retry_event
from holdfast.services.outside import Refused
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.access.decision import ContextValue
    from holdfast.api import events as api
    from holdfast.services.call import Call

DEAD_LETTER = "dead-letter|"
SERVICE = "events"
NO_PERMISSIONS = "NO_PERMISSIONS"
NO_RESOURCE = "NO_RESOURCE"
MISSING = ("NotFound", "NotFoundException", "ResourceNotFoundException")


class DeadLetter(msgspec.Struct, frozen=True):
    """The body of a delivery to a dead-letter queue."""

    message: str
    attributes: dict[str, str]


def _final(code: str, reason: str) -> NotDelivered:
    return NotDelivered(code, reason, final=True)


def _parts(delivery: Delivery) -> tuple[RuleAt, str]:
    """The rule and the target's id of a destination."""
    arn, _, target_id = delivery.destination.rpartition("|")
    where = parse_rule_arn(arn)
    assert where is not None
    return where, target_id


def _target(call: Call, delivery: Delivery) -> tuple[RuleAt, api.Target | None]:
    where, target_id = _parts(delivery)
    settings = records.read_target(call.tx, where, target_id)
    return where, None if settings is None else decode_target(settings)


def _role(call: Call, where: RuleAt, target: api.Target) -> str:
    """The target's role, or else the rule's; empty when neither has one."""
    if target.RoleArn:
        return target.RoleArn
    rule = records.read_rule(call.tx, where)
    return rule.role if rule is not None else ""


def prepare(call: Call, delivery: Delivery) -> Send | NotDelivered | None:
    if delivery.destination.startswith(DEAD_LETTER):
        letter = msgspec.json.decode(delivery.body, type=DeadLetter)
        queue = delivery.destination.removeprefix(DEAD_LETTER)
        return _enqueue(call, queue, letter.message, letter.attributes)
    where, target = _target(call, delivery)
    if target is None:
        return _final(NO_RESOURCE, "the rule has no such target any more")
    carried = msgspec.json.decode(delivery.body, type=Carried)
    try:
        return _to_target(call, delivery, where, target, carried)
    except TooLarge:
        return _final("SDK_CLIENT_ERROR", "what the target asks for of the event is too large")


def _to_target(
    call: Call, delivery: Delivery, where: RuleAt, target: api.Target, carried: Carried
) -> Send | NotDelivered | None:
    arn = target.Arn or ""
    match kind_of(arn):
        case Kind.TOPIC:
            return _publish(call, where, arn, input_of(target, carried, where, call.partition))
        case Kind.FUNCTION:
            payload = input_of(target, carried, where, call.partition).encode()
            return _invoke(call, where, arn, payload, delivery.delivery_id)
        case Kind.QUEUE:
            text = input_of(target, carried, where, call.partition)
            group = target.SqsParameters.MessageGroupId if target.SqsParameters else None
            return _enqueue(call, arn, text, {}, group or "", delivery.delivery_id if group else "")
        case Kind.BUS:
            return _send_on(call, where, arn, _role(call, where, target), carried)
        case Kind.API_DESTINATION:
            return api_call(call, where, target, _role(call, where, target), carried)
        case None:
            return _final(NO_RESOURCE, "no target of this kind can be reached")


# -- in the store -------------------------------------------------------------------------------------------------------


def _publish(call: Call, rule: RuleAt, topic: str, message: str) -> NotDelivered | None:
    """A message of the topic, if its policy admits events.amazonaws.com for this rule."""
    from holdfast.api import sns

    events = call.as_service(EVENTS.service, rule.arn(call.partition), rule.account)
    try:
        events.on_behalf(sns.Publish, sns.PublishInput(TopicArn=topic, Message=message), by=SERVICE)
    except (AccessDeniedException, sns.AuthorizationErrorException):
        return _final(NO_PERMISSIONS, "the topic's policy does not let events.amazonaws.com publish for this rule")
    except ServiceError as error:
        if error.code in MISSING:
            return _final(NO_RESOURCE, "the topic does not exist")
        return _final("SDK_CLIENT_ERROR", f"the topic does not take it: {error.code}")
    return None


def _send_on(call: Call, rule: RuleAt, arn: str, role: str, carried: Carried) -> NotDelivered | None:
    """The event, to the rules of another bus."""
    bus = parse_bus_arn(arn)
    assert bus is not None
    if carried.through:
        # "The events aren't sent to the third event bus" (user guide, "Sending and receiving events between event buses in
        # the same account", and likewise for accounts).
        return _final("SDK_CLIENT_ERROR", "an event that another bus sent on is not sent on to a third one")
    found = records.read_bus(call.tx, bus)
    if found is None:
        return _final(NO_RESOURCE, "the event bus does not exist")
    if not _may_put(call, rule, role, bus, found, carried.event):
        return _final(NO_PERMISSIONS, "events:PutEvents on the event bus is not allowed for this rule")
    route_to(call, bus, carried.event, (rule.on.arn(call.partition),))
    return None


def _may_put(call: Call, rule: RuleAt, role: str, bus: BusAt, found: records.Bus, event: dict[str, Any]) -> bool:
    """Whether the target's role, or without one the rule's account, may put an event on the bus."""
    rule_arn, bus_arn = rule.arn(call.partition), bus.arn(call.partition)
    context: dict[str, ContextValue] = {
        "events:source": event["source"],
        "events:detail-type": event["detail-type"],
        "events:eventBusInvocation": "true",
        "aws:SourceArn": rule_arn,
        "aws:SourceAccount": rule.account,
        **resource_context(found.tags),
    }
    if role and not assumable(call, role, rule_arn):
        return False
    who = role or f"arn:{call.partition}:iam::{rule.account}:root"
    return role_may(call, who, "events:PutEvents", bus_arn, bus.account, context, compiled(found.policy))


# -- to be awaited ------------------------------------------------------------------------------------------------------


def _invoke(call: Call, rule: RuleAt, arn: str, payload: bytes, event_id: str) -> Send | NotDelivered:
    """An asynchronous invocation. Its id is the delivery's, so that the function's queue takes a repetition once."""
    functions = call.surroundings.functions
    if not functions.admits(call, arn, EVENTS.service, rule.arn(call.partition), rule.account):
        return _final(NO_PERMISSIONS, "the function's policy does not let events.amazonaws.com invoke it for this rule")
    where = function_at(arn)
    if where is None or not functions.exists(call, arn):
        return _final(NO_RESOURCE, "the function does not exist")

    async def send() -> None:
        await functions.keep_event(where, payload, event_id)

    return send


def _enqueue(
    call: Call, queue: str, text: str, attributes: dict[str, str], group: str = "", deduplication: str = ""
) -> Send:
    outside = call.surroundings.outside

    async def send() -> NotDelivered | None:
        try:
            await outside.enqueue(queue, text, attributes, group=group, deduplication=deduplication)
        except Refused as refused:
            return NotDelivered(refused.code, str(refused), final=refused.permanent)
        return None

    return send


# -- when it failed -----------------------------------------------------------------------------------------------------


def judge(call: Call, delivery: Delivery, failure: NotDelivered) -> Again | GivenUp:
    policy = None
    if not delivery.destination.startswith(DEAD_LETTER):
        _, target = _target(call, delivery)
        policy = target.RetryPolicy if target is not None else None
    most = policy.MaximumRetryAttempts if policy else None
    return retry_event(
        delivery.attempts,
        call.now - delivery.created,
        call.randomness,
        maximum_attempts=MAXIMUM_RETRY_ATTEMPTS if most is None else most,
        maximum_age=(policy.MaximumEventAgeInSeconds if policy else None) or MAXIMUM_EVENT_AGE,
        retry_after=failure.retry_after,
    )


def exhausted(call: Call, delivery: Delivery, failure: NotDelivered, given_up: GivenUp) -> None:
    """The event as it came, with what is known of its end, to the target's dead-letter queue."""
    if delivery.destination.startswith(DEAD_LETTER):
        return
    where, target = _target(call, delivery)
    queue = target.DeadLetterConfig.Arn if target is not None and target.DeadLetterConfig else None
    if target is None or queue is None:
        return
    attributes = {
        "RULE_ARN": where.arn(call.partition),
        "TARGET_ARN": target.Arn or "",
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": failure.reason,
        "RETRY_ATTEMPTS": str(delivery.attempts - 1),
    }
    if given_up.condition:
        attributes["EXHAUSTED_RETRY_CONDITION"] = given_up.condition
    event = msgspec.json.decode(delivery.body, type=Carried).event
    body = msgspec.json.encode(DeadLetter(compact(event), attributes))
    put(call, DELIVER, DEAD_LETTER + queue, delivery.carried, body, account=delivery.account)


COURIER = Courier(prepare, judge, exhausted)
