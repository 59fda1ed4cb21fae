"""ListDeliveries, ShowDelivery, Redeliver: events and messages on their way out, and what of them did not arrive.

The operator sees the deliveries of every account, anybody else those of their own. What one carries is shown to whoever
may do holdfast:ShowDelivery, and in no list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.principal import PrincipalKind
from holdfast.api import holdfast as api
from holdfast.api.base import ValidationException
from holdfast.services.outbox.looking import STATES, Position, Shown, page, read, send_again
from holdfast.services.outbox.records import FAILED, WAITING, body_of
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call

PAGE = 100
BATCH = 500
"""Deliveries that one call of Redeliver sends again."""
FIRST: Position = (-1, "")


def _visible(call: Call) -> str:
    return "" if call.principal.kind is PrincipalKind.OPERATOR else call.account


def _find(call: Call, delivery_id: str | None) -> Shown:
    shown = read(call.tx, delivery_id or "")
    if shown is None or _visible(call) not in ("", shown.account):
        raise api.DeliveryNotFoundException("There is no delivery with this id, or not any more.")
    return shown


def _member(shown: Shown) -> api.Delivery:
    waits = shown.state == WAITING
    return api.Delivery(
        Id=shown.delivery_id,
        Kind=shown.kind,
        Account=shown.account,
        Region=shown.region,
        Destination=shown.destination,
        Carried=shown.carried,
        State=shown.state,
        CreatedDate=shown.put / 1000,
        NextAttemptDate=shown.due / 1000 if waits else None,
        EndedDate=None if waits else shown.due / 1000,
        Attempts=shown.attempts,
        ErrorCode=shown.error_code or None,
        LastError=shown.last_error or None,
    )


def list_deliveries(call: Call, value: api.ListDeliveriesRequest) -> api.ListDeliveriesResponse:
    """A page of deliveries: those that were given up first, then those that wait, then those that arrived; each by the
    moment they are due or were over."""
    call.authorize("holdfast:ListDeliveries", "*")
    if value.State is not None and value.State not in STATES:
        raise ValidationException(f"State must be one of {', '.join(STATES)}.")
    states = STATES if value.State is None else (value.State,)
    scope = [call.account, value.State or "", value.Destination or ""]
    state, after = states[0], FIRST
    if value.NextToken is not None:
        try:
            state, *position = position_of(call, "ListDeliveries", scope, value.NextToken)
        except BadToken:
            raise ValidationException("The NextToken is not one of this listing.") from None
        after = (position[0], position[1])
    limit = value.MaxResults or PAGE
    found: list[Shown] = []
    for each in states[states.index(state) :]:
        found += page(call.tx, each, after, _visible(call), value.Destination or "", limit + 1 - len(found))
        after = FIRST
        if len(found) > limit:
            break
    token = None
    if len(found) > limit:
        last = found[limit - 1]
        token = next_token(call, "ListDeliveries", scope, [last.state, last.due, last.delivery_id])
    return api.ListDeliveriesResponse(Deliveries=[_member(shown) for shown in found[:limit]], NextToken=token)


def show_delivery(call: Call, value: api.ShowDeliveryRequest) -> api.ShowDeliveryResponse:
    """One delivery with what it carries."""
    call.authorize("holdfast:ShowDelivery", "*")
    shown = _find(call, value.Id)
    body = body_of(call, shown.delivery_id)
    text = None if body is None else body.decode(errors="replace")
    return api.ShowDeliveryResponse(Delivery=_member(shown), Body=text)


def redeliver(call: Call, value: api.RedeliverRequest) -> api.RedeliverResponse:
    """Send one delivery again, or all that were given up: with all their attempts, and with an age that begins now."""
    call.authorize("holdfast:Redeliver", "*")
    if (value.Id is None) == (not value.Failed):
        raise ValidationException("Give either Id or Failed.")
    if value.Id is not None:
        if value.Destination or value.NextToken:
            raise ValidationException("Destination and NextToken go with Failed, not with Id.")
        shown = _find(call, value.Id)
        if shown.state == WAITING and shown.due <= call.now:
            raise api.NothingToDoException("The delivery is on its way.")
        send_again(call, shown)
        return api.RedeliverResponse(Redelivered=1)
    return _redeliver_failed(call, value)


def _redeliver_failed(call: Call, value: api.RedeliverRequest) -> api.RedeliverResponse:
    scope = [call.account, value.Destination or ""]
    until, after = call.now, FIRST
    if value.NextToken is not None:
        try:
            until, *position = position_of(call, "Redeliver", scope, value.NextToken)
        except BadToken:
            raise ValidationException("The NextToken is not one of this request.") from None
        after = (position[0], position[1])
    failed = page(call.tx, FAILED, after, _visible(call), value.Destination or "", BATCH)
    # What fails again meanwhile is not sent a second time by the same command.
    again = [shown for shown in failed if shown.due <= until]
    for shown in again:
        send_again(call, shown)
    token = None
    if len(again) == BATCH:
        token = next_token(call, "Redeliver", scope, [until, again[-1].due, again[-1].delivery_id])
    return api.RedeliverResponse(Redelivered=len(again), NextToken=token)
