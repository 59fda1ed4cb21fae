"""A mail relay that really listens (aiosmtpd): keeps what it is given, and refuses some recipients."""

from __future__ import annotations

import asyncio
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "user", "a password"


@dataclass(frozen=True)
class Mail:
    """One that was taken."""

    recipients: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        """Its content, with line breaks as Python has them."""
        return str(self.message.get_content()).replace("\r\n", "\n")


class _Handler:
    def __init__(self, relay: MailRelay) -> None:
        self._relay = relay

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such user: this quotes the mail"
        if address.startswith("later"):
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=default)
        with self._relay.arrival:
            self._relay.mails.append(Mail(list(envelope.rcpt_tos), message))
            self._relay.arrival.notify_all()
        return "250 taken"


def _check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    good = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


class MailRelay:
    """Listens on 127.0.0.1, in a thread. `starttls` asks for TLS and a login; `tls` speaks it from the first byte."""

    def __init__(self, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[Mail] = []
        self.arrival = threading.Condition()
        self._loop = asyncio.new_event_loop()
        options: dict[str, Any] = {}
        if starttls is not None:
            options = {"tls_context": starttls, "require_starttls": True, "authenticator": _check}
        handler = _Handler(self)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: SMTP(handler, loop=self._loop, **options), "127.0.0.1", 0, ssl=tls)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def wait_for(self, number: int, seconds: float = 20.0) -> list[Mail]:
        """Until so many mails were taken."""
        with self.arrival:
            assert self.arrival.wait_for(lambda: len(self.mails) >= number, seconds), f"{len(self.mails)} mails"
            return list(self.mails)

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
