"""Asking the server, or the store of a directory whose server does not run."""

from __future__ import annotations

import os
from typing import Any

Members = dict[str, Any]


def ask(data: str | None, operation: str, members: Members, seconds: float = 60.0) -> Members:
    """The server that `data` and the environment name answers; when none runs on the directory, its store, which is only
    read."""
    from holdfast.cli.connection import ControlDoor, find_door

    given = {name: value for name, value in members.items() if value is not None}
    door = find_door(data, os.environ)
    if not isinstance(door, ControlDoor) or door.answers():
        return door.call(operation, seconds, **given)
    from holdfast.cli.stopped import OPERATIONS, answer
    from holdfast.server.settings_sources import load

    if operation not in OPERATIONS:
        return door.call(operation, seconds, **given)  # says that no server runs
    return answer(load({} if data is None else {"data": data}, os.environ), operation, given)


def change(data: str | None, operation: str, members: Members, seconds: float = 60.0) -> Members:
    """As `ask`, for what changes something: a stopped store is opened with the whole house around it."""
    from holdfast.cli.connection import ControlDoor, answer_of, find_door

    given = {name: value for name, value in members.items() if value is not None}
    door = find_door(data, os.environ)
    if not isinstance(door, ControlDoor) or door.answers():
        return door.call(operation, seconds, **given)
    from holdfast.server.settings_sources import load
    from holdfast.server.stopped_call import call_stopped

    answer = call_stopped(load({} if data is None else {"data": data}, os.environ), operation, given)
    return answer_of(answer.status, "", answer.body)
