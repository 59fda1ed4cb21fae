"""How far this server reaches and through whom: the settings for it, checked, with the two secrets that are no settings.

A secret comes as a systemd credential or in an environment variable, which is removed as soon as it is read: no child
process and no dump inherits it. It never stands in the settings file, on the command line or in the store.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.server.errors import BadSetting
from holdfast.server.outside_mail import MailSettings
from holdfast.server.outside_queues import QueueSettings
from holdfast.server.outside_trust import trusting

if TYPE_CHECKING:
    from holdfast.server.settings import Settings

SQS_SECRET = "HOLDFAST_SQS_SECRET_ACCESS_KEY"  # noqa: S105 - a name
SMTP_PASSWORD = "HOLDFAST_SMTP_PASSWORD"  # noqa: S105 - a name
LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideSettings:
    """What `Web` needs."""

    allow_private_targets: bool = False
    ca_file: Path | None = None
    """Authorities that are trusted beside the system's."""
    queues: QueueSettings = field(default_factory=QueueSettings)
    mail: MailSettings = field(default_factory=MailSettings)


def outside_settings(settings: Settings, region: str, environ: MutableMapping[str, str]) -> OutsideSettings:
    """From what was given to the server. Raises BadSetting for half of something."""
    secret = take_secret(environ, SQS_SECRET)
    password = take_secret(environ, SMTP_PASSWORD)
    if bool(settings.sqs_access_key_id) != bool(secret):
        missing = SQS_SECRET if settings.sqs_access_key_id else "--sqs-access-key-id"
        raise BadSetting(f"{missing} is not set: an access key has an id and a secret")
    if bool(settings.smtp_username) != bool(password):
        missing = SMTP_PASSWORD if settings.smtp_username else "--smtp-username"
        raise BadSetting(f"{missing} is not set: a mail relay's login has a user name and a password")
    if bool(settings.smtp_relay) != bool(settings.smtp_sender):
        missing = "--smtp-sender" if settings.smtp_relay else "--smtp-relay"
        raise BadSetting(f"{missing} is not set: mails need a relay and a sender")
    if settings.outside_ca_file is not None:
        try:
            trusting(settings.outside_ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or "it holds no certificate in PEM form"
            raise BadSetting(f"--outside-ca-file {settings.outside_ca_file} cannot be used: {reason}") from None
    host, _, port = (settings.smtp_relay or ":587").rpartition(":")
    return OutsideSettings(
        allow_private_targets=settings.allow_private_targets,
        ca_file=settings.outside_ca_file,
        queues=QueueSettings(settings.sqs_endpoint or "", settings.sqs_access_key_id or "", secret, region),
        mail=MailSettings(
            host.strip("[]"),
            int(port),
            settings.smtp_security,
            settings.smtp_sender or "",
            settings.smtp_username or "",
            password,
        ),
    )


def take_secret(environ: MutableMapping[str, str], variable: str) -> str:
    """The secret in a variable, or in the systemd credential of its name (`holdfast-smtp-password`); empty for none."""
    given = environ.pop(variable, "")
    name = variable.lower().replace("_", "-")
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return given
    try:
        with (Path(directory) / name).open("rb") as file:
            content = file.read(LONGEST_SECRET + 1)
    except FileNotFoundError:
        return given
    except OSError as error:
        raise BadSetting(f"the systemd credential {name} cannot be read: {error.strerror}") from None
    if given:
        raise BadSetting(f"{variable} and the systemd credential {name} are both set; keep one")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > LONGEST_SECRET:
        raise BadSetting(f"the systemd credential {name} is empty, too long or not text")
    return text
