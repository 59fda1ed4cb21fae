"""From what a call or a job did to the events on the default buses of the accounts that it concerns.

    emitted    what a service tells of by itself, in its own words (`Call.emit`)
    records    each CloudTrail record of a management event: `AWS API Call via CloudTrail`, and of what Secrets Manager and
               KMS did by themselves: `AWS Service Event via CloudTrail` ("AWS service events delivered via AWS CloudTrail",
               EventBridge user guide). A record that another account gets of a call on its resource comes to that
               account's bus

INVARIANT: events are routed in the transaction that appends the records: they leave if what they tell of is kept. Of a call
that failed there is its own record and nothing else.

Threat: an event whose delivery causes the next one, for ever. CloudTrail keeps the calls that carry data (Publish, Invoke,
PutEvents) apart as data events, which are on no bus here; and what a delivery asks of other services on its way is not told
of either.

Nobody listening costs one look-up by a key for each account and Region.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.access.principal import service_principal
from holdfast.services.call import Call, Source
from holdfast.services.cloudtrail.pages import lines_of
from holdfast.services.emitted import Emitted

if TYPE_CHECKING:
    from holdfast.services.call import Surroundings
    from holdfast.services.cloudtrail.lines import Line
    from holdfast.services.cloudtrail.pages import Page
    from holdfast.store.transaction import Transaction

API_CALL = "AWS API Call via CloudTrail"
SERVICE_EVENT = "AWS Service Event via CloudTrail"
EVENTBRIDGE = "events.amazonaws.com"
DATA_EVENTS = {
    "events": frozenset({"PutEvents"}),
    "lambda": frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"}),
    "sns": frozenset({"Publish", "PublishBatch"}),
}
"""Calls that CloudTrail counts as data events ("Logging data events", CloudTrail user guide; "Logging AWS SNS API calls using
AWS CloudTrail", SNS developer guide)."""
TELL_OF_THEMSELVES = frozenset({"kms", "secretsmanager"})
"""Services whose service events AWS documents. Other ones are this server's own, for its operator."""

Place = tuple[str, str]
"""An account and a Region."""


class Glance(msgspec.Struct):
    """What of a record says whether it is an event.

    Looked at apart from the rest, which takes a third of the time that the whole takes: where somebody listens, most records
    are of calls that only read, which no rule wants.
    """

    eventSource: str  # noqa: N815 - as it is spelled in the record
    eventName: str  # noqa: N815
    eventType: str  # noqa: N815
    readOnly: bool  # noqa: N815

    @property
    def service(self) -> str:
        return self.eventSource.partition(".")[0]


_glance = msgspec.json.Decoder(Glance).decode


class DefaultBuses:
    """Hands events over to the buses. One per server."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._routing: Any = None

    def take(
        self, tx: Transaction, lines: Sequence[Line], emitted: Sequence[Emitted] = (), pages: Sequence[Page] = ()
    ) -> None:
        """Route what records and emitted events tell of, in their transaction."""
        if not lines and not emitted and not pages:
            return
        routing = self._routing
        if routing is None:
            # With the first record, not with the start.
            from holdfast.services.events import routing

            self._routing = routing
        places: dict[Place, None] = {(line.account, line.region): None for line in lines}
        for event in emitted:
            places[(event.account, event.region)] = None
        for page in pages:
            places[(page.account, page.region)] = None
        for place in places:
            if routing.listens(tx, *place):
                here = [line for line in lines if (line.account, line.region) == place]
                for page in pages:
                    if (page.account, page.region) == place:
                        here += lines_of(page.account, page.region, page.content)
                self._route(tx, place, here, [event for event in emitted if (event.account, event.region) == place])

    def _route(self, tx: Transaction, place: Place, lines: Sequence[Line], events: list[Emitted]) -> None:
        reads = self._routing.wants_reads(tx, *place)
        for line in lines:
            event = self._event(line, reads=reads)
            if event is not None:
                events.append(event)
        if not events:
            return
        account, region = place
        call = Call(
            self._surroundings,
            tx,
            principal=service_principal(EVENTBRIDGE),
            region=region,
            now=events[0].time,
            request_id=events[0].event_id,
            source=Source(),
        )
        call.account = account
        self._routing.route(call, events)

    def _event(self, line: Line, *, reads: bool) -> Emitted | None:
        text = line.text()
        glance = _glance(text)
        service = glance.service
        if glance.eventType == "AwsServiceEvent":
            kind, told = SERVICE_EVENT, service in TELL_OF_THEMSELVES
        else:
            kind = API_CALL
            told = (reads or not glance.readOnly) and glance.eventName not in DATA_EVENTS.get(service, ())
        if not told:
            return None
        event_id = self._surroundings.randomness.uuid4()
        return Emitted(
            event_id, line.account, line.region, f"aws.{service}", kind, line.now, (), msgspec.json.decode(text)
        )
