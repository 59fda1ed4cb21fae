"""A login as a secret's JSON describes it, the attempts to connect that TLS allows, and what every family's errors share.

`ssl` means what it means to AWS's functions: true is TLS or nothing, false is plaintext, and absent (or anything else)
tries TLS with the server's certificate and name verified, then plaintext. A password that the server refused over TLS is
not sent again in plaintext, and in plaintext no family answers a server that asks for the password itself, unless `ssl` is
false.

INVARIANT: a password is in no text of this package. `without` takes out what a database or driver quotes back, and every
error is raised `from None`, so that no driver's exception follows ours into a log.
THREAT: who may write a secret chooses the host and the name that a superuser's password is used with; see `strategies.py`.
"""

from __future__ import annotations

import importlib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from holdfast.rotation.engine import EngineSettings, Fields, RotationError

Connection = TypeVar("Connection")

_HOST = re.compile(r"[A-Za-z0-9._:%-]+")  # neither a list of hosts nor a socket's path, which libpq would take
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
)


class CannotConnect(RotationError):
    """No connection: address, TLS, time-out, or a server that takes no one in."""


class LoginRefused(CannotConnect):
    """The server was reached and does not let this user in with this password."""


class Tls(Enum):
    """What `ssl` in the secret says."""

    PREFERRED = "preferred"
    REQUIRED = "required"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Login:
    """Where to go, and as whom."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str | None
    tls: Tls

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def read_login(fields: Fields, port: int, database: str | None) -> Login:
    """The login of a secret; RotationError says which key is wrong, never what stands there."""
    return Login(
        host=_host(fields),
        port=_port(fields, port),
        user=_text(fields, "username"),
        password=_text(fields, "password"),
        database=_text(fields, "dbname") if fields.get("dbname") not in (None, "") else database,
        tls=_tls(fields.get("ssl")),
    )


def _text(fields: Fields, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise RotationError(f'The secret\'s JSON needs "{key}" as a text.')
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise RotationError(f'"{key}" in the secret\'s JSON holds a control character.')
    return value


def _host(fields: Fields) -> str:
    host = _text(fields, "host")
    if not _HOST.fullmatch(host):
        raise RotationError('"host" in the secret\'s JSON must be one host name or IP address.')
    return host


def _port(fields: Fields, default: int) -> int:
    value = fields.get("port")
    if value is None or value == "":
        return default
    number = int(value) if isinstance(value, (int, str)) and re.fullmatch(r"[0-9]{1,5}", str(value)) else 0
    if not 1 <= number <= 65535:
        raise RotationError('"port" in the secret\'s JSON must be a number from 1 to 65535.')
    return number


def _tls(value: Any) -> Tls:
    word = value.lower() if isinstance(value, str) else value
    if word is True or word == "true":
        return Tls.REQUIRED
    return Tls.OFF if word is False or word == "false" else Tls.PREFERRED


def authorities(settings: EngineSettings) -> Path | None:
    """The certificates that a server's certificate must lead to: the operator's, or else the system's."""
    if settings.ca_bundle is not None:
        return settings.ca_bundle
    default = ssl.get_default_verify_paths().cafile
    return next((Path(place) for place in (default, *_BUNDLES) if place and Path(place).is_file()), None)


def tls_context(settings: EngineSettings) -> ssl.SSLContext:
    """Certificate and host name verified. CannotConnect where there is nothing to verify with."""
    bundle = authorities(settings)
    if bundle is None:
        raise CannotConnect("there is no bundle of certificate authorities; name one in the server's settings")
    try:
        context = ssl.create_default_context(cafile=str(bundle))
    except (OSError, ssl.SSLError) as error:
        raise CannotConnect(f"the certificate authorities in {bundle} cannot be used: {_reason(error)}") from None
    # Python 3.13 insists on extensions that many private authorities leave out; the drivers' own defaults do not.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


def _reason(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


def open_connection(
    login: Login, settings: EngineSettings, attempt: Callable[[bool], Connection]
) -> tuple[Connection, bool]:
    """Connect over TLS, in plaintext, or first the one and then the other, as the login says; True with TLS.

    `attempt(encrypted)` raises LoginRefused or CannotConnect. Only a failure of TLS itself leads to plaintext.
    """
    if login.tls is Tls.OFF:
        return attempt(False), False
    try:
        return attempt(True), True
    except LoginRefused:
        raise
    except CannotConnect as error:
        if login.tls is Tls.REQUIRED:
            raise
        over_tls = str(error)
    if trouble := reach(login, settings):
        raise CannotConnect(f"{login.place} cannot be reached: {trouble}")
    try:
        return attempt(False), False
    except CannotConnect as error:
        raise type(error)(f"{error} (before that, over TLS: {over_tls})") from None


def reach(login: Login, settings: EngineSettings) -> str | None:
    """Why the port takes no TCP connection; None when it does."""
    try:
        socket.create_connection((login.host, login.port), settings.connect_timeout).close()
    except OSError as error:
        return "timed out" if isinstance(error, TimeoutError) else _reason(error)
    return None


def without(text: str, *secrets: str) -> str:
    """`text` on one line, with every secret taken out."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())


def need_driver(module: str, extra: str, family: str) -> None:
    """Import a driver with the first rotation that needs it, or say how to install it."""
    try:
        importlib.import_module(module)
    except ImportError:
        raise RotationError(
            f"Rotating {family} needs the Python package {module}, which is not installed: "
            f"pip install 'holdfast[{extra}]' (every engine's: 'holdfast[rotation]'), then restart the server."
        ) from None
