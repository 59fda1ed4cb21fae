"""`holdfast rotation` and `holdfast jobs` against a server that has something to show."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Command
from tests.rotation.conftest import Rotated, until
from tests.rotation.server import RotatingServer


@pytest.fixture(scope="module", name="rotating")
def rotating_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RotatingServer]:
    made = RotatingServer(tmp_path_factory.mktemp("rotating"))
    made.start()
    yield made
    made.close()


@pytest.fixture
def rotated(rotating: RotatingServer, tmp_path: Path) -> Rotated:
    return Rotated(rotating, tmp_path)


def test_show_rehearse_and_forecast(rotating: RotatingServer, rotated: Rotated, command: Command) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, "--data", str(rotating.directory))

    token = rotated.rotate(RotationRules={"ScheduleExpression": "rate(1 day)"})
    first = rotated.rotated_to(token)["VersionIdsToStages"]
    shown = json.loads(run("rotation", "show", rotated.name, "--format", "json").stdout)
    assert shown["secret"] == rotated.arn
    (attempt,) = shown["attempts"]
    assert set(attempt) >= {
        "token",
        "started",
        "ended",
        "outcome",
        "steps",
        "labels_before",
        "labels_after",
        "next_retry",
    }
    assert (attempt["token"], attempt["outcome"], attempt["next_retry"]) == (token, "succeeded", None)
    assert [set(step) >= {"step", "started", "ended", "outcome", "error"} for step in attempt["steps"]] == [True] * 4
    assert attempt["labels_after"]["AWSCURRENT"] == token
    text = run("rotation", "show", rotated.name).stdout
    assert "finishSecret" in text
    assert f"AWSCURRENT: {next(v for v in first if v != token)} -> {token}" in text
    rehearsed = run("rotation", "rehearse", rotated.name)
    assert (rehearsed.returncode, "login" in rehearsed.stdout) == (0, True)
    planned = json.loads(run("rotation", "forecast", "--days", "7", "--format", "json").stdout)
    assert [each["secret"] for each in planned["rotations"]].count(rotated.arn) in (6, 7)
    rolled = json.loads(run("rotation", "roll-back", rotated.arn, "--format", "json").stdout)
    assert rolled["labels"]["AWSPREVIOUS"] == token


def test_a_stuck_rotation_and_its_job(rotating: RotatingServer, rotated: Rotated, command: Command) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, "--data", str(rotating.directory))

    rotated.database.order("down", "1")
    token = rotated.rotate()
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    failed = run("rotation", "rehearse", rotated.name)
    assert failed.returncode == 1
    assert "FAIL  connection: The database does not answer: start it." in failed.stdout
    jobs = json.loads(run("jobs", "list", "--format", "json").stdout)["jobs"]
    (mine,) = [job for job in jobs if job["kind"] == "secretsmanager.rotate-secret" and rotated.name in job["subject"]]
    assert mine["state"] == "waiting"
    shown = json.loads(run("jobs", "show", mine["id"], "--format", "json").stdout)
    assert shown["payload"]["name"] == rotated.name
    refused = run("jobs", "retry", mine["id"])
    assert (refused.returncode != 0, "has not failed" in refused.stderr) == (True, True)
    assert "JobNotFoundException" in run("jobs", "show", "nothing").stderr
    assert token in run("rotation", "retry", rotated.name).stdout
    until(lambda: len(rotated.attempts()) == 2)
    assert "AWSPENDING" not in run("rotation", "abandon", rotated.name).stdout
    assert "NothingToDoException" in run("rotation", "abandon", rotated.name).stderr


def test_the_clock_says_what_ran(rotating: RotatingServer, rotated: Rotated, command: Command) -> None:
    rotated.rotated_to(rotated.rotate(RotationRules={"ScheduleExpression": "rate(4 hours)"}))
    before = len(rotated.database.passwords_set("app"))
    done = command("clock", "advance", "30d", "--data", str(rotating.directory), "--format", "json")
    assert json.loads(done.stdout)["jobs_waited_too_long"] == 0
    assert len(rotated.database.passwords_set("app")) - before == 180


def test_what_a_stopped_server_can_be_asked(tmp_path: Path, command: Command) -> None:
    server = RotatingServer(tmp_path / "data")
    server.start()
    rotated = Rotated(server, tmp_path)
    token = rotated.rotate(RotationRules={"AutomaticallyAfterDays": 1})
    rotated.rotated_to(token)
    server.stop()
    data = ("--data", str(server.directory))
    shown = json.loads(command("rotation", "show", rotated.name, *data, "--format", "json").stdout)
    assert [attempt["token"] for attempt in shown["attempts"]] == [token]
    assert rotated.arn in command("rotation", "forecast", *data).stdout
    assert "secretsmanager.rotate-secret" in command("jobs", "list", *data).stdout
    assert "no server runs" in command("rotation", "abandon", rotated.name, *data).stderr
    server.close()
