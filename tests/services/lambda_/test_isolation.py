"""What a function can reach, take and outlive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from holdfast.functions.isolation import NAMESPACES, SAME_USER, USER, USER_RANGES, Isolation, _try, closed_folders
from holdfast.testing import Account, Server
from tests.services.lambda_.conftest import create, invoke

LOOK = """
import glob, os
def handler(event, context):
    found = {}
    for path in event["paths"]:
        try:
            found[path] = os.listdir(path) if os.path.isdir(path) else len(open(path, "rb").read())
        except OSError as error:
            found[path] = error.__class__.__name__
    return {"found": found, "environment": sorted(os.environ), "uid": os.getuid()}
"""


def isolation(server: Server) -> str:
    return server.control("GetStatus")["FunctionIsolation"]


def test_neither_the_data_directory_nor_the_servers_environment_is_seen(holdfast_server: Server) -> None:
    account = holdfast_server.home
    create(account, LOOK)
    assert holdfast_server.process is not None
    directory, process = str(holdfast_server.directory), holdfast_server.process.pid
    paths = [directory, f"{directory}/root.key", f"{directory}/holdfast.db", f"/proc/{process}/environ"]
    answer = invoke(account, {"paths": paths}).payload
    for path in paths:
        assert answer["found"][path] in ([], "PermissionError", "FileNotFoundError"), path
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in answer["environment"]
    mode = isolation(holdfast_server)
    assert mode.split()[0] in {"user", "namespaces"}
    if mode.startswith("user"):
        assert answer["uid"] >= 64_000


def test_functions_do_not_see_each_other(holdfast: Account) -> None:
    """Two environments: the second looks for the first one's code, scratch folder and processes."""
    create(holdfast, "import os\nopen(os.environ['TMPDIR'] + '/own', 'w').write('x')\n" + LOOK, "one")
    places = "def handler(e, c):\n    import os\n    return [os.environ['TMPDIR'], str(os.getppid())]"
    create(holdfast, places, "two")
    scratch = invoke(holdfast, name="two").payload[0]
    parent = str(Path(scratch).parent)
    found = invoke(holdfast, {"paths": [scratch, parent, str(Path(parent).parent / "code")]}, "one").payload["found"]
    assert set(map(str, found.values())) == {"PermissionError"}


def test_a_fork_bomb_stays_in_its_function(holdfast: Account) -> None:
    source = """
import os
def handler(event, context):
    started = 0
    try:
        for _ in range(1000):
            if os.fork() == 0:
                os.setsid()
                while True:
                    os.read(os.pipe()[0], 1)
            started += 1
    except OSError:
        return started
"""
    create(holdfast, source, Timeout=20)
    answer = invoke(holdfast)
    assert answer.error == "", answer.payload
    assert 0 < answer.payload < 200
    create(holdfast, "def handler(e, c): return 'others go on'", "other")
    assert invoke(holdfast, name="other").payload == "others go on"


def test_memory_and_files_are_limited(holdfast: Account) -> None:
    source = """
import os
def handler(event, context):
    if event["what"] == "memory":
        return len(bytearray(event["size"]))
    with open(os.environ["TMPDIR"] + "/file", "wb") as file:
        os.truncate(file.fileno(), event["size"])
        return os.fstat(file.fileno()).st_size
"""
    create(holdfast, source, MemorySize=128)
    assert invoke(holdfast, {"what": "memory", "size": 64 << 20}).payload == 64 << 20
    assert invoke(holdfast, {"what": "memory", "size": 512 << 20}).payload["errorType"] == "MemoryError"
    assert invoke(holdfast, {"what": "file", "size": 512 << 20}).payload == 512 << 20
    too_large = invoke(holdfast, {"what": "file", "size": (512 << 20) + 1}).payload
    assert too_large["errorType"] in {"OSError", "Runtime.ExitError"}


def test_everything_dies_with_the_server(holdfast_server: Server) -> None:
    """Also what a function has started in a session of its own, after SIGKILL."""
    source = """
import os, subprocess, sys
def handler(event, context):
    mark = event["mark"]
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", mark], start_new_session=True,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return mark
"""
    mark = f"holdfast-test-{os.getpid()}"
    create(holdfast_server.home, source, Timeout=60)
    assert invoke(holdfast_server.home, {"mark": mark}).payload == mark
    folder = holdfast_server.directory
    living = processes(mark)
    assert living
    watched = [os.pidfd_open(number) for number in living]
    holdfast_server.kill()
    for descriptor in watched:
        readable, _, _ = select.select([descriptor], [], [], 30)
        assert readable, "a process of the function is still alive"
        os.close(descriptor)
    assert processes(mark) == []
    assert folder.exists()


def processes(mark: str) -> list[int]:
    """Processes that have `mark` among their arguments."""
    found: list[int] = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):
                if mark.encode() in (place / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(place.name))
    return found


def test_the_runtime_api_of_another_environment_is_closed(holdfast: Account) -> None:
    create(holdfast, "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_RUNTIME_API']")
    address = invoke(holdfast).payload
    host, _, token = address.partition("/")
    assert len(token) == 32

    def ask(path: str, method: str = "GET") -> int:
        request = urllib.request.Request(
            f"http://{host}/{path}", method=method, data=b"{}" if method == "POST" else None
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    wrong = "0" * 32
    for path in ("2018-06-01/runtime/invocation/next", f"{wrong}/2018-06-01/runtime/invocation/next", ""):
        assert ask(path) == 403
    assert ask(f"{wrong}/2018-06-01/runtime/init/error", "POST") == 403
    # Who knows the token is inside: an answer to nothing is refused all the same.
    assert ask(f"{token}/2018-06-01/runtime/invocation/none/response", "POST") == 400
    assert ask(f"{token}/2018-06-01/nonsense") == 404
    assert invoke(holdfast).payload == address


def test_a_slow_function_takes_its_children_along(holdfast: Account) -> None:
    mark = f"holdfast-slow-{os.getpid()}"
    source = f"""
import subprocess, sys, time
def handler(event, context):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{mark}"], start_new_session=True)
    time.sleep(600)
"""
    create(holdfast, source, Timeout=1)
    answer = invoke(holdfast)
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    # The answer does not wait for the last process; the next cold start, which is later, shows that they are gone.
    create(holdfast, "def handler(e, c): return 1", "next")
    invoke(holdfast, name="next")
    assert processes(mark) == []


def test_the_probe_of_a_mode_that_shows_everything_fails() -> None:
    """What is not isolated is not called isolated."""
    with tempfile.TemporaryDirectory() as folder:
        needed = Path(folder, "secret")
        needed.write_text("x")

        async def probe() -> str:
            return await _try(Isolation(SAME_USER, hidden=(folder,)), needed, Path("/"))

        assert asyncio.run(probe()) == "exit status 3"


@pytest.mark.parametrize("mode", [USER, NAMESPACES])
def test_each_mode_hides_what_it_must_where_it_works(mode: str) -> None:
    if mode == USER and os.getuid() != 0:
        pytest.skip("only root may give functions users of their own")
    with tempfile.TemporaryDirectory() as hidden, tempfile.TemporaryDirectory() as folder:
        Path(hidden, "secret").write_text("x")
        Path(folder).chmod(0o755)
        needed = Path(folder, "needed")
        needed.write_text("x")
        needed.chmod(0o644)
        opened = closed_folders((sys.prefix, sys.base_prefix, folder)) if mode == USER else ()
        users = USER_RANGES[0] if mode == USER else range(0)

        async def attempt() -> str:
            return await _try(Isolation(mode, users, True, (hidden,), opened), needed, Path(folder))

        said = asyncio.run(attempt())
        if "unshare" in said or "mount" in said:
            pytest.skip(f"this machine allows no namespaces: {said}")
        assert said == ""
