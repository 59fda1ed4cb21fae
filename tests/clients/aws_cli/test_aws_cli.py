"""The AWS CLI (PyPI `awscli`), as a person types it."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.testing import Account

AWS = Path(sys.executable).with_name("aws")


class Cli:
    def __init__(self, account: Account, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            **account.environment,
        }

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(AWS), *shlex.split(line)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def __call__(self, line: str) -> Any:
        done = self.run(line)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def fails(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode not in (0, None)
        return done.stderr.strip()


@pytest.fixture
def aws(holdfast: Account, tmp_path: Path) -> Cli:
    assert AWS.exists(), "awscli is not installed; `make test` installs it"
    return Cli(holdfast, tmp_path)


def test_secrets(aws: Cli, holdfast: Account, tmp_path: Path) -> None:
    assert aws("sts get-caller-identity")["Account"] == holdfast.account
    created = aws("secretsmanager create-secret --name app/db --secret-string first --tags Key=team,Value=a")
    assert created["ARN"].startswith(f"arn:aws:secretsmanager:us-east-1:{holdfast.account}:secret:app/db-")
    assert aws("secretsmanager get-secret-value --secret-id app/db")["SecretString"] == "first"
    aws("secretsmanager put-secret-value --secret-id app/db --secret-string second")
    previous = aws("secretsmanager get-secret-value --secret-id app/db --version-stage AWSPREVIOUS")
    assert previous["SecretString"] == "first"
    assert [s["Name"] for s in aws("secretsmanager list-secrets --filters Key=name,Values=app")["SecretList"]] == [
        "app/db"
    ]
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(range(256)))
    aws(f"secretsmanager update-secret --secret-id app/db --secret-binary fileb://{blob}")
    assert "SecretBinary" in aws("secretsmanager get-secret-value --secret-id app/db")
    aws("secretsmanager delete-secret --secret-id app/db --recovery-window-in-days 7")
    assert "marked for deletion" in aws.fails("secretsmanager get-secret-value --secret-id app/db")
    aws("secretsmanager restore-secret --secret-id app/db")
    aws("secretsmanager delete-secret --secret-id app/db --force-delete-without-recovery")
    assert "(ResourceNotFoundException)" in aws.fails("secretsmanager describe-secret --secret-id app/db")


def test_parameters(aws: Cli, tmp_path: Path) -> None:
    aws("ssm put-parameter --name /app/url --type String --value one")
    value = tmp_path / "value"
    value.write_text("s3cret")
    aws(f"ssm put-parameter --name /app/key --type SecureString --value file://{value}")
    names = [f"/app/many/{n}" for n in range(12)]
    for name in names:
        aws(f"ssm put-parameter --name {name} --type String --value v")
    got = aws("ssm get-parameter --name /app/key --with-decryption")["Parameter"]
    assert (got["Value"], got["Type"], got["Version"]) == ("s3cret", "SecureString", 1)
    # The CLI pages by ten on its own.
    assert len(aws("ssm get-parameters-by-path --path /app --recursive")["Parameters"]) == 14
    assert "(ParameterAlreadyExists)" in aws.fails("ssm put-parameter --name /app/url --type String --value y")
    aws("ssm put-parameter --name /app/url --type String --value two --overwrite")
    aws("ssm label-parameter-version --name /app/url --parameter-version 1 --labels old")
    assert aws("ssm get-parameter --name /app/url:old")["Parameter"]["Value"] == "one"
    aws("ssm delete-parameters --names /app/url /app/key")
    assert "(ParameterNotFound)" in aws.fails("ssm get-parameter --name /app/url")


def test_keys(aws: Cli, tmp_path: Path) -> None:
    key = aws("kms create-key --description mine")["KeyMetadata"]
    aws(f"kms create-alias --alias-name alias/mine --target-key-id {key['KeyId']}")
    plain = tmp_path / "plain"
    plain.write_text("hello")
    blob = aws(
        f"kms encrypt --key-id alias/mine --plaintext fileb://{plain} --encryption-context purpose=test"
    )["CiphertextBlob"]  # fmt: skip
    sealed = tmp_path / "sealed"
    sealed.write_bytes(base64.b64decode(blob))
    opened = aws(f"kms decrypt --ciphertext-blob fileb://{sealed} --encryption-context purpose=test")
    assert opened["Plaintext"] == "aGVsbG8="
    refused = aws.fails(f"kms decrypt --ciphertext-blob fileb://{sealed} --encryption-context purpose=other")
    assert "(InvalidCiphertextException)" in refused


def test_topics(aws: Cli, holdfast: Account) -> None:
    topic = aws("sns create-topic --name orders --attributes DisplayName=Orders --tags Key=team,Value=a")["TopicArn"]
    assert topic == f"arn:aws:sns:us-east-1:{holdfast.account}:orders"
    queue = f"arn:aws:sqs:us-east-1:{holdfast.account}:orders"
    members = f"--topic-arn {topic} --protocol sqs --notification-endpoint {queue}"
    subscription = aws(f"sns subscribe {members} --attributes RawMessageDelivery=true")["SubscriptionArn"]
    aws(
        f"sns set-subscription-attributes --subscription-arn {subscription} --attribute-name FilterPolicy"
        """ --attribute-value '{"kind": ["order"]}'"""
    )
    shown = aws(f"sns get-subscription-attributes --subscription-arn {subscription}")["Attributes"]
    assert (shown["RawMessageDelivery"], shown["FilterPolicy"]) == ("true", '{"kind": ["order"]}')
    attributes = """'{"kind": {"DataType": "String", "StringValue": "order"}}'"""
    assert aws(f"sns publish --topic-arn {topic} --message hello --message-attributes {attributes}")["MessageId"]
    assert "(InvalidParameter)" in aws.fails(f"sns publish --topic-arn {topic} --message hello --subject 'a\nb'")
    aws(f"sns unsubscribe --subscription-arn {subscription}")
    aws(f"sns delete-topic --topic-arn {topic}")
    assert "(NotFound)" in aws.fails(f"sns get-topic-attributes --topic-arn {topic}")
