"""`holdfast jobs`: what the server does by itself, and what of it failed for good."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import instant, print_json, table

jobs = App(
    name="jobs",
    help="""See what the server does by itself, and try again what failed.

A job waits until it is due, runs, or is dead: it failed too often and waits for somebody to retry it.

For example:

    holdfast jobs list
    holdfast jobs list --state dead
    holdfast jobs retry 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
""",
)

IdArgument = Annotated[str, Parameter(help="The job's id, as `holdfast jobs list` prints it.")]


def _ask(data: str | None, operation: str, **members: object) -> dict[str, Any]:
    from holdfast.cli.asking import ask

    return ask(data, operation, members)


def _job(members: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": members["Id"],
        "kind": members["Kind"],
        "account": members["Account"],
        "region": members["Region"],
        "subject": members["Subject"],
        "due": instant(members["Due"]),
        "state": members["State"],
        "attempts": members.get("Attempts", 0),
        "last_error": members.get("LastError"),
    }


@jobs.command(name="list")
def list_jobs(
    *,
    state: Annotated[
        Literal["waiting", "running", "dead"] | None, Parameter(name="--state", help="Only jobs in this state.")
    ] = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """List jobs: dead ones first, then those that run, then those that wait.

    For example:

        holdfast jobs list
        holdfast jobs list --state dead --format json
    """
    found: list[dict[str, Any]] = []
    token: str | None = None
    while True:
        answer = _ask(data, "ListJobs", State=state, NextToken=token, MaxResults=1000)
        found += [_job(each) for each in answer.get("Jobs") or ()]
        token = answer.get("NextToken")
        if not token:
            break
    if form == "json":
        print_json({"jobs": found})
        return
    for job in found:
        failed = f", {job['attempts']} failed: {job['last_error']}" if job["attempts"] else ""
        print(f"{job['id']}  {job['due']}  {job['state']}  {job['kind']} {job['subject']}{failed}")


@jobs.command
def show(identity: IdArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Show one job with what it works on.

    For example:

        holdfast jobs show 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
        holdfast jobs show 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e --format json
    """
    answer = _ask(data, "GetJob", Id=identity)
    job: dict[str, Any] = {**_job(answer["Job"]), "payload": answer.get("Payload") or {}}
    if form == "json":
        print_json(job)
    else:
        print(table({name: value if value is not None else "" for name, value in job.items()}))


@jobs.command
def retry(identity: IdArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Have a job that failed tried again now, with all its attempts.

    For example:

        holdfast jobs retry 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
        holdfast jobs retry 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e --data /srv/holdfast
    """
    job = _job(_ask(data, "RetryJob", Id=identity)["Job"])
    if form == "json":
        print_json(job)
    else:
        print(f"{job['kind']} {job['subject']} is tried again now")
