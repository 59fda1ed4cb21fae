"""`holdfast explain` of a request whose signature was refused: the likely cause, running or stopped."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.cli.conftest import Command

from holdfast.testing.server import Server


def test_a_wrong_secret_is_named(tmp_path: Path, command: Command) -> None:
    directory = str(tmp_path / "data")
    with Server(Path(directory)) as server:
        client = boto3.client(
            "secretsmanager",
            endpoint_url=server.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=server.home.access_key_id,
            aws_secret_access_key=server.home.secret_access_key + " ",
        )
        with pytest.raises(ClientError) as refused:
            client.list_secrets()
        request_id = refused.value.response["ResponseMetadata"]["RequestId"]
        text = command("explain", request_id, "--data", directory).stdout
        assert "the signature of secretsmanager:ListSecrets" in text
        assert "wrong-secret: The client's secret access key ends in a blank or a line end." in text
        assert server.home.secret_access_key not in text
        stranger = server.create_account().environment
        assert "RequestNotFoundException" in command("explain", request_id, environment=stranger).stderr
    stopped = command("explain", request_id, "--data", directory, "--format", "json")
    shown = json.loads(stopped.stdout)
    assert (shown["request_id"], shown["outcome"], shown["chain"]) == (request_id, "signature-refused", [])
    assert shown["signature"]["cause"] == "wrong-secret"
    unknown = command("explain", "01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d", "--data", directory)
    assert unknown.returncode == 1
    assert "RequestNotFoundException" in unknown.stderr
