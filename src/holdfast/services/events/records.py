"""Buses, rules and targets in the store.

INVARIANT: whatever changes which rules an event is compared with, or where it goes then, calls `changed`, in the same
transaction: compiled rules are kept under the version that it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from holdfast.services.events.names import BusAt, RuleAt
from holdfast.store.statements import Statement
from holdfast.vault.randomness import time_ordered_id

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

ENABLED = "ENABLED"
DISABLED = "DISABLED"
ENABLED_WITH_READS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


class Bus(NamedTuple):
    """One row, in the order of its columns."""

    account: str
    region: str
    bus: str
    description: str
    policy: str
    tags: str
    created: int
    modified: int


class Rule(NamedTuple):
    """One row, in the order of its columns."""

    account: str
    region: str
    bus: str
    name: str
    pattern: str
    schedule: str
    state: str
    description: str
    role: str
    created_by: str
    tags: str
    scheduled: int

    @property
    def at(self) -> RuleAt:
        return RuleAt(self.account, self.region, self.bus, self.name)


_BUS = "account = ? AND region = ? AND bus = ?"
_BUS_COLUMNS = ", ".join(Bus._fields)
_RULE_COLUMNS = ", ".join(Rule._fields)


def _upsert(table: str, fields: Sequence[str], keys: int) -> Statement:
    changes = ", ".join(f"{field} = excluded.{field}" for field in fields[keys:])
    return Statement(
        f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
        f" ON CONFLICT ({', '.join(fields[:keys])}) DO UPDATE SET {changes}"
    )


READ_BUS = Statement(f"SELECT {_BUS_COLUMNS} FROM event_bus WHERE {_BUS}")  # noqa: S608
WRITE_BUS = _upsert("event_bus", Bus._fields, 3)
REMOVE_BUS = Statement(f"DELETE FROM event_bus WHERE {_BUS}")  # noqa: S608
LIST_BUSES = Statement(
    f"SELECT {_BUS_COLUMNS} FROM event_bus WHERE account = ? AND region = ? AND bus > ? AND bus >= ? AND bus < ?"  # noqa: S608
    " ORDER BY bus LIMIT ?"
)

READ_RULE = Statement(f"SELECT {_RULE_COLUMNS} FROM event_rule WHERE {_BUS} AND name = ?")  # noqa: S608
WRITE_RULE = _upsert("event_rule", Rule._fields, 4)
REMOVE_RULE = Statement(f"DELETE FROM event_rule WHERE {_BUS} AND name = ?")  # noqa: S608
LIST_RULES = Statement(
    f"SELECT {_RULE_COLUMNS} FROM event_rule WHERE {_BUS} AND name > ? AND name >= ? AND name < ?"  # noqa: S608
    " ORDER BY name LIMIT ?"
)
COUNT_RULES = Statement(f"SELECT COUNT(*) FROM (SELECT 1 FROM event_rule WHERE {_BUS} LIMIT ?) AS counted")  # noqa: S608
HAS_RULES = Statement(f"SELECT 1 FROM event_rule WHERE {_BUS} LIMIT 1")  # noqa: S608
RULES_BY_TARGET = Statement(
    "SELECT DISTINCT t.rule, r.created_by FROM event_target t JOIN event_rule r ON r.account = t.account"
    " AND r.region = t.region AND r.bus = t.bus AND r.name = t.rule"
    " WHERE t.account = ? AND t.region = ? AND t.bus = ? AND t.arn = ? AND t.rule > ? ORDER BY t.rule LIMIT ?"
)

READ_TARGET = Statement(f"SELECT settings FROM event_target WHERE {_BUS} AND rule = ? AND target_id = ?")  # noqa: S608
WRITE_TARGET = _upsert("event_target", ("account", "region", "bus", "rule", "target_id", "arn", "settings"), 5)
REMOVE_TARGET = Statement(f"DELETE FROM event_target WHERE {_BUS} AND rule = ? AND target_id = ?")  # noqa: S608
LIST_TARGETS = Statement(
    f"SELECT target_id, settings FROM event_target WHERE {_BUS} AND rule = ? AND target_id > ?"  # noqa: S608
    " ORDER BY target_id LIMIT ?"
)
TARGET_IDS = Statement(f"SELECT target_id FROM event_target WHERE {_BUS} AND rule = ? ORDER BY target_id")  # noqa: S608

READ_RULE_SET = Statement(f"SELECT version, reads FROM event_rule_set WHERE {_BUS}")  # noqa: S608
WRITE_RULE_SET = _upsert("event_rule_set", ("account", "region", "bus", "version", "reads"), 3)
REMOVE_RULE_SET = Statement(f"DELETE FROM event_rule_set WHERE {_BUS}")  # noqa: S608
MATCHED_RULES = Statement(
    f"SELECT MAX(CASE WHEN state = '{ENABLED_WITH_READS}' THEN 1 ELSE 0 END) FROM event_rule"  # noqa: S608
    f" WHERE {_BUS} AND state <> '{DISABLED}' AND pattern <> ''"
)
RULES_TO_COMPILE = Statement(
    "SELECT r.name, r.pattern, r.state, t.target_id FROM event_rule r JOIN event_target t ON t.account = r.account"
    " AND t.region = r.region AND t.bus = r.bus AND t.rule = r.name WHERE r.account = ? AND r.region = ? AND r.bus = ?"
    " AND r.state <> 'DISABLED' AND r.pattern <> '' ORDER BY r.name, t.target_id"
)


def read_bus(tx: Transaction, where: BusAt) -> Bus | None:
    """A bus; the default one without a row is there too, as it is made."""
    from holdfast.services.emitted import DEFAULT_BUS

    row = tx.one(READ_BUS, *where)
    if row is not None:
        return Bus(*row)
    return Bus(*where, "", "", "", 0, 0) if where.name == DEFAULT_BUS else None


def read_rule(tx: Transaction, where: RuleAt) -> Rule | None:
    row = tx.one(READ_RULE, *where)
    return None if row is None else Rule(*row)


def read_target(tx: Transaction, where: RuleAt, target_id: str) -> str | None:
    """The target as it was put, as JSON."""
    row = tx.one(READ_TARGET, *where, target_id)
    return None if row is None else row[0]


def target_ids(tx: Transaction, where: RuleAt) -> list[str]:
    return [row[0] for row in tx.all(TARGET_IDS, *where)]


def changed(call: Call, where: BusAt) -> None:
    """The rules of a bus, or where they send to, are others now."""
    row = call.tx.one(MATCHED_RULES, *where)
    reads = None if row is None else row[0]
    if reads is None:
        call.tx.run(REMOVE_RULE_SET, *where)
    else:
        call.tx.run(WRITE_RULE_SET, *where, time_ordered_id(call.randomness, call.now), reads)
