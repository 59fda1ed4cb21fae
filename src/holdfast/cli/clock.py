"""`holdfast clock`: look at service time, and move it forward."""

from __future__ import annotations

import os
from typing import Annotated, Any

from cyclopts import App, Parameter

from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import instant, print_json

clock = App(
    name="clock",
    help="""Look at service time, or move it forward.

Service time is what every date and due moment follows. It can be moved on a server that was started with
--movable-clock, and on every `holdfast dev`.

Both commands work on a directory whose server does not run, too. What would have fallen due there is caught up with by
the next server: once, however often it fell due.

For example:

    holdfast clock show
    holdfast clock advance 30d
""",
)


def _ask(data: str | None, operation: str, seconds: float | None, **members: object) -> dict[str, Any]:
    """The server; when none runs on a directory that has a store, that store."""
    from holdfast.cli.connection import ControlDoor, answer_of, find_door

    door = find_door(data, os.environ)
    if not isinstance(door, ControlDoor) or door.answers():
        return door.call(operation, seconds, **members)
    from holdfast.server.opening import DATABASE

    if not (door.directory / DATABASE).exists():
        return door.call(operation, seconds, **members)  # says that no server runs
    from holdfast.server.settings_sources import load
    from holdfast.server.stopped_call import call_stopped

    answer = call_stopped(load({} if data is None else {"data": data}, os.environ), operation, members)
    return answer_of(answer.status, "", answer.body)


@clock.command
def show(*, data: DataOption = None, form: FormatOption = "text") -> None:
    """Print the server's service time: one ISO 8601 instant in UTC.

    For example:

        holdfast clock show
        holdfast clock show --data /srv/holdfast
        holdfast clock show --format json
    """
    answer = _ask(data, "GetClock", 60.0)
    now = instant(answer["Now"])
    if form == "json":
        print_json({"now": now, "movable": answer["Movable"], "offset_seconds": answer["OffsetSeconds"]})
    else:
        print(now)


@clock.command
def advance(
    duration: Annotated[str, Parameter(help="How far: 30d, 4h, 15m, 90s or 1d12h.")],
    /,
    *,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Move service time forward, and do what falls due on the way.

    The server walks from due moment to due moment; the command returns when everything that became due is done. It
    prints the new service time and, where jobs ran, how many.

    For example:

        holdfast clock advance 30d
        holdfast clock advance 90s --data /srv/holdfast
        holdfast clock advance 1d12h --format json
    """
    from holdfast.cli.duration import parse_duration
    from holdfast.cli.errors import BadUsage

    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise BadUsage(f"'{duration}' is not a duration: {error}") from None
    # No limit on the wait: it takes as long as the jobs on the way take.
    answer = _ask(data, "AdvanceClock", None, Seconds=seconds)
    counts = {
        "jobs_run": answer.get("JobsRun") or 0,
        "jobs_failed": answer.get("JobsFailed") or 0,
        "jobs_waited_too_long": answer.get("JobsWaitedTooLong") or 0,
    }
    if form == "json":
        print_json({"now": instant(answer["Now"]), **counts})
        return
    print(instant(answer["Now"]))
    if any(counts.values()):
        run, failed, late = counts.values()
        print(f"{run} jobs run, {failed} failed, {late} still running after 10 seconds")
