"""The compiled form of the hot modules: when it is used, and that it says what the sources say.

Every server that the suite starts runs compiled where `make test` could compile; the suite's own process runs the sources.
So both forms are tested all over. Here they are put side by side, and some rooms' tests run once more on compiled modules.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast import compiled
from holdfast.testing import Server
from holdfast.wire import messages

ROOT = Path(__file__).parent.parent
ON_COMPILED = (
    "tests/access/test_evaluate.py",
    "tests/server/test_authenticate.py",
    "tests/server/test_garbage.py",
    "tests/server/test_listener.py",
    "tests/store/test_group_commit.py",
    "tests/vault/test_kms_blob.py",
    "tests/vault/test_sealing.py",
    "tests/wire/test_json_protocol.py",
    "tests/wire/test_sigv4_canonical.py",
    "tests/wire/test_sigv4_refused.py",
    "tests/wire/test_validation.py",
)
"""Rooms that are all compiled, and quick. The rest of the suite meets compiled modules in the servers that it starts."""
RUN = """
import sys
from holdfast import compiled
assert compiled.use() == compiled.COMPILED, compiled.form()
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
IDS = re.compile(
    r"\d{10}\.\d+|A[A-Z]{2}A[A-Z2-7]{16,17}|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|-[A-Za-z0-9]{6}(?=[\"\s]|$)|\b\d{12}\b"
)
PASSWORD = "correct horse battery staple"


# -- when it is used -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that says of itself that what is in it was compiled from one source as it stands now."""
    sources = compiled.source_digests([messages.__name__])
    manifest = {"python": compiled.this_python(), "library": "x__mypyc", "sources": sources}
    (tmp_path / compiled.MANIFEST).write_text(json.dumps(manifest))
    return tmp_path


def altered(folder: Path, **parts: Any) -> Path:
    manifest = json.loads((folder / compiled.MANIFEST).read_text())
    (folder / compiled.MANIFEST).write_text(json.dumps({**manifest, **parts}))
    return folder


def test_nothing_compiled(tmp_path: Path) -> None:
    assert compiled.use({}, tmp_path) == compiled.form() == compiled.NOT_COMPILED


def test_turned_off(folder: Path) -> None:
    assert compiled.use({"HOLDFAST_COMPILED": "0"}, folder) == compiled.TURNED_OFF


def test_made_for_another_python(folder: Path) -> None:
    assert compiled.use({}, altered(folder, python=".cpython-39-riscv64-linux-gnu.so")) == compiled.OTHER_PYTHON


@pytest.mark.parametrize("sources", [{"holdfast.wire.messages": "0" * 64}, {"holdfast.wire.gone": "0" * 64}])
def test_a_source_that_changed(folder: Path, sources: dict[str, str]) -> None:
    assert compiled.use({}, altered(folder, sources=sources)) == compiled.CHANGED


def test_never_beside_sources_that_are_loaded_already(folder: Path) -> None:
    finders = list(sys.meta_path)
    assert compiled.use({}, folder) == compiled.TOO_LATE
    assert sys.meta_path == finders


# -- what it says ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def is_compiled() -> None:
    """Skips where nothing is compiled, which may be only where nothing can be."""
    says = subprocess.run([sys.executable, ROOT / "scripts" / "compile.py", "--check"], check=False)
    if says.returncode:
        assert not (os.environ.get("CI") and shutil.which("cc")), "`make test` should have compiled"
        pytest.skip("not compiled as the sources are now: sh scripts/setup-compiled.sh")


class Interpreted(Server):
    command = ("env", f"{compiled.VARIABLE}=0", *Server.command)


@pytest.fixture(scope="module")
def servers(is_compiled: None) -> Iterator[list[Server]]:
    both = [Server(), Interpreted()]
    try:
        yield [server.start() for server in both]
    finally:
        for server in both:
            server.close()


def test_setting_up_says_that_it_had_no_counts(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("compile_script", ROOT / "scripts" / "compile.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.without_counts(altered(folder, profile="used")) == ""
    said = script.without_counts(altered(folder, profile="failed: no free port"))
    assert said.count("\n") == 1
    assert str(folder / compiled.MANIFEST) in said


def test_a_server_says_how_it_runs(servers: list[Server]) -> None:
    assert [server.control("GetStatus")["Program"] for server in servers] == [compiled.COMPILED, compiled.TURNED_OFF]


def test_the_calls_that_branches_are_counted_by_are_answered(is_compiled: None) -> None:
    """`make setup` compiles by what this counts; without it, it falls back to compiling without counts."""
    training = [sys.executable, "-m", "benchmarks.training", compiled.FOLDER]
    finished = subprocess.run(training, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def outcome(call: Any, **parameters: Any) -> Any:
    """The answer or the error, without what differs from call to call."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        answer = {**error.response, "Status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
    answer.pop("ResponseMetadata", None)
    text = json.dumps(answer, default=lambda value: value.hex() if isinstance(value, bytes) else type(value).__name__)
    return IDS.sub("…", text)


def said(server: Server) -> list[str]:
    """What a server answers to calls that take every way through the compiled modules."""
    secrets, keys, iam = server.client("secretsmanager"), server.client("kms"), server.client("iam")
    says = [
        outcome(secrets.create_secret, Name="a/b", SecretString=PASSWORD, Tags=[{"Key": "team", "Value": "x"}]),
        outcome(secrets.get_secret_value, SecretId="a/b"),
        outcome(secrets.get_secret_value, SecretId="a/b", VersionStage="AWSPREVIOUS"),
        outcome(secrets.get_secret_value, SecretId="missing"),
        outcome(secrets.put_secret_value, SecretId="a/b", SecretBinary=b"\0\xff"),
        outcome(secrets.get_secret_value, SecretId="a/b"),
        outcome(secrets.batch_get_secret_value, SecretIdList=["a/b", "missing"]),
        outcome(secrets.create_secret, Name="a/b", SecretString="another"),
        outcome(secrets.get_secret_value, SecretId="é" * 600),
        outcome(secrets.delete_secret, SecretId="a/b", RecoveryWindowInDays=3),
        outcome(keys.decrypt, CiphertextBlob=b"no blob of ours"),
        outcome(keys.describe_key, KeyId="alias/aws/secretsmanager"),
        outcome(iam.create_user, UserName="alice"),
    ]
    access = iam.create_access_key(UserName="alice")["AccessKey"]
    for secret in (access["SecretAccessKey"], "wrong"):
        credentials = {"aws_access_key_id": access["AccessKeyId"], "aws_secret_access_key": secret}
        alice = type(server.home)(server, server.home.account, *credentials.values()).client("secretsmanager")
        says.append(outcome(alice.get_secret_value, SecretId="a/b"))
    return says


SHOWN = ("eventSource", "eventName", "requestParameters", "responseElements", "errorCode", "errorMessage", "resources")


def test_both_forms_say_the_same(servers: list[Server]) -> None:
    first, second = (said(server) for server in servers)
    assert first == second
    assert PASSWORD in first[1]
    records: list[list[str]] = []
    for server in servers:
        found = server.control("ReadAudit", MaxResults=200)["Records"]
        texts = [json.loads(record["Record"]) for record in found]
        records.append([IDS.sub("…", json.dumps([text.get(name) for name in SHOWN])) for text in texts])
    assert sorted(records[0]) == sorted(records[1])  # reads are written in batches, writes at once
    assert sum("GetSecretValue" in record for record in records[0]) >= 7
    assert all(server.control("VerifyAudit")["Findings"] == [] for server in servers)


def test_tests_of_compiled_rooms_pass_on_compiled_modules(is_compiled: None) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *options, *ON_COMPILED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout


# -- what may be compiled --------------------------------------------------------------------------------------------------


def test_no_constant_of_a_module_that_is_not_compiled_is_built_in() -> None:
    """mypyc writes the value of a `Final` into the code that uses it, whoever defines it; only compiled modules are watched
    for changes."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        names = __import__("compile").MODULES
    finally:
        sys.path.pop(0)
    sources = {name: (compiled.PACKAGE / compiled.source_of(name)).read_text() for name in names}
    imported = {
        found
        for text in sources.values()
        for found in re.findall(r"^from (holdfast\.[\w.]+) import", text, re.MULTILINE)
    }
    for name in sorted(imported - set(names)):
        path = compiled.PACKAGE / compiled.source_of(name)
        if path.is_file():
            assert not re.search(r":\s*Final\b", path.read_text()), f"{name} is not compiled and defines a Final"
