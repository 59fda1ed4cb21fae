"""Every command teaches: its help has an example, and the example is a command line that parses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from inspect import getdoc

import pytest
from cyclopts import App
from tests.cli.conftest import Command

from holdfast.cli import main
from holdfast.server.settings import SETTINGS


def commands(app: App, chain: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield chain
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], (*chain, name))


EVERY = list(commands(main.app))


def help_text(chain: tuple[str, ...]) -> str:
    app = main.app
    for name in chain:
        app = app[name]
    return app.help or (getdoc(app.default_command) if app.default_command else "") or ""


def examples(chain: tuple[str, ...]) -> list[str]:
    _, _, shown = help_text(chain).partition("For example:")
    return [line.strip() for line in shown.splitlines() if line.strip()]


def test_the_commands_of_the_contract_are_there() -> None:
    contract = {("serve",), ("dev",), ("env",), ("status",), ("clock",), ("clock", "show"), ("clock", "advance")}
    contract |= {("explain",), ("can",), ("who-can",)}
    assert contract <= set(EVERY)


@pytest.mark.parametrize("chain", EVERY, ids=lambda chain: "-".join(("holdfast", *chain)))
def test_help_teaches_by_example(chain: tuple[str, ...], command: Command) -> None:
    done = command(*chain, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"Usage: {' '.join(('holdfast', *chain))}" in done.stdout
    shown = examples(chain)
    assert len(shown) >= 2
    for example in shown:
        assert example.split("   ")[0] in done.stdout


@pytest.mark.parametrize("example", sorted({e for chain in EVERY for e in examples(chain)}))
def test_an_example_parses(example: str) -> None:
    found = re.search(r"(?:^|[\s(])holdfast\b([^|>)]*)", example.split("   ")[0])
    assert found
    arguments = shlex.split(found[1])
    if arguments[-1:] != ["--help"]:
        main.app.parse_args(arguments)


def test_serve_has_a_flag_for_every_setting(command: Command) -> None:
    shown = command("serve", "--help").stdout
    for declared in SETTINGS.values():
        assert f"{declared.flag} " in shown or f"{declared.flag}\n" in shown, declared.flag


def test_without_a_command_there_is_help(command: Command) -> None:
    done = command()
    assert done.returncode == 0
    assert "holdfast serve" in done.stdout
