"""What people see: serve, dev, env, status and clock as real processes, read as a script or a person would."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import SECONDS, Command, clean_environment

from holdfast import __version__
from holdfast.testing.server import Server

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
READY = re.compile(r"^Holdfast is ready at (https?://\S+)$", re.MULTILINE)
LAST_LINE = "Ctrl+C stops it.\n"


@contextmanager
def foreground(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A server in the foreground and what it printed until it was ready; SIGTERM ends it, with exit code 0."""
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=clean_environment(environment),
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line == LAST_LINE:
                break
        try:
            yield process, said
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS)
    assert process.returncode == 0


def read_instant(text: str) -> datetime:
    assert re.fullmatch(INSTANT, text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_the_first_minute(tmp_path: Path, command: Command) -> None:
    with foreground("serve", "--port", "0", "--account", "123456789012", cwd=tmp_path) as (_, said):
        found = READY.search(said)
        assert found
        directory = tmp_path / "holdfast-data"
        assert f"data        {directory} (new)" in said
        assert "account     123456789012" in said
        assert f"Keep a copy of {directory / 'root.key'} elsewhere" in said
        assert f'env --data {directory})"' in said
        assert "\033" not in said, "no colours where there is no terminal"
        with urllib.request.urlopen(f"{found[1]}/_holdfast/health", timeout=SECONDS) as answer:
            assert answer.status == 200

        printed = command("env", "--data", str(directory))
        assert printed.returncode == 0
        secret = dict(
            shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in printed.stdout.splitlines()
        )["AWS_SECRET_ACCESS_KEY"]
        assert secret not in said, "only env prints the secret access key"
    with foreground("serve", "--port", "0", cwd=tmp_path) as (_, said):
        assert f"data        {directory}\n" in said
        assert "account     123456789012" in said
        assert "Keep a copy" not in said


def test_env_prints_one_thing_in_three_formats(server: Server, command: Command) -> None:
    shell, as_json, dotenv = (
        command("env", "--data", str(server.directory), "--format", form).stdout for form in ("shell", "json", "dotenv")
    )
    variables = json.loads(as_json)
    assert variables == server.home.environment
    assert [shlex.split(line) for line in shell.splitlines()] == [
        ["export", f"{name}={value}"] for name, value in variables.items()
    ]
    assert dotenv.splitlines() == [f"{name}={value}" for name, value in variables.items()]
    assert command("env", "--data", str(server.directory)).stdout == shell


def test_env_in_a_shell(server: Server) -> None:
    script = f'eval "$({shlex.quote(sys.executable)} -m holdfast env)" && echo "$AWS_ENDPOINT_URL $AWS_REGION"'
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        env=clean_environment({"HOLDFAST_DATA": str(server.directory)}),
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout == f"{server.endpoint_url} us-east-1\n"


def test_env_when_no_server_runs(tmp_path: Path, command: Command) -> None:
    with Server(tmp_path / "data", arguments=("--region", "eu-central-1")) as running:
        while_running = running.home.environment
    done = command("env", "--data", "data", "--format", "json", environment={"HOLDFAST_REGION": "eu-central-1"})
    assert json.loads(done.stdout) == {**while_running, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}


@pytest.fixture(params=["control socket", "variable", "signed"])
def door(request: pytest.FixtureRequest, server: Server) -> tuple[list[str], dict[str, str]]:
    """The ways to reach one server: arguments and environment."""
    if request.param == "control socket":
        return ["--data", str(server.directory)], {}
    if request.param == "variable":
        return [], {"HOLDFAST_DATA": str(server.directory), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    return [], server.home.environment


def test_status(door: tuple[list[str], dict[str, str]], server: Server, command: Command) -> None:
    arguments, environment = door
    done = command("status", *arguments, "--format", "json", environment=environment)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    assert shown["version"] == __version__
    assert shown["endpoint"] == server.endpoint_url
    assert shown["data_directory"] == str(server.directory)
    assert shown["accounts"] == [server.home.account]
    assert shown["movable_clock"] is True
    assert read_instant(shown["started"]) <= read_instant(shown["now"])
    text = command("status", *arguments, environment=environment).stdout
    assert text.startswith(f"Holdfast {__version__} at {server.endpoint_url}\n")
    assert server.home.account in text


def test_clock(door: tuple[list[str], dict[str, str]], command: Command) -> None:
    arguments, environment = door
    before = command("clock", "show", *arguments, environment=environment)
    assert re.fullmatch(INSTANT + "\n", before.stdout), before.stderr
    moved = command("clock", "advance", "1d12h", *arguments, environment=environment)
    assert moved.returncode == 0, moved.stderr
    now = read_instant(moved.stdout.splitlines()[0])
    assert timedelta(0) <= now - read_instant(before.stdout.strip()) - timedelta(hours=36) < timedelta(minutes=1)
    shown = json.loads(command("clock", "show", *arguments, "--format", "json", environment=environment).stdout)
    assert set(shown) == {"now", "movable", "offset_seconds"}
    assert read_instant(shown["now"]) >= now
    assert shown["offset_seconds"] > 36 * 3600 - 1
    answer = json.loads(
        command("clock", "advance", "1s", *arguments, "--format", "json", environment=environment).stdout
    )
    assert set(answer) == {"now", "jobs_run", "jobs_failed", "jobs_waited_too_long"}


def test_dev_is_what_a_test_suite_expects_and_leaves_nothing(tmp_path: Path, command: Command) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    given = {"TMPDIR": str(scratch), "HOLDFAST_DATA": str(tmp_path / "real"), "HOLDFAST_ACCOUNT": "123456789012"}
    with foreground("dev", "--port", "0", cwd=tmp_path, environment=given) as (_, said):
        found = READY.search(said)
        assert found
        assert found[1].startswith("http://127.0.0.1:")
        assert "account     000000000000" in said
        exports = re.findall(r"^  export (.+)$", said, re.MULTILINE)
        variables = dict(pair.split("=", 1) for line in exports for pair in shlex.split(line))
        assert variables["AWS_ENDPOINT_URL"] == found[1]
        assert (variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")
        assert list(scratch.iterdir())
        moved = command("clock", "advance", "30d", environment=variables)
        assert moved.returncode == 0, moved.stderr
        status = json.loads(command("status", "--format", "json", environment=variables).stdout)
        assert status["accounts"] == ["000000000000"]
        assert Path(status["data_directory"]).parent == scratch
    assert not list(scratch.iterdir())
    assert not (tmp_path / "real").exists()


def test_dev_interrupted_before_it_listens_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "holdfast", "dev", "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment({"TMPDIR": str(scratch)}),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "tempfile" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert not list(scratch.iterdir())


def test_unknown_variables_are_named_in_a_warning(tmp_path: Path) -> None:
    environment = {"HOLDFAST_STRANGE_THING": "true"}
    with foreground("serve", "--port", "0", cwd=tmp_path, environment=environment) as (process, _):
        assert process.stderr is not None
        first = process.stderr.readline()
    assert first == "holdfast: HOLDFAST_STRANGE_THING is not a setting of this version and is ignored\n"


def test_settings_from_the_file_in_the_data_directory(tmp_path: Path, command: Command) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "holdfast.toml").write_text('port = 0\naccount = "210987654321"\nregion = "eu-west-3"\n')
    with foreground("serve", "--data", "data", cwd=tmp_path) as (_, said):
        assert "account     210987654321" in said
        assert "AWS_REGION=eu-west-3\n" in command("env", "--data", "data", "--format", "dotenv").stdout
