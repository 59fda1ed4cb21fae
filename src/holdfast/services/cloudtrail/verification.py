"""Is every record that was written still there, as it was written? Walks the chains and says what is not.

The walk goes over the table once, in the order of writing, holding one position and one tag for each chain, in steps that
a server can put between its other work. What must be there is known from the sealed statements, of the table and of the
file of heads, and from the links by which each chain names the one before it.

INVARIANT: without findings, every record up to each chain's newest sealed head is there, unchanged and in its place,
except those that a sealed statement says retention removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.findings import Finding, Findings
from holdfast.services.cloudtrail.pages import count_of, is_page
from holdfast.vault.chain import START_TAG, ChainKey, Head, Link, Opening, Removal, Statement, open_statement
from holdfast.vault.errors import DecryptError

if TYPE_CHECKING:
    from holdfast.store.transaction import Row, Transaction
    from holdfast.vault.vault import Vault

TABLE = "the table audit_head"
Sealed = tuple[int, str, bytes]
"""(chain, kind, sealed): one statement as it stands in a place."""


@dataclass(slots=True)
class _Chain:
    """What is known of one chain from statements, and how far the walk has come on it."""

    key: ChainKey | None = None
    removal: Removal | None = None
    head: Head | None = None
    proven: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Position -> tag, from every head and link."""
    position: int = 0
    tag: bytes | None = START_TAG
    """None where the record that made it is missing."""
    records: int = 0
    began: int = 0
    behind: dict[int, bytes | None] = field(default_factory=dict[int, bytes | None])
    """Positions that were passed over, with the tag before them where it is known."""

    @property
    def floor(self) -> int:
        """What retention removed ends here."""
        return self.removal.position if self.removal else 0

    @property
    def closed(self) -> bool:
        return self.head is not None and self.head.closed


class Verifier:
    """One verification. `begin`, then `step` until it says that it is done."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._chains: dict[int, _Chain] = {}
        self._unchained = 0
        self._unchained_through = 0
        self._unchained_found = 0
        self._findings = Findings()
        self._after = 0
        self._last = 0
        self._first = 0
        self._numbered = 0
        """Sequence numbers up to here are taken."""
        self._copies = False
        self._copied: set[int] = set()
        self._strange: dict[int, list[int]] = {}
        """Chains that no statement names -> [records, first sequence, last sequence]."""
        self.records = 0
        self.done = False

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong; complete when done."""
        return self._findings.found

    @property
    def progress(self) -> tuple[int, int]:
        """(steps of the table done, steps in all)."""
        return max(0, self._after - self._first), max(0, self._last - self._first)

    # -- what must be there -----------------------------------------------------------------------------------------

    def learn(self, place: str, statements: Iterable[Sealed], *, ours: bool = True) -> None:
        """Take in what a copy beside the table says. Before `begin`, and read before its transaction began, so that no
        copy is newer than what that transaction sees. `ours`: the one that the server keeps, which knows every chain."""
        self._copies = self._copies or ours
        for chain, kind, sealed in statements:
            self._learn(place, chain, kind, sealed)
            if ours:
                self._copied.add(chain)

    def fault(self, text: str) -> None:
        """Something is wrong with a copy itself."""
        self._findings.add("file", None, text)

    def begin(self, tx: Transaction) -> None:
        """Read what the table says of its chains, and how far the walk will go."""
        self._first, self._last = tx.one(records.BOUNDS) or (0, 0)
        if self._first < 1:
            # The walk begins behind them.
            self._findings.add(
                "inserted", None, "a record with a sequence number that none is given", sequence=self._first
            )
        self._first = max(0, self._first - 1)
        self._after = self._first
        copied = {chain: state.head for chain, state in self._chains.items()}
        in_table: dict[int, set[str]] = {}
        for chain, kind, sealed in records.read_statements(tx):
            statement = self._learn(TABLE, chain, kind, sealed)
            if statement is not None:
                in_table.setdefault(chain, set()).add(kind)
                head = copied.get(chain)
                if isinstance(statement, Head) and head is not None and statement.position < head.position:
                    self._findings.add("statement", chain, f"the head in {TABLE} is older than its copy")
        for chain, state in self._chains.items():
            if state.removal is not None:
                state.position, state.tag = state.removal.position, state.removal.tag
            if state.key is None:
                self._findings.add("statement", chain, "its sealed opening is missing: its records cannot be checked")
            elif Opening.KIND not in in_table.get(chain, ()):
                self._findings.add("statement", chain, f"its sealed opening is missing in {TABLE}")
            if state.head is not None and Head.KIND not in in_table.get(chain, ()):
                self._findings.add("statement", chain, f"its sealed head is missing in {TABLE}")

    def _learn(self, place: str, chain: int, kind: str, sealed: bytes) -> Statement | None:
        try:
            statement = open_statement(self._vault, chain, kind, sealed)
        except DecryptError:
            self._findings.add("statement", chain, f"the {kind} in {place} was not sealed by this store's root key")
            return None
        state = self._chains.setdefault(chain, _Chain())
        match statement:
            case Opening():
                state.key = statement.key(chain)
                state.began = statement.began
                self._unchained = max(self._unchained, statement.unchained)
                self._unchained_through = max(self._unchained_through, statement.unchained_through)
                if statement.previous is not None:
                    self._prove(statement.previous)
            case Head():
                self._prove(Link(chain, statement.position, statement.tag))
                if state.head is None or (state.head.position, state.head.closed) < (
                    statement.position,
                    statement.closed,
                ):
                    state.head = statement
            case Removal():
                if state.removal is None or state.removal.position < statement.position:
                    state.removal = statement
        return statement

    def _prove(self, link: Link) -> None:
        self._chains.setdefault(link.chain, _Chain()).proven[link.position] = link.tag

    # -- what is there ----------------------------------------------------------------------------------------------

    def step(self, tx: Transaction) -> bool:
        """Check the next stretch of the table; whether it was the last."""
        if self.done:
            return True
        rows = tx.all(records.READ_CHAINED, self._after, self._last)
        for row in rows:
            self._check(tx, row)
        if rows:
            self._after = rows[-1][0]
            return False
        self._after = self._last
        self._finish()
        self.done = True
        return True

    def _check(self, tx: Transaction, row: Row) -> None:
        sequence, chain, position, tag, *fields = row
        count = count_of(fields[-1])
        self.records += count
        overlaps = sequence - count < self._numbered
        self._numbered = sequence
        self._check_link(tx, sequence, chain, position, tag, tuple(fields), count)
        if overlaps and not self._findings.is_changed(chain, position):
            # No tag covers a number, and who reads in the order of writing passes over what seems to be behind.
            text = "its sequence number is too low for what it holds: records seem to stand where others do"
            self._findings.add("order", chain, text, first=position or 0, last=position or 0, sequence=sequence)

    def _check_link(
        self,
        tx: Transaction,
        sequence: int,
        chain: int | None,
        position: int,
        tag: bytes,
        fields: tuple[Any, ...],
        count: int,
    ) -> None:
        if chain is None:
            # What is older than chains is older than pages.
            if sequence > self._unchained_through or is_page(fields[-1]):
                self._findings.add("inserted", None, "a record outside every chain", sequence=sequence)
            else:
                self._unchained_found += 1
            return
        state = self._chains.get(chain)
        if state is None:
            seen = self._strange.setdefault(chain, [0, sequence, sequence])
            seen[0] += count
            seen[2] = sequence
            return
        if state.key is None:
            state.records += 1
            state.position = max(state.position, position)
            return
        if position > state.position + 1:
            self._jump(tx, chain, state, position)
        if position == state.position + 1:
            self._next(chain, state, position, sequence, tag, fields)
        else:
            self._earlier(chain, state, position, sequence, tag, fields)

    def _jump(self, tx: Transaction, chain: int, state: _Chain, position: int) -> None:
        """Records are missing before `position`; unless retention removed them while we were on our way."""
        row = tx.one(records.READ_STATEMENT, chain, Removal.KIND)
        if row is not None:
            self._learn("the table audit_head", chain, Removal.KIND, row[0])
        removal = state.removal
        if removal is not None and removal.position == position - 1 and not state.records:
            state.position, state.tag = removal.position, removal.tag
            return
        for missing in range(state.position + 1, min(position, state.position + 1000)):
            state.behind[missing] = state.tag
            state.tag = None
        self._findings.missing(chain, state.position + 1, position - 1)
        state.position, state.tag = position - 1, None

    def _next(
        self, chain: int, state: _Chain, position: int, sequence: int, tag: bytes, fields: tuple[Any, ...]
    ) -> None:
        key = state.key
        assert key is not None
        made = tag if state.tag is None else key.tag(position, state.tag, fields)
        if made != tag or state.proven.get(position, tag) != tag:
            self._findings.changed(chain, position, sequence)
        state.position, state.tag = position, tag
        state.records += 1

    def _earlier(
        self, chain: int, state: _Chain, position: int, sequence: int, tag: bytes, fields: tuple[Any, ...]
    ) -> None:
        """A record whose place the walk has passed."""
        key = state.key
        assert key is not None
        if position in state.behind:
            previous = state.behind.pop(position)
            if previous is not None and key.tag(position, previous, fields) != tag:
                self._findings.changed(chain, position, sequence)
                return
            state.records += 1
            self._findings.out_of_order(chain, position, sequence)
            if position + 1 in state.behind:
                state.behind[position + 1] = tag
        elif position <= state.floor:
            self._findings.add(
                "inserted", chain, f"row {position} is back although retention removed it", sequence=sequence
            )
        else:
            self._findings.add("inserted", chain, f"a second row at position {position}", sequence=sequence)

    # -- the ends ---------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        for chain, (count, first, last) in self._strange.items():
            self._findings.add(
                "unknown-chain",
                chain,
                f"{count} records of a chain that this store never opened (sequences {first} to {last})",
                sequence=first,
            )
        if self._unchained_found < self._unchained:
            missing = self._unchained - self._unchained_found
            self._findings.add("missing", None, f"{missing} records from before the first chain are missing")
        elif self._unchained_found > self._unchained:
            more = self._unchained_found - self._unchained
            self._findings.add("inserted", None, f"{more} records were added to those from before the first chain")
        newest = max(self._chains, key=lambda chain: self._chains[chain].began, default=None)
        for chain, state in self._chains.items():
            self._finish_chain(chain, state)
            # A server that crashed may not have come to write the newest chain's first line.
            if self._copied and chain not in self._copied and chain != newest and state.head is not None:
                self._findings.add("file", chain, "no copy of its statements stands outside the table")
        if self._copies and not self._copied and any(state.head for state in self._chains.values()):
            self._findings.add("file", None, "the copies of the sealed heads outside the table are missing")

    def _finish_chain(self, chain: int, state: _Chain) -> None:
        end = max(state.position, state.floor)
        proven = max(state.proven, default=0)
        if proven > end:
            if not end:
                self._findings.add("missing-chain", chain, f"the whole chain is missing: all {proven} rows")
            else:
                self._findings.missing(chain, end + 1, proven, at_the_end=True)
        if state.head is not None and state.closed and end > state.head.position:
            self._findings.add(
                "inserted", chain, f"{end - state.head.position} rows after the server had closed the chain"
            )

    # -- what is to be known beside the findings --------------------------------------------------------------------

    def notes(self) -> list[str]:
        """One line each: what retention removed, what is not proven yet, what was never chained."""
        lines: list[str] = []
        removed = [state.removal for state in self._chains.values() if state.removal is not None]
        if removed:
            count = sum(removal.records for removal in removed)
            newest = max(removal.newest for removal in removed)
            lines.append(
                f"{count} records up to {_instant(newest)} were removed by retention, as sealed statements say"
            )
        open_end = sum(
            max(0, state.position - max(state.proven, default=0)) for state in self._chains.values() if state.key
        )
        if open_end:
            lines.append(f"the newest {open_end} rows are not under a sealed head yet; no more than a second's")
        if self._unchained_found:
            lines.append(f"{self._unchained_found} records are older than the first chain and cannot be proven")
        return lines

    def chains(self) -> int:
        """How many chains there are."""
        return len(self._chains) + len(self._strange)


def _instant(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
