"""The heads of the audit chains: sealed every second that something was recorded, and at stop, in two places.

In the table `audit_head`, and in `DIR/audit.heads`, so that taking records off the end of the table together with what
the table says about its end is still found. The file has a line for each statement::

    head 00f3a1c29b5d7e44 aGZzAb3…            kind, chain, base64 of the sealed statement (vault/chain.py)

A line is written after the commit of what it proves, so the file never claims more than the store has. Lines are only
added, until the file is large: then it is written anew with the newest statement of each chain.

What the last second before a crash recorded is chained but its end not proven: until the next start, whose chain names
the record that it found last.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.services.cloudtrail import records
from holdfast.vault.chain import KINDS, Head, Opening, Removal, chain_name, open_statement, seal_statement
from holdfast.vault.errors import DecryptError

if TYPE_CHECKING:
    from holdfast.server.audit import Audit
    from holdfast.services.cloudtrail.verification import Verifier
    from holdfast.store.group_commit import GroupCommit
    from holdfast.store.transaction import StoreError, Transaction
    from holdfast.vault.vault import Vault

SEAL_SECONDS = 1.0
ROTATE_BYTES = 256 << 10
FILE_NAME = "audit.heads"

_LINE = re.compile(rf"({'|'.join(KINDS)}) ([0-9a-f]{{16}}) ([A-Za-z0-9+/]+=*)")


class SealedStatement(NamedTuple):
    """One statement as it stands in a place."""

    chain: int
    kind: str
    sealed: bytes


class HeadsFile:
    """DIR/audit.heads. Every method blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[list[SealedStatement], list[int]]:
        """As `parse`; nothing when there is no file."""
        try:
            return parse(self.path.read_bytes())
        except FileNotFoundError:
            return [], []

    def append(self, statements: Iterable[SealedStatement]) -> None:
        """Add lines; on disk when this returns."""
        data = b"".join(_line(statement) for statement in statements)
        if not data:
            return
        fresh = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = _end_of_last_line(descriptor)
            os.ftruncate(descriptor, end)
            os.lseek(descriptor, end, os.SEEK_SET)
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            self._sync_folder()

    def size(self) -> int:
        """Bytes; 0 when it is not there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def rotate(self, vault: Vault) -> None:
        """Write it anew with the newest statement of each chain and kind; what does not open is kept as it stands."""
        content = self.path.read_bytes()
        newest: dict[tuple[int, str], tuple[int, SealedStatement]] = {}
        unreadable: list[bytes] = []
        for line in content.split(b"\n")[:-1]:
            statement = _parse(line)
            rank = None if statement is None else _rank(vault, statement)
            if statement is None or rank is None:
                unreadable.append(line + b"\n")
            elif rank >= newest.get((statement.chain, statement.kind), (-1,))[0]:
                newest[statement.chain, statement.kind] = (rank, statement)
        data = b"".join([*unreadable, *(_line(statement) for _, statement in newest.values())])
        temporary = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(self.path)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def parse(content: bytes) -> tuple[list[SealedStatement], list[int]]:
    """The statements of a file of heads, and the numbers of lines that hold none.

    A last line that does not end was being written when the power went; it proves nothing and is no fault.
    """
    statements: list[SealedStatement] = []
    bad: list[int] = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        statement = _parse(line)
        if statement is None:
            bad.append(number)
        else:
            statements.append(statement)
    return statements, bad


def tell(verifier: Verifier, file: HeadsFile | None, kept_elsewhere: str = "") -> None:
    """Let a verification know what the file says, and a copy of it that somebody kept elsewhere."""
    if file is not None:
        _tell(verifier, file.path.name, *file.read(), ours=True)
    if kept_elsewhere:
        _tell(verifier, "the copy", *parse(kept_elsewhere.encode().rstrip(b"\n") + b"\n"), ours=False)


def _tell(verifier: Verifier, place: str, statements: list[SealedStatement], bad: list[int], *, ours: bool) -> None:
    verifier.learn(place, statements, ours=ours)
    for number in bad:
        verifier.fault(f"line {number} of {place} is no statement")


def _line(statement: SealedStatement) -> bytes:
    return f"{statement.kind} {chain_name(statement.chain)} {base64.b64encode(statement.sealed).decode()}\n".encode()


def _parse(line: bytes) -> SealedStatement | None:
    found = _LINE.fullmatch(line.decode("ascii", "replace"))
    if not found:
        return None
    try:
        return SealedStatement(int(found[2], 16), found[1], binascii.a2b_base64(found[3]))
    except ValueError:
        return None


def _rank(vault: Vault, statement: SealedStatement) -> int | None:
    """How new a statement is among those of its chain and kind; None when it does not open."""
    try:
        opened = open_statement(vault, *statement)
    except DecryptError:
        return None
    match opened:
        case Opening():
            return 0
        case Head(closed=closed, position=position):
            return 2 * position + closed
        case Removal(position=position):
            return position


def _end_of_last_line(descriptor: int) -> int:
    """Where the last whole line ends; a line is far shorter than what is looked at."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - 4096)
    tail = os.pread(descriptor, 4096, start)
    return start + tail.rfind(b"\n") + 1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class HeadKeeper:
    """Seals the head of this server's chain while it moves."""

    def __init__(
        self,
        audit: Audit,
        executor: GroupCommit,
        vault: Vault,
        wall: Callable[[], float],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._audit = audit
        self._executor = executor
        self._vault = vault
        self._wall = wall
        self._report = report
        self.file: HeadsFile | None = None
        """None where there is no data directory: the table alone then has the heads."""
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._sealed: tuple[int, int, bool] | None = None
        """Chain, position and end of what the table has."""
        self._waiting: list[SealedStatement] = []
        """In the table, not yet in the file."""
        self._opened = 0
        """The chain whose opening is in the file or waits for it."""
        self._removals = 1
        """Counts up when retention may have removed something that the file does not say; once at the start."""
        self._removals_in_file = 0
        self.failed = False
        """The newest head could not be written everywhere."""

    def moved(self) -> None:
        """The chain has a new record."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SEAL_SECONDS, self._fire)

    def removed(self) -> None:
        """Retention removed the beginning of a chain, in a transaction that may still be open."""
        self._removals += 1

    def _fire(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self.seal())

    async def seal(self, *, closing: bool = False) -> None:
        """Seal the head as it is now; returns when it is on disk in both places, or that failed and was reported."""
        async with self._turn:
            error = await self._write(closing)
            if error is None and self.file is not None and self._waiting:
                lines = self._waiting
                self._waiting = []
                try:
                    await asyncio.get_running_loop().run_in_executor(None, self._add, self.file, lines)
                except OSError as failed:
                    self._waiting = lines + self._waiting
                    error = failed
            self.failed = error is not None
            if error is not None:
                self._report("audit heads", error)
                if not closing:
                    self.moved()

    def _add(self, file: HeadsFile, lines: Sequence[SealedStatement]) -> None:
        if any(line.kind != Head.KIND for line in lines):
            known = set(file.read()[0])
            lines = [line for line in lines if line not in known]
        file.append(lines)
        if file.size() > ROTATE_BYTES:
            file.rotate(self._vault)

    async def _write(self, closing: bool) -> StoreError | None:
        future: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        made: list[SealedStatement] = []
        sealed = self._sealed
        opened, removals = self._opened, self._removals_in_file

        def unit(transaction: Transaction) -> None:
            nonlocal sealed, opened, removals
            made.clear()
            if removals != self._removals:
                removals = self._removals
                made.extend(_removals(transaction))
            end = self._audit.state
            if end is None:
                return
            chain = end.key.chain
            if opened != chain:
                made.extend(_of_the_chain_before(transaction, self._vault, chain, end.opening_sealed))
                made.append(SealedStatement(chain, Opening.KIND, end.opening_sealed))
                opened = chain
            if (chain, end.position, closing) == self._sealed:
                return
            sealed = (chain, end.position, closing)
            head = Head(end.position, end.tag, int(self._wall() * 1000), closing)
            statement = SealedStatement(chain, Head.KIND, seal_statement(self._vault, chain, head))
            transaction.run(records.WRITE_STATEMENT, *statement)
            made.append(statement)

        while not self._executor.write(unit, future.set_result):
            await self._executor.idle()
        error = await future
        if error is None:
            self._sealed, self._opened = sealed, opened
            self._removals_in_file = removals
            self._waiting += made
        return error

    async def close(self) -> None:
        """Seal the end for good. Nothing may be recorded afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.seal(closing=True)
        if self._timer is not None:
            self._timer.cancel()


def _of_the_chain_before(
    transaction: Transaction, vault: Vault, chain: int, opening_sealed: bytes
) -> Iterable[SealedStatement]:
    """What the last server may not have come to write into the file when it crashed."""
    opening = open_statement(vault, chain, Opening.KIND, opening_sealed)
    if isinstance(opening, Opening) and opening.previous is not None:
        for kind in (Opening.KIND, Head.KIND):
            row = transaction.one(records.READ_STATEMENT, opening.previous.chain, kind)
            if row is not None:
                yield SealedStatement(opening.previous.chain, kind, row[0])


def _removals(transaction: Transaction) -> list[SealedStatement]:
    return [
        SealedStatement(*statement)
        for statement in records.read_statements(transaction)
        if statement[1] == Removal.KIND
    ]
