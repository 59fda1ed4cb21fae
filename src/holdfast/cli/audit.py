"""`holdfast audit`: verify, tail, search and export the record of every call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from holdfast.cli.errors import BadUsage, CommandError
from holdfast.cli.options import DataOption, FormatOption

if TYPE_CHECKING:
    from holdfast.cli.audit_sources import AuditSource, Progress, Question

audit = App(
    name="audit",
    help="""Read and verify the record of every call.

Works on a running server and on the data directory of one that does not run. With AWS_ENDPOINT_URL instead of a
directory, the records of the caller's own account can be read (actions holdfast:ReadAudit and holdfast:SearchAudit).

For example:

    holdfast audit verify
    holdfast audit tail --follow
    holdfast audit search --name GetSecretValue --resource prod/db --since 24h
    holdfast audit export --since 2026-11-01 > november.jsonl
""",
)

FOLLOW_SECONDS = 1.0
NOTHING_ON_RECORD = (
    "nothing is on record: either no call was ever made, or the whole trail was removed. A copy of audit.heads from "
    "another place, given with --heads, tells which"
)


@dataclass
class Filters:
    """Which records. Several filters must all fit; names and values are compared exactly."""

    name: Annotated[str | None, Parameter(name="--name", help="The operation: GetSecretValue.")] = None
    user: Annotated[str | None, Parameter(name="--user", help="User, role session, `root` or a service.")] = None
    resource: Annotated[str | None, Parameter(name="--resource", help="A resource's ARN or its name.")] = None
    access_key: Annotated[str | None, Parameter(name="--access-key", help="The access key that signed the call.")] = (
        None
    )
    error: Annotated[str | None, Parameter(name="--error", help="The error code: AccessDenied.")] = None
    request: Annotated[str | None, Parameter(name="--request", help="The request id of an answer.")] = None
    service: Annotated[str | None, Parameter(name="--service", help="The service called: kms.")] = None
    account: Annotated[str | None, Parameter(name="--account", help="Only this account's records.")] = None
    region: Annotated[str | None, Parameter(name="--region", help="Only this region's records.")] = None


FiltersOption = Annotated[Filters | None, Parameter(name="*")]
SinceOption = Annotated[
    str | None, Parameter(name="--since", help="From then on: 2026-11-01, 2026-11-01T09:30Z, or 24h ago.")
]
UntilOption = Annotated[str | None, Parameter(name="--until", help="Until then, as --since.")]


@audit.command
def verify(
    *,
    data: DataOption = None,
    heads: Annotated[
        Path | None, Parameter(name="--heads", help="A copy of the file audit.heads that was kept elsewhere.")
    ] = None,
    form: FormatOption = "text",
) -> None:
    """Check that every record is there, unchanged and in its place.

    Walks every chain of records and compares its end with the sealed heads, in the store and in the file audit.heads.
    Finds records that were changed, removed, inserted or reordered, and chains made without the key. Prints a line for
    each finding and exits with 1 when there is one. Keep a copy of audit.heads on another machine and give it with
    --heads: it also shows when the whole directory was set back.

    For example:

        holdfast audit verify
        holdfast audit verify --data /srv/holdfast --format json
        holdfast audit verify --heads /mnt/safe/audit.heads
    """
    from holdfast.cli.audit_sources import audit_source
    from holdfast.cli.output import counted, print_json

    try:
        kept = "" if heads is None else heads.read_text("ascii", "replace")
    except OSError as error:
        raise BadUsage(f"--heads {heads} cannot be read: {error.strerror}") from None
    with audit_source(data) as source, Bar() as progress:
        verdict = source.verify(kept, progress)
    if form == "json":
        print_json(
            {
                "intact": not verdict.findings,
                "records": verdict.records,
                "chains": verdict.chains,
                "findings": verdict.findings,
                "notes": verdict.notes,
            }
        )
    else:
        for finding in verdict.findings:
            print(finding["text"])
        if not verdict.findings:
            found = f"{counted(verdict.records, 'record')} in {counted(verdict.chains, 'chain')}"
            print(f"{found}: all there, as they were written" if verdict.chains else NOTHING_ON_RECORD)
        for note in verdict.notes:
            print(f"note: {note}")
    if verdict.findings:
        raise CommandError(
            f"the audit trail is broken: {counted(len(verdict.findings), 'finding')}. Stop whoever can write the data "
            "directory, and compare with a backup"
        )


@audit.command
def tail(
    *,
    filters: FiltersOption = None,
    lines: Annotated[int, Parameter(name=["--lines", "-n"], help="How many of the newest records.")] = 10,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="", help="Go on with what comes.")] = False,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Show the newest records, in the order in which they were written.

    Filters apply to the records shown; `search` looks further back.

    For example:

        holdfast audit tail
        holdfast audit tail -f --error AccessDenied
        holdfast audit tail -n 100 --format json
    """
    from holdfast.cli.audit_sources import audit_source, follow_only_served

    if not 1 <= lines <= 1000:
        raise BadUsage("--lines: give a number from 1 to 1000")
    with audit_source(data) as source:
        if follow:
            follow_only_served(source)
        question = _question(source, filters, None, None)
        texts, last = source.newest(lines)
        _show(texts, question, form)
        if follow:
            _follow(source, last, question, form)


def _follow(source: AuditSource, last: int, question: Question, form: str) -> None:
    import time

    while True:
        texts, last, more = source.after(last)
        # Looking is on record too; shown here it would never end.
        _show((text for text in texts if b'"eventName":"ReadAudit"' not in text), question, form)
        if not more:
            time.sleep(FOLLOW_SECONDS)


@audit.command
def search(
    *,
    filters: FiltersOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Find records, oldest first.

    Reads that were answered a moment ago are in it. With --format json there is one record a line.

    For example:

        holdfast audit search --error AccessDenied --since 24h
        holdfast audit search --resource prod/db --user alice
        holdfast audit search --request 01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d --format json
    """
    from holdfast.cli.audit_sources import audit_source

    with audit_source(data) as source:
        question = _question(source, filters, since, until)
        for text in source.search(question):
            _show((text,), None, form)


@audit.command
def export(
    *,
    filters: FiltersOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    data: DataOption = None,
    form: Annotated[
        Literal["json", "cloudtrail"],
        Parameter(
            name="--format", help='One record a line, or one object {"Records": […]} as CloudTrail\'s log files.'
        ),
    ] = "json",
) -> None:
    """Write records to stdout for another program to read, oldest first.

    For example:

        holdfast audit export > everything.jsonl
        holdfast audit export --account 123456789012 --since 2026-11-01 --until 2026-11-30
        holdfast audit export --format cloudtrail | gzip > 123456789012_CloudTrail.json.gz
    """
    import sys

    from holdfast.cli.audit_sources import audit_source

    with audit_source(data) as source:
        question = _question(source, filters, since, until)
        out = sys.stdout.buffer
        sys.stdout.flush()
        separator = b""
        if form == "cloudtrail":
            out.write(b'{"Records":[')
        for text in source.search(question):
            out.write(separator + text if form == "cloudtrail" else text + b"\n")
            separator = b",\n"
        if form == "cloudtrail":
            out.write(b"]}\n")
        out.flush()


# -- what is asked, and how it is shown ---------------------------------------------------------------------------------


def _question(source: AuditSource, filters: Filters | None, since: str | None, until: str | None) -> Question:
    from holdfast.cli.audit_sources import Question

    given = filters or Filters()
    service = given.service and f"{given.service.removesuffix('.amazonaws.com')}.amazonaws.com"
    criteria = {
        "EventName": given.name,
        "Username": given.user,
        "ResourceName": given.resource,
        "AccessKeyId": given.access_key,
        "ErrorCode": given.error,
        "RequestId": given.request,
        "EventSource": service,
    }
    start = None if since is None else _moment(source, since, "--since")
    end = None if until is None else _moment(source, until, "--until")
    if start is not None and end is not None and start > end:
        raise BadUsage("--since is after --until")
    return Question(
        {name: value for name, value in criteria.items() if value}, given.account or "", given.region or "", start, end
    )


def _moment(source: AuditSource, text: str, flag: str) -> int:
    """Milliseconds of an ISO 8601 date or time (UTC where it does not say), or of a duration ago in service time."""
    from datetime import UTC, datetime

    from holdfast.cli.duration import parse_duration

    try:
        return source.now() - parse_duration(text) * 1000
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadUsage(f"{flag} '{text}' is no time: give 2026-11-01, 2026-11-01T09:30Z, or 24h") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def _show(texts: Iterable[bytes], question: Question | None, form: str) -> None:
    from holdfast.cli.audit_sources import fits

    for text in texts:
        if form == "json":
            if question is None or fits(text, question) is not None:
                print(text.decode(), flush=True)
            continue
        record = fits(text, question) if question is not None else _decoded(text)
        if record is not None:
            print(line_of(record), flush=True)


def _decoded(text: bytes) -> dict[str, Any]:
    import json

    return json.loads(text)


def line_of(record: dict[str, Any]) -> str:
    """A record in one line: when, where, who, what, how it ended, on what, and the request id."""
    from holdfast.services.cloudtrail.attributes import resources_of, user_name

    service = str(record.get("eventSource", "")).removesuffix(".amazonaws.com")
    resources = " ".join(arn for _, arn in resources_of(record)) or "-"
    parts = (
        record.get("eventTime"),
        record.get("recipientAccountId"),
        record.get("awsRegion"),
        user_name(record.get("userIdentity", {})) or "-",
        f"{service}:{record.get('eventName')}",
        record.get("errorCode", "ok"),
        resources,
        record.get("requestID", "-"),
    )
    # Whoever names things may put anything into a name; a line of the terminal it must not become.
    return "  ".join("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(p)) for p in parts)


class Bar:
    """A bar on stderr where that is a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        import sys

        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("verifying"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("verifying", total=None)
        return self._tell

    def _tell(self, done: int, in_all: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=in_all or None)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
