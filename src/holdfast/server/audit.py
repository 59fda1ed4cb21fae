"""From what a call did to lines that say so, to rows, and the chain that binds them.

A call's own record comes first, then one for each on-behalf call and each thing that a job did. Every row, which is a
record or a page of records, is a link of this server's chain: its tag covers the row and the tag before it
(vault/chain.py). The chain begins with the first row after a start, in that row's own transaction, and names the row that
was the newest then.

INVARIANT: the tag of a row is made when the row is written, inside the transaction that keeps or loses both. `state`, the
end of the chain, is rolled back with a unit and with a group (store/group_commit.py, `Carried`), so a failed write leaves
neither a gap nor a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.api.base import Operation
from holdfast.services.call import ServiceEvent
from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.lines import Line, event_id_of
from holdfast.services.cloudtrail.other_records import service_event, shared
from holdfast.services.cloudtrail.pages import Page, whole
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
from holdfast.vault.randomness import time_ordered_id

if TYPE_CHECKING:
    from holdfast.server.directory import Directory
    from holdfast.services.call import Trace
    from holdfast.store.transaction import Transaction
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault


class ChainEnd(NamedTuple):
    """The newest record of this server's chain."""

    key: ChainKey
    position: int
    tag: bytes
    sequence: int
    """The newest record's, in the table."""
    opening_sealed: bytes


class Audit:
    """Makes lines of what calls did and appends them to the chain. One per server."""

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

    def lines(self, traces: Sequence[Trace | ServiceEvent]) -> list[Line]:
        """The records of one call."""
        lines: list[Line] = []
        if not traces:
            return lines
        first = traces[0].call
        now, request_id = first.now, first.request_id
        facts_of = self._facts.get
        for number, trace in enumerate(traces):
            call = trace.call
            if isinstance(trace, ServiceEvent):
                text, marks = service_event(trace, event_id_of(now, request_id, number))
                lines.append(whole(trace.account, call.region, now, trace.request_id, marks, text))
                continue
            facts = facts_of(trace.operation) or self._facts_of(trace.operation)
            head, tail, marks, owners = record(trace, facts)
            line = Line(call.account, facts.home_region or call.region, now, request_id, number, marks, head, tail)
            if owners:
                lines += self._shared(line, owners)
            else:
                lines.append(line)
        return lines

    def _shared(self, line: Line, owners: tuple[str, ...]) -> list[Line]:
        original = line.text()
        shared_id = time_ordered_id(self._randomness, line.now)
        text, marks = shared(original, shared_id)
        lines = [whole(line.account, line.region, line.now, line.request_id, marks, text)]
        for owner in owners:
            text, marks = shared(original, shared_id, owner, time_ordered_id(self._randomness, line.now))
            lines.append(whole(owner, line.region, line.now, line.request_id, marks, text))
        return lines

    # -- the chain --------------------------------------------------------------------------------------------------

    def append(self, transaction: Transaction, lines: Sequence[Line]) -> None:
        """Write records as the next links. Whatever fails after this in the same unit takes them and `state` back."""
        for line in lines:
            fields = (line.account, line.region, line.now, line.request_id, line.marks, line.text())
            self._link(transaction, fields, 1)
        if lines:
            self.moved()

    def append_pages(self, transaction: Transaction, pages: Sequence[Page]) -> None:
        """As `append`, for the records of reads."""
        for page in pages:
            fields = (page.account, page.region, page.event_time, "", page.marks, page.content)
            self._link(transaction, fields, page.count)
        if pages:
            self.moved()

    def _link(self, transaction: Transaction, fields: tuple[Any, ...], count: int) -> None:
        end = self.state or self._begin(transaction)
        position, sequence = end.position + 1, end.sequence + count
        tag = end.key.tag(position, end.tag, fields)
        transaction.run(records.APPEND, sequence, *fields, end.key.chain, position, tag)
        self.state = ChainEnd(end.key, position, tag, sequence, end.opening_sealed)

    def _begin(self, transaction: Transaction) -> ChainEnd:
        newest = transaction.one(records.NEWEST_LINK)
        unchained: Any = (0, 0)
        if newest is not None and newest[0] is None and not transaction.all(records.READ_STATEMENTS, -1, ""):
            unchained = transaction.one(records.UNCHAINED)
        previous = None if newest is None or newest[0] is None else Link(*newest[:3])
        key, opening = new_chain(self._randomness, int(self._wall() * 1000), previous, *unchained)
        sealed = seal_statement(self._vault, key.chain, opening)
        transaction.run(records.WRITE_STATEMENT, key.chain, Opening.KIND, sealed)
        return ChainEnd(key, 0, START_TAG, 0 if newest is None else newest[3], sealed)
