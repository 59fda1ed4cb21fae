"""Blocking work beside the loop, in a thread that does not keep the process alive.

An engine waits for a database that may never answer. A pool's threads are joined when the process ends; these are not:
what they were doing is repeated after the next start, as after a crash.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def in_thread(function: Callable[[], ResultT]) -> ResultT:
    """What `function` returns or raises, run in a thread of its own. Cancelled, the thread goes on and nobody listens."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[ResultT] = loop.create_future()

    def tell(result: ResultT | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: ResultT | None = None
        failed: BaseException | None = None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is the waiting side's
            failed = error
        with suppress(RuntimeError):  # the loop is closed: the server has stopped
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=work, name="effect", daemon=True).start()
    return await future
