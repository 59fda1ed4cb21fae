"""Subscribe, ListSubscriptions, ListSubscriptionsByTopic, GetSubscriptionAttributes, SetSubscriptionAttributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api import sns as api
from holdfast.services.sns import filters, records
from holdfast.services.sns.attributes import Refusal, check_filter, refused, with_subscription_attribute
from holdfast.services.sns.delivery_policies import effective_subscription_text
from holdfast.services.sns.endpoints import IN_ACCOUNTS, WEB, check_protocol, endpoint_of
from holdfast.services.sns.finding import NO_TOPIC, authorize_any, find, find_subscription
from holdfast.services.sns.identifiers import SubscriptionKey, invalid
from holdfast.services.sns.pages import PAGE, begin, end
from holdfast.services.sns.records import CONFIRMED, PENDING, Subscription
from holdfast.services.sns.subscriptions import ask, asked_lately, by_endpoint, hash_of, new_row, new_token, shown_arn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.access.decision import ContextValue
    from holdfast.services.call import Call

NOT_CONFIRMED = "pending confirmation"


def subscribe(call: Call, value: api.SubscribeInput) -> api.SubscribeResponse:
    """A new subscription; the one that the endpoint has already, if what is asked of it is so."""
    protocol, given = value.Protocol or "", value.Endpoint or ""
    check_protocol(protocol)
    endpoint = endpoint_of(protocol, given, call.account)
    # Without a password: what a condition was asked about can be shown in an explanation.
    context: dict[str, ContextValue] = {"sns:Protocol": protocol, "sns:Endpoint": endpoint.shown}
    topic, _ = find(call, value.TopicArn, "sns:Subscribe", context)
    attributes = value.Attributes or {}
    existing = by_endpoint(call, topic.key, protocol, endpoint.shown)
    if existing is not None:
        if _with_attributes(existing, attributes) != existing:
            raise invalid("Attributes Reason: Subscription already exists with different attributes")
        subscription = existing
    else:
        key = SubscriptionKey(*topic.key, call.randomness.uuid4())
        subscription = _with_attributes(new_row(call, key, protocol, endpoint.shown, endpoint.secret), attributes)
        _check_filters(call, subscription)
        if protocol in IN_ACCOUNTS and endpoint.account == call.account:
            subscription = subscription._replace(state=CONFIRMED, authenticated=1)
        records.insert_subscription(call.tx, subscription)
    arn = subscription.key.arn(call.partition)
    if subscription.state == CONFIRMED:
        return api.SubscribeResponse(SubscriptionArn=arn)
    if existing is None or not asked_lately(call, existing):
        token = new_token(call)
        after = subscription._replace(token_hash=hash_of(token))
        records.write_subscription(call.tx, subscription, after)
        ask(call, after, token)
    return api.SubscribeResponse(SubscriptionArn=arn if value.ReturnSubscriptionArn else NOT_CONFIRMED)


def _with_attributes(subscription: Subscription, attributes: dict[str, str]) -> Subscription:
    try:
        for name, given in attributes.items():
            changed = with_subscription_attribute("Subscribe", subscription, name, given)
            if changed is None:
                raise invalid(f"Attributes Reason: Unknown attribute: {name}")
            subscription = changed
        check_filter(subscription)
    except Refusal as refusal:
        raise refused(refusal, several=True) from None
    return subscription


def _check_filters(call: Call, subscription: Subscription) -> None:
    """FilterPolicyLimitExceededException for one filter policy more than a topic or an account can have."""
    if not subscription.filter_policy:
        return
    key = subscription.key.topic
    for statement, parameters, most in (
        (records.COUNT_FILTERS, key, filters.PER_TOPIC),
        (records.COUNT_ALL_FILTERS, key[:2], filters.PER_ACCOUNT),
    ):
        row = call.tx.one(statement, *parameters, most)
        if row is not None and row[0] >= most:
            raise api.FilterPolicyLimitExceededException("Filter policy limit exceeded")


def list_subscriptions(call: Call, value: api.ListSubscriptionsInput) -> api.ListSubscriptionsResponse:
    """The subscriptions of the caller's account in this region."""
    authorize_any(call, "sns:ListSubscriptions")
    position = begin(call, "ListSubscriptions", "", value.NextToken, ["", ""])
    rows = call.tx.all(records.LIST_BY_OWNER, call.account, call.region, *position, PAGE + 1)
    found = [Subscription(*row) for row in rows[:PAGE]]
    token = None
    if len(rows) > PAGE:
        token = end(call, "ListSubscriptions", "", [found[-1].name, found[-1].subscription_id])
    return api.ListSubscriptionsResponse(Subscriptions=_shown(call, found), NextToken=token)


def list_subscriptions_by_topic(
    call: Call, value: api.ListSubscriptionsByTopicInput
) -> api.ListSubscriptionsByTopicResponse:
    topic, arn = find(call, value.TopicArn, "sns:ListSubscriptionsByTopic")
    (after,) = begin(call, "ListSubscriptionsByTopic", arn, value.NextToken, [""])
    rows = call.tx.all(records.LIST_BY_TOPIC, *topic.key, after, PAGE + 1)
    found = [Subscription(*row) for row in rows[:PAGE]]
    token = None
    if len(rows) > PAGE:
        token = end(call, "ListSubscriptionsByTopic", arn, [found[-1].subscription_id])
    return api.ListSubscriptionsByTopicResponse(Subscriptions=_shown(call, found), NextToken=token)


def _shown(call: Call, subscriptions: Sequence[Subscription]) -> list[api.Subscription]:
    return [
        api.Subscription(
            SubscriptionArn=shown_arn(call, each),
            Owner=each.owner,
            Protocol=each.protocol,
            Endpoint=each.endpoint,
            TopicArn=each.key.topic.arn(call.partition),
        )
        for each in subscriptions
    ]


def get_subscription_attributes(
    call: Call, value: api.GetSubscriptionAttributesInput
) -> api.GetSubscriptionAttributesResponse:
    subscription = find_subscription(call, value.SubscriptionArn, "sns:GetSubscriptionAttributes")
    topic = records.read_topic(call.tx, subscription.key.topic)
    if topic is None:
        raise api.NotFoundException(NO_TOPIC)
    shown: dict[str, Any] = {
        "Owner": subscription.owner,
        "RawMessageDelivery": _word(subscription.raw),
        "TopicArn": subscription.key.topic.arn(call.partition),
        "Endpoint": subscription.endpoint,
        "Protocol": subscription.protocol,
        "PendingConfirmation": _word(subscription.state == PENDING),
        "ConfirmationWasAuthenticated": _word(subscription.authenticated),
        "SubscriptionArn": subscription.key.arn(call.partition),
        "SubscriptionPrincipal": subscription.principal,
    }
    if subscription.filter_policy:
        shown |= {"FilterPolicy": subscription.filter_policy, "FilterPolicyScope": subscription.filter_scope}
    if subscription.delivery_policy:
        shown["DeliveryPolicy"] = subscription.delivery_policy
    if subscription.protocol in WEB:
        effective = effective_subscription_text(topic.delivery_policy, subscription.delivery_policy)
        shown["EffectiveDeliveryPolicy"] = effective
    if subscription.redrive_policy:
        shown["RedrivePolicy"] = subscription.redrive_policy
    return api.GetSubscriptionAttributesResponse(Attributes=shown)


def _word(truth: object) -> str:
    return "true" if truth else "false"


def set_subscription_attributes(
    call: Call, value: api.SetSubscriptionAttributesInput
) -> api.SetSubscriptionAttributesOutput:
    before = find_subscription(call, value.SubscriptionArn, "sns:SetSubscriptionAttributes")
    name, given = value.AttributeName or "", value.AttributeValue or ""
    try:
        after = with_subscription_attribute("SetSubscriptionAttributes", before, name, given)
        if after is None:
            raise invalid("AttributeName")
        check_filter(after)
    except Refusal as refusal:
        raise refused(refusal, several=False) from None
    if after.filter_policy and not before.filter_policy:
        _check_filters(call, after)
    records.write_subscription(call.tx, before, after)
    return api.SetSubscriptionAttributesOutput()
