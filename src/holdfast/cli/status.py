"""`holdfast status`: what a running server says of itself."""

from __future__ import annotations

import os
from typing import Any

from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import instant, print_json, table


def status(*, data: DataOption = None, form: FormatOption = "text") -> None:
    """Show what a running server is, where it keeps things and what it is waiting for.

    Without --data, the server at AWS_ENDPOINT_URL is asked (action holdfast:GetStatus).

    For example:

        holdfast status
        holdfast status --data /srv/holdfast
        holdfast status --format json | jq .due_jobs
    """
    from holdfast.cli.connection import find_door

    shown = describe(find_door(data, os.environ).call("GetStatus"))
    if form == "json":
        print_json(shown)
        return
    print(f"Holdfast {shown['version']} at {shown['endpoint']}\n")
    rows = {
        "accounts": ", ".join(shown["accounts"]),
        "data": shown["data_directory"],
        "store": f"{shown['store']}, schema {shown['schema_version']}",
        "started": shown["started"],
        "now": f"{shown['now']}{' (movable clock)' if shown['movable_clock'] else ''}",
        "program": shown["program"] or "",
        "readers": shown["readers"],
        "functions": shown["function_isolation"] or "",
        "due jobs": f"{shown['due_jobs']}{', the next at ' if shown['next_due'] else ''}{shown['next_due'] or ''}",
    }
    print(table(rows))


def describe(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of GetStatus under the names that `--format json` promises; times as ISO 8601."""

    def moment(member: str) -> str | None:
        value = answer.get(member)
        return None if value is None else instant(value)

    return {
        "version": answer["Version"],
        "endpoint": answer.get("Endpoint"),
        "data_directory": answer.get("DataDirectory"),
        "store": answer.get("Store"),
        "schema_version": answer.get("SchemaVersion"),
        "accounts": answer.get("Accounts", []),
        "started": moment("StartedDate"),
        "now": moment("Now"),
        "movable_clock": answer.get("MovableClock", False),
        "program": answer.get("Program"),
        "readers": answer.get("Readers", 0),
        "function_isolation": answer.get("FunctionIsolation"),
        "due_jobs": answer.get("DueJobs", 0),
        "next_due": moment("NextDueDate"),
    }
