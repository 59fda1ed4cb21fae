"""Structured logs on stderr: one JSON object a line, or text for people.

`structlog` is imported with the first line that is written, after the server answers: it costs a third of the start-up.
INVARIANT: a line holds request ids, types of exceptions and places in our own code, never the text of an exception that
is not ours (it may quote a value), an input or an output.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.store.transaction import StoreError

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

UNWRITABLE = (OSError, ValueError)
"""A full disk or a reader that left; a stream that was closed."""


class Log:
    """The server's log."""

    def __init__(self, form: str, level: str) -> None:
        self._form = form
        self._level = LEVELS[level]
        self._logger: Any = None
        self._lost = 0
        """Lines that could not be written since the last one that was."""

    def _write(self, level: str, event: str, values: dict[str, Any]) -> None:
        """A log that takes nothing (its disk is full, its reader has left) must not keep a call from its answer, nor a server
        that is told to stop from doing so in order. The next line that is written says how many were not."""
        if self._lost:
            values["lines_lost_before"] = self._lost
        try:
            self._line(level)(event, **values)
        except UNWRITABLE:
            self._lost += 1
        else:
            self._lost = 0

    def _line(self, level: str) -> Callable[..., None]:
        """What writes a line of this level."""
        try:
            logger = self._get()
        except (ImportError, OSError):  # no file descriptor is left to load it with, which is worth a line
            return _plain_line(level)
        write: Callable[..., None] = getattr(logger, level)
        return write

    def _get(self) -> Any:
        if self._logger is None:
            import structlog

            renderer = structlog.processors.JSONRenderer() if self._form == "json" else structlog.dev.ConsoleRenderer()
            self._logger = structlog.wrap_logger(
                structlog.PrintLogger(sys.stderr),
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    renderer,
                ],
                wrapper_class=structlog.make_filtering_bound_logger(self._level),
            )
        return self._logger

    def info(self, event: str, **values: Any) -> None:
        """Something that an operator may want to know."""
        if self._level <= LEVELS["info"]:
            self._write("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Something that an operator should look at."""
        if self._level <= LEVELS["warning"]:
            self._write("warning", event, values)

    def failure(self, request_id: str, error: BaseException) -> None:
        """A call or job failed for a reason of ours: the type and the place, not the text (see the invariant)."""
        values: dict[str, Any] = {"request_id": request_id, "error": type(error).__name__}
        if isinstance(error, StoreError):
            values["reason"] = str(error)
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        if frames:
            values["at"] = [
                f"{frame.filename.rpartition('/holdfast/')[2]}:{frame.lineno} {frame.name}" for frame in frames
            ]
        self._write("error", "failure", values)


def _plain_line(level: str) -> Callable[..., None]:
    def write(event: str, **values: Any) -> None:
        # Without a time: the wall clock is the logger's.
        print(msgspec.json.encode({**values, "event": event, "level": level}).decode(), file=sys.stderr, flush=True)

    return write
