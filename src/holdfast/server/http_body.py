"""The body of one request, as its pieces arrive: by length, or in chunks.

A body is fed what came over the wire, says how much of it was its own, and knows when it is whole. It finds its end by
itself and strictly; llhttp is shown the same bytes by the connection and must find the same end.

    chunked = *( 1*HEX *( ";" extension ) CRLF  data CRLF )  1*"0" *( ";" extension ) CRLF  CRLF       RFC 9112, 7.1

Trailers are refused, not dropped: no client of ours sends them, and merged into headers they would be forged headers.

INVARIANT: never more than `body_bytes` are held, nothing is reserved for bytes that were only announced, and the work
for chunks, their size lines and extensions is bounded.
"""

from __future__ import annotations

import re

from holdfast.server.http_limits import Limits, bad_framing, body_too_long

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[!#$%&'*+.^_`|~0-9A-Za-z=\";-]*)?)\r\n")


class LengthBody:
    """A body of a known length that did not come whole with its head."""

    __slots__ = ("_missing", "_pieces", "done")

    def __init__(self, length: int) -> None:
        self._missing = length
        self._pieces = bytearray()
        self.done = False

    def feed(self, data: bytes, position: int) -> int:
        """Take what belongs to the body from `position` on; answers the position after it."""
        end = min(len(data), position + self._missing)
        self._pieces += data[position:end]
        self._missing -= end - position
        self.done = self._missing == 0
        return end

    def take(self) -> bytes:
        """The whole body."""
        return bytes(self._pieces)


class ChunkedBody:
    """A chunked body."""

    __slots__ = ("_chunks", "_extensions", "_last", "_limits", "_missing", "_pieces", "done")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces = bytearray()
        self._missing = 0
        """Bytes of the present chunk still to come, with the CRLF that ends it."""
        self._last = False
        self._chunks = 0
        self._extensions = 0
        self.done = False

    def feed(self, data: bytes, position: int) -> int:
        """Take what belongs to the body and can be told yet; answers the position after it. Raises Refusal."""
        while position < len(data) and not self.done:
            if self._missing > 2:
                end = min(len(data), position + self._missing - 2)
                self._pieces += data[position:end]
                self._missing -= end - position
                position = end
            elif self._missing:
                if len(data) - position < 2:
                    break
                if not data.startswith(b"\r\n", position):
                    raise bad_framing("trailers are not taken" if self._last else "a chunk is not as long as it says")
                position += 2
                self._missing = 0
                self.done = self._last
            else:
                end = self._size_line(data, position)
                if end == position:
                    break
                position = end
        return position

    def take(self) -> bytes:
        """The whole body."""
        return bytes(self._pieces)

    def _size_line(self, data: bytes, position: int) -> int:
        longest = position + self._limits.chunk_line_bytes
        line = _SIZE_LINE.match(data, position, longest)
        if line is None:
            if len(data) >= longest or data.find(b"\n", position, longest) >= 0:
                raise bad_framing("a chunk does not begin with its size")
            return position
        size = int(line[1], 16)
        self._chunks += 1
        self._extensions += len(line[2])
        if self._chunks > self._limits.chunk_count or self._extensions > self._limits.chunk_extension_bytes:
            raise bad_framing("too many chunks or chunk extensions")
        if len(self._pieces) + size > self._limits.body_bytes:
            raise body_too_long()
        self._last = size == 0
        self._missing = size + 2
        return line.end()


Body = LengthBody | ChunkedBody
