"""`holdfast env`: the variables that point any AWS client at a data directory's server."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Literal

from cyclopts import Parameter

from holdfast.cli.options import ConfigOption, DataOption
from holdfast.cli.output import print_json


def env(
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    form: Annotated[
        Literal["shell", "json", "dotenv"],
        Parameter(name="--format", help="Lines to evaluate, one JSON object, or lines of a .env file."),
    ] = "shell",
) -> None:
    """Print the variables that point AWS clients at this server, the root access key among them.

    Asks the running server over its control socket; when none runs, opens the data directory itself. The secret access
    key is printed: do not paste the output where others read it.

    For example:

        eval "$(holdfast env)"
        holdfast env --data /srv/holdfast --format dotenv > .env
        holdfast env --format json | jq -r .AWS_ENDPOINT_URL
    """
    variables = find_environment(data, config)
    if form == "json":
        print_json(variables)
    elif form == "dotenv":
        print("\n".join(f"{name}={value}" for name, value in variables.items()))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


def find_environment(data: str | None, config: str | None) -> dict[str, str]:
    """From the running server, else from the store. Raises CommandError or StartError."""
    from holdfast.cli.connection import ControlDoor, data_directory
    from holdfast.cli.errors import ServerNotRunning

    try:
        answer = ControlDoor(data_directory(data, os.environ, config)).call("GetEnvironment")
    except ServerNotRunning:
        from holdfast.server.server import read_environment
        from holdfast.server.settings_sources import load

        flags = {name: text for name, text in (("data", data), ("config", config)) if text is not None}
        return read_environment(load(flags, os.environ))
    return {
        "AWS_ENDPOINT_URL": answer["Endpoint"],
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_REGION": answer["Region"],
        "AWS_DEFAULT_REGION": answer["Region"],
    }
