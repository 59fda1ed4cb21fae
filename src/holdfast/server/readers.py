"""The readers, as the process that writes sees them: started, given connections, answered, flushed, drained, started anew.

    accept ── fewest connections? ── give: descriptor over `door` (SCM_RIGHTS) ──► reader
    handle ◄── FORWARD ── line ── BATCH ──► notebook.keep ── on disk ── KEPT ──► reader

Each reader is this program once more (server/reader.py), started by exec: a fork would share SQLite's handles, locks and
threads that are not there. What it needs to know, the root key included, goes over its socket and nowhere else.

INVARIANT: what a reader did not hand over is lost with it, and nothing else: at most the records of one window, as in a
crash (docs/adr/0005). `flush` is answered when every read answered before it is on disk.
Threat: a reader that outlives the server, and goes on answering. It is killed by the kernel with the server's main
thread, and ends by itself when its socket does.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from holdfast.compiled import VARIABLE
from holdfast.server import reader_line as wire
from holdfast.server.http_limits import Refusal
from holdfast.server.http_response import INTERNAL_ERROR, of_refusal
from holdfast.server.reader_line import Kind, LineEnd

if TYPE_CHECKING:
    from holdfast.server.listener import Listener
    from holdfast.server.logs import Log
    from holdfast.server.metrics import Metrics
    from holdfast.server.notebook import Notebook
    from holdfast.store.transaction import StoreError
    from holdfast.wire.messages import Handle, Response

PROGRAM = (
    "import sys; door, commits, *sys.path = sys.argv[1:];"
    " from holdfast import compiled; compiled.use();"
    " from holdfast.server.reader import main; main(int(door), int(commits))"
)
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 30.0
"""Seconds before a reader that ended is started again; doubled each time, until one has lived for STEADY."""
STEADY = 60.0
PATIENCE = 5.0
"""Seconds for a reader to do at once what it is told, before it is given up."""
QUIET = 3
"""Seconds without a word from a reader, which says one each second, until it gets no further connections."""
HUNG = 10
"""The same, until it is ended: it is as good as crashed, and is started again."""


def environment() -> dict[str, str]:
    """This process's, without what means something to the server: settings and secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    if VARIABLE in os.environ:
        kept[VARIABLE] = os.environ[VARIABLE]
    return kept


class Readers:
    """All readers of one server."""

    def __init__(
        self,
        number: int,
        order: wire.Order,
        *,
        handle: Handle,
        listener: Listener,
        notebook: Notebook,
        metrics: Metrics,
        monotonic: Callable[[], float],
        log: Log,
    ) -> None:
        self.number = number
        self.order = wire.encode(order)
        self.handle = handle
        self.listener = listener
        self.notebook = notebook
        self.metrics = metrics
        self.log = log
        self.restarted = 0
        self._monotonic = monotonic
        self._readers: list[Reader] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.commits = os.memfd_create("holdfast-commits", os.MFD_CLOEXEC)
        os.ftruncate(self.commits, mmap.PAGESIZE)
        self._count = memoryview(mmap.mmap(self.commits, mmap.PAGESIZE)).cast("Q")

    def __repr__(self) -> str:
        return f"<Readers {self.running} of {self.number}>"

    def committed(self) -> None:
        """`GroupCommit.committed`: from now on no reader uses a snapshot from before."""
        self._count[0] += 1

    @property
    def running(self) -> int:
        """How many take connections now."""
        return sum(reader.ready for reader in self._readers)

    def start(self) -> None:
        """Start them, and keep them started; returns at once."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep_one()) for _ in range(self.number)]
        self._watching = loop.create_task(self._watch())

    async def _watch(self) -> None:
        # Seconds of this loop are counted, so that a time in which nothing ran, this process included, is nobody's fault.
        while True:
            await asyncio.sleep(1)
            for reader in self._readers:
                reader.another_second()

    async def _keep_one(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = self._monotonic()
            reader = Reader(self)
            self._readers.append(reader)
            try:
                await reader.live()
            except Exception as error:  # noqa: BLE001 - the server goes on without it, and tries again
                self.log.failure("readers", error)
            finally:
                self._readers.remove(reader)
            if self._stopping.is_set():
                return
            self.log.warning("a reader ended and is started again", seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return
            self.restarted += 1
            pause = FIRST_PAUSE if self._monotonic() - began > STEADY else min(2 * pause, LONGEST_PAUSE)

    def give(self, connected: socket.socket) -> bool:
        """`Listener.give`: hand a connection to the process with the fewest; False when this one is to take it."""
        least, chosen = self.listener.own, None
        for reader in self._readers:
            if reader.ready and reader.silent < QUIET and reader.connections <= least:
                least, chosen = reader.connections, reader
        return chosen is not None and chosen.give(connected)

    async def flush(self) -> bool:
        """Until what readers' reads left so far is on disk; False when it cannot be written."""
        return all(await asyncio.gather(*(reader.flush() for reader in self._readers)))

    async def drain(self, seconds: float) -> None:
        """Have them finish what they have, within `seconds`, and end."""
        self._stopping.set()
        for reader in self._readers:
            reader.drain(seconds)
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds + PATIENCE)
        for task in late:
            task.cancel()  # and kills its reader
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """As `Metrics.gauges`."""
        yield "holdfast_readers_running", "Reading processes that take connections", self.running
        connections = sum(reader.connections for reader in self._readers)
        yield "holdfast_readers_connections", "Connections that reading processes have", connections
        yield "holdfast_readers_restarted_total", "Reading processes started again since the start", self.restarted


class Reader:
    """One of them."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.ready = False
        """It takes connections."""
        self._answers = False
        """It may have answered something."""
        self.connections = 0
        """Given to it, and not reported closed."""
        self._gone = asyncio.Event()
        self._line = LineEnd(self._take, self._gone.set)
        self._door: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._flushes: dict[int, asyncio.Future[bool]] = {}
        self._numbers = 0
        self.silent = 0
        """Seconds since it last said something."""

    async def live(self) -> None:
        """From its start to its end. Raises OSError when it cannot be started."""
        process, ours = self._start()
        self._process = process
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=ours)
            self._line.send(Kind.ORDER, self._readers.order)
            await self._gone.wait()
        finally:
            self._end()
            # Its socket is closed, and so it ends; what does not is stopped.
            with contextlib.suppress(asyncio.CancelledError, subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, PATIENCE)
            process.kill()
            process.wait()

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        self._door, door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.setblocking(False)
        ours.setblocking(False)
        commits = self._readers.commits
        try:
            # From this thread, which lives as long as the process: with it the kernel ends its children.
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", PROGRAM, str(door.fileno()), str(commits), *sys.path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=(door.fileno(), commits),
                env=environment(),
                # The terminal's SIGINT is not for it. A session would be one for the kernel's autogroups, too: on a busy
                # machine a reader of a session of its own got a tenth of the time that it could have used (measured).
                process_group=0,
            )
        except BaseException:
            ours.close()
            self._door.close()
            raise
        finally:
            theirs.close()
            door.close()
        return process, ours

    def _end(self) -> None:
        self.ready = False
        if self._door is not None:
            self._door.close()
        self._line.close()
        self._parted(self.connections)
        for future in self._flushes.values():
            if not future.done():
                future.set_result(True)  # nothing of it is left to wait for

    def another_second(self) -> None:
        """End it when it has hung for too long. It may come back before, and what it holds is then written."""
        self.silent += 1
        if self.ready and self.silent == HUNG:
            self._readers.log.warning("a reader hangs and is ended", seconds=HUNG)
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()

    # -- to it --------------------------------------------------------------------------------------------------------

    def give(self, connected: socket.socket) -> bool:
        """Hand a connection over; False when it takes none now."""
        if self._door is None:
            return False
        try:
            socket.send_fds(self._door, [b"c"], [connected.fileno()])
        except OSError:  # its socket is full, or it is gone
            return False
        self.connections += 1
        self._readers.listener.elsewhere += 1
        return True

    async def flush(self) -> bool:
        if not self._answers or self._gone.is_set():
            return True
        self._numbers += 1
        number = self._numbers
        future = self._flushes[number] = asyncio.get_running_loop().create_future()
        self._line.send(Kind.FLUSH, wire.encode(number))
        try:
            return await asyncio.wait_for(future, PATIENCE)
        except TimeoutError:
            return False
        finally:
            del self._flushes[number]

    def drain(self, seconds: float) -> None:
        if self._gone.is_set() or self._door is None:
            return
        if not self.ready:  # it has nothing to finish
            self.kill()
            return
        self.ready = False
        self._door.close()
        self._line.send(Kind.DRAIN, wire.encode(seconds))

    # -- from it ------------------------------------------------------------------------------------------------------

    def _take(self, kind: int, payload: bytes) -> None:
        self.silent = 0
        try:
            if kind == Kind.FORWARD:
                self._answer(payload)
            elif kind == Kind.BATCH:
                self._keep(payload)
            elif kind == Kind.PARTED:
                self._parted(wire.decode_number(payload))
            elif kind == Kind.COUNTS:
                self._add(wire.decode_counts(payload))
            elif kind == Kind.FLUSHED:
                number, written = wire.decode_outcome(payload)
                future = self._flushes.get(number)
                if future is not None and not future.done():
                    future.set_result(written)
            elif kind == Kind.READY:
                self.ready = self._answers = True
        except Exception as error:  # noqa: BLE001 - it speaks otherwise than it should: nothing of it counts any more
            self._readers.log.failure("readers", error)
            self._gone.set()

    def _answer(self, payload: bytes) -> None:
        number, request = wire.decode_request(payload)
        listener = self._readers.listener
        answered = False

        def reply(response: Response) -> None:
            nonlocal answered
            if answered:
                raise RuntimeError("a request was answered twice")
            answered = True
            listener.in_flight -= 1
            if not self._gone.is_set():
                self._line.send(Kind.ANSWER, wire.encode_answer(number, response))

        listener.in_flight += 1
        if listener.in_flight > listener.limits.in_flight:
            listener.refused["in-flight"] += 1
            reply(of_refusal(Refusal(503, "in-flight", "too many requests at once"), listener.limits))
            return
        try:
            self._readers.handle(request, reply)
        except Exception as error:  # noqa: BLE001 - as in the listener
            listener.on_error(error)
            if not answered:
                reply(INTERNAL_ERROR)

    def _keep(self, payload: bytes) -> None:
        number, batch = wire.decode_batch(payload)

        def done(error: StoreError | None) -> None:
            if not self._gone.is_set():
                self._line.send(Kind.KEPT, wire.encode((number, error is None)))

        if not self._readers.notebook.keep(batch, done):
            self._line.send(Kind.KEPT, wire.encode((number, False)))

    def _parted(self, number: int) -> None:
        self.connections -= number
        self._readers.listener.elsewhere -= number

    def _add(self, counts: wire.Counts) -> None:
        metrics, listener = self._readers.metrics, self._readers.listener
        metrics.add(counts.calls, counts.seconds)
        for name, number in counts.listener.items():
            total: Any = getattr(listener, name)
            setattr(listener, name, total + number)
        for reason, number in counts.refused.items():
            listener.refused[reason] += number  # pyright: ignore[reportArgumentType]: a reason, as our own listener counts it
