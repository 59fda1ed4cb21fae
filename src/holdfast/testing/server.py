"""A server process for tests, and accounts on it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

READY = "ready at "
START_SECONDS = 60


class ServerFailed(Exception):
    """The server did not start, or refused a call of ours; the text is what it said."""


class _ControlConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=600)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        # A socket's path may hold 107 bytes only; a descriptor of its folder has no such limit.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class Account:
    """An account of a server, with its root credentials."""

    def __init__(self, server: Server, account: str, access_key_id: str, secret_access_key: str) -> None:
        self.server = server
        self.account = account
        self.access_key_id = access_key_id
        self.secret_access_key = secret_access_key
        self.region = server.region
        self._clients: dict[tuple[str, str], Any] = {}
        self._made: list[Any] = []

    def __repr__(self) -> str:
        return f"<Account {self.account} at {self.endpoint_url}>"

    @property
    def endpoint_url(self) -> str:
        """What goes into AWS_ENDPOINT_URL."""
        return self.server.endpoint_url

    @property
    def credentials(self) -> dict[str, str]:
        """Arguments for boto3."""
        return {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point any AWS client here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, service: str, region_name: str | None = None, **options: Any) -> Any:
        """A boto3 client; the same one again for the same service and region unless `options` are given."""
        from boto3.session import Session

        key = (service, region_name or self.region)
        if options or key not in self._clients:
            create: Any = Session().client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            made: Any = create(
                service,
                region_name=key[1],
                endpoint_url=self.endpoint_url,
                **self.credentials,
                **options,
            )
            self._made.append(made)
            if options:
                return made
            self._clients[key] = made
        return self._clients[key]

    def close(self) -> None:
        """Close the connections of every client made here."""
        for client in self._made:
            client.close()
        self._made.clear()
        self._clients.clear()


class Server:
    """A server process on a directory of its own."""

    command: tuple[str, ...] = (sys.executable, "-m", "holdfast")
    """The program, as a list of arguments."""

    def __init__(
        self, directory: Path | None = None, *, arguments: tuple[str, ...] = (), movable_clock: bool = True
    ) -> None:
        """Nothing runs until `start`. Without a directory a throw-away one is made, and removed by `close`."""
        self._temporary = None if directory else tempfile.mkdtemp(prefix="holdfast-")
        self.directory = directory or Path(self._temporary or "")
        self._arguments = (*arguments, *(("--movable-clock",) if movable_clock else ()))
        self.process: subprocess.Popen[str] | None = None
        self.endpoint_url = ""
        self.region = "us-east-1"
        self._home: Account | None = None

    def start(self, port: int = 0) -> Server:
        """Start the process; returns when it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HOLDFAST_", "AWS_"))}
        self._log = (self.directory.parent / f"{self.directory.name}.log").open("a+")
        self.process = subprocess.Popen(
            [
                *self.command,
                "serve",
                "--data",
                str(self.directory),
                "--port",
                str(port),
                *self._arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**environment, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line)
            if READY in line:
                self.endpoint_url = line.split(READY, 1)[1].split()[0].rstrip(".,")
                break
        else:
            text = "".join(said) + self.log()
            self.stop()
            raise ServerFailed(text)
        answer = self.control("GetEnvironment")
        self.region = answer["Region"]
        self._home = Account(self, answer["Account"], answer["AccessKeyId"], answer["SecretAccessKey"])
        return self

    @property
    def home(self) -> Account:
        """The account that the first start made."""
        if self._home is None:
            raise ServerFailed("the server was not started")
        return self._home

    def log(self) -> str:
        """What the server wrote to stderr."""
        self._log.seek(0)
        return self._log.read()

    def control(self, operation: str, **values: Any) -> dict[str, Any]:
        """One of our own calls, as operator, over the control socket."""
        connection = _ControlConnection(self.directory / "control.sock")
        try:
            connection.request(
                "POST",
                "/",
                json.dumps(values),
                {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Holdfast.{operation}"},
            )
            response = connection.getresponse()
            body = json.loads(response.read() or b"{}")
        finally:
            connection.close()
        if response.status != 200:
            raise ServerFailed(f"{operation}: {body}")
        return body

    def create_account(self) -> Account:
        """A new account with nothing in it."""
        answer = self.control("CreateAccount")
        return Account(self, answer["Account"], answer["AccessKeyId"], answer["SecretAccessKey"])

    def advance(self, by: timedelta | float = 0, *, days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
        """Move service time forward; returns when everything that became due was done."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        total = seconds + days * 86400 + hours * 3600 + minutes * 60
        return datetime.fromtimestamp(self.control("AdvanceClock", Seconds=total)["Now"], UTC)

    def now(self) -> datetime:
        """Service time."""
        return datetime.fromtimestamp(self.control("GetClock")["Now"], UTC)

    def client(self, service: str, region_name: str | None = None, **options: Any) -> Any:
        """A boto3 client of the home account."""
        return self.home.client(service, region_name, **options)

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL: what a power cut is to a process."""
        return self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        self.process = None
        return code

    def close(self) -> None:
        """Stop, and remove a throw-away directory."""
        if self._home is not None:
            self._home.close()
        if self.process is not None:
            self.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            Path(f"{self._temporary}.log").unlink(missing_ok=True)

    def __enter__(self) -> Server:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
