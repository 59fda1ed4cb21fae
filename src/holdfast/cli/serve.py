"""`holdfast serve` and `holdfast dev`: start a server and say what to type next.

Start-up is measured: what is imported here is imported before the server listens.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.options import with_settings
from holdfast.cli.output import strong, table
from holdfast.server.settings import SETTINGS, Settings
from holdfast.server.settings_sources import load, unknown_variables

if TYPE_CHECKING:
    from types import FrameType

    from holdfast.server.server import Ready

FOR_DEV = ("port", "region", "quotas", "log_level", "log_format")
"""What `dev` takes from flags and environment. The rest is fixed, so that nothing of a real store can leak into it."""
LOOPBACK = ("127.", "::1", "localhost")


@with_settings(SETTINGS)
def serve(flags: dict[str, str]) -> None:
    """Start a server on a data directory, in the foreground.

    The first start makes the directory, the root key, one account and its root access key. Ctrl+C or SIGTERM finishes
    what was accepted and stops. Every flag is also an environment variable (--max-body-bytes: HOLDFAST_MAX_BODY_BYTES)
    and a key of the TOML file (max_body_bytes); the flag wins, then the variable, then the file.

    For example:

        holdfast serve
        holdfast serve --data /srv/holdfast --host 0.0.0.0 --config prod.toml
        HOLDFAST_DATA=/srv/holdfast holdfast serve --account 123456789012
    """
    from holdfast.server.server import run

    settings = load(flags, os.environ)
    for variable in unknown_variables(os.environ):
        print(f"holdfast: {variable} is not a setting of this version and is ignored", file=sys.stderr)
    run(settings, lambda ready: say(serve_text(settings, ready)))


@with_settings(FOR_DEV, grouped=False)
def dev(flags: dict[str, str]) -> None:
    """Start a throw-away server for development and tests.

    The store is new and disappears with the server. Access key `test`, secret `test`, account 000000000000, loopback
    only, and a clock that `holdfast clock advance` moves: a test suite that used another local AWS endpoint on port
    4566 needs no change.

    For example:

        holdfast dev
        holdfast dev --port 0
        holdfast dev --quotas aws
        HOLDFAST_PORT=5000 holdfast dev
    """
    from holdfast.server.server import run

    variables = {SETTINGS[name].variable: os.environ.get(SETTINGS[name].variable, "") for name in FOR_DEV}
    # Until the server has its own handlers, SIGTERM must unwind too, or the directory stays behind.
    signal.signal(signal.SIGTERM, _terminated)
    with tempfile.TemporaryDirectory(prefix="holdfast-dev-") as directory:
        settings = load(
            flags,
            variables,
            data=Path(directory),
            host="127.0.0.1",
            account="000000000000",
            movable_clock=True,
            dev=True,
        )
        run(settings, lambda ready: say(dev_text(settings, ready)))


def _terminated(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def say(text: str) -> None:
    """Print and flush: whoever waits for the line may read a pipe."""
    print(text, flush=True)


def serve_text(settings: Settings, ready: Ready) -> str:
    """What a person needs once the server answers: where it is, what it holds, what to type next."""
    rows = {
        "data": f"{ready.data_directory}{' (new)' if ready.first_start else ''}",
        "account": ready.account,
        "access key": ready.access_key_id,
    }
    notes: list[str] = []
    if ready.first_start and settings.root_key_path.exists():
        notes.append(f"Keep a copy of {settings.root_key_path} elsewhere: without it nothing here opens.")
    if not settings.tls_certificate and not settings.host.startswith(LOOPBACK):
        notes.append(
            f"Clients reach {settings.host} without TLS: values cross the network readable. "
            "Set --tls-certificate and --tls-key, or let a proxy in front do it."
        )
    data = shlex.quote(str(ready.data_directory))
    return _page(ready, rows, [f'eval "$({program()} env --data {data})"'], notes)


def dev_text(settings: Settings, ready: Ready) -> str:
    """As `serve_text`; the credentials are no secret here."""
    rows = {"data": f"{ready.data_directory} (removed at the end)", "account": ready.account, "access key": "test"}
    variables = (
        f"export AWS_ENDPOINT_URL={ready.endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        f"export AWS_REGION={settings.region} AWS_DEFAULT_REGION={settings.region}",
    )
    return _page(ready, rows, variables, [f"{program()} clock advance 30d moves its clock."])


def _page(ready: Ready, rows: Mapping[str, object], first: Sequence[str], notes: list[str]) -> str:
    commands = (
        *first,
        "aws secretsmanager create-secret --name first --secret-string hello",
        "python3 -c 'import boto3; "
        'print(boto3.client("secretsmanager").get_secret_value(SecretId="first")["SecretString"])\'',
    )
    return "\n".join(
        (
            f"Holdfast is ready at {strong(ready.endpoint)}",
            "",
            table(rows),
            "",
            "In another terminal:",
            "",
            *(f"  {command}" for command in commands),
            *(f"\n{note}" for note in notes),
            "",
            "Ctrl+C stops it.",
        )
    )


def program() -> str:
    """How this program is called from a shell here."""
    if shutil.which("holdfast"):
        return "holdfast"
    if Path(sys.argv[0]).name == "holdfast":
        return shlex.quote(str(Path(sys.argv[0]).absolute()))
    return f"{shlex.quote(sys.executable)} -m holdfast"
