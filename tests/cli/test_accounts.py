"""`holdfast accounts` on a running server and on the directory of one that does not run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import boto3
import pytest
from tests.cli.conftest import Command

from holdfast.testing.server import Server


def caller(variables: dict[str, str]) -> str:
    """The account that these variables sign for."""
    client = boto3.client(
        "sts",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    return client.get_caller_identity()["Account"]


def test_an_account_made_on_a_running_server_can_sign_at_once(server: Server, command: Command) -> None:
    done = command("accounts", "create", "--data", str(server.directory), "--format", "json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert set(made) == {"account", *server.home.environment}
    assert made["AWS_ENDPOINT_URL"] == server.endpoint_url
    assert caller(made) == made["account"]
    listed = json.loads(command("accounts", "list", "--data", str(server.directory), "--format", "json").stdout)
    assert {each["account"]: each["home"] for each in listed["accounts"]} == {
        server.home.account: True,
        made["account"]: False,
    }


def test_an_account_made_while_no_server_runs_is_there_and_on_record_at_the_next_start(
    tmp_path: Path, command: Command
) -> None:
    directory = str(tmp_path / "data")
    with Server(Path(directory)) as first:
        home = first.home.account
    done = command("accounts", "create", "--data", directory, "--account", "123123123123")
    assert done.returncode == 0, done.stderr
    head, *rest = done.stdout.splitlines()
    assert head == "# account 123123123123"
    variables = dict(shlex.split(line)[1].split("=", 1) for line in rest)
    shown = command("accounts", "list", "--data", directory).stdout
    assert [line.split()[0] for line in shown.splitlines()] == sorted((home, "123123123123"))
    again = command("accounts", "create", "--data", directory, "--account", "123123123123")
    assert again.returncode == 1
    assert again.stderr == "holdfast: AccountAlreadyExistsException: Account 123123123123 already exists.\n"
    with Server(Path(directory)) as second:
        assert caller({**variables, "AWS_ENDPOINT_URL": second.endpoint_url}) == "123123123123"
        found = command("audit", "search", "--data", directory, "--name", "CreateAccount", "--format", "json")
        records = [json.loads(line) for line in found.stdout.splitlines()]
        assert [record.get("errorCode") for record in records] == [None, "AccountAlreadyExistsException"]
        assert variables["AWS_SECRET_ACCESS_KEY"] not in found.stdout
    assert command("audit", "verify", "--data", directory).returncode == 0


def test_only_the_operator_lists_and_makes_accounts(server: Server, command: Command) -> None:
    for verb in ("list", "create"):
        done = command("accounts", verb, environment=server.home.environment)
        assert done.returncode == 1
        assert done.stderr.startswith("holdfast: AccessDeniedException: ")


@pytest.mark.parametrize("verb", ["create", "list"])
def test_a_directory_without_a_store_is_named(verb: str, tmp_path: Path, command: Command) -> None:
    done = command("accounts", verb, "--data", str(tmp_path / "empty"))
    assert done.returncode != 0
    assert "holds no store yet" in done.stderr
    assert done.stderr.count("\n") == 1
