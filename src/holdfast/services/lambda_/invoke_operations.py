"""Invoke.

DryRun            authorized, and that is all
RequestResponse   authorized in a snapshot; the function runs with no transaction open
Event             authorized in a snapshot; the event is on disk before it is answered, and runs later
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.functions import Busy, Invoked, NotInvoked
from holdfast.services.lambda_.finding import find_version, refer
from holdfast.services.lambda_.identifiers import version_text
from holdfast.services.lambda_.rules import LARGEST_EVENT, LARGEST_PAYLOAD, LONGEST_CLIENT_CONTEXT, absent_parameter

Answer = Callable[[], Awaitable[api.InvocationResponse]]


def invoke(call: Call, value: api.InvocationRequest) -> Answer:
    """Run a function, or have it run."""
    where = refer(call, value.FunctionName, value.Qualifier)
    found, version = find_version(call, where, "lambda:InvokeFunction")
    for name in ("DurableExecutionName", "TenantId"):
        if getattr(value, name) is not None:
            raise absent_parameter("Invoke", name)
    payload = value.Payload or b"{}"
    asynchronous = value.InvocationType == "Event"
    _check(payload, LARGEST_EVENT if asynchronous else LARGEST_PAYLOAD)
    executed = version_text(version.version)
    functions, request_id, context = call.surroundings.functions, call.request_id, _client_context(value.ClientContext)
    if value.InvocationType == "DryRun":
        return _already(api.InvocationResponse(StatusCode=204))
    if found.function.reserved_concurrency == 0:
        raise busy("ReservedFunctionConcurrentInvocationLimitExceeded")
    if asynchronous:

        async def keep() -> api.InvocationResponse:
            await functions.keep_event(where, payload, request_id)
            return api.InvocationResponse(StatusCode=202, Payload=b"")

        return keep
    tail = value.LogType == "Tail"

    async def run() -> api.InvocationResponse:
        try:
            invoked = await functions.run(where, payload, request_id, client_context=context)
        except Busy as error:
            raise busy(error.reason) from None
        except NotInvoked as error:
            raise api.ServiceException(str(error)) from None
        return _answer(invoked, executed, tail=tail)

    return run


def busy(reason: str) -> api.TooManyRequestsException:
    return api.TooManyRequestsException("Rate Exceeded.", Reason=reason)


def _already(answer: api.InvocationResponse) -> Answer:
    async def done() -> api.InvocationResponse:
        return answer

    return done


def _answer(invoked: Invoked, executed: str, *, tail: bool) -> api.InvocationResponse:
    return api.InvocationResponse(
        StatusCode=200,
        FunctionError=invoked.error or None,
        LogResult=base64.b64encode(invoked.log.encode()).decode() if tail else None,
        Payload=invoked.payload,
        ExecutedVersion=executed,
    )


def _check(payload: bytes, most: int) -> None:
    if len(payload) > most:
        raise api.RequestTooLargeException(
            f"{len(payload)} byte payload is too large for the Invoke call (limit {most} bytes)"
        )
    if _json(payload) is None:
        raise api.InvalidRequestContentException(
            "Could not parse request body into json: Could not parse payload into json"
        )


def _client_context(encoded: str | None) -> str:
    """What the caller says about itself, as the Runtime API hands it on: JSON in ASCII, fit for a header's value."""
    if not encoded:
        return ""
    if len(encoded) > LONGEST_CLIENT_CONTEXT:
        raise api.InvalidRequestContentException(
            f"Client context must be no more than {LONGEST_CLIENT_CONTEXT} bytes when base64-encoded."
        )
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    read = _json(content)
    if read is None or not isinstance(read[0], dict):
        raise api.InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return json.dumps(read[0])


def _json(text: bytes) -> tuple[Any] | None:
    """What a text says, in a tuple of its own; None when it is no JSON. No error: it would hold a part of the text."""
    try:
        return (msgspec.json.decode(text),)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
