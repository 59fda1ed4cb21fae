"""`holdfast rotation`: what rotations did and will do, and help for one that is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from holdfast.cli.errors import BadUsage, CommandError
from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import instant, print_json

if TYPE_CHECKING:
    from rich.table import Table

rotation = App(
    name="rotation",
    help="""See what rotations did and will do, and help one that is stuck.

For example:

    holdfast rotation show prod/db
    holdfast rotation rehearse prod/db
    holdfast rotation forecast --days 30
""",
)

SecretArgument = Annotated[str, Parameter(help="The secret's name or ARN.")]
REHEARSAL_SECONDS = 300.0


def _ask(data: str | None, operation: str, seconds: float = 60.0, **members: object) -> dict[str, Any]:
    from holdfast.cli.asking import ask

    return ask(data, operation, members, seconds)


def _when(members: dict[str, Any], name: str) -> str | None:
    return instant(members[name]) if members.get(name) else None


def _print_table(table: Table) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(table)


# -- what was -----------------------------------------------------------------------------------------------------------


@rotation.command
def show(secret: SecretArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Show every attempt to rotate a secret: its steps, errors, labels before and after, and the next try.

    For example:

        holdfast rotation show prod/db
        holdfast rotation show prod/db --format json
        holdfast rotation show prod/db --data /srv/holdfast
    """
    answer = _ask(data, "ShowRotation", SecretId=secret)
    attempts = [_attempt(each) for each in answer.get("Attempts") or ()]
    if form == "json":
        print_json(
            {
                "secret": answer["Secret"],
                "enabled": answer.get("Enabled", False),
                "function": answer.get("Function"),
                "last_rotated": _when(answer, "LastRotated"),
                "next_rotation": _when(answer, "NextRotation"),
                "attempts": attempts,
            }
        )
        return
    print(f"{answer['Secret']}: rotation is {'on' if answer.get('Enabled') else 'off'}")
    print(
        f"last rotated {_when(answer, 'LastRotated') or 'never'}, next {_when(answer, 'NextRotation') or 'not planned'}"
    )
    for attempt in attempts:
        _print_attempt(attempt)


def _attempt(members: dict[str, Any]) -> dict[str, Any]:
    return {
        "token": members["Token"],
        "test": members.get("Test", False),
        "started": _when(members, "Started"),
        "ended": _when(members, "Ended"),
        "outcome": members["Outcome"],
        "steps": [
            {
                "step": step["Step"],
                "started": _when(step, "Started"),
                "ended": _when(step, "Ended"),
                "outcome": step["Outcome"],
                "error": step.get("Error"),
                "log": step.get("Log"),
            }
            for step in members.get("Steps") or ()
        ],
        "labels_before": members.get("LabelsBefore") or {},
        "labels_after": members.get("LabelsAfter") or {},
        "next_retry": _when(members, "NextRetry"),
    }


def _print_attempt(attempt: dict[str, Any]) -> None:
    from rich.table import Table

    title = f"{'test of ' if attempt['test'] else ''}{attempt['token']}: {attempt['outcome']}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("step", "started", "ended", "outcome", "error"):
        table.add_column(column, overflow="fold")
    for step in attempt["steps"]:
        error = step["error"] or ""
        table.add_row(step["step"], step["started"], step["ended"] or "", step["outcome"], error)
    print()
    _print_table(table)
    for label in sorted({*attempt["labels_before"], *attempt["labels_after"]}):
        before, after = attempt["labels_before"].get(label, "none"), attempt["labels_after"].get(label, "none")
        if before != after:
            print(f"{label}: {before} -> {after}")
    if attempt["next_retry"]:
        print(f"tried again at {attempt['next_retry']}")


# -- what could be ------------------------------------------------------------------------------------------------------


@rotation.command
def rehearse(
    secret: SecretArgument,
    /,
    *,
    function: Annotated[
        str | None, Parameter(name="--function", help="ARN of the function, for a secret that has none yet.")
    ] = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Look at everything a built-in rotation would need, and change nothing. Exits with 1 when something would fail.

    For example:

        holdfast rotation rehearse prod/db
        holdfast rotation rehearse prod/db --format json
    """
    answer = _ask(data, "RehearseRotation", REHEARSAL_SECONDS, SecretId=secret, RotationLambdaARN=function)
    findings = [
        {"check": each["Check"], "passed": each.get("Passed", False), "text": each.get("Text", "")}
        for each in answer.get("Findings") or ()
    ]
    if form == "json":
        print_json(
            {
                "secret": answer["Secret"],
                "function": answer["Function"],
                "passed": answer.get("Passed", False),
                "findings": findings,
            }
        )
    else:
        for finding in findings:
            print(f"{'ok  ' if finding['passed'] else 'FAIL'}  {finding['check']}: {finding['text']}")
    if not answer.get("Passed"):
        raise CommandError("the rotation would fail: correct what is said above and rehearse again")


@rotation.command
def forecast(
    *,
    days: Annotated[int, Parameter(name="--days", help="How far to look: 1 to 366.")] = 30,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Print every rotation that is planned within some days, of all secrets of the account in its Region.

    For example:

        holdfast rotation forecast --days 30
        holdfast rotation forecast --days 7 --format json
    """
    if not 1 <= days <= 366:
        raise BadUsage("--days: give a number from 1 to 366")
    answer = _ask(data, "ForecastRotations", Days=days)
    planned = [
        {"secret": each["Secret"], "due": instant(each["Due"]), "window_end": instant(each["WindowEnd"])}
        for each in answer.get("Rotations") or ()
    ]
    complete = answer.get("Complete", True)
    if form == "json":
        print_json({"until": instant(answer["Until"]), "complete": complete, "rotations": planned})
        return
    for each in planned:
        print(f"{each['due']}  {each['secret']}")
    print(f"{len(planned)} rotations until {instant(answer['Until'])}{'' if complete else ', and more'}")


# -- stuck ones ---------------------------------------------------------------------------------------------------------


def _change(operation: str, secret: str, data: str | None, form: str, done: str) -> None:
    answer = _ask(data, operation, SecretId=secret)
    labels: dict[str, str] = answer.get("Labels") or {}
    if form == "json":
        print_json({"secret": answer["Secret"], "labels": labels})
        return
    print(f"{answer['Secret']}: {done}")
    for label, version in sorted(labels.items()):
        print(f"  {label}  {version}")


@rotation.command
def retry(secret: SecretArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Try a failed rotation again now, with the same version.

    For example:

        holdfast rotation retry prod/db
        holdfast rotation retry prod/db --format json
    """
    _change("RetryRotation", secret, data, form, "the rotation is tried again now")


@rotation.command
def abandon(secret: SecretArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """End a rotation that cannot be finished: AWSPENDING goes, the current value stays, the next one is planned.

    The database may have the pending password already: then put the right one with PutSecretValue.

    For example:

        holdfast rotation abandon prod/db
        holdfast rotation abandon prod/db --format json
    """
    _change("AbandonRotation", secret, data, form, "nothing is pending any more")


@rotation.command(name="roll-back")
def roll_back(secret: SecretArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Go back to the value before the last rotation: AWSCURRENT moves to the version with AWSPREVIOUS.

    A rotation that is under way is abandoned instead. Only labels move, no password in any database.

    For example:

        holdfast rotation roll-back prod/db
        holdfast rotation roll-back prod/db --format json
    """
    _change("RollBackRotation", secret, data, form, "the value before is current")
