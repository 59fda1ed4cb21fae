"""No planted value in the data directory, the log, the metrics, the audit trail or the process list."""

from __future__ import annotations

import base64
import json
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from holdfast.testing import Server
from tests.canaries import MARK, canary, places, search_directory, spellings
from tests.raw_client import RawClient, client_of


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "data", arguments=("--log-level", "debug", "--audit-read-window-milliseconds", "0"))


def _plant(client: RawClient) -> None:
    """Every way a value goes in, comes out, and goes wrong."""
    sm, ssm, kms = (partial(client.call, service) for service in ("secretsmanager", "ssm", "kms"))
    value = canary("secret")
    made = sm("CreateSecret", Name="s", SecretString=value, ClientRequestToken="a" * 32)
    assert made.status == 200, made.body
    binary = base64.b64encode(canary("binary").encode()).decode()
    for number, values in enumerate(({"SecretString": canary("put")}, {"SecretBinary": binary})):
        put = client.call(
            "secretsmanager", "PutSecretValue", SecretId="s", ClientRequestToken=f"{number:032}", **values
        )
        assert put.status == 200, put.body
    updated = client.call(
        "secretsmanager", "UpdateSecret", SecretId="s", SecretString=canary("u"), ClientRequestToken="b" * 32
    )
    assert updated.status == 200, updated.body
    assert MARK in sm("GetSecretValue", SecretId="s").body["SecretString"]
    batch = sm("BatchGetSecretValue", SecretIdList=["s", "absent"])
    assert MARK in json.dumps(batch.body)
    for kind in ("String", "StringList", "SecureString"):
        put = ssm("PutParameter", Name=f"/p/{kind}", Type=kind, Value=canary(kind))
        assert put.status == 200, put.body
        got = ssm("GetParameter", Name=f"/p/{kind}", WithDecryption=True)
        assert MARK in got.body["Parameter"]["Value"]
    key = kms("CreateKey").body["KeyMetadata"]["KeyId"]
    plain = base64.b64encode(canary("kms").encode()).decode()
    sealed = kms("Encrypt", KeyId=key, Plaintext=plain)
    assert sealed.status == 200, sealed.body
    assert kms("Decrypt", CiphertextBlob=sealed.body["CiphertextBlob"]).body["Plaintext"] == plain
    # What goes wrong must not quote what it was given.
    wrong = [
        sm("CreateSecret", Name="s", SecretString=canary("again"), ClientRequestToken="c" * 32),
        sm("PutSecretValue", SecretId="s", SecretString=canary("other"), ClientRequestToken="a" * 32),
        sm("PutSecretValue", SecretId="s", SecretString=canary("long") * 9000, ClientRequestToken="d" * 32),
        sm("PutSecretValue", SecretId="s", SecretBinary=canary("not base64"), ClientRequestToken="d" * 32),
        sm("PutSecretValue", SecretId="s", SecretString={"x": canary("map")}, ClientRequestToken="d" * 32),
        ssm("PutParameter", Name="/p/pattern", Type="String", Value=canary("p"), AllowedPattern="^[0-9]+$"),
        ssm("PutParameter", Name="/p/long", Type="SecureString", Value=canary("p") * 500),
        ssm("PutParameter", Name="/p/type", Type="SecureString", Value=[canary("list")]),
        kms("Encrypt", KeyId=key, Plaintext=plain * 900),
    ]  # fmt: skip
    for answer in wrong:
        assert answer.status == 400, answer.body
        assert MARK not in json.dumps(answer.body)


def test_nothing_is_readable(server: Server) -> None:
    server.start()
    client = client_of(server.home)
    try:
        _plant(client)
        with urllib.request.urlopen(f"{server.endpoint_url}/_holdfast/metrics") as page:
            assert not list(places(page.read()))
        assert server.process is not None
        for name in ("cmdline", "environ"):
            assert not list(places(Path(f"/proc/{server.process.pid}/{name}").read_bytes()))
        secret = server.home.secret_access_key.encode()
    finally:
        client.close()
        server.kill()
    directory = server.directory
    assert {p.name for p in directory.iterdir()} >= {"holdfast.db", "holdfast.db-wal", "root.key"}
    assert not search_directory(directory)
    log = directory.parent / f"{directory.name}.log"
    assert not list(places(log.read_bytes()))
    for path in directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} can be read by others"
        if path.is_file():
            assert secret not in path.read_bytes(), f"{path.name} holds the secret access key"


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """The test above could otherwise pass for want of eyes."""
    value = canary("seen").encode()
    for number, content in enumerate(
        [
            value,
            b"x" + base64.b64encode(value),
            base64.b64encode(b"ab" + value),
            base64.b64encode(b"{" + value),
            value.hex().encode(),
        ]
    ):
        (tmp_path / str(number)).write_bytes(b"before " + content + b" after")
    assert {line.partition(":")[0] for line in search_directory(tmp_path)} == {"0", "1", "2", "3", "4"}
    assert len(spellings()) >= 5
