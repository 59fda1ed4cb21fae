"""The rules of a bus, compiled and found by what they ask of `source` and `detail-type`; kept in memory.

A rule set is kept under the version that stands in the store (`event_rule_set`), which the same transaction reads: it
cannot be out of date, and one of another server, or of a transaction that was taken back, has another version.

Most rules name a source. Rules that do stand in a table by its text, and below it by the texts of the detail type, so that an
event is compared with those rules only that could match it, however many there are on its bus.

Bounded: `MOST_RULES` compiled rules of all buses together; the set that was used least recently goes first.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from holdfast.services.events import records
from holdfast.services.events.records import ENABLED_WITH_READS
from holdfast.services.matching.patterns import Pattern, parse_pattern

if TYPE_CHECKING:
    from holdfast.services.events.names import BusAt
    from holdfast.store.transaction import Transaction

MOST_RULES = 20_000


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """An enabled rule with at least one target."""

    name: str
    pattern: Pattern
    reads: bool
    """It is compared with calls that only read, too."""
    target_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one bus."""

    size: int
    _by_source: dict[str | None, dict[str | None, list[CompiledRule]]] = field(repr=False)

    def matching(self, event: Mapping[str, Any], *, read_only: bool) -> Iterator[CompiledRule]:
        """The rules that an event matches; `read_only` for one about a call that only read."""
        for rule in self._candidates(event):
            if (rule.reads or not read_only) and rule.pattern.matches(event):
                yield rule

    def _candidates(self, event: Mapping[str, Any]) -> Iterator[CompiledRule]:
        for source in (event["source"], None):
            by_type = self._by_source.get(source)
            if by_type is not None:
                for detail_type in (event["detail-type"], None):
                    yield from by_type.get(detail_type, ())


def literals(pattern: Mapping[str, Any], *path: str) -> tuple[str, ...]:
    """The texts of a leaf that has nothing but texts: an event that matches has one of them. Empty for any other leaf."""
    found: Any = pattern
    for name in path:
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    members = cast("list[Any]", found) if isinstance(found, list) else []
    return tuple(dict.fromkeys(members)) if all(isinstance(member, str) for member in members) else ()


def compile_rules(rows: Iterable[tuple[str, str, str, str]]) -> RuleSet:
    """A rule set from the rows of RULES_TO_COMPILE, which stand together for each rule."""
    by_source: dict[str | None, dict[str | None, list[CompiledRule]]] = {}
    size = 0
    targets: dict[tuple[str, str, str], list[str]] = {}
    for name, pattern, state, target_id in rows:
        targets.setdefault((name, pattern, state), []).append(target_id)
    for (name, pattern, state), target_ids in targets.items():
        rule = CompiledRule(name, parse_pattern(pattern), state == ENABLED_WITH_READS, tuple(target_ids))
        size += 1
        decoded = cast("dict[str, Any]", json.loads(pattern))
        for source in literals(decoded, "source") or (None,):
            for detail_type in literals(decoded, "detail-type") or (None,):
                by_source.setdefault(source, {}).setdefault(detail_type, []).append(rule)
    return RuleSet(size, by_source)


class RuleSets:
    """What is kept, over all stores of this process."""

    def __init__(self, most: int = MOST_RULES) -> None:
        self._most = most
        self._kept: OrderedDict[str, RuleSet] = OrderedDict()
        self._rules = 0
        self._lock = threading.Lock()
        """Transactions on PostgreSQL run in threads."""

    def of(self, tx: Transaction, where: BusAt, version: str) -> RuleSet:
        """The rules of a bus as `version` of them is."""
        with self._lock:
            found = self._kept.get(version)
            if found is not None:
                self._kept.move_to_end(version)
                return found
        made = compile_rules(cast("list[tuple[str, str, str, str]]", tx.all(records.RULES_TO_COMPILE, *where)))
        with self._lock:
            if version not in self._kept:
                self._kept[version] = made
                self._rules += 1 + made.size
            while self._rules > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._rules -= 1 + gone.size
        return made

    def __len__(self) -> int:
        return len(self._kept)


KEPT = RuleSets()
