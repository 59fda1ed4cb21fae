"""Where `holdfast audit` reads: the running server, or the store of one that does not run.

Both walk in pages, so nothing is held in memory but one of them, and both show how far they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from holdfast.cli.connection import ControlDoor, Door, find_door
from holdfast.cli.errors import BadUsage

if TYPE_CHECKING:
    from holdfast.server.opening import Opened
    from holdfast.store.transaction import Transaction

Record = dict[str, Any]
Progress = Callable[[int, int], None]
"""Told (done, in all)."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What records are wanted: members of SearchAudit, times in milliseconds of service time, both included."""

    criteria: Mapping[str, str]
    account: str = ""
    region: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found."""

    records: int
    chains: int
    findings: list[dict[str, Any]]
    notes: list[str]


class AuditSource(Protocol):
    """A place to read the audit trail."""

    def now(self) -> int:
        """Service time, milliseconds."""
        ...

    def search(self, question: Question) -> Iterator[bytes]:
        """JSON texts of records, oldest first."""
        ...

    def newest(self, count: int) -> tuple[list[bytes], int]:
        """The newest records in the order of writing, and the sequence number to go on from."""
        ...

    def after(self, sequence: int) -> tuple[list[bytes], int, bool]:
        """Records written after a sequence number, the number to go on from, and whether there are more now."""
        ...

    def verify(self, heads: str, progress: Progress) -> Verdict:
        """Walk every chain; `heads` is a copy of the file of heads."""
        ...


@contextmanager
def audit_source(data: str | None) -> Generator[AuditSource]:
    """The server that `data` and the environment name; when none runs on the directory, its store."""
    door = find_door(data, os.environ)
    if not isinstance(door, ControlDoor) or door.answers():
        yield Served(door)
        return
    from holdfast.server.settings_sources import load
    from holdfast.server.stopped_store import stopped_store

    settings = load({} if data is None else {"data": data}, os.environ)
    with stopped_store(settings) as (opened, transaction):
        yield Stopped(settings.data, opened, transaction)


class Served:
    """A running server."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def now(self) -> int:
        return round(self._door.call("GetClock")["Now"] * 1000)

    def search(self, question: Question) -> Iterator[bytes]:
        members: dict[str, Any] = {**question.criteria, "MaxResults": PAGE}
        members |= {"Account": question.account} if question.account else {}
        members |= {"Region": question.region} if question.region else {}
        members |= {"StartTime": question.start / 1000} if question.start is not None else {}
        members |= {"EndTime": question.end / 1000} if question.end is not None else {}
        if "ReadOnly" in members:
            members["ReadOnly"] = members["ReadOnly"] == "true"
        while True:
            answer = self._door.call("SearchAudit", **members)
            yield from _texts(answer)
            if not (token := answer.get("NextToken")):
                return
            members["NextToken"] = token

    def newest(self, count: int) -> tuple[list[bytes], int]:
        answer = self._door.call("ReadAudit", MaxResults=count)
        return _texts(answer), answer.get("Last", 0)

    def after(self, sequence: int) -> tuple[list[bytes], int, bool]:
        answer = self._door.call("ReadAudit", After=sequence, MaxResults=PAGE)
        return _texts(answer), answer.get("Last", sequence), answer.get("More", False)

    def verify(self, heads: str, progress: Progress) -> Verdict:
        members: dict[str, Any] = {"Heads": heads} if heads else {}
        answer = self._door.call("VerifyAudit", **members)
        while not answer.get("Done"):
            progress(answer.get("Walked", 0), answer.get("ToWalk", 0))
            answer = self._door.call("VerifyAudit", Token=answer["Token"])
        progress(answer.get("ToWalk", 0), answer.get("ToWalk", 0))
        findings = [
            {
                "kind": found["Kind"],
                "chain": found.get("Chain"),
                "first": found.get("First"),
                "last": found.get("Last"),
                "sequence": found.get("Sequence"),
                "text": found["Text"],
            }
            for found in answer.get("Findings", ())
        ]
        return Verdict(answer.get("Records", 0), answer.get("Chains", 0), findings, answer.get("Notes", []))


def _texts(answer: dict[str, Any]) -> list[bytes]:
    return [record["Record"].encode() for record in answer.get("Records", ())]


class Stopped:
    """The store itself."""

    def __init__(self, directory: Path, opened: Opened, transaction: Transaction) -> None:
        self._directory = directory
        self._opened = opened
        self._transaction = transaction

    def now(self) -> int:
        return self._opened.clock.service()

    def search(self, question: Question) -> Iterator[bytes]:
        from holdfast.services.cloudtrail.search import open_search

        place = (question.account, question.region)
        times = (question.start, question.end)
        search = open_search(self._transaction, place, list(question.criteria.items()), times)
        while not search.done:
            for found in search.step(self._transaction, PAGE):
                yield found.text

    def newest(self, count: int) -> tuple[list[bytes], int]:
        from holdfast.services.cloudtrail.search import Newest

        reading = Newest("", count)
        while not reading.step(self._transaction):
            pass
        return [text for *_, text in reading.found], reading.last

    def after(self, sequence: int) -> tuple[list[bytes], int, bool]:
        from holdfast.services.cloudtrail.search import After

        reading = After(sequence, "", PAGE)
        reading.step(self._transaction)
        return [text for *_, text in reading.found], reading.last, reading.more

    def verify(self, heads: str, progress: Progress) -> Verdict:
        from holdfast.server.audit_heads import FILE_NAME, HeadsFile, tell
        from holdfast.services.cloudtrail.verification import Verifier
        from holdfast.vault.chain import chain_name

        verifier = Verifier(self._opened.vault)
        tell(verifier, HeadsFile(self._directory / FILE_NAME), heads)
        verifier.begin(self._transaction)
        while not verifier.step(self._transaction):
            progress(*verifier.progress)
        findings = [
            {
                "kind": found.kind,
                "chain": None if found.chain is None else chain_name(found.chain),
                "first": found.first or None,
                "last": found.last or None,
                "sequence": found.sequence or None,
                "text": found.line(),
            }
            for found in verifier.findings
        ]
        return Verdict(verifier.records, verifier.chains(), findings, verifier.notes())


def fits(text: bytes, question: Question) -> Record | None:
    """The record, if it is one of those wanted; for what is read in the order of writing."""
    from holdfast.services.cloudtrail.attributes import fits as has

    record: Record = msgspec.json.decode(text)
    if question.account and record.get("recipientAccountId") != question.account:
        return None
    if question.region and record.get("awsRegion") != question.region:
        return None
    return record if all(has(record, name, value) for name, value in question.criteria.items()) else None


def follow_only_served(source: AuditSource) -> None:
    """Raise BadUsage where nothing new can come."""
    if not isinstance(source, Served):
        raise BadUsage("--follow needs a running server: no server runs on this data directory")
