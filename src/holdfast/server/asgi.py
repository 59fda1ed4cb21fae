"""The same `handle` behind any ASGI 3 server: uvicorn is the conservative choice where our own listener is not wanted.

    uvicorn.run(Application(house.handle, body_bytes=settings.max_body_bytes, on_error=log, lifespan=open_and_close))

The ASGI server frames requests, and its own options bound heads, connections and times; the body limit is kept here.
Status, headers and body of an answer are those of the listener. uvicorn does not tell which TLS version and cipher a
client uses, so `Request.tls` stays empty.

INVARIANT: as in the listener: each request gets exactly one response, and no header value can end its line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from holdfast.server.http_limits import Limits, Refusal, body_too_long
from holdfast.server.http_response import INTERNAL_ERROR, BadResponse, check, of_refusal
from holdfast.wire.messages import Handle, Request, Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Application:
    """An ASGI 3 application for the scopes `http` and `lifespan`.

    `lifespan` is entered before the first request and left after the last one; `on_error` is told each exception that
    `handle` raised or caused.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        body_bytes: int,
        on_error: Callable[[BaseException], None],
        lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = None,
    ) -> None:
        self._handle = handle
        self._limits = Limits(body_bytes=body_bytes)
        self._on_error = on_error
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the server. Raises NotImplementedError for any other scope, as ASGI asks."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise NotImplementedError(f"there is no {scope['type']} here")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = _headers(scope["headers"])
            body = await self._body(headers, receive)
        except Refusal as refusal:
            # The rest of the body is not read: without `connection: close` it would be taken for the next request.
            await _send(send, of_refusal(refusal, self._limits), closing=True)
            return
        if body is None:
            return
        query: bytes = scope.get("query_string", b"")
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        client: tuple[str, int] | None = scope.get("client")
        request = Request(
            scope["method"],
            (path + b"?" + query if query else path).decode("latin-1"),
            headers,
            body,
            client[0] if client else "",
            scope.get("scheme") == "https",
        )
        try:
            await _send(send, await self._answer(request))
        except BadResponse as error:
            self._on_error(error)
            await _send(send, INTERNAL_ERROR)

    async def _answer(self, request: Request) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def reply(response: Response) -> None:
            if answer.cancelled():  # the client is gone
                return
            if answer.done():
                raise RuntimeError("a request was answered twice")
            answer.set_result(response)

        try:
            self._handle(request, reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must get an answer
            self._on_error(error)
            if not answer.done():
                return INTERNAL_ERROR
        return await answer

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes | None:
        """The whole body, or None if the client left before its end. Raises Refusal."""
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > self._limits.body_bytes):
            raise body_too_long()
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece: bytes = message.get("body", b"")
            pieces.append(piece)
            size += len(piece)
            if size > self._limits.body_bytes:
                raise body_too_long()
            if not message.get("more_body", False):
                return b"".join(pieces)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stack = AsyncExitStack()
        try:
            if self._lifespan is not None:
                await stack.enter_async_context(self._lifespan())
        except Exception as error:  # noqa: BLE001 - the ASGI server must hear of it, and stops
            self._on_error(error)
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await stack.aclose()
        except Exception as error:  # noqa: BLE001 - as above
            self._on_error(error)
            await send({"type": "lifespan.shutdown.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """As `Request.headers` wants them. Raises Refusal."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip(" \t")
        if key in headers:
            if key == "host":
                raise Refusal(400, "host", "host is repeated")
            text = f"{headers[key]},{text}"
        headers[key] = text
    return headers


async def _send(send: Send, response: Response, *, closing: bool = False) -> None:
    """Raises BadResponse before anything is sent."""
    check(response)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.status in (204, 304):
        body = b""
    else:
        body = response.body
        headers.append((b"content-length", str(len(body)).encode()))
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
