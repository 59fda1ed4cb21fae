"""One request on its way through the pipeline, and what each way of answering it needs.

INVARIANT: nothing is answered without a decision that allowed it (`check_decided`), and nothing that a call held stays in
memory when it is over (`forget`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdfast.access.decision import Outcome
from holdfast.api.base import Operation, ServiceUnavailable, Shape
from holdfast.wire.messages import Reply, Request
from holdfast.wire.protocols import UNKNOWN_SERVICE, WireProtocol

if TYPE_CHECKING:
    from holdfast.server.authenticate import Caller
    from holdfast.services.call import Call, Source
    from holdfast.services.service import Served, Service

ALLOW: Final = Outcome.ALLOW
NO_OPERATION: Final[Operation[Any, Any]] = Operation("none", "none", Shape, Shape)
"""What a request asks for until that is known, for the metrics."""


class Exchange:
    """One request on its way, and the answer it will get."""

    __slots__ = (
        "began",
        "caller",
        "error_code",
        "moment",
        "operation",
        "protocol",
        "reply",
        "request",
        "request_id",
        "served",
        "service",
        "source",
        "value",
    )

    def __init__(self, request: Request, reply: Reply, request_id: str, moment: int, began: float) -> None:
        self.request = request
        self.reply = reply
        self.request_id = request_id
        self.began = began
        self.moment = moment
        self.protocol: WireProtocol = UNKNOWN_SERVICE.json
        self.service: Service
        self.operation = NO_OPERATION
        self.served: Served
        self.caller: Caller
        self.source: Source
        self.value: Shape | None = None
        self.error_code = "ok"


def unavailable() -> ServiceUnavailable:
    """The disk refused; nothing was written."""
    return ServiceUnavailable("The service cannot complete the request right now. Please retry.")


def forget(call: Call) -> None:
    """Let go of what a finished call did. Call and traces refer to each other: without this only the garbage collector
    would free them, later, and the values they hold would stay in memory until then."""
    call.traces.clear()


def check_decided(call: Call) -> None:
    """Fail closed: nothing leaves that no decision allowed (architecture, law 2)."""
    for decision in call.decisions:
        if decision.outcome is ALLOW:
            return
    raise RuntimeError("an operation answered without a decision that allows it")
