"""Why a command did not do what was asked; `server/errors.py` has the reasons why a server did not start.

The tree::

    CommandError              1  anything else, said in one line
    ├── CallRefused           1  the server answered with an error
    ├── BadUsage              2  the command line itself
    ├── ServerNotRunning      8  nobody answers at the data directory's socket or at the endpoint
    └── NotAllowedHere        9  the control socket belongs to another user

INVARIANT: a text is one line that says what to do next, and never holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class CommandError(Exception):
    """The text is the whole message."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "anything else"

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class CallRefused(CommandError):
    """The server understood the call and said no."""

    meaning = "the server refused the call; the line holds its error code and text"


class BadUsage(CommandError):
    """An unknown command or flag, or an argument of the wrong form."""

    exit_code = 2
    meaning = "the command line is wrong: an unknown command or flag, a missing or malformed argument"


class ServerNotRunning(CommandError):
    """Nothing answers."""

    exit_code = 8
    meaning = "no server runs there: nothing answers at the data directory's socket or at the endpoint"


class NotAllowedHere(CommandError):
    """The operating system refuses the control socket to this user."""

    exit_code = 9
    meaning = "this user may not use the data directory's control socket"
