"""Refused signatures are looked into after their answer, few at a time; what is found waits in the notebook.

On the wire nothing changes: the answer has left before the doctor is called. The diagnosis goes to the store with the
next batch (services/holdfast/diagnoses.py), where the operator reads it.

Threat: somebody who sends wrong signatures to burn our time. Each address has its own small allowance and all of them
together have one; a refusal beyond it is answered like any other and simply not looked into.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.services.holdfast.diagnoses import SIGNATURE_FAILED, SignatureDiagnosis
from holdfast.wire import sigv4
from holdfast.wire.signature_doctor import Diagnosis, Expected, diagnose, plausible_key_id
from holdfast.wire.sigv4_errors import SignatureError

if TYPE_CHECKING:
    from holdfast.api.base import Operation
    from holdfast.server.authenticate import Authenticator
    from holdfast.server.notebook import Notebook
    from holdfast.store.group_commit import GroupCommit
    from holdfast.wire.messages import Request
    from holdfast.wire.sigv4_parse import Presented
    from holdfast.work.clock import Clock

PER_SECOND = 10.0
AT_ONCE = 50.0
PER_SECOND_OF_ADDRESS = 1.0
AT_ONCE_OF_ADDRESS = 20.0
ADDRESSES = 1024
"""Addresses whose allowance is remembered."""


class Allowance:
    """A bucket that fills by `rate` a second up to `most`, and gives one at a time."""

    __slots__ = ("_left", "_most", "_rate", "_since")

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate = rate
        self._most = most
        self._left = most
        self._since = now

    def take(self, now: float) -> bool:
        """Whether there is one left."""
        self._left = min(self._most, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class SignatureFailures:
    """Has refused requests looked into. One per server, on the loop."""

    def __init__(
        self,
        authenticator: Authenticator,
        executor: GroupCommit,
        notebook: Notebook,
        clock: Clock,
        endpoint: Callable[[], str],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._authenticator = authenticator
        self._executor = executor
        self._notebook = notebook
        self._clock = clock
        self._endpoint = endpoint
        self._report = report
        self._all = Allowance(PER_SECOND, AT_ONCE, clock.monotonic())
        self._addresses: dict[str, Allowance] = {}

    def look_into(
        self,
        request_id: str,
        request: Request,
        error: SignatureError,
        operation: Operation[Any, Any],
        signing_name: str,
    ) -> None:
        """Diagnose a refusal soon, if the allowance lets us. Call it when the answer has been given."""
        now = self._clock.monotonic()
        if self._notebook.failed:
            return
        if self._allowance_of(request.peer, now).take(now) and self._all.take(now):
            asyncio.get_running_loop().call_soon(
                self._examine, request_id, request, error, operation, (self._clock.wall(), signing_name)
            )

    def _allowance_of(self, address: str, now: float) -> Allowance:
        found = self._addresses.get(address)
        if found is None:
            if len(self._addresses) >= ADDRESSES:
                self._addresses.clear()
            found = self._addresses[address] = Allowance(PER_SECOND_OF_ADDRESS, AT_ONCE_OF_ADDRESS, now)
        return found

    def _examine(
        self,
        request_id: str,
        request: Request,
        error: SignatureError,
        operation: Operation[Any, Any],
        at: tuple[float, str],
    ) -> None:
        try:
            made = self._diagnosis(request, error, operation, at)
            self._notebook.add([], [(SIGNATURE_FAILED, request_id, made)])
        except Exception as failure:  # noqa: BLE001 - nobody waits for this; it must not reach the loop
            self._report(request_id, failure)

    def _diagnosis(
        self, request: Request, error: SignatureError, operation: Operation[Any, Any], at: tuple[float, str]
    ) -> SignatureDiagnosis:
        try:
            presented: Presented | None = sigv4.parse(request)
        except SignatureError:
            presented = None
        credential, account = None, ""
        if presented is not None:
            credential, account = self._authenticator.credential(presented, self._executor.snapshot())
        expected = Expected(*at, self._own_hosts())
        found: Diagnosis = diagnose(error, request, presented, credential, expected)
        return SignatureDiagnosis(
            moment=self._clock.service(),
            cause=str(found.cause),
            text=found.text,
            details=dict(found.details),
            error_code=error.code,
            service=operation.service,
            operation=operation.name,
            access_key_id="" if presented is None else plausible_key_id(presented.access_key_id),
            account=account,
            address=request.peer,
        )

    def _own_hosts(self) -> tuple[str, ...]:
        """This server's names, as clients near it call it."""
        parts = urlsplit(self._endpoint())
        port = f":{parts.port}" if parts.port else ""
        return (parts.netloc, f"localhost{port}", f"127.0.0.1{port}", f"[::1]{port}")
