"""One environment of one function: a process that answers one invocation at a time, and is used again.

    starting ── next ──► ready ── invoke ──► busy ── response or error ──► ready …
       │                                       │
       └── init error, exit, too slow ──► dead ◄── exit, too slow, too large

Every way out of `busy` answers the caller; whoever is dead is killed with all that it started. Time limits are monotonic.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from holdfast.functions.process import Cage, Process
from holdfast.wire.messages import Reply, Response

INIT_SECONDS = 10.0
"""For a function to ask for its first invocation ("Lambda execution environment", developer guide)."""
TAIL = 4096
"""Bytes of the log that come back with an invocation."""
LARGEST_RESPONSE = 6_291_556
REDACTED = b"[redacted]"
TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an environment runs."""

    name: Hashable
    """Environments of one name are interchangeable."""
    version: str
    timeout: int
    memory_size: int
    cage: Cage = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)
    """What is taken out of its log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended."""

    payload: bytes
    error: str
    log: str


@dataclass(slots=True)
class Invocation:
    """One event for a function."""

    request_id: str
    arn: str
    payload: bytes = field(repr=False)
    client_context: str = ""
    trace_id: str = ""


class Environment:
    """Made by the pool, spoken to by the Runtime API."""

    def __init__(
        self, plan: Plan, monotonic: Callable[[], float], wall: Callable[[], float], died: Callable[[Environment], None]
    ) -> None:
        """Starts the process. Raises OSError."""
        self.plan = plan
        self.born = monotonic()
        self.idle_since = self.born
        self.dead = False
        self.process = Process(plan.cage, self._process_ended)
        self._monotonic = monotonic
        self._wall = wall
        self._died = died
        self._loop = asyncio.get_running_loop()
        self._initialised = False
        self._poll: Reply | None = None
        """The function's question for its next invocation, not answered yet."""
        self._invocation: Invocation | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._delivered = False
        self._began = 0.0
        self._init_error: tuple[bytes, str] | None = None
        self._timer = self._loop.call_later(max(INIT_SECONDS, plan.timeout), self._too_slow)

    @property
    def busy(self) -> bool:
        return self._invocation is not None

    # -- the caller's side --------------------------------------------------------------------------------------------

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; whatever happens to the function is an outcome."""
        assert self._invocation is None
        self._invocation = invocation
        self._delivered = False
        self._began = self._monotonic()
        self._answer = self._loop.create_future()
        answer = self._answer
        if self._initialised:
            self.process.log.clear()
            self._start_timer()
        if self._poll is not None:
            self._deliver()
        return await answer

    def _start_timer(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(self.plan.timeout, self._too_slow)

    def _deliver(self) -> None:
        """Answer the function's question."""
        invocation, poll = self._invocation, self._poll
        assert invocation is not None
        assert poll is not None
        self._poll = None
        self._delivered = True
        self._began = self._monotonic()
        self._say(f"START RequestId: {invocation.request_id} Version: {self.plan.version}\n")
        deadline = int((self._wall() + self.plan.timeout) * 1000)
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.arn),
            ("Lambda-Runtime-Trace-Id", invocation.trace_id),
        ]
        if invocation.client_context:
            headers.append(("Lambda-Runtime-Client-Context", invocation.client_context))
        poll(Response(200, invocation.payload, headers))

    # -- the function's side ------------------------------------------------------------------------------------------

    def next(self, reply: Reply) -> None:
        """It asks for its next invocation."""
        if self._poll is not None or (self._invocation is not None and self._delivered):
            reply(refusal("InvalidStateTransition", "an invocation is not answered yet", 403))
            return
        self._poll = reply
        first = not self._initialised
        self._initialised = True
        if first:
            self._timer.cancel()
        if self._invocation is not None:
            if first:
                self._start_timer()
            self._deliver()

    def respond(self, request_id: str, body: bytes, error: str, reply: Reply) -> None:
        """Its answer to an invocation; `error` is empty, or the kind of the error that `body` describes."""
        invocation = self._invocation
        if invocation is None or not self._delivered or invocation.request_id != request_id:
            reply(refusal("InvalidRequestID", "Invalid request ID", 400))
            return
        if len(body) > LARGEST_RESPONSE:
            reply(refusal("RequestEntityTooLarge", TOO_LARGE, 413))
            self._finish(error_document("Function.ResponseSizeTooLarge", TOO_LARGE), "Unhandled")
            # Runtimes end when an answer of theirs is refused.
            self._kill()
            return
        reply(ACCEPTED)
        self._finish(body, error)

    def init_failed(self, body: bytes, reply: Reply) -> None:
        """It could not be started; it ends by itself now."""
        reply(ACCEPTED)
        self._init_error = body, "Unhandled"
        if self._invocation is not None:
            self._finish(body, "Unhandled")
        self._kill()

    # -- ends -----------------------------------------------------------------------------------------------------------

    def _too_slow(self) -> None:
        limit = self.plan.timeout if self._initialised else max(INIT_SECONDS, self.plan.timeout)
        text = f"Task timed out after {limit:.2f} seconds"
        if self._invocation is not None:
            self._fail("Sandbox.Timedout", text)
        self._kill()

    def _fail(self, kind: str, text: str) -> None:
        assert self._invocation is not None
        self._finish(error_document(kind, f"RequestId: {self._invocation.request_id} Error: {text}"), "Unhandled")

    def _process_ended(self, how: str) -> None:
        """Called by the process, whether it ended by itself or was killed."""
        if self._invocation is not None:
            if self._init_error is not None:
                self._finish(*self._init_error)
            elif how == "exit status 0":
                self._fail("Runtime.ExitError", "Runtime exited without providing a reason")
            else:
                self._fail("Runtime.ExitError", f"Runtime exited with error: {how or 'signal: killed'}")
        self._bury()

    def _finish(self, payload: bytes, error: str) -> None:
        """Answer the caller."""
        invocation, answer = self._invocation, self._answer
        assert invocation is not None
        assert answer is not None
        self._timer.cancel()
        self.process.drain()
        now = self._monotonic()
        milliseconds = (now - self._began) * 1000
        self._say(
            f"END RequestId: {invocation.request_id}\n"
            f"REPORT RequestId: {invocation.request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {int(milliseconds) + 1} ms\tMemory Size: {self.plan.memory_size} MB\t\n"
        )
        self._invocation = None
        self._answer = None
        self.idle_since = now
        if not answer.done():
            answer.set_result(Outcome(payload, error, self.tail()))

    def tail(self) -> str:
        """The end of the log, without the environment's own secrets."""
        log = bytes(self.process.log)
        for secret in self.plan.secrets:
            log = log.replace(secret, REDACTED)
        return log[-TAIL:].decode("utf-8", "replace")

    def _say(self, text: str) -> None:
        self.process.log += text.encode()

    def kill(self) -> None:
        """End it; whoever waits for an answer gets one."""
        self.process.kill()
        self._kill()

    def _kill(self) -> None:
        self.process.kill()
        self._bury()

    def _bury(self) -> None:
        if self.dead:
            return
        self.dead = True
        self._timer.cancel()
        if self._poll is not None:
            poll, self._poll = self._poll, None
            poll(refusal("Shutdown", "this environment has ended", 500))
        self._died(self)


ACCEPTED = Response(202, b'{"status":"OK"}', [("Content-Type", "application/json")])


def refusal(kind: str, text: str, status: int) -> Response:
    """An error of the Runtime API."""
    body = json.dumps({"errorMessage": text, "errorType": kind}).encode()
    return Response(status, body, [("Content-Type", "application/json")])


def error_document(kind: str, text: str) -> bytes:
    """What an invocation answers that the function itself did not answer."""
    return json.dumps({"errorType": kind, "errorMessage": text}).encode()
