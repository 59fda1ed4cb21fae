"""Why a server did not start, and the exit code that says so to scripts.

The tree::

    StartError                1  anything else that stops the start
    ├── BadSetting            3  a setting has a bad value, contradicts another, or does not exist
    ├── PortInUse             4  the host and port cannot be listened on
    ├── DirectoryUnusable     5  the data directory cannot be made, read or written, or its store not used
    ├── DirectoryInUse        6  another process holds the data directory
    └── WrongRootKey          7  the root key is missing, unreadable, or not the one this store was sealed under

Code 2 is wrong usage of the command line, 8 and 9 belong to commands that look for a running server (`cli/errors.py`).

INVARIANT: a text is one line, fit for stderr, and says what to do next. It holds paths and names, never a secret.
"""

from __future__ import annotations

from typing import ClassVar


class StartError(Exception):
    """The server cannot start. The text is the whole message."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "the server could not start for another reason"

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadSetting(StartError):
    """The text begins with the place: a flag, an environment variable, or a file and its key."""

    exit_code = 3
    meaning = "a setting has a bad value, contradicts another, or does not exist"


class PortInUse(StartError):
    """The listener could not be bound."""

    exit_code = 4
    meaning = "the host and port cannot be listened on: something else does already, or this machine does not allow it"


class DirectoryUnusable(StartError):
    """The data directory cannot be made, read or written, or its store is not one this program can open."""

    exit_code = 5
    meaning = "the data directory is missing, cannot be written, or holds a store that this version cannot use"


class DirectoryInUse(StartError):
    """One server per directory: another process holds the lock."""

    exit_code = 6
    meaning = "another holdfast process holds the data directory"


class WrongRootKey(StartError):
    """Nothing was changed: the store stays as it is until the right key is given."""

    exit_code = 7
    meaning = "the root key is missing, unreadable or not the one that belongs to this store"
