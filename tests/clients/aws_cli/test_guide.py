"""The pages of docs/guide with blocks of `sh`: a shell runs the commands of each in order, and they print what the page shows.

An `sh` block runs in the shell of the blocks before it; the `text` block after it is everything that it must print, errors
of commands included. The page's account stands for the test's, and `AbCdEf` for what is random in an ARN.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.testing import Account

GUIDE = Path(__file__).parents[3] / "docs" / "guide"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACCOUNT = "111122223333"
MARK = "-- end of block"


class Step(NamedTuple):
    """Commands, and what they must print."""

    commands: str
    printed: str


def steps_of(text: str) -> list[Step]:
    """The blocks of a page, each of commands with the text after it."""
    blocks = BLOCK.findall(text)
    assert blocks, "a page without commands"
    assert {kind for kind, _ in blocks} == {"sh", "text"}
    commands, printed = blocks[::2], blocks[1::2]
    assert [kind for kind, _ in commands] == ["sh"] * len(printed), "each block of commands has its text"
    return [Step(command, text) for (_, command), (_, text) in zip(commands, printed, strict=True)]


def run(steps: list[Step], account: Account, folder: Path) -> list[str]:
    """What each block printed, one shell for all."""
    script = "".join(f"{step.commands}\necho '{MARK}'\n" for step in steps)
    done = subprocess.run(
        ["sh", "-s"],
        input=script,
        cwd=folder,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            **account.environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=300,
    )
    printed = done.stdout.replace(account.account, ACCOUNT)
    return re.sub(r"(secret:[\w/]+)-\w{6}\b", r"\1-AbCdEf", printed).split(f"{MARK}\n")[:-1]


NOTIFICATIONS = GUIDE / "notifications.md"
"""Its commands need receivers: test_notifications_guide.py."""
PAGES = [page for page in sorted(GUIDE.glob("*.md")) if "```sh\n" in page.read_text() and page != NOTIFICATIONS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page(page: Path, holdfast: Account, tmp_path: Path) -> None:
    steps = steps_of(page.read_text())
    for step, printed in zip(steps, run(steps, holdfast, tmp_path), strict=True):
        assert printed.strip() == step.printed.strip(), step.commands
