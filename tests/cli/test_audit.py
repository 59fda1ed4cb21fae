"""`holdfast audit` as people run it: on a running server, on a stopped directory, and on one that was tampered with."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.cli.conftest import SECONDS, Command, clean_environment

from holdfast.testing.server import Server


@pytest.fixture(scope="module")
def busy(server: Server) -> Server:
    """A server with something in its trail."""
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="prod/db", SecretString="x")
    secrets.get_secret_value(SecretId="prod/db")
    server.client("kms").create_key()
    with pytest.raises(ClientError):
        secrets.get_secret_value(SecretId="missing")
    return server


@pytest.fixture(params=["running", "stopped"])
def directory(request: pytest.FixtureRequest, busy: Server, tmp_path: Path) -> str:
    """The same trail on a running server and in a directory that no server holds."""
    if request.param == "running":
        return str(busy.directory)
    copy = tmp_path / "copy"
    with Server(copy) as server:
        secrets = server.client("secretsmanager")
        secrets.create_secret(Name="prod/db", SecretString="x")
        secrets.get_secret_value(SecretId="prod/db")
        server.client("kms").create_key()
        with pytest.raises(ClientError):
            secrets.get_secret_value(SecretId="missing")
    return str(copy)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_verify_says_that_all_is_there(directory: str, command: Command) -> None:
    done = command("audit", "verify", "--data", directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all there, as they were written" in done.stdout
    found = json.loads(command("audit", "verify", "--data", directory, "--format", "json").stdout)
    assert (found["intact"], found["findings"]) == (True, [])
    assert found["records"] >= 6
    assert found["chains"] == 1


def test_search(directory: str, command: Command) -> None:
    def found(*filters: str) -> list[str]:
        done = command("audit", "search", "--data", directory, "--format", "json", *filters)
        assert done.returncode == 0, done.stderr
        return [record["eventName"] for record in lines(done.stdout)]

    assert found("--name", "CreateSecret", "--resource", "prod/db") == ["CreateSecret"]
    assert found("--resource", "prod/db", "--service", "secretsmanager") == ["CreateSecret", "GetSecretValue"]
    assert found("--error", "ResourceNotFoundException") == ["GetSecretValue"]
    # Other tests of this file make keys too.
    assert set(found("--user", "root", "--name", "CreateKey")) == {"CreateKey"}
    assert not found("--access-key", "AKIAIOSFODNN7EXAMPLE")
    assert not found("--region", "eu-north-1")
    assert not found("--account", "999999999999")
    assert set(found("--name", "CreateKey", "--since", "1h")) == {"CreateKey"}
    assert not found("--name", "CreateKey", "--until", "2020-01-01")
    shown = command("audit", "search", "--data", directory, "--name", "CreateKey").stdout.split()
    assert shown[4:6] == ["kms:CreateKey", "ok"]
    assert found("--request", shown[-1]) == ["CreateKey"]


def test_tail(directory: str, command: Command) -> None:
    done = command("audit", "tail", "--data", directory, "-n", "1000", "--format", "json")
    assert {record["eventName"] for record in lines(done.stdout)} >= {"CreateSecret", "GetSecretValue", "CreateKey"}
    assert len(command("audit", "tail", "--data", directory, "-n", "3").stdout.splitlines()) == 3
    shown = command("audit", "tail", "--data", directory, "-n", "1000", "--error", "ResourceNotFoundException").stdout
    assert [line.split()[4:6] for line in shown.splitlines()] == [
        ["secretsmanager:GetSecretValue", "ResourceNotFoundException"]
    ]


def test_export(directory: str, command: Command) -> None:
    by_line = lines(command("audit", "export", "--data", directory, "--user", "root").stdout)
    assert next(record["eventName"] for record in by_line) == "CreateSecret" or len(by_line) > 3
    file = json.loads(
        command("audit", "export", "--data", directory, "--user", "root", "--format", "cloudtrail").stdout
    )
    assert file == {"Records": by_line}
    empty = command("audit", "export", "--data", directory, "--user", "nobody", "--format", "cloudtrail").stdout
    assert json.loads(empty) == {"Records": []}


def test_a_broken_trail(tmp_path: Path, command: Command) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        for number in range(3):
            server.client("secretsmanager").create_secret(Name=f"s{number}", SecretString="x")
    with sqlite3.connect(data / "holdfast.db") as database:
        database.execute("UPDATE audit_record SET account = '1' WHERE sequence = 2")
        database.execute("DELETE FROM audit_record WHERE sequence = (SELECT MAX(sequence) FROM audit_record)")
    database.close()
    done = command("audit", "verify", "--data", str(data))
    assert done.returncode == 1
    assert done.stderr.startswith("holdfast: the audit trail is broken: 2 findings.")
    assert len(done.stderr.splitlines()) == 1
    first, second = done.stdout.splitlines()
    assert first.startswith("changed: chain ")
    assert "row 2 was changed" in first
    assert "missing at the end" in second
    as_json = command("audit", "verify", "--data", str(data), "--format", "json")
    assert as_json.returncode == 1
    assert [found["kind"] for found in json.loads(as_json.stdout)["findings"]] == ["changed", "missing"]


def test_a_trail_that_was_removed_whole(tmp_path: Path, command: Command) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    with Server(data) as server:
        server.client("secretsmanager").list_secrets()
    with sqlite3.connect(data / "holdfast.db") as database:
        database.execute("DELETE FROM audit_record")
        database.execute("DELETE FROM audit_head")
    database.close()
    (data / "audit.heads").rename(kept)
    done = command("audit", "verify", "--data", str(data))
    # A server that nobody ever called leaves the same behind, so it is said and nothing is claimed.
    assert done.stdout.startswith("nothing is on record: either no call was ever made, or the whole trail was removed.")
    told = command("audit", "verify", "--data", str(data), "--heads", str(kept))
    assert told.returncode == 1
    assert "missing" in told.stdout


def test_a_copy_of_the_heads_kept_elsewhere(tmp_path: Path, command: Command) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    with Server(data) as server:
        server.client("secretsmanager").list_secrets()
    kept.write_bytes((data / "audit.heads").read_bytes())
    assert command("audit", "verify", "--data", str(data), "--heads", str(kept)).returncode == 0
    with Server(data):
        assert command("audit", "verify", "--data", str(data), "--heads", str(kept)).returncode == 0
    (data / "audit.heads").unlink()
    with sqlite3.connect(data / "holdfast.db") as database:
        database.execute("DELETE FROM audit_record")
        database.execute("DELETE FROM audit_head")
    database.close()
    assert command("audit", "verify", "--data", str(data)).returncode == 0, "it looks like a store that did nothing yet"
    done = command("audit", "verify", "--data", str(data), "--heads", str(kept))
    assert done.returncode == 1
    assert "the whole chain is missing" in done.stdout


def test_following(busy: Server) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "holdfast",
            "audit",
            "tail",
            "-f",
            "-n",
            "100",
            "--name",
            "DescribeKey",
            "--data",
            str(busy.directory),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment({"PYTHONUNBUFFERED": "1"}),
    ) as process:
        assert process.stdout is not None
        try:
            # The first may be on record before the command looks; the second comes while it follows.
            for _ in range(2):
                key = busy.client("kms").create_key()["KeyMetadata"]["Arn"]
                busy.client("kms").describe_key(KeyId=key)
                while key not in (line := process.stdout.readline()):
                    assert line
        finally:
            process.terminate()


def test_a_signed_caller_reads_the_own_account(busy: Server, command: Command) -> None:
    account = busy.create_account()
    account.client("secretsmanager").create_secret(Name="own", SecretString="x")
    done = command("audit", "search", "--format", "json", environment=account.environment)
    assert {record["recipientAccountId"] for record in lines(done.stdout)} == {account.account}
    refused = command("audit", "verify", environment=account.environment)
    assert refused.returncode == 1
    assert "only the operator may" in refused.stderr
    account.close()


def test_a_bar_where_there_is_a_terminal(busy: Server) -> None:
    reading, writing = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "audit", "verify", "--data", str(busy.directory)],
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        env=clean_environment({"TERM": "xterm"}),
        timeout=SECONDS,
        check=True,
    )
    os.close(writing)
    shown = b""
    while True:
        try:
            shown += (chunk := os.read(reading, 4096))
        except OSError:
            break
        if not chunk:
            break
    os.close(reading)
    assert b"verifying" in shown
    assert "all there" in done.stdout
    assert "verifying" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tail", "-n", "0"), "--lines"),
        (("search", "--since", "yesterday"), "--since 'yesterday' is no time"),
        (("search", "--since", "2026-02-01", "--until", "2026-01-01"), "--since is after --until"),
        (("verify", "--heads", "/nowhere"), "--heads /nowhere cannot be read"),
    ],
)
def test_wrong_usage(busy: Server, command: Command, arguments: tuple[str, ...], said: str) -> None:
    done = command("audit", *arguments, "--data", str(busy.directory))
    assert done.returncode == 2
    assert said in done.stderr


def test_nothing_to_follow(tmp_path: Path, command: Command) -> None:
    with Server(tmp_path / "data"):
        pass
    done = command("audit", "tail", "-f", "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert "needs a running server" in done.stderr
    nothing = command("audit", "verify", "--data", str(tmp_path / "empty"))
    assert nothing.returncode == 5
    assert "holds no store yet" in nothing.stderr


def test_names_cannot_write_on_the_terminal() -> None:
    from holdfast.cli.audit import line_of

    shown = line_of({"eventName": "X", "userIdentity": {"userName": "a\x1b[2J\nb"}, "resources": []})
    assert "\x1b" not in shown
    assert "\n" not in shown
