"""PutEvents, TestEventPattern."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from holdfast.access.decision import ContextValue
from holdfast.api import events as api
from holdfast.api.base import NotImplementedException, ValidationException
from holdfast.services.emitted import Emitted
from holdfast.services.events import records
from holdfast.services.events.names import BusAt, bus_of
from holdfast.services.events.policies import compiled
from holdfast.services.events.routing import route_to
from holdfast.services.matching.matchers import BadPattern
from holdfast.services.matching.patterns import parse_pattern
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call

LARGEST = 262_144
"""Bytes of all entries together."""
LONGEST_DETAIL_TYPE = 128
"""Characters ("Free-form string, with a maximum of 128 characters": API reference, PutEventsRequestEntry)."""
OF_TIME = 14
"""Bytes that a Time counts for ("Calculating PutEvents event entry size", user guide)."""
LATEST = 253_402_300_800
"""The first second of the year 10000."""
DEEPEST = 200
"""Objects and arrays in one another."""
BETWEEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
"""A text; one without an end goes to the end, or each of its quotes would be looked at as the beginning of another."""
BRACKETS = re.compile(r"[\[\]{}]")
NEEDED = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""Fields that an event of TestEventPattern must have."""


class Refused(Exception):
    """An entry that is not taken: ErrorCode, ErrorMessage."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


def put_events(call: Call, value: api.PutEventsRequest) -> api.PutEventsResponse:
    """Take events; each entry by itself, but for permission, which is needed for all of them."""
    entries = value.Entries or []
    if value.EndpointId:
        raise NotImplementedException("Holdfast does not implement global endpoints (EndpointId).")
    if sum(map(_size, entries)) > LARGEST:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    missing = [_missing(entry) for entry in entries]
    if all(missing):
        # "If you submit a request in which none of the entries have each of these properties, EventBridge fails the entire
        # request" (API reference, PutEventsRequestEntry).
        raise ValidationException(_required(missing[0]).text)
    buses = [_authorized(call, entry) for entry in entries]
    answers = [_put(call, entry, *bus) for entry, bus in zip(entries, buses, strict=True)]
    failed = sum(1 for answer in answers if answer.ErrorCode)
    return api.PutEventsResponse(FailedEntryCount=failed, Entries=answers)


def _size(entry: api.PutEventsRequestEntry) -> int:
    texts = (entry.Source, entry.DetailType, entry.Detail, *(entry.Resources or ()))
    return (OF_TIME if entry.Time is not None else 0) + sum(len(text.encode()) for text in texts if text)


def _authorized(call: Call, entry: api.PutEventsRequestEntry) -> tuple[BusAt, bool]:
    """The bus of an entry, after the caller was authorized to send to it, and whether it is of this Region."""
    where = bus_of(call, entry.EventBusName)
    bus = records.read_bus(call.tx, where)
    context: dict[str, ContextValue] = {
        "events:eventBusInvocation": "false",
        **resource_context(bus.tags if bus else ""),
    }
    if entry.Source:
        context["events:source"] = entry.Source
    if entry.DetailType:
        context["events:detail-type"] = entry.DetailType
    call.authorize(
        "events:PutEvents",
        where.arn(call.partition),
        context,
        owner=where.account,
        resource_policy=compiled(bus.policy) if bus else None,
    )
    return where, where.region == call.region


def _put(call: Call, entry: api.PutEventsRequestEntry, where: BusAt, here: bool) -> api.PutEventsResultEntry:
    """What becomes of an entry. For a bus that is not there it is taken and matches nothing ("publish an event to an event
    bus that does not exist … will not fail the request", user guide, "Sending events with PutEvents")."""
    try:
        detail = _checked(entry)
        if not here:
            raise _not_valid("EventBusName", f"Event bus {where.name} is not of this Region.")
    except Refused as refused:
        return api.PutEventsResultEntry(ErrorCode=refused.code, ErrorMessage=refused.text)
    event = Emitted(
        call.randomness.uuid4(),
        call.account,
        call.region,
        entry.Source or "",
        entry.DetailType or "",
        call.now if entry.Time is None else int(entry.Time * 1000),
        tuple(entry.Resources or ()),
        detail,
    )
    route_to(call, where, event.envelope())
    return api.PutEventsResultEntry(EventId=event.event_id)


def _missing(entry: api.PutEventsRequestEntry) -> str:
    """The first of the members that every event needs and this one lacks; empty when it has them all."""
    needed = {"Source": entry.Source, "DetailType": entry.DetailType, "Detail": entry.Detail}
    return next((name for name, value in needed.items() if not value), "")


def _required(name: str) -> Refused:
    return _not_valid(name, f"{name} is a required argument.")


def _checked(entry: api.PutEventsRequestEntry) -> dict[str, Any]:
    """The detail of an entry that can be taken."""
    if missing := _missing(entry):
        raise _required(missing)
    if len(entry.DetailType or "") > LONGEST_DETAIL_TYPE:
        raise _not_valid("DetailType", f"DetailType is longer than {LONGEST_DETAIL_TYPE} characters.")
    if (entry.Source or "").lower().startswith("aws."):
        raise Refused("NotAuthorizedForSource", "Not authorized for the source.")
    if entry.Time is not None and not 0 <= entry.Time < LATEST:
        raise _not_valid("Time", "It is not a time from 1970 to 9999.")
    detail = _json_object(entry.Detail or "")
    if detail is None:
        raise Refused("MalformedDetail", "Detail is malformed.")
    return detail


def _json_object(text: str) -> dict[str, Any] | None:
    """A JSON object; None for a text that is none, or is nested too deeply to be walked through."""
    if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
        return None
    try:
        decoded = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else None


def _depth(text: str) -> int:
    """How deeply brackets are nested; those in texts may count, so that it is never less than it is."""
    depth = deepest = 0
    for bracket in BRACKETS.findall(BETWEEN.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _not_valid(name: str, reason: str) -> Refused:
    return Refused("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")


def test_event_pattern(call: Call, value: api.TestEventPatternRequest) -> api.TestEventPatternResponse:
    """Whether a pattern matches an event."""
    call.authorize("events:TestEventPattern", "*")
    try:
        pattern = parse_pattern(value.EventPattern or "")
    except BadPattern as error:
        raise api.InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None
    if len((value.Event or "").encode()) > LARGEST:
        raise ValidationException("Parameter Event is not valid. Reason: It is larger than an event can be.")
    event = _json_object(value.Event or "")
    if event is None:
        raise ValidationException("Parameter Event is not valid. Reason: It is not a JSON object.")
    for name in NEEDED:
        if name not in event:
            raise ValidationException(f"Parameter Event is not valid. Reason: {name} is missing.")
    return api.TestEventPatternResponse(Result=pattern.matches(event))
