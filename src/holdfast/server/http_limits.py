"""What one client may take of the HTTP listener, and how a request beyond it is turned away.

Every limit is a field of `Limits`. A request that meets one is answered with a `Refusal`: a status, a short plain text
that repeats nothing of what the client sent, and the key under which it is counted.

INVARIANT: whatever a client sends or leaves unsent, the memory, the work and the time that it takes are bounded by
these numbers. No time ends early, and none more than `sweep_seconds` late.
Threat: slow senders, slow readers, endless headers and bodies, floods of connections and of pipelined requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Reason = Literal[
    "malformed",
    "framing",
    "host",
    "method",
    "version",
    "upgrade",
    "expectation",
    "target-size",
    "header-size",
    "body-size",
    "header-time",
    "body-time",
    "idle-time",
    "write-time",
    "connections",
    "in-flight",
]
"""Why something was turned away. `idle-time` and `write-time` are closed connections that got no answer."""

REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds. Times are checked by a sweep, so they end up to `sweep_seconds` late."""

    target_bytes: int = 16 * 1024
    """The request target: path and query. Longer: 414."""
    header_bytes: int = 32 * 1024
    """The request line and all header lines together. Longer: 431."""
    header_count: int = 100
    """Header lines. More: 431."""
    body_bytes: int = 1024 * 1024
    """The body without its chunk framing. Longer: 413, before a byte of it is read if its length was announced."""
    chunk_count: int = 16 * 1024
    """Chunks of one chunked body. More: 400. Without it, chunks of one byte would buy much work with few bytes."""
    chunk_line_bytes: int = 256
    """The size line of one chunk with its extensions. Longer: 400."""
    chunk_extension_bytes: int = 4 * 1024
    """The extensions of one chunked body together. More: 400."""
    header_seconds: float = 10.0
    """From the first byte of a request to the end of its headers: 408. A new connection gets no longer to send one."""
    body_seconds: float = 30.0
    """From the end of the headers to the end of the body: 408."""
    idle_seconds: float = 75.0
    """Between two requests of a connection: closed without a word."""
    write_seconds: float = 30.0
    """For a client to take what was written for it, once it lags: cut off. Nothing of it is read meanwhile."""
    linger_seconds: float = 2.0
    """How long a connection is read and discarded after its last answer, so that the client gets to see the answer."""
    connections: int = 4096
    """Open at once. More: 503 and closed."""
    pipelined: int = 16
    """Requests of one connection read and not yet answered. Nothing more is read from it until one is."""
    in_flight: int = 1024
    """Requests of all connections read and not yet answered. More: 503 with `Retry-After`; the connection stays."""
    retry_after_seconds: int = 1
    """What `Retry-After` of a 503 says."""
    sweep_seconds: float = 0.5
    """How often the times above are checked."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"the limit {name} must be more than zero")


class Refusal(Exception):
    """A request that is answered by the listener itself. All but in-flight close the connection."""

    def __init__(self, status: int, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason: Reason = reason
        """The key it is counted under in `Listener.refused`."""
        self.text = text


def malformed(text: str) -> Refusal:
    """Not HTTP/1.1 as RFC 9112 writes it."""
    return Refusal(400, "malformed", text)


def bad_framing(text: str) -> Refusal:
    """A body whose end two readers could see in two places: what request smuggling is made of (RFC 9112, 11.2)."""
    return Refusal(400, "framing", text)


def body_too_long() -> Refusal:
    return Refusal(413, "body-size", "the body is too long")
