"""Takes connections from a listening socket one by one, for a server that decides for each which of its processes gets it.

INVARIANT: when the process has no descriptor left, the others go on and so does this, after PAUSE; nothing spins.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

AT_ONCE = 64
"""Connections taken before others get the loop again."""
PAUSE = 0.5
"""Seconds."""


class Acceptor:
    """One listening socket."""

    def __init__(
        self,
        listening: socket.socket,
        backlog: int,
        accepted: Callable[[socket.socket], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._listening = listening
        self._accepted = accepted
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        listening.listen(backlog)
        self._begin()

    def _begin(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connected, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._on_error(error)
                self._loop.remove_reader(self._listening.fileno())
                self._pause = self._loop.call_later(PAUSE, self._begin)
                return
            connected.setblocking(False)
            self._accepted(connected)

    def close(self) -> None:
        """Accept no more."""
        if self._pause is None:
            self._loop.remove_reader(self._listening.fileno())
        else:
            self._pause.cancel()
        self._listening.close()
