"""ConfirmSubscription and Unsubscribe: the two calls that need no signature, because they are links.

A confirmation shows its token, and only whoever reads what the endpoint gets can know it. An unsigned Unsubscribe needs
the subscription's ARN, whose last part is random; it ends no subscription that was confirmed with a signature, and the
endpoint can take it back.

Threat: anybody can send these. So each looks first, in a snapshot, and only becomes a write when there is something to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import sns as api
from holdfast.services.sns import records
from holdfast.services.sns.endpoints import MAIL, WEB
from holdfast.services.sns.finding import NO_TOPIC, authorize_any, denied
from holdfast.services.sns.identifiers import invalid, subscription_key, topic_key
from holdfast.services.sns.policies import compiled
from holdfast.services.sns.records import CONFIRMED, DELETED, PENDING
from holdfast.services.sns.subscriptions import by_token, confirm, end, is_unsigned, take_place
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Subscription, Topic

NEEDS_SIGNATURE = "Unsubscribe must be signed: the subscription was confirmed with AuthenticateOnUnsubscribe"


def confirm_subscription(call: Call, value: api.ConfirmSubscriptionInput) -> api.ConfirmSubscriptionResponse:
    unsigned = is_unsigned(call)
    authenticated = (value.AuthenticateOnUnsubscribe or "").lower() == "true"
    key = topic_key(value.TopicArn or "", "" if unsigned else call.region)
    topic = records.read_topic(call.tx, key)
    if not unsigned:
        _check_own_side(call, topic, key.arn(call.partition))
    elif authenticated:
        raise api.AuthorizationErrorException("ConfirmSubscription with AuthenticateOnUnsubscribe must be signed")
    if topic is None:
        raise api.NotFoundException(NO_TOPIC)
    subscription = by_token(call, key, value.Token or "")
    if subscription is None:
        raise invalid("Token")
    if unsigned:
        take_place(call, key)
        call.without_authorization("sns:ConfirmSubscription")
    if subscription.state != CONFIRMED:
        call.needs_write()
        subscription = confirm(call, subscription, authenticated=authenticated)
    return api.ConfirmSubscriptionResponse(SubscriptionArn=subscription.key.arn(call.partition))


def _check_own_side(call: Call, topic: Topic | None, arn: str) -> None:
    """Whether the caller's own policies let it. For the topic speaks the token, whoever owns it; but its policy may deny."""
    policy = None if topic is None else compiled(call.partition, topic.key, topic.policy)
    context = resource_context("" if topic is None else topic.tags)
    decision = call.check("sns:ConfirmSubscription", arn, context, owner=call.account, resource_policy=policy)
    if not decision.allowed:
        raise denied(decision)


def unsubscribe(call: Call, value: api.UnsubscribeInput) -> api.UnsubscribeOutput:
    """End a subscription; no error when there is none any more."""
    unsigned = is_unsigned(call)
    key = subscription_key(value.SubscriptionArn or "", "" if unsigned else call.region)
    if not unsigned:
        authorize_any(call, "sns:Unsubscribe")
    subscription = records.read_subscription(call.tx, key)
    if unsigned:
        take_place(call, key.topic)
        call.without_authorization("sns:Unsubscribe")
    if subscription is None or subscription.state == DELETED:
        if unsigned:
            call.account = ""  # nothing happened: nothing for anybody's records
        return api.UnsubscribeOutput()
    _check_owner(call, subscription, unsigned=unsigned)
    call.needs_write()
    goodbye = subscription.state == CONFIRMED and (
        subscription.protocol in WEB or (unsigned and subscription.protocol in MAIL)
    )
    end(call, subscription, say_goodbye=goodbye)
    return api.UnsubscribeOutput()


def _check_owner(call: Call, subscription: Subscription, *, unsigned: bool) -> None:
    if unsigned:
        if subscription.authenticated or subscription.state == PENDING:
            raise api.AuthorizationErrorException(NEEDS_SIGNATURE)
    elif call.account not in (subscription.owner, subscription.account):
        raise api.AuthorizationErrorException(
            f"User: {call.principal.arn} is not authorized to perform: SNS:Unsubscribe on resource: "
            f"{subscription.key.arn(call.partition)}"
        )
