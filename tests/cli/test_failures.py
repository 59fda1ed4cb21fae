"""Each way to fail: one line on stderr that says what to do, nothing on stdout, an exit code of its own."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.cli.conftest import Command, clean_environment

from holdfast.cli.errors import BadUsage, CallRefused, CommandError, ServerNotRunning
from holdfast.server.errors import (
    BadSetting,
    DirectoryInUse,
    DirectoryUnusable,
    PortInUse,
    StartError,
    WrongRootKey,
)
from holdfast.testing.server import Server


def fails(done: subprocess.CompletedProcess[str], kind: type[StartError] | type[CommandError], *said: str) -> None:
    """The process failed the way a command does."""
    assert done.returncode == kind.exit_code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("holdfast: ")
    assert done.stderr.count("\n") == 1
    for text in said:
        assert text in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("serve", "--nope"),
        ("serve", "extra"),
        ("serve", "--port"),
        ("serve", "--port", "1", "--port", "2"),
        ("serve", "--store", "postgresql://host/database"),
        ("dev", "--host", "0.0.0.0"),
        ("env", "--format", "yaml"),
        ("clock", "nope"),
        ("clock", "advance"),
        ("clock", "advance", "30 days"),
        ("clock", "advance", "-1d"),
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: tuple[str, ...], command: Command) -> None:
    fails(command(*arguments), BadUsage)


def test_a_bad_setting_names_its_place(command: Command, tmp_path: Path) -> None:
    fails(command("serve", "--port", "http"), BadSetting, "--port", "'http'")
    fails(command("serve", environment={"HOLDFAST_PORT": "http"}), BadSetting, "HOLDFAST_PORT")
    file = tmp_path / "settings.toml"
    file.write_text("prot = 1\n")
    fails(command("serve", "--config", str(file)), BadSetting, f"{file}: prot", "port")


def test_a_certificate_that_is_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    arguments = ("--tls-certificate", "cert.pem", "--tls-key", "absent.pem")
    fails(command("serve", "--data", "data", "--port", "0", *arguments), BadSetting, "--tls-certificate")


def test_a_port_in_use(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        fails(command("serve", "--data", "data", "--port", port), PortInUse, port, "--port")
        fails(command("dev", "--port", port), PortInUse, port)


def test_a_data_directory_that_cannot_be_used(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fails(command("serve", "--data", "file", "--port", "0"), DirectoryUnusable, "file")
    fails(command("serve", "--data", "file/below", "--port", "0"), DirectoryUnusable, "file/below")
    fails(command("serve", "--data", "/proc/holdfast-data", "--port", "0"), DirectoryUnusable, "/proc/holdfast-data")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    fails(command("serve", "--data", "open", "--port", "0"), DirectoryUnusable, "chmod 700")
    fails(command("serve", "--data", "name\udcff", "--port", "0"), DirectoryUnusable, "UTF-8")
    assert not (tmp_path / "name\udcff").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    fails(command("serve", "--data", "closed", "--port", "0"), DirectoryUnusable, "closed")


def test_a_disk_that_is_full_at_the_first_start(command: Command, tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = command("serve", "--data", "data", "--port", "0", preexec_fn=little_room)
    fails(done, DirectoryUnusable, str(tmp_path / "data" / "holdfast.db"))
    with Server(tmp_path / "data") as server:  # nothing is left of it that stands in the way
        assert server.control("GetStatus")["Accounts"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("arguments", [("env",), ("status", "--format", "json"), ("--help",)], ids=" ".join)
def test_output_that_cannot_be_written(arguments: tuple[str, ...], server: Server, tmp_path: Path) -> None:
    data = () if arguments == ("--help",) else ("--data", str(server.directory))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "holdfast", *arguments, *data],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=clean_environment(),
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "holdfast: No space left on device; mend that and run the command again\n"


def test_output_that_is_closed(server: Server, tmp_path: Path) -> None:
    """Nothing is printed then, as by any program; and no file of the store is opened as number 1."""
    program = f"{sys.executable} -m holdfast env --data {server.directory} >&-"
    done = subprocess.run(
        ["sh", "-c", program], capture_output=True, text=True, cwd=tmp_path, env=clean_environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_directory_that_another_server_holds(command: Command, server: Server) -> None:
    fails(command("serve", "--data", str(server.directory), "--port", "0"), DirectoryInUse, str(server.directory))


def test_a_root_key_that_is_wrong_or_gone(command: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Server(tmp_path / name):
            pass
    (tmp_path / "one" / "root.key").write_bytes((tmp_path / "two" / "root.key").read_bytes())
    for arguments in (("serve", "--port", "0"), ("env",)):
        fails(command(*arguments, "--data", "one"), WrongRootKey)
    (tmp_path / "two" / "root.key").unlink()
    for arguments in (("serve", "--port", "0"), ("env",)):
        fails(command(*arguments, "--data", "two"), WrongRootKey, "two/root.key")
    assert not (tmp_path / "two" / "root.key").exists(), "a new key would open nothing and hide the loss"


@pytest.mark.parametrize("arguments", [("status",), ("clock", "show"), ("clock", "advance", "1d")], ids=" ".join)
def test_no_server_runs(arguments: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    fails(command(*arguments), ServerNotRunning, str(tmp_path / "holdfast-data"), "holdfast serve")
    fails(command(*arguments, "--data", "elsewhere"), ServerNotRunning, str(tmp_path / "elsewhere"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "canary-secret"}
    fails(command(*arguments, environment={**endpoint, **keys}), ServerNotRunning, "AWS_ENDPOINT_URL")
    fails(command(*arguments, environment=endpoint), CommandError, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    fails(command(*arguments, environment={"AWS_ENDPOINT_URL": "nonsense", **keys}), CommandError, "AWS_ENDPOINT_URL")


def test_a_socket_that_a_killed_server_left_is_no_server(command: Command, tmp_path: Path) -> None:
    killed = Server(tmp_path / "data").start()
    killed.kill()
    assert (tmp_path / "data" / "control.sock").exists()
    fails(command("status", "--data", "data"), ServerNotRunning, "holdfast serve")


def test_env_of_a_directory_without_a_store(command: Command, tmp_path: Path) -> None:
    fails(command("env"), DirectoryUnusable, "holdfast serve")
    assert not (tmp_path / "holdfast-data").exists(), "a command that reads must not make a store"


def test_something_else_answers(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "data" / "control.sock"))
        other.listen()
        other.settimeout(30)
        received = bytearray()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                while not received.endswith(b"{}"):
                    received.extend(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        fails(command("status", "--data", "data"), CommandError, "not Holdfast")
        thread.join()


def test_a_clock_that_does_not_move(command: Command, tmp_path: Path) -> None:
    with Server(tmp_path / "data", movable_clock=False):
        fails(
            command("clock", "advance", "1d", "--data", "data"),
            CallRefused,
            "ClockNotMovableException",
            "--movable-clock",
        )


def test_a_wrong_secret_is_refused_and_not_repeated(command: Command, server: Server) -> None:
    done = command("status", environment={**server.home.environment, "AWS_SECRET_ACCESS_KEY": "canary-secret"})
    fails(done, CallRefused)
    assert "canary-secret" not in done.stderr
