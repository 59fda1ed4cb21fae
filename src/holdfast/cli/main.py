"""The command line: `holdfast COMMAND`. docs/reference/command-line.md has the commands and the exit codes.

A command fails by raising a CommandError or a StartError; this is the one place that prints them, as one line on
stderr, and turns them into exit codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError, UnusedCliTokensError

from holdfast import __version__
from holdfast.cli.accounts import accounts
from holdfast.cli.audit import audit
from holdfast.cli.clock import clock
from holdfast.cli.environment import env
from holdfast.cli.errors import BadUsage, CommandError
from holdfast.cli.events import events
from holdfast.cli.explain import can, explain, who_can
from holdfast.cli.jobs import jobs
from holdfast.cli.parameters import parameters
from holdfast.cli.rotation import rotation
from holdfast.cli.serve import dev, serve
from holdfast.cli.status import status
from holdfast.server.errors import StartError

app = App(
    name="holdfast",
    help="""AWS Secrets Manager, Parameter Store and KMS as software anyone can run.

For example:

    holdfast serve                  start a server on ./holdfast-data
    eval "$(holdfast env)"          point AWS clients in this shell at it
    holdfast dev                    a throw-away server for tests
    holdfast serve --help           every setting
""",
    version=__version__,
    help_format="markdown",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    verbose=False,
)
for command in (
    serve,
    dev,
    env,
    status,
    clock,
    accounts,
    explain,
    can,
    who_can,
    audit,
    rotation,
    jobs,
    events,
    parameters,
):
    app.command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    _open_standard_streams()
    raise SystemExit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    try:
        app(arguments, result_action="return_none")
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(str(BadUsage(_usage(error, arguments))), BadUsage.exit_code)
    except (CommandError, StartError) as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left.
        _drop_output()
        return 1
    except OSError as error:
        # What is left here is of the machine, not of the program: a full disk under our output, for one.
        _drop_output()
        place = "" if error.filename is None else f"{error.filename}: "
        return _fail(f"{place}{error.strerror or error}; mend that and run the command again", 1)
    return 0


def _open_standard_streams() -> None:
    """Give stdin, stdout and stderr that were closed a place, or the store's files would be opened under their numbers, and
    what a library or a child process prints would be written into them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process runs
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115


def _drop_output() -> None:
    """The interpreter must not find out once more when it flushes at exit that nobody takes our output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    print(f"holdfast: {message}", file=sys.stderr)
    return code


def _usage(error: CycloptsError, arguments: Sequence[str]) -> str:
    """What was wrong with the command line, and where to read what is right."""
    text = str(error)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"'{error.unused_tokens[0]}' is one argument too many."
    chain = " ".join(("holdfast", *(error.command_chain or ())))
    return f"{text} See `{chain} --help`."
