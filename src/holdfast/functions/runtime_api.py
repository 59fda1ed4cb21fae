"""The Runtime API ("Using the Lambda runtime API for custom runtimes", developer guide), on loopback.

    AWS_LAMBDA_RUNTIME_API = 127.0.0.1:PORT/<token>
    GET  /<token>/2018-06-01/runtime/invocation/next
    POST /<token>/2018-06-01/runtime/invocation/{id}/response | error
    POST /<token>/2018-06-01/runtime/init/error

INVARIANT: a token belongs to one environment, is drawn at random (128 bits), and is the only way to it. Threat: another
function, or anybody on this machine, who answers in a function's name or takes its events. A call without a token that
lives is refused in one text, so nobody learns whether there was one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.functions.environment import refusal

if TYPE_CHECKING:
    from holdfast.functions.environment import Environment
    from holdfast.wire.messages import Reply, Request

BODY_BYTES = 16 << 20
"""More than a function may answer, so that one that answers too much is told so."""
VERSION = "2018-06-01"


class RuntimeApi:
    """`wire.messages.Handle` for the environments that live."""

    def __init__(self) -> None:
        self.environments: dict[str, Environment] = {}
        """Token -> environment."""

    def handle(self, request: Request, reply: Reply) -> None:
        parts = request.target.partition("?")[0].split("/")
        environment = self.environments.get(parts[1]) if len(parts) > 1 else None
        if environment is None or parts[2:3] != [VERSION]:
            reply(refusal("Forbidden", "there is no such environment", 403))
            return
        match request.method, parts[3:]:
            case "GET", ["runtime", "invocation", "next"]:
                environment.next(reply)
            case "POST", ["runtime", "invocation", request_id, "response"]:
                environment.respond(request_id, request.body, "", reply)
            case "POST", ["runtime", "invocation", request_id, "error"]:
                environment.respond(request_id, request.body, "Unhandled", reply)
            case "POST", ["runtime", "init", "error"]:
                environment.init_failed(request.body, reply)
            case _:
                reply(refusal("NotFound", "there is no such operation", 404))
