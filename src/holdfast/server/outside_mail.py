"""Mails, handed to one relay that the operator names: this server looks up no mail hosts and keeps no queue of its own.

The standard library's client does it, in a thread: a mail is rare, and a relay may take seconds for one. A mail counts as
delivered when the relay took it; what becomes of it then is the relay's business.

Threat: a recipient or subject with a line break, which would be a header or a command of somebody's own. The library
refuses them, and so do we. The relay's answers are not repeated: they may quote the mail.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.services.outside import BadAnswer, Letter, NotConfigured, OutsideError, Refused, Unreachable
from holdfast.work.threads import in_thread

if TYPE_CHECKING:
    import smtplib
    from email.message import EmailMessage

AT_ONCE = 8
"""Mails handed over at the same time; more wait."""
SECONDS = 15.0
"""For each answer of the relay."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The relay."""

    host: str = ""
    port: int = 587
    security: str = "starttls"
    """`starttls`, `tls` or `none`."""
    sender: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


class Mailer:
    """One per server."""

    def __init__(
        self, settings: MailSettings, wall: Callable[[], float], context: Callable[[], Awaitable[ssl.SSLContext]]
    ) -> None:
        self._settings = settings
        self._wall = wall
        self._context = context
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def send(self, letter: Letter) -> None:
        """See `services.outside.Outside.mail`."""
        if not self._settings.host:
            raise NotConfigured("no mail relay is set up: set smtp_relay and smtp_sender")
        context = None if self._settings.security == "none" else await self._context()
        async with self._turn:
            message = _message(letter, self._settings.sender, self._wall())
            await in_thread(lambda: _hand_over(self._settings, letter.to, message, context))


def _message(letter: Letter, sender: str, wall: float) -> EmailMessage:
    from email.message import EmailMessage  # a mail is rare: start-up is measured
    from email.utils import formataddr, formatdate

    message = EmailMessage()
    try:
        message["From"] = formataddr((letter.sender_name, sender))
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = formatdate(wall)
        for name, value in letter.headers.items():
            message[name] = value
        message.set_content(letter.text)
    except (ValueError, IndexError, UnicodeError):
        raise Refused("a mail that cannot be written", "SDK_CLIENT_ERROR", permanent=True) from None
    return message


def _hand_over(settings: MailSettings, to: str, message: EmailMessage, context: ssl.SSLContext | None) -> None:
    """Runs in a thread. Raises OutsideError."""
    import smtplib

    try:
        with _connected(settings, context) as relay:
            if settings.username:
                relay.login(settings.username, settings.password)
            relay.send_message(message, settings.sender, [to])
    except (smtplib.SMTPException, ssl.SSLError, OSError, ValueError, UnicodeError) as error:
        failure = _failure(error)
    else:
        return
    raise failure  # here: what the relay said is nobody's context


def _connected(settings: MailSettings, context: ssl.SSLContext | None) -> smtplib.SMTP:
    import smtplib
    import socket

    name = socket.gethostname()
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, name, timeout=SECONDS, context=context)
    relay = smtplib.SMTP(settings.host, settings.port, name, timeout=SECONDS)
    if settings.security == "starttls":
        try:
            relay.starttls(context=context)
        except BaseException:
            relay.close()
            raise
    return relay


def _failure(error: Exception) -> OutsideError:
    import smtplib

    match error:
        case smtplib.SMTPAuthenticationError():
            return Unreachable("the mail relay does not take this server's user name and password")
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return _refused(max(codes, default=550))
        case smtplib.SMTPResponseException():
            return _refused(int(error.smtp_code))
        case smtplib.SMTPNotSupportedError():
            return BadAnswer("the mail relay cannot do what is asked of it: see smtp_security")
        case smtplib.SMTPException() | TimeoutError():
            return Unreachable("no answer of the mail relay")
        case ssl.SSLCertVerificationError():
            return BadAnswer("the certificate of the mail relay is not trusted")
        case ssl.SSLError():
            return BadAnswer("TLS with the mail relay failed")
        case OSError():
            return Unreachable("no connection to the mail relay")
        case _:
            return Refused("a mail that cannot be sent", "SDK_CLIENT_ERROR", permanent=True)


def _refused(code: int) -> Refused:
    """The relay's reply code: 4yz is for now, 5yz for good (RFC 5321 §4.2.1)."""
    permanent = code >= 500
    return Refused(
        f"the mail relay answered {code}", "SDK_CLIENT_ERROR" if permanent else "THROTTLING", permanent=permanent
    )
