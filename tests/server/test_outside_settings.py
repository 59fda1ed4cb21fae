"""What the server is told about other hosts: halves are refused, secrets are taken from where they may stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.issuer import Authority

from holdfast.server.errors import BadSetting
from holdfast.server.outside_settings import SMTP_PASSWORD, SQS_SECRET, OutsideSettings, outside_settings, take_secret
from holdfast.server.settings import Settings
from holdfast.server.settings_sources import load


def given(environ: dict[str, str] | None = None, **flags: str) -> OutsideSettings:
    return outside_settings(load(flags, {}), "eu-central-1", {} if environ is None else environ)


def test_nothing_is_enough() -> None:
    assert given() == OutsideSettings(queues=given().queues)
    assert given().queues.region == "eu-central-1"


def test_secrets_leave_the_environment_when_they_are_read() -> None:
    environ = {SQS_SECRET: "sqs secret", SMTP_PASSWORD: "smtp secret", "HOME": "/root"}
    settings = given(
        environ,
        sqs_endpoint="http://queues.example",
        sqs_access_key_id="id",
        smtp_relay="[::1]:25",
        smtp_sender="a@example.org",
        smtp_username="user",
        smtp_security="none",
    )
    assert environ == {"HOME": "/root"}
    assert (settings.queues.endpoint, settings.queues.secret_access_key) == ("http://queues.example", "sqs secret")
    mail = settings.mail
    assert (mail.host, mail.port, mail.username, mail.password) == ("::1", 25, "user", "smtp secret")
    assert "secret" not in repr(settings).replace("secret_access_key", "")


@pytest.mark.parametrize(
    ("environ", "flags", "named"),
    [
        ({}, {"sqs_access_key_id": "id"}, SQS_SECRET),
        ({SQS_SECRET: "x"}, {}, "--sqs-access-key-id"),
        ({}, {"smtp_username": "user"}, SMTP_PASSWORD),
        ({SMTP_PASSWORD: "x"}, {}, "--smtp-username"),
        ({}, {"smtp_relay": "a.example:25"}, "--smtp-sender"),
        ({}, {"smtp_sender": "a@example.org"}, "--smtp-relay"),
        ({}, {"outside_ca_file": "/nowhere.pem"}, "--outside-ca-file"),
        ({}, {"outside_ca_file": __file__}, "no certificate"),
    ],
)
def test_half_of_something_is_refused(environ: dict[str, str], flags: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        given(environ, **flags)


def test_a_file_of_authorities(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(Authority(tmp_path).certificate.public_bytes(serialization.Encoding.PEM))
    assert given(outside_ca_file=str(file)).ca_file == file


def test_a_systemd_credential(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert take_secret(environ, SMTP_PASSWORD) == ""
    file = tmp_path / "holdfast-smtp-password"
    file.write_text("from systemd\n")
    assert take_secret(environ, SMTP_PASSWORD) == "from systemd"
    with pytest.raises(BadSetting, match="keep one"):
        take_secret({**environ, SMTP_PASSWORD: "x"}, SMTP_PASSWORD)
    for bad in (b"", b"\xff", b"x" * 5000):
        file.write_bytes(bad)
        with pytest.raises(BadSetting, match="holdfast-smtp-password"):
            take_secret(environ, SMTP_PASSWORD)


@pytest.mark.parametrize(
    "text", ["a.example", "a.example:0", "a.example:65536", ":25", "::1:25", "a b:25", "a.example:x"]
)
def test_what_is_no_relay(text: str) -> None:
    with pytest.raises(BadSetting):
        load({"smtp_relay": text}, {})


def test_the_secrets_are_no_settings() -> None:
    environment = {SQS_SECRET: "x", SMTP_PASSWORD: "y"}
    assert load({}, environment) == Settings(data=Path("holdfast-data").absolute())
