"""One call on a data directory whose server does not run: the whole house, without its sockets, for one operation.

The operation is the one that a running server would run, as operator, with its checks and its audit record: there is no
second way to change the store. Due work waits for the next server: a clock that is moved meanwhile has jumped over it,
and the next server catches up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.server.errors import DirectoryUnusable
from holdfast.server.logs import Log
from holdfast.server.opening import DATABASE, Opened, open_directory
from holdfast.server.server import build, configured_endpoint
from holdfast.wire.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.server.settings import Settings


def call_stopped(settings: Settings, operation: str, members: Mapping[str, Any]) -> Response:
    """The answer of `Holdfast.<operation>`. Takes the directory's lock; raises a `StartError`."""
    if not (settings.data / DATABASE).exists():
        raise DirectoryUnusable(
            f"{settings.data} holds no store yet: start one with `holdfast serve --data {settings.data}`"
        )
    opened = open_directory(settings)
    try:
        return asyncio.run(_ask(settings, opened, operation, members))
    finally:
        opened.lock.release()


async def _ask(settings: Settings, opened: Opened, operation: str, members: Mapping[str, Any]) -> Response:
    house = build(settings, opened, Log(settings.log_format, settings.log_level))
    house.endpoint = configured_endpoint(settings)
    house.does_due_work = False
    house.movable_clock = settings.movable_clock or opened.clock_was_movable
    headers = {
        "host": "localhost",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"Holdfast.{operation}",
    }
    request = Request("POST", "/", headers, msgspec.json.encode(members), peer="", operator=True)
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    try:
        house.handle(request, answered.set_result)
        return await answered
    finally:
        await house.stop()
