"""`holdfast accounts`: make an account and list them all."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from holdfast.cli.options import DataOption, FormatOption

if TYPE_CHECKING:
    from holdfast.cli.connection import Door

accounts = App(
    name="accounts",
    help="""Make accounts and list them.

Works on a running server, over the control socket in its data directory, and on the directory of one that does not run.

For example:

    holdfast accounts create
    holdfast accounts list
""",
)


@accounts.command
def create(
    *,
    account: Annotated[str | None, Parameter(name="--account", help="Its number: 12 digits. [default: random]")] = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Make an account and print its root access key, as the variables that `holdfast env` prints.

    The secret access key is printed this once: keep it, and do not paste it where others read it.

    For example:

        eval "$(holdfast accounts create)"
        holdfast accounts create --data /srv/holdfast --format json
        holdfast accounts create --account 123456789012
    """
    from holdfast.cli.output import print_json

    door = _door(data)
    answer = door.call("CreateAccount") if account is None else door.call("CreateAccount", Account=account)
    variables = {
        "AWS_ENDPOINT_URL": answer["Endpoint"],
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_REGION": answer["Region"],
        "AWS_DEFAULT_REGION": answer["Region"],
    }
    if form == "json":
        print_json({"account": answer["Account"], **variables})
        return
    print(f"# account {answer['Account']}")
    print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


@accounts.command(name="list")
def list_(*, data: DataOption = None, form: FormatOption = "text") -> None:
    """List every account of this server: its number, when it was made, and which one is home.

    For example:

        holdfast accounts list
        holdfast accounts list --data /srv/holdfast --format json
    """
    from holdfast.cli.output import instant, print_json, table

    found = [
        {"account": each["Account"], "created": instant(each["CreatedDate"]), "home": each["Home"]}
        for each in _every(_door(data))
    ]
    if form == "json":
        print_json({"accounts": found})
        return
    print(table({each["account"]: f"{each['created']}{'  home' if each['home'] else ''}" for each in found}))


def _every(door: Door) -> list[dict[str, Any]]:
    answer = door.call("ListAccounts")
    found: list[dict[str, Any]] = answer["Accounts"]
    while after := answer.get("After"):
        answer = door.call("ListAccounts", After=after)
        found += answer["Accounts"]
    return found


def _door(data: str | None) -> Door:
    """The server's control socket; when no server runs on the directory, the directory itself."""
    from holdfast.cli.connection import ControlDoor, find_door

    door = find_door(data, os.environ)
    if not isinstance(door, ControlDoor) or door.answers():
        return door
    from holdfast.server.settings_sources import load

    return _StoppedDoor(load({} if data is None else {"data": data}, os.environ))


class _StoppedDoor:
    """A data directory that no server runs on."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def call(self, operation: str, seconds: float | None = None, **members: object) -> dict[str, Any]:
        from holdfast.cli.connection import answer_of
        from holdfast.server.stopped_call import call_stopped

        answer = call_stopped(self._settings, operation, members)
        return answer_of(answer.status, "", answer.body)
