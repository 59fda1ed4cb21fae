"""LookupEvents: the management events of the caller's account in this region, newest first.

It waits until the records of every read that was answered before it are on disk, then walks the index in steps, so that
the server's other work goes on meanwhile. A page is shorter than asked for, with a token, only after a very long walk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from holdfast.api import cloudtrail as api
from holdfast.api.base import ServiceError
from holdfast.services.cloudtrail.attributes import resources_of, user_name
from holdfast.services.cloudtrail.jobs import DAY
from holdfast.services.cloudtrail.search import LATEST, Criterion, Found, Walk
from holdfast.services.paging import BadToken, next_token, position_of

if TYPE_CHECKING:
    from holdfast.services.call import Call

MOST = 50
HISTORY = 90 * DAY
"""What LookupEvents shows ("the last 90 days"); `holdfast audit` shows what there is."""
STEPS = 250
"""Stretches of the index that one call reads: a million entries."""
LONGEST_VALUE = 2000
KEYS = frozenset(
    {
        "EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId",
    }
)  # fmt: skip


def lookup_events(call: Call, value: api.LookupEventsRequest) -> Callable[[], Awaitable[api.LookupEventsResponse]]:
    """Raises the service's Invalid…Exceptions; see the ledger for their texts."""
    call.authorize("cloudtrail:LookupEvents", "*")
    criteria = _criteria(value)
    start, end = _times(value)
    wanted = MOST if value.MaxResults is None else value.MaxResults
    if not 1 <= wanted <= MOST:
        raise _refusal(api.InvalidMaxResultsException, f"Max results must be between 1 and {MOST}.")
    if value.EventCategory is not None and value.EventCategory != "insight":
        raise _refusal(api.InvalidEventCategoryException, "The event category that was specified is not valid.")
    # The same question in every page: the token opens only with it.
    question: list[Any] = [criteria, value.StartTime, value.EndTime, value.EventCategory]
    position = None
    if value.NextToken is not None:
        try:
            position = position_of(call, "LookupEvents", question, value.NextToken)
        except BadToken:
            raise _refusal(
                api.InvalidNextTokenException,
                "The token is not valid, or was made for a request with other parameters.",
            ) from None
    trail = call.surroundings.control.audit_trail
    walk = Walk(
        call.account,
        call.region,
        criteria,
        start=max(start, call.now - HISTORY),
        end=end,
        position=None if position is None else (position[0], position[1]),
    )

    async def effect() -> api.LookupEventsResponse:
        await trail.flush()
        found: list[Found] = []
        # One more than wanted: a token is given only where there is something to come.
        for _ in range(STEPS):
            if walk.done or len(found) > wanted:
                break
            found += walk.step(trail.snapshot(), wanted + 1 - len(found))
            await asyncio.sleep(0)
        token = None
        if len(found) > wanted:
            token = next_token(call, "LookupEvents", question, list(found[wanted - 1].position))
        elif not walk.done:
            token = next_token(call, "LookupEvents", question, list(walk.position))
        return api.LookupEventsResponse(Events=[event(record) for record in found[:wanted]], NextToken=token)

    async def no_insights() -> api.LookupEventsResponse:
        return api.LookupEventsResponse(Events=[])

    return effect if value.EventCategory is None else no_insights


def _criteria(value: api.LookupEventsRequest) -> list[Criterion]:
    attributes = value.LookupAttributes or []
    if len(attributes) > 1:
        raise _refusal(api.InvalidLookupAttributesException, "You can specify only one lookup attribute.")
    criteria = [(attribute.AttributeKey or "", attribute.AttributeValue or "") for attribute in attributes]
    for key, text in criteria:
        if key not in KEYS:
            raise _refusal(api.InvalidLookupAttributesException, f"The lookup attribute {key} is not valid.")
        if not 1 <= len(text) <= LONGEST_VALUE:
            raise _refusal(
                api.InvalidLookupAttributesException, f"The value of the lookup attribute {key} is not valid."
            )
    return criteria


def _times(value: api.LookupEventsRequest) -> tuple[int, int]:
    """Milliseconds, both included: records show whole seconds, so whole seconds are compared."""
    if value.StartTime is not None and value.EndTime is not None and value.StartTime > value.EndTime:
        raise _refusal(api.InvalidTimeRangeException, "The start time must be before the end time.")
    start = 0 if value.StartTime is None else _second(value.StartTime)
    end = LATEST if value.EndTime is None else _second(value.EndTime) + 999
    return start, end


def _second(moment: float) -> int:
    return int(min(max(moment, 0), LATEST // 1000 - 1)) * 1000


def _refusal(kind: type[ServiceError], text: str) -> ServiceError:
    """The model gives these errors no members; the service answers them with a text all the same."""
    return kind(text, Message=text)


def event(found: Found) -> api.Event:
    """A record as LookupEvents shows it."""
    content = found.content
    identity = content["userIdentity"]
    return api.Event(
        EventId=content["eventID"],
        EventName=content["eventName"],
        ReadOnly="true" if content["readOnly"] else "false",
        AccessKeyId=identity.get("accessKeyId"),
        EventTime=float(found.position[0] // 1000),
        EventSource=content["eventSource"],
        Username=user_name(identity) or None,
        Resources=[api.Resource(ResourceType=kind or None, ResourceName=arn) for kind, arn in resources_of(content)],
        CloudTrailEvent=found.text.decode(),
    )
