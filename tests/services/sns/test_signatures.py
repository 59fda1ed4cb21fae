"""Signed messages under validators that other people wrote, over TLS, with the pattern for the certificate's host that each
of them takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sns_message_validator import SNSMessageValidator
from sns_message_validator.exceptions import SignatureVerificationFailureException

from holdfast.testing import Server
from tests.issuer import Authority
from tests.receiver import Receiver

from .conftest import confirmed, notification, of_type

JAVASCRIPT = Path(__file__).parents[2] / "clients" / "javascript"
HOST = r"^127\.0\.0\.1(:[0-9]+)?$"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a server's certificate, and the file with the authority that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    bundle = folder / "authority.pem"
    bundle.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return folder, bundle


@pytest.fixture(scope="module")
def secure_server(trusted: tuple[Path, Path]) -> Iterator[Server]:
    folder, _ = trusted
    tls = ("--tls-certificate", str(folder / "chain.pem"), "--tls-key", str(folder / "key.pem"))
    with Server(arguments=("--allow-private-targets", *tls)) as started:
        yield started


@pytest.fixture
def secure_sns(secure_server: Server, trusted: tuple[Path, Path]) -> Any:
    return secure_server.client("sns", verify=str(trusted[1]))


def messages(sns: Any, receiver: Receiver, version: str) -> list[dict[str, Any]]:
    """One of each kind that a receiver gets, and a notification without a subject."""
    topic = sns.create_topic(Name=f"signed-{version}", Attributes={"SignatureVersion": version})["TopicArn"]
    arn = confirmed(sns, receiver, topic)
    sns.publish(TopicArn=topic, Message="first\nline", Subject="a subject")
    notification(receiver)
    sns.publish(TopicArn=topic, Message="zweite Zeile: ü")
    notification(receiver, 2)
    sns.unsubscribe(SubscriptionArn=arn)
    receiver.wait_for(lambda received: of_type(received, "UnsubscribeConfirmation"))
    found = [json.loads(each.body) for each in receiver.received]
    assert {each["SignatureVersion"] for each in found} == {version}
    assert [each["Type"] for each in found] == [
        "SubscriptionConfirmation", "Notification", "Notification", "UnsubscribeConfirmation",
    ]  # fmt: skip
    return found


def test_version_1_under_a_python_validator(
    secure_sns: Any, receiver: Receiver, trusted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted[1]))
    found = messages(secure_sns, receiver, "1")
    validator = SNSMessageValidator(
        cert_url_regex=r"^https://127\.0\.0\.1:[0-9]+/SimpleNotificationService-[0-9a-f]{32}\.pem$"
    )
    for message in found:
        validator.validate_message(message)
        with pytest.raises(SignatureVerificationFailureException):
            validator.validate_message({**message, "Message": "something else"})
    validator._cert_session.close()


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_under_the_javascript_validator(
    secure_sns: Any, receiver: Receiver, trusted: tuple[Path, Path], version: str
) -> None:
    # It leaves the token out of the text of an UnsubscribeConfirmation, which AWS signs like a SubscriptionConfirmation.
    found = messages(secure_sns, receiver, version)[:3]
    altered = [{**message, "Timestamp": "2012-05-02T00:54:06.655Z"} for message in found]
    node = shutil.which("node")
    assert node is not None, "node is not installed; `make test` installs it"
    done = subprocess.run(
        [node, "validate.mjs", HOST],
        cwd=JAVASCRIPT,
        env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(trusted[1])},
        input="".join(f"{json.dumps(message)}\n" for message in (*found, *altered)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    verdicts = done.stdout.splitlines()
    assert verdicts[:3] == ["valid"] * 3
    assert verdicts[3:] == ["The message signature is invalid."] * 3
