"""Names and ARNs of buses and rules, and the words for those that are not there.

arn:aws:events:REGION:ACCOUNT:event-bus/NAME
arn:aws:events:REGION:ACCOUNT:rule/NAME          on the default bus
arn:aws:events:REGION:ACCOUNT:rule/BUS/NAME      on another one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.api import events as api
from holdfast.services.arn import parse_arn
from holdfast.services.emitted import DEFAULT_BUS

if TYPE_CHECKING:
    from holdfast.services.call import Call

BUS = "event-bus/"
RULE = "rule/"


class BusAt(NamedTuple):
    """Where a bus is."""

    account: str
    region: str
    name: str

    def arn(self, partition: str) -> str:
        return f"arn:{partition}:events:{self.region}:{self.account}:{BUS}{self.name}"

    def rule(self, name: str) -> RuleAt:
        return RuleAt(self.account, self.region, self.name, name)


class RuleAt(NamedTuple):
    """Where a rule is."""

    account: str
    region: str
    bus: str
    name: str

    @property
    def on(self) -> BusAt:
        return BusAt(self.account, self.region, self.bus)

    def arn(self, partition: str) -> str:
        path = self.name if self.bus == DEFAULT_BUS else f"{self.bus}/{self.name}"
        return f"arn:{partition}:events:{self.region}:{self.account}:{RULE}{path}"


def bus_of(call: Call, text: str | None) -> BusAt:
    """The bus that an EventBusName means: a name of the caller's own account, or an ARN."""
    if not text:
        return BusAt(call.account, call.region, DEFAULT_BUS)
    return parse_bus_arn(text) or BusAt(call.account, call.region, text)


def parse_bus_arn(text: str) -> BusAt | None:
    arn = parse_arn(text)
    if arn is None or arn.service != "events" or not arn.resource.startswith(BUS):
        return None
    return BusAt(arn.account, arn.region, arn.resource.removeprefix(BUS))


def parse_rule_arn(text: str) -> RuleAt | None:
    arn = parse_arn(text)
    if arn is None or arn.service != "events" or not arn.resource.startswith(RULE):
        return None
    bus, _, name = arn.resource.removeprefix(RULE).rpartition("/")
    return RuleAt(arn.account, arn.region, bus or DEFAULT_BUS, name)


def no_bus(where: BusAt) -> api.ResourceNotFoundException:
    return api.ResourceNotFoundException(f"Event bus {where.name} does not exist.")


def no_rule(where: RuleAt) -> api.ResourceNotFoundException:
    return api.ResourceNotFoundException(f"Rule {where.name} does not exist on EventBus {where.bus}.")
