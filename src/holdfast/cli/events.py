"""`holdfast events`: what is on its way to rules' targets and subscribers, and what of it did not arrive."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from holdfast.cli.errors import BadUsage
from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import counted, instant, print_json, table

events = App(
    name="events",
    help="""See events and messages on their way out, and send again what did not arrive.

A delivery takes one event or message to one destination. It waits for its next attempt, was delivered, or failed: all its
attempts are used up, or another one could not help.

For example:

    holdfast events list
    holdfast events list --state failed
    holdfast events show 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
    holdfast events redeliver --failed
""",
)

IdArgument = Annotated[str, Parameter(help="The delivery's id, as `holdfast events list` prints it.")]
DestinationOption = Annotated[
    str | None,
    Parameter(
        name="--destination",
        help="Only this destination, as `holdfast events list` prints it: a rule's ARN and its target's id, a "
        "subscription's ARN.",
    ),
]


def _ask(data: str | None, operation: str, **members: object) -> dict[str, Any]:
    from holdfast.cli.asking import ask

    return ask(data, operation, members)


def _delivery(members: dict[str, Any]) -> dict[str, Any]:
    def moment(name: str) -> str | None:
        return instant(members[name]) if name in members else None

    return {
        "id": members["Id"],
        "kind": members["Kind"],
        "account": members["Account"],
        "region": members["Region"],
        "destination": members["Destination"],
        "carries": members["Carried"],
        "state": members["State"],
        "created": moment("CreatedDate"),
        "next_attempt": moment("NextAttemptDate"),
        "ended": moment("EndedDate"),
        "attempts": members.get("Attempts", 0),
        "error_code": members.get("ErrorCode"),
        "last_error": members.get("LastError"),
    }


@events.command(name="list")
def list_events(
    *,
    state: Annotated[
        Literal["failed", "waiting", "delivered"] | None,
        Parameter(name="--state", help="Only deliveries in this state."),
    ] = None,
    destination: DestinationOption = None,
    limit: Annotated[int | None, Parameter(name="--limit", help="So many at most; all when not given.")] = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """List deliveries: failed ones first, then those that wait, then those that were delivered.

    For example:

        holdfast events list
        holdfast events list --state failed --format json
        holdfast events list --destination "$SUBSCRIPTION_ARN" --limit 20
    """
    if limit is not None and limit < 1:
        raise BadUsage("--limit is a number of deliveries: 1 or more.")
    found: list[dict[str, Any]] = []
    token: str | None = None
    while limit is None or len(found) < limit:
        size = 1000 if limit is None else min(1000, limit - len(found))
        answer = _ask(data, "ListDeliveries", State=state, Destination=destination, NextToken=token, MaxResults=size)
        found += [_delivery(each) for each in answer.get("Deliveries") or ()]
        token = answer.get("NextToken")
        if not token:
            break
    if form == "json":
        print_json({"events": found})
        return
    for each in found:
        when = each["next_attempt"] or each["ended"]
        failed = f", {each['attempts']} failed: {each['error_code']} {each['last_error']}" if each["last_error"] else ""
        print(f"{each['id']}  {when}  {each['state']}  {each['carries']} to {each['destination']}{failed}")


@events.command
def show(identity: IdArgument, /, *, data: DataOption = None, form: FormatOption = "text") -> None:
    """Show one delivery with what it carries.

    Whoever reads it through the server needs the IAM action holdfast:ShowDelivery.

    For example:

        holdfast events show 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
        holdfast events show 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e --format json
    """
    answer = _ask(data, "ShowDelivery", Id=identity)
    shown: dict[str, Any] = {**_delivery(answer["Delivery"]), "body": answer.get("Body")}
    if form == "json":
        print_json(shown)
    else:
        print(table({name: value if value is not None else "" for name, value in shown.items()}))


@events.command
def redeliver(
    identity: Annotated[str | None, Parameter(help="The delivery's id, as `holdfast events list` prints it.")] = None,
    /,
    *,
    failed: Annotated[
        bool, Parameter(name="--failed", negative="", help="Every delivery that failed, instead of one.")
    ] = False,
    destination: DestinationOption = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Send a delivery again now, or every one that failed: with all its attempts, and with an age that begins now.

    For example:

        holdfast events redeliver 0198c2f1-7e55-7e6b-8d6c-4b7f7d6a1c0e
        holdfast events redeliver --failed
        holdfast events redeliver --failed --destination "$SUBSCRIPTION_ARN"
    """
    from holdfast.cli.asking import change

    if (identity is None) == (not failed):
        raise BadUsage("Give the id of one delivery, or --failed for all that failed.")
    if destination is not None and not failed:
        raise BadUsage("--destination goes with --failed.")
    count = 0
    token: str | None = None
    while True:
        members = {"Id": identity, "Failed": failed or None, "Destination": destination, "NextToken": token}
        answer = change(data, "Redeliver", members)
        count += answer.get("Redelivered", 0)
        token = answer.get("NextToken")
        if not token:
            break
    if form == "json":
        print_json({"redelivered": count})
    else:
        print(f"{counted(count, 'delivery') if count == 1 else f'{count} deliveries'} sent again")
