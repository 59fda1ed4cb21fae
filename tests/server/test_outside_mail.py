"""Mails through a real relay: what it gets, how the connection is protected, and what its refusals become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from tests.issuer import Authority
from tests.mail_relay import PASSWORD, USER, MailRelay

from holdfast.server.outside import Web
from holdfast.server.outside_mail import MailSettings
from holdfast.server.outside_settings import OutsideSettings
from holdfast.services.outside import BadAnswer, Letter, NotConfigured, OutsideError, Refused, Unreachable

LETTER = Letter("people@example.org", "AWS Notification Message", "line one\nzweite Zeile: ä\n", {"X-Id": "7"})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("trust") / "authority.pem"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def relay() -> Iterator[MailRelay]:
    relay = MailRelay()
    yield relay
    relay.close()


def mail(settings: MailSettings, letter: Letter = LETTER, ca_file: Path | None = None) -> None:
    async def main() -> None:
        web = Web(time.monotonic, time.time, OutsideSettings(ca_file=ca_file, mail=settings))
        try:
            await web.mail(letter)
        finally:
            await web.close()

    asyncio.run(main())


def plain(port: int, **more: Any) -> MailSettings:
    return MailSettings("127.0.0.1", port, "none", "holdfast@example.org", **more)


def test_a_mail_as_the_relay_gets_it(relay: MailRelay) -> None:
    mail(plain(relay.port))
    (taken,) = relay.mails
    assert taken.recipients == ["people@example.org"]
    assert (taken.message["From"], taken.message["To"]) == ("holdfast@example.org", "people@example.org")
    assert (taken.message["Subject"], taken.message["X-Id"]) == ("AWS Notification Message", "7")
    assert taken.message["Date"]
    assert taken.text == LETTER.text


@pytest.mark.parametrize("name", ["Orders", "Bestellungen für alle", 'Orders" <boss@example.org>, "'])
def test_a_name_stands_before_the_senders_address(relay: MailRelay, name: str) -> None:
    mail(plain(relay.port), Letter("people@example.org", "s", "t", sender_name=name))
    (taken,) = relay.mails
    (sender,) = taken.message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "holdfast@example.org")


@pytest.mark.parametrize(("to", "permanent"), [("nobody@example.org", True), ("later@example.org", False)])
def test_a_recipient_that_the_relay_does_not_take(relay: MailRelay, to: str, permanent: bool) -> None:
    with pytest.raises(Refused) as caught:
        mail(plain(relay.port), Letter(to, "s", "t"))
    assert caught.value.permanent is permanent
    assert "quotes" not in str(caught.value)


@pytest.mark.parametrize(
    "letter",
    [
        Letter("a@example.org", "one\r\nBcc: b@example.org", "t"),
        Letter("a@example.org\r\nRCPT TO:<b@example.org>", "s", "t"),
        Letter("a@example.org", "s", "t", {"X": "a\r\nBcc: b@example.org"}),
        Letter("a@example.org", "s", "t", {"Subject": "another"}),
        Letter("a@example.org", "s", "t", sender_name="a\r\nBcc: b@example.org"),
    ],
)
def test_no_line_break_becomes_a_header_or_a_command(relay: MailRelay, letter: Letter) -> None:
    with pytest.raises(Refused) as caught:
        mail(plain(relay.port), letter)
    assert caught.value.permanent
    assert relay.mails == []


def test_starttls_with_a_login(authority: Authority, ca_file: Path) -> None:
    relay = MailRelay(starttls=authority.context)
    try:
        settings = MailSettings("localhost", relay.port, "starttls", "h@example.org", USER, PASSWORD)
        mail(settings, ca_file=ca_file)
        assert len(relay.mails) == 1
        with pytest.raises(BadAnswer, match="not trusted"):
            mail(settings)
        wrong = MailSettings("localhost", relay.port, "starttls", "h@example.org", USER, "another password")
        with pytest.raises(Unreachable, match="user name") as caught:
            mail(wrong, ca_file=ca_file)
        assert "another password" not in repr(caught.value) + repr(wrong)
        assert caught.value.__context__ is None
        assert len(relay.mails) == 1
    finally:
        relay.close()


def test_tls_from_the_first_byte(authority: Authority, ca_file: Path) -> None:
    relay = MailRelay(tls=authority.context)
    try:
        mail(MailSettings("localhost", relay.port, "tls", "h@example.org"), ca_file=ca_file)
        assert len(relay.mails) == 1
    finally:
        relay.close()


def test_a_relay_without_starttls_gets_nothing(relay: MailRelay) -> None:
    with pytest.raises(BadAnswer, match="smtp_security"):
        mail(MailSettings("127.0.0.1", relay.port, "starttls", "h@example.org"))
    assert relay.mails == []


def test_no_relay() -> None:
    with pytest.raises(NotConfigured):
        mail(MailSettings())
    with pytest.raises(OutsideError, match="no connection"):
        mail(plain(1))
