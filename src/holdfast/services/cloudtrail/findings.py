"""What a verification found, put so that one fault is one finding, however many rows it touches.

Positions count rows: records, and pages of up to a thousand (pages.py). What a page held that is gone nobody can say.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.vault.chain import chain_name

LIMIT = 1000
"""Findings kept; more of them tell nothing more."""


@dataclass(slots=True)
class Finding:
    """One fault."""

    kind: str
    """changed, missing, order, inserted, missing-chain, unknown-chain, statement, file"""
    chain: int | None
    text: str
    first: int = 0
    """Positions in the chain, both included; 0 where the fault has none."""
    last: int = 0
    sequence: int = 0
    """The row's sequence number; 0 where there is no row."""

    def line(self) -> str:
        """The whole finding in one line."""
        where = "" if self.chain is None else f"chain {chain_name(self.chain)}: "
        row = f" (sequence {self.sequence})" if self.sequence and "sequence" not in self.text else ""
        return f"{self.kind}: {where}{self.text}{row}"


class Findings:
    """Collects findings; neighbours become one."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, kind: str, chain: int | None, text: str, *, first: int = 0, last: int = 0, sequence: int = 0) -> None:
        if len(self.found) < LIMIT:
            self.found.append(Finding(kind, chain, text, first, last, sequence))

    def changed(self, chain: int, position: int, sequence: int) -> None:
        """The row at `position` does not fit its tag, or the tag not the one that was sealed."""
        latest = self.found[-1] if self.found else None
        if latest is not None and (latest.kind, latest.chain, latest.last) == ("changed", chain, position - 1):
            latest.last = position
            latest.text = (
                f"rows {latest.first} to {position} ({position - latest.first + 1} rows) were changed, or made "
                "without the chain's key"
            )
            return
        text = f"row {position} was changed, or made without the chain's key"
        self.add("changed", chain, text, first=position, last=position, sequence=sequence)

    def is_changed(self, chain: int | None, position: int) -> bool:
        """Whether the newest finding is that the row at `position` was changed."""
        latest = self.found[-1] if self.found else None
        return latest is not None and (latest.kind, latest.chain, latest.last) == ("changed", chain, position)

    def missing(self, chain: int, first: int, last: int, *, at_the_end: bool = False) -> None:
        """No row stands between two positions."""
        where = " at the end" if at_the_end else ""
        count = last - first + 1
        text = (
            f"row {first} is missing{where}"
            if count == 1
            else (f"rows {first} to {last} ({count} rows) are missing{where}")
        )
        self.add("missing", chain, text, first=first, last=last)

    def out_of_order(self, chain: int, position: int, sequence: int) -> None:
        """A row that was missed before it turned up: it is not missing, but in the wrong place."""
        for index in range(len(self.found) - 1, -1, -1):
            gap = self.found[index]
            if gap.kind != "missing" or gap.chain != chain or not gap.first <= position <= gap.last:
                continue
            del self.found[index]
            if gap.first < position:
                self.missing(chain, gap.first, position - 1)
            if position < gap.last:
                self.missing(chain, position + 1, gap.last)
            break
        text = f"row {position} does not stand where it was written, but after later ones"
        self.add("order", chain, text, first=position, last=position, sequence=sequence)
