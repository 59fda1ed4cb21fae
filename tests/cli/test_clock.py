"""`holdfast clock` on the directory of a server that does not run: time goes by, and the next server catches up."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Command

from holdfast.testing.server import Server


def test_what_falls_due_while_no_server_runs_is_done_once(tmp_path: Path, command: Command) -> None:
    directory = str(tmp_path / "data")
    with Server(Path(directory)) as first:
        kms = first.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        doomed = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=7)
        stopped_at = first.now()
    shown = command("clock", "show", "--data", directory, "--format", "json")
    assert shown.returncode == 0, shown.stderr
    assert {**json.loads(shown.stdout), "now": None} == {"now": None, "movable": True, "offset_seconds": 0.0}
    moved = command("clock", "advance", "300d", "--data", directory, "--format", "json")
    assert moved.returncode == 0, moved.stderr
    answer = json.loads(moved.stdout)
    assert (answer.pop("jobs_run"), answer.pop("jobs_failed"), answer.pop("jobs_waited_too_long")) == (0, 0, 0)
    assert datetime.fromisoformat(answer["now"]) >= stopped_at + timedelta(days=300)
    with Server(Path(directory)) as second:
        assert second.now() >= datetime.fromisoformat(answer["now"])
        second.advance(1)
        kms = second.client("kms")
        assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 1
        assert doomed not in [each["KeyId"] for each in kms.list_keys()["Keys"]]
        found = command("audit", "search", "--data", directory, "--name", "AdvanceClock", "--format", "json")
        principals = [json.loads(line)["userIdentity"]["type"] for line in found.stdout.splitlines()]
        assert principals == ["Operator", "Operator"]


def test_a_clock_that_did_not_move_does_not_move_while_no_server_runs_either(tmp_path: Path, command: Command) -> None:
    directory = str(tmp_path / "data")
    for movable in (True, False):
        with Server(Path(directory), movable_clock=movable):
            pass
    refused = command("clock", "advance", "1d", "--data", directory)
    assert refused.returncode == 1
    assert refused.stderr.startswith("holdfast: ClockNotMovableException: ")
    named = command("clock", "advance", "1d", "--data", directory, environment={"HOLDFAST_MOVABLE_CLOCK": "true"})
    assert named.returncode == 0, named.stderr
