"""From what a call did to rows that say so, and the chain that binds them.

A call's own record comes first, then one for each on-behalf call and each thing that a job did. Every row is a link of
this server's chain: its tag covers the row and the tag before it (vault/chain.py). The chain begins with the first record
after a start, in that record's own transaction, and names the record that was the newest then.

INVARIANT: the tag of a row is made when the row is written, inside the transaction that keeps or loses both. `state`, the
end of the chain, is rolled back with a unit and with a group (store/group_commit.py, `Carried`), so a failed write leaves
neither a gap nor a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdfast.api.base import Operation
from holdfast.services.call import ServiceEvent
from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.other_records import service_event, shared
from holdfast.services.cloudtrail.rules import (
    CHANGE_THOUGH_READ,
    GLOBAL_SERVICES,
    READ_THOUGH_WAITING,
    Facts,
    record,
    shows_output,
)
from holdfast.services.service import Mode
from holdfast.vault.chain import START_TAG, ChainKey, Link, Opening, new_chain, seal_statement
from holdfast.vault.randomness import moment_prefix, time_ordered_id

if TYPE_CHECKING:
    from holdfast.server.directory import Directory
    from holdfast.services.call import Call, Trace
    from holdfast.store.transaction import Row, Transaction
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault


_NUMBERS: Final = tuple(f"{number:04x}" for number in range(32))
"""The ends of the ids of one call's records."""


class ChainEnd(NamedTuple):
    """The newest record of this server's chain."""

    key: ChainKey
    position: int
    tag: bytes
    opening_sealed: bytes


class Audit:
    """Makes audit rows and appends them to the chain. One per server."""

    def __init__(self, directory: Directory, vault: Vault, randomness: Randomness, wall: Callable[[], float]) -> None:
        self._directory = directory
        self._vault = vault
        self._randomness = randomness
        self._wall = wall
        self._facts: dict[Operation[Any, Any], Facts] = {}
        self.state: ChainEnd | None = None
        """None until the first record. GroupCommit puts an older one back when it rolls back what led to this one."""
        self.moved: Callable[[], None] = lambda: None
        """Called after each append."""

    def _facts_of(self, operation: Operation[Any, Any]) -> Facts:
        facts = self._facts.get(operation)
        if facts is None:
            service = self._directory.service(operation.service)
            served = service.operations.get(operation.name)
            # Credentials for the bearer of a token leave no row, and AWS counts that as a read.
            reads = served is not None and not served.linked and (served.mode is Mode.READ or served.unsigned)
            read_only = operation.name in READ_THOUGH_WAITING or (reads and operation.name not in CHANGE_THOUGH_READ)
            facts = Facts(
                service.api.metadata.api_version,
                read_only,
                GLOBAL_SERVICES.get(operation.service, ""),
                shows_output(operation.service, operation.name, read_only=read_only),
            )
            self._facts[operation] = facts
        return facts

    def rows(self, traces: Sequence[Trace | ServiceEvent]) -> list[Row]:
        """Rows for `append`: the first columns of `services.cloudtrail.records.APPEND`."""
        rows: list[Row] = []
        if not traces:
            return rows
        first = traces[0].call
        now, request_id = first.now, first.request_id
        # The records of one call differ in the last digits of their ids; the rest is the request id's chance.
        stem = moment_prefix(now) + request_id[15:32]
        facts_of = self._facts.get
        for number, trace in enumerate(traces):
            call = trace.call
            event_id = stem + (_NUMBERS[number] if number < len(_NUMBERS) else f"{number:04x}")
            if isinstance(trace, ServiceEvent):
                text, marks, _ = service_event(trace, event_id)
                rows.append((call.account, call.region, now, trace.request_id, marks, text))
                continue
            facts = facts_of(trace.operation) or self._facts_of(trace.operation)
            text, marks, owners = record(trace, facts, event_id)
            region = facts.home_region or call.region
            if owners:
                rows += self._shared(call, region, text, owners)
            else:
                rows.append((call.account, region, now, request_id, marks, text))
        return rows

    def _shared(self, call: Call, region: str, text: bytes, owners: tuple[str, ...]) -> list[Row]:
        shared_id = time_ordered_id(self._randomness, call.now)
        mine, marks, _ = shared(text, shared_id)
        rows: list[Row] = [(call.account, region, call.now, call.request_id, marks, mine)]
        for owner in owners:
            copy, marks, _ = shared(text, shared_id, owner, time_ordered_id(self._randomness, call.now))
            rows.append((owner, region, call.now, call.request_id, marks, copy))
        return rows

    # -- the chain --------------------------------------------------------------------------------------------------

    def append(self, transaction: Transaction, rows: Sequence[Row]) -> None:
        """Write rows as the next links. Whatever fails after this in the same unit takes them and `state` back."""
        if not rows:
            return
        end = self.state or self._begin(transaction)
        key, position, tag = end.key, end.position, end.tag
        at = 0
        while at < len(rows):
            size = records.MANY if len(rows) - at >= records.MANY else 1
            linked, tag = key.link(position, tag, rows[at : at + size])
            transaction.run(records.APPEND if size == 1 else records.APPEND_MANY, *linked)
            position += size
            at += size
        self.state = ChainEnd(key, position, tag, end.opening_sealed)
        self.moved()

    def _begin(self, transaction: Transaction) -> ChainEnd:
        newest = transaction.one(records.NEWEST_LINK)
        unchained: Any = (0, 0)
        if newest is not None and newest[0] is None and not transaction.all(records.READ_STATEMENTS, -1, ""):
            unchained = transaction.one(records.UNCHAINED)
        previous = None if newest is None or newest[0] is None else Link(*newest)
        key, opening = new_chain(self._randomness, int(self._wall() * 1000), previous, *unchained)
        sealed = seal_statement(self._vault, key.chain, opening)
        transaction.run(records.WRITE_STATEMENT, key.chain, Opening.KIND, sealed)
        return ChainEnd(key, 0, START_TAG, sealed)
