"""The program of a reader: a process beside the server that answers reads on connections it is given.

    descriptor 0   the line to the process that writes (reader_line.py); its first frame is the `Order`
    door           a socket from which connections come, each as a descriptor (SCM_RIGHTS)
    commits        memory in which the writer counts its commits (reading.py, `Snapshots`)

It has a listener, a vault, an authenticator and a pipeline of its own, over its own read-only connection to the store.
Everything that is not a plain read goes to the writer and comes back as an answer. The records of its reads go there in
batches, and are its own until the writer has said that they are on disk (server/notebook.py).

INVARIANT: it refuses reads while it holds LIMIT records that are not on disk or the newest batch could not be written,
and ends when the writer does. It writes to no file.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import uvloop

from holdfast.functions.launcher import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, control
from holdfast.server import collector
from holdfast.server import reader_line as wire
from holdfast.server.audit import Audit
from holdfast.server.authenticate import Authenticator
from holdfast.server.directory import Directory
from holdfast.server.http_limits import Refusal
from holdfast.server.http_response import of_refusal
from holdfast.server.identities import Identities
from holdfast.server.listener import Listener, server_tls_context
from holdfast.server.logs import Log
from holdfast.server.metrics import Metrics
from holdfast.server.notebook import Notebook
from holdfast.server.reader_line import Counts, Kind, LineEnd, Order
from holdfast.server.reading import ReadingPipeline, Snapshots
from holdfast.server.surroundings import ServerSurroundings
from holdfast.store.sqlite import SqliteDatabase
from holdfast.store.transaction import StoreError
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from holdfast.work.clock import SystemClock

if TYPE_CHECKING:
    from holdfast.server.notebook import Batch, Done
    from holdfast.wire.messages import Reply, Request

COUNTED = ("connections_total", "requests_total", "bytes_in", "bytes_out")
"""The listener's counters."""
EVERY = 1.0
"""Seconds between two `Counts`."""
UNSENT = 64 << 20
"""Bytes of forwarded requests that the writer has not taken: with more, a further request is refused."""


class NotHere:
    """Stands for what only the process that writes has: a read that asks for it is forwarded."""

    def __getattr__(self, name: str) -> NoReturn:
        raise LookupError(f"{name} is not in a reader")


class ReaderProcess:
    """One reader."""

    def __init__(self, order: Order, door: socket.socket, commits: memoryview) -> None:
        self._log = Log(*order.log)
        self._door = door
        self._context = None if order.tls is None else server_tls_context(Path(order.tls[0]), Path(order.tls[1]))
        clock = SystemClock(order.clock_offset)
        randomness = SystemRandomness()
        vault = Vault(RootKeys.parse(order.root_keys, source="the server's root key"), randomness)
        executor = Snapshots(SqliteDatabase(Path(order.database), read_only=True), clock.monotonic, commits)
        directory, identities = Directory(), Identities()
        audit = Audit(directory, vault, randomness, clock.wall)
        self._notebook = Notebook(executor, directory, audit, order.audit_window)
        self._notebook.keep = self._keep
        self._metrics = Metrics()
        absent: Any = NotHere()
        surroundings = ServerSurroundings(
            vault, randomness, clock.wall, directory, self._notebook, identities, absent, absent, absent
        )
        surroundings.control = surroundings.functions = absent
        pipeline = ReadingPipeline(
            directory=directory,
            authenticator=Authenticator(
                vault, identities, clock.wall, lambda: order.home_account, lambda: order.home_region
            ),
            executor=executor,
            notebook=self._notebook,
            audit=audit,
            surroundings=surroundings,
            clock=clock,
            metrics=self._metrics,
            report=self._log.failure,
            forward=self._forward,
        )
        self._listener = Listener(
            pipeline.handle,
            limits=order.limits,
            wall=clock.wall,
            monotonic=clock.monotonic,
            on_error=lambda error: self._log.failure("listener", error),
        )
        self._listener.parted = self._parted
        self._line = LineEnd(self._take, self._lost)
        self._numbers = 0
        self._waiting: dict[int, Reply] = {}
        self._batches: dict[int, Done] = {}
        self._counted: dict[str, int] = dict.fromkeys(COUNTED, 0)
        self._refused: dict[str, int] = {**self._listener.refused}
        self._given_all = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def serve(self, line: socket.socket) -> None:
        """Until the writer has it end."""
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._line, sock=line)
        loop.add_reader(self._door.fileno(), self._take_connections)
        self._listener.start_sweeping()
        self._count_later()
        collector.settle()
        self._line.send(Kind.READY)
        await self._ended.wait()

    # -- connections --------------------------------------------------------------------------------------------------

    def _take_connections(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._door, 16, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._door.fileno())
                self._given_all.set()
                return
            if descriptors:
                connected = socket.socket(fileno=descriptors[0])
                connected.setblocking(False)
                self._listener.adopt(connected, self._context)
            else:  # no descriptor is free here
                self._parted()

    def _parted(self) -> None:
        self._line.send(Kind.PARTED, wire.encode(1))

    # -- what is forwarded --------------------------------------------------------------------------------------------

    def _forward(self, request: Request, reply: Reply) -> None:
        if self._line.unsent > UNSENT:
            listener = self._listener
            listener.refused["in-flight"] += 1
            reply(of_refusal(Refusal(503, "in-flight", "too many requests at once"), listener.limits))
            return
        self._numbers += 1
        self._waiting[self._numbers] = reply
        self._line.send(Kind.FORWARD, wire.encode_request(self._numbers, request))

    # -- what reads leave ---------------------------------------------------------------------------------------------

    def _keep(self, batch: Batch, done: Done) -> bool:
        self._numbers += 1
        self._batches[self._numbers] = done
        self._line.send(Kind.BATCH, wire.encode_batch(self._numbers, batch))
        return True

    def _count_later(self) -> None:
        asyncio.get_running_loop().call_later(EVERY, self._count_again)

    def _count_again(self) -> None:
        self._line.send(Kind.ALIVE)
        self._count()
        self._count_later()

    def _count(self) -> None:
        metrics, listener = self._metrics, self._listener
        counted = {name: int(getattr(listener, name)) for name in COUNTED}
        refused: dict[str, int] = {**listener.refused}
        if counted == self._counted and refused == self._refused:
            return
        counts = Counts(
            *metrics.take(),
            {name: number - self._counted[name] for name, number in counted.items()},
            {reason: more for reason, number in refused.items() if (more := number - self._refused[reason])},
        )
        self._counted, self._refused = counted, refused
        self._line.send(Kind.COUNTS, wire.encode(counts))

    # -- from the writer ----------------------------------------------------------------------------------------------

    def _take(self, kind: int, payload: bytes) -> None:
        try:
            if kind == Kind.ANSWER:
                number, response = wire.decode_answer(payload)
                self._waiting.pop(number)(response)
            elif kind == Kind.KEPT:
                number, written = wire.decode_outcome(payload)
                self._batches.pop(number)(None if written else StoreError("the audit trail cannot be written"))
            elif kind == Kind.FLUSH:
                self._flush(wire.decode_number(payload))
            elif kind == Kind.DRAIN:
                self._ending = asyncio.get_running_loop().create_task(self._drain(wire.decode_float(payload)))
        except Exception as error:  # noqa: BLE001 - one answer that cannot be given must not stop the others
            self._log.failure("reader", error)

    def _flush(self, number: int) -> None:
        def written(error: StoreError | None) -> None:
            self._line.send(Kind.FLUSHED, wire.encode((number, error is None and not self._notebook.failed)))

        self._count()
        self._notebook.flush(written)

    async def _drain(self, seconds: float) -> None:
        await self._given_all.wait()
        await self._listener.drain(seconds)
        written = asyncio.Event()
        self._notebook.flush(lambda _: written.set())
        await written.wait()
        self._count()
        self._line.close()

    def _lost(self) -> None:
        if self._ending is None:
            os._exit(1)  # the writer is gone: nobody keeps what a further read would leave
        self._ended.set()


def receive_order(line: socket.socket) -> Order:
    """The first frame, and not a byte more. Raises EOFError."""

    def exactly(size: int) -> bytes:
        read = bytearray()
        while len(read) < size:
            piece = line.recv(size - len(read))
            if not piece:
                raise EOFError
            read += piece
        return bytes(read)

    head = exactly(wire.HEAD)
    return wire.decode_order(exactly(int.from_bytes(head[:4], "big") - 1))


def main(door: int, commits: int) -> None:
    # The terminal and service managers send these to all processes of a server; it is the writer that says when to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Before the root key is here: a function that runs as the same user must not read this memory (functions/isolation.py),
    # and no core file may hold it.
    control(PR_SET_DUMPABLE, 0)
    control(PR_SET_PDEATHSIG, signal.SIGKILL)
    line = socket.socket(fileno=0)
    try:
        order = receive_order(line)
    except EOFError:
        sys.exit(1)
    line.setblocking(False)
    received = socket.socket(fileno=door)
    received.setblocking(False)
    counted = memoryview(mmap.mmap(commits, mmap.PAGESIZE, prot=mmap.PROT_READ)).cast("Q")

    async def serve() -> None:
        await ReaderProcess(order, received, counted).serve(line)

    try:
        uvloop.run(serve())
    except Exception as error:  # noqa: BLE001 - the end of the process; what it says must be a line of the log
        Log(*order.log).failure("reader", error)
        sys.exit(1)
