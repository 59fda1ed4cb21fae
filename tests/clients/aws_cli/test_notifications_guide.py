"""docs/guide/notifications.md: a shell runs its commands in order, on a server that is started as the page says, with a real
web hook and a real mail relay. Its reader is played too: who opens the link in the mail.
"""

from __future__ import annotations

import re
import shlex
import threading
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from holdfast.testing import Server
from tests.clients.aws_cli.test_guide import NOTIFICATIONS, run, steps_of
from tests.databases import free_port
from tests.mail_relay import Mail, MailRelay

HOOK, RELAY = "8085", "2525"
"""Ports on the page."""
LINK = re.compile(r"http://\S+Action=ConfirmSubscription\S+")


@contextmanager
def reader(relay: MailRelay) -> Generator[None]:
    """Opens the link in the first mail."""

    def read() -> None:
        [mail, *_] = relay.wait_for(1, seconds=120)
        found = LINK.search(mail.text)
        assert found, mail.text
        urllib.request.urlopen(found[0]).close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        thread.join(120)


def started(text: str, relay: MailRelay) -> tuple[str, ...]:
    """The arguments that the page starts the server with."""
    [command] = re.findall(r"^    holdfast dev (.*)$", text, re.MULTILINE)
    return tuple(shlex.split(command.replace(RELAY, str(relay.port))))


def texts(mails: list[Mail]) -> list[str]:
    return [mail.text.partition("\n")[0] for mail in mails]


def test_a_message_when_a_parameter_is_idle(tmp_path: Path) -> None:
    text = NOTIFICATIONS.read_text()
    hook = str(free_port())
    relay = MailRelay()
    try:
        with Server(arguments=started(text, relay)) as server, reader(relay):
            steps = steps_of(text.replace(HOOK, hook).replace("111122223333", server.home.account))
            printed = run(steps, server.home, tmp_path)
            for step, found in zip(steps_of(text.replace(HOOK, hook)), printed, strict=True):
                assert found.strip() == step.printed.strip(), step.commands
        heard = texts(relay.wait_for(3)[1:])
        assert heard == [f'"/app/{name} has not changed for five hours."' for name in ("license", "token")]
        assert {recipient for mail in relay.mails for recipient in mail.recipients} == {"license@example.org"}
    finally:
        relay.close()
