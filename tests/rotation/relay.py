"""Between a server and its database: it counts what the server says, and can do something at one of these moments.

A moment is one piece of what a client sends and waits for the answer of: a message of the database's protocol, for these
small ones. What happens there
happens either before the database has seen it or after it has answered, which is every point at which a step can be cut off.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Any

GOODBYES = (b"X\x00\x00\x00\x04", b"\x01\x00\x00\x00\x01")
"""PostgreSQL's Terminate and MySQL's COM_QUIT: nobody waits for their answers, so they are no moments."""


class Relay:
    """Listens on a free port and passes everything on, both ways. Stop it with `stop`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = threading.Lock()
        self.pieces = 0
        """How many the clients have sent since `at`."""
        self._moment: tuple[int, bool] | None = None
        self._act: Callable[[], None] = lambda: None
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    relay._pass_on(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def at(self, piece: int, *, after: bool, act: Callable[[], None]) -> None:
        """Call `act` once, when the clients have sent so many pieces (from 1), before or after the database has it."""
        with self._lock:
            self.pieces, self._moment, self._act = 0, (piece, after), act

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _pass_on(self, client: Any) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as database:
            acting = False
            while True:
                ready, _, _ = select.select([client, database], [], [])
                if database in ready:
                    answer = database.recv(65536)
                    if acting:
                        self._act()
                        return
                    if not answer:
                        return
                    client.sendall(answer)
                    continue
                said = client.recv(65536)
                if not said:
                    return
                when = None if said in GOODBYES else self._counted()
                if when is False:
                    self._act()
                    return
                database.sendall(said)
                acting = when is True

    def _counted(self) -> bool | None:
        """None for any piece but the one waited for; for that one whether the database is to have it first."""
        with self._lock:
            self.pieces += 1
            if self._moment is None or self._moment[0] != self.pieces:
                return None
            after, self._moment = self._moment[1], None
            return after
