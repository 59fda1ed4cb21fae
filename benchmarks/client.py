"""The simplest client: one keep-alive connection, one request at a time, and as many in parallel as asked for.

It reads just enough of HTTP/1.1 to know where an answer ends. Used for what is not a throughput figure: filling a
store, checking that an answer is right, and the time of one call in a tight loop.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterable, Iterator
from typing import Any

LENGTH = b"content-length:"


class CallFailed(Exception):
    """A server did not answer 200; the text is its answer."""


class Connection:
    """A blocking keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), 60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def exchange(self, request: bytes) -> bytes:
        """Send a request; the whole answer, head and body."""
        self._socket.sendall(request)
        answer = self._socket.recv(1 << 18)
        while len(answer) < (size := answer_size(answer)) or size == 0:
            more = self._socket.recv(1 << 18)
            if not more:
                raise CallFailed(f"the connection was closed after {answer!r}")
            answer += more
        if b"\r\nconnection: close" in answer[: answer.find(b"\r\n\r\n")].lower():
            self._socket.close()
            self._socket = self._connect()
        return answer

    def call_any(self, request: bytes) -> bytes:
        """The body of a 200. Raises CallFailed for any other answer."""
        answer = self.exchange(request)
        check(answer)
        return answer.partition(b"\r\n\r\n")[2]

    def call(self, request: bytes) -> dict[str, Any]:
        """The same, as JSON."""
        return json.loads(self.call_any(request) or b"{}")

    def close(self) -> None:
        self._socket.close()


def answer_size(answer: bytes) -> int:
    """How long the answer will be, head included; 0 while its head is not whole."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = answer[:end].lower()
    at = head.find(LENGTH)
    length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return end + 4 + length


def check(answer: bytes) -> None:
    """Raise CallFailed unless the status is 200."""
    if answer[9:12] != b"200":
        raise CallFailed(answer[:2000].decode(errors="replace"))


def send_all(port: int, requests: Iterable[bytes], connections: int = 32) -> int:
    """Send every request once over that many connections; how many there were. Raises CallFailed."""
    return asyncio.run(_send_all(port, iter(requests), connections))


async def _send_all(port: int, requests: Iterator[bytes], connections: int) -> int:
    async def one() -> int:
        count = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        for request in requests:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(answer_size(answer) - len(answer))
            check(answer + body)
            count += 1
            if b"\r\nconnection: close" in answer.lower():
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        writer.close()
        return count

    return sum(await asyncio.gather(*(one() for _ in range(connections))))
