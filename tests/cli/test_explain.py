"""`holdfast explain`, `can` and `who-can` as people run them: on a running server, on a stopped directory, and signed."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Command
from tests.services.holdfast.people import reads
from tests.services.sts.conftest import allow, new_role, new_user, session_client, trust, user_arn

from holdfast.testing.server import Account, Server

READ = "secretsmanager:GetSecretValue"


class Scene:
    """Alice may read secrets and not use the key of one; the role `reader`, which she may assume, may do both."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.alice = user_arn(account, "alice")
        key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
        secrets = account.client("secretsmanager")
        self.secret = secrets.create_secret(Name="prod/db", SecretString="x", KmsKeyId=key)["ARN"]
        self.key = key
        self.credentials = new_user(account, "alice", allow(READ, Sid="ReadSecrets"))
        new_role(account, "reader", trust({"AWS": self.alice}), allow(READ, "kms:Decrypt"))
        partners = trust({"AWS": account.account}, Condition={"StringEquals": {"sts:ExternalId": "xyz"}})
        new_role(account, "partner", partners)
        client = session_client(account, self.credentials, "secretsmanager")
        self.denied = reads(client, "prod/db")
        client.close()
        answer = secrets.get_secret_value(SecretId="prod/db")
        self.allowed = answer["ResponseMetadata"]["RequestId"]


@pytest.fixture(scope="module")
def scene(server: Server) -> Scene:
    return Scene(server.home)


Run = Callable[..., str]


@pytest.fixture(params=["running", "stopped"])
def run(request: pytest.FixtureRequest, server: Server, command: Command, scene: Scene) -> Iterator[Run]:
    """Run a command on the directory of a server that runs or does not."""
    if request.param == "stopped":
        server.stop()

    def run_(*arguments: str) -> str:
        done = command(*arguments, "--data", str(server.directory))
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    yield run_
    if request.param == "stopped":
        server.start()


def test_the_contract(run: Run, scene: Scene) -> None:
    found: dict[str, Any] = json.loads(run("explain", scene.denied, "--format", "json"))
    assert (found["request_id"], found["outcome"]) == (scene.denied, "implicit-deny")
    read, decrypt = found["chain"]
    assert {key: read[key] for key in ("action", "resource", "principal", "outcome")} == {
        "action": READ,
        "resource": scene.secret,
        "principal": scene.alice,
        "outcome": "allow",
    }
    (matched,) = read["matched"]
    assert (matched["policy"], matched["sid"], matched["index"]) == (
        "inline policy own on user/alice",
        "ReadSecrets",
        0,
    )
    assert (decrypt["action"], decrypt["outcome"], decrypt["resource"]) == ("kms:Decrypt", "implicit-deny", scene.key)
    gap = found["gap"]
    assert (gap["action"], gap["resource"], gap["where"]) == ("kms:Decrypt", scene.key, "identity-policy")
    assert (gap["statement"]["Effect"], gap["statement"]["Resource"]) == ("Allow", scene.key)
    allowed = json.loads(run("explain", scene.allowed, "--format", "json"))
    assert (allowed["outcome"], "gap" in allowed) == ("allow", False)


GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "explain.md"


def guide(scene: Scene) -> list[tuple[str, str]]:
    """The guide's commands, each with what the page shows beneath it, about this scene."""
    text = GUIDE.read_text()
    names = {
        "REQUEST_ID": scene.denied,
        "SECRET_ARN": scene.secret,
        "KEY_ARN": scene.key,
        "ACCOUNT": scene.account.account,
    }
    for name, value in names.items():
        text = text.replace(name, value)
    found: list[tuple[str, list[str]]] = []
    shown: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("    $ "):
            shown = []
            found.append((line.removeprefix("    $ "), shown))
        elif line and not line.startswith("    "):
            shown = None
        elif shown is not None:
            shown.append(line)
    return [(line, textwrap.dedent("\n".join(lines)).strip()) for line, lines in found]


def test_the_guide_shows_what_is_printed(run: Run, scene: Scene) -> None:
    commands = guide(scene)
    assert [line.split()[1] for line, _ in commands] == ["secretsmanager", "explain", "explain", "can", "who-can"]
    assert commands[0][1].endswith("operation: Access to KMS is not allowed")
    for line, shown in commands[1:]:
        printed = run(*shlex.split(line.partition(" | ")[0])[1:])
        assert printed
        if shown:
            assert printed.strip() == shown
    assert run("explain", scene.allowed).endswith("\nAllowed.\n")


def test_can(run: Run, scene: Scene) -> None:
    found = json.loads(run("can", scene.alice, READ, scene.secret, "--format", "json"))
    explained = json.loads(run("explain", scene.denied, "--format", "json"))
    assert (found["outcome"], found["chain"], found["gap"]) == (
        explained["outcome"],
        explained["chain"],
        explained["gap"],
    )
    role = f"arn:aws:iam::{scene.account.account}:role/reader"
    assert run("can", role, READ, scene.secret).endswith("\nAllowed.\n")
    condition = ("--context", "kms:EncryptionContext:app=web", "--context", "aws:SourceIp=10.0.0.1")
    assert run("can", role, "kms:Decrypt", scene.key, *condition).endswith("\nAllowed.\n")


def test_who_can(run: Run, scene: Scene) -> None:
    found = json.loads(run("who-can", READ, scene.secret, "--format", "json"))
    role = f"arn:aws:iam::{scene.account.account}:role/reader"
    assert [(answer["principal"], answer["roles"]) for answer in found["answers"]] == [
        (f"arn:aws:iam::{scene.account.account}:root", []),
        (role, []),
        (scene.alice, [role]),
    ]
    assert [check["action"] for check in found["answers"][2]["path"]] == ["sts:AssumeRole", READ, "kms:Decrypt"]
    assert (found["action"], found["resource"], found["truncated"]) == (READ, scene.secret, False)
    text = run("who-can", READ, scene.secret)
    assert text.startswith(f"3 principals can {READ} on {scene.secret}\n")
    assert f"\n{scene.alice} ─▶ {role}\n    sts:AssumeRole\n        Allow by trust policy of role/reader" in text


def test_an_external_id_is_not_argued_away(run: Run, scene: Scene) -> None:
    """The missing statement alone would let everybody in whom the condition keeps out."""
    role = f"arn:aws:iam::{scene.account.account}:role/partner"
    assert "meet the condition instead" in run("can", scene.alice, "sts:AssumeRole", role)


def test_a_name_of_nothing_is_called_that(run: Run, scene: Scene) -> None:
    assert "missing is the name of nothing there is" in run(
        "can", scene.alice, "secretsmanager:PutSecretValue", "missing"
    )
    assert "the name of nothing" not in run("can", scene.alice, "secretsmanager:PutSecretValue", scene.secret)


def test_signed_without_permission_and_with(scene: Scene, server: Server, command: Command) -> None:
    environment = {
        **server.home.environment,
        "AWS_ACCESS_KEY_ID": scene.credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": scene.credentials["SecretAccessKey"],
    }
    refused = command("explain", scene.denied, environment=environment)
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1)
    assert "holdfast:Explain" in refused.stderr
    iam = server.home.client("iam")
    iam.put_user_policy(UserName="alice", PolicyName="why", PolicyDocument=allow("holdfast:Explain"))
    done = command("explain", scene.denied, "--format", "json", environment=environment)
    iam.delete_user_policy(UserName="alice", PolicyName="why")
    found = json.loads(done.stdout)
    assert (found["redacted"], found["gap"]["where"]) == (True, "identity-policy")
    assert [check["matched"] for check in found["chain"]] == [[], []]
    assert "Policies that you may not read are left out." not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d"), "RequestNotFoundException: No call with the request id"),
        (("can", "user/nobody", READ, "*"), "NoSuchPrincipalException: There is no principal user/nobody"),
        (("can", "root", "GetSecretValue", "*"), "ValidationException"),
        (("can", "root", READ, "*", "--context", "nothing"), "--context 'nothing': give KEY=VALUE"),
    ],
)
def test_errors_are_one_line(server: Server, command: Command, arguments: tuple[str, ...], said: str) -> None:
    for stopped in (False, True):
        if stopped:
            server.stop()
        try:
            done = command(*arguments, "--data", str(server.directory))
        finally:
            if stopped:
                server.start()
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert done.stderr.startswith(f"holdfast: {said}")
        assert len(done.stderr.splitlines()) == 1


def test_no_store_no_answer(tmp_path: Path, command: Command) -> None:
    done = command("explain", "01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d", "--data", str(tmp_path / "nothing"))
    assert done.returncode != 0
    assert "holds no store yet" in done.stderr
