"""How a command reaches the server: one call, over whichever door is open to this user.

    --data DIR or HOLDFAST_DATA                        DIR/control.sock, unsigned, as operator
    AWS_ENDPOINT_URL and the AWS credential variables  HTTP or HTTPS, signed, as whoever the access key belongs to
    neither                                            DIR/control.sock of the default DIR, as operator

Both speak JSON 1.1 with the target `Holdfast.<Operation>`.

Threat: an operator's call that lands on somebody else's socket. The socket is 0600 in the data
directory, which nobody else can write; when it does not answer, nothing else is tried.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from holdfast.cli.errors import CallRefused, CommandError, NotAllowedHere, ServerNotRunning
from holdfast.server.settings import SETTINGS
from holdfast.server.settings_sources import load
from holdfast.work.clock import SystemClock

SOCKET = "control.sock"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
MEDIA_TYPE = "application/x-amz-json-1.1"


class Door(Protocol):
    """Somewhere a call can go."""

    def call(self, operation: str, seconds: float | None = ANSWER_SECONDS, **members: object) -> dict[str, Any]:
        """The output's members. `seconds` bounds the wait for the answer; None waits as long as it takes.

        Raises ServerNotRunning when nobody answers and CallRefused when the answer is an error.
        """
        ...


def find_door(data: str | None, environment: Mapping[str, str]) -> Door:
    """The door that the command line and the environment ask for; see the module's table."""
    if data is None and not environment.get("HOLDFAST_DATA") and (endpoint := environment.get("AWS_ENDPOINT_URL")):
        return SignedDoor(endpoint, environment)
    return ControlDoor(data_directory(data, environment))


def data_directory(data: str | None, environment: Mapping[str, str], config: str | None = None) -> Path:
    """The directory that the setting `data` names, without reading what is in it. Raises BadSetting."""
    declared = SETTINGS["data"]
    if data is not None:
        return declared.read(data, declared.flag).absolute()
    if text := environment.get(declared.variable):
        return declared.read(text, declared.variable).absolute()
    variable = SETTINGS["config"].variable
    if file := config or environment.get(variable):
        return load({"config": file}, {}).data
    return declared.default.absolute()


class ControlDoor:
    """The control socket in a data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def answers(self) -> bool:
        """Whether somebody listens. What else may be wrong, the first call says."""
        connection = _UnixConnection(self.directory / SOCKET)
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except OSError:
            return True
        finally:
            connection.close()
        return True

    def call(self, operation: str, seconds: float | None = ANSWER_SECONDS, **members: object) -> dict[str, Any]:
        return self._call(f"Holdfast.{operation}", members, seconds, {})

    def call_service(self, target: str, region: str | None, **members: object) -> dict[str, Any]:
        """A service's operation (`AmazonSSM.PutParameter`) as operator, in the home region or another one."""
        return self._call(target, members, ANSWER_SECONDS, {} if region is None else {"X-Holdfast-Region": region})

    def _call(
        self, target: str, members: Mapping[str, object], seconds: float | None, more: Mapping[str, str]
    ) -> dict[str, Any]:
        headers = {"Host": "localhost", "Content-Type": MEDIA_TYPE, "X-Amz-Target": target, **more}
        connection = _UnixConnection(self.directory / SOCKET)
        try:
            return _exchange(connection, json.dumps(members).encode(), headers, seconds)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise ServerNotRunning(
                f"no server runs on {self.directory}: start one with `holdfast serve --data {self.directory}`, or name "
                "its directory with --data"
            ) from None
        except PermissionError:
            raise NotAllowedHere(
                f"{self.directory / SOCKET} belongs to another user: run this as the user who runs the server, or set "
                "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
        except (OSError, HTTPException) as error:
            raise ServerNotRunning(
                f"the server on {self.directory} did not answer ({_reason(error)}): is it stopping or overloaded?"
            ) from None


class SignedDoor:
    """An endpoint that takes signed calls, given by the variables that every AWS client reads."""

    def __init__(self, endpoint: str, environment: Mapping[str, str]) -> None:
        from holdfast.wire.signer import Credentials, Signer

        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environment.get(name)]
        if missing:
            raise CommandError(
                f"AWS_ENDPOINT_URL is set, {' and '.join(missing)} not: set what `holdfast env` prints, or use --data"
            )
        self._parts = urlsplit(endpoint)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise CommandError("AWS_ENDPOINT_URL is no address: set what `holdfast env` prints, or use --data")
        credentials = Credentials(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN", ""),
        )
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        self._signer = Signer(credentials, region, "holdfast")
        self._authorities = environment.get("AWS_CA_BUNDLE") or None
        self._clock = SystemClock()

    def call(self, operation: str, seconds: float | None = ANSWER_SECONDS, **members: object) -> dict[str, Any]:
        body = json.dumps(members).encode()
        headers = {
            "Host": self._parts.netloc,
            "Content-Type": MEDIA_TYPE,
            "X-Amz-Target": f"Holdfast.{operation}",
        }
        moment = datetime.fromtimestamp(self._clock.wall(), UTC)
        shown = f"{self._parts.scheme}://{self._parts.netloc}"
        try:
            signed = self._signer.sign("POST", "/", headers, body, moment)
            return _exchange(self._connection(), body, signed, seconds)
        except (OSError, HTTPException) as error:
            raise ServerNotRunning(
                f"nothing answers at AWS_ENDPOINT_URL {shown} ({_reason(error)}): is the server running and reachable?"
            ) from None

    def _connection(self) -> HTTPConnection:
        host = self._parts.hostname or ""
        if self._parts.scheme == "http":
            return HTTPConnection(host, self._parts.port, timeout=CONNECT_SECONDS)
        import ssl

        context = ssl.create_default_context(cafile=self._authorities)
        return HTTPSConnection(host, self._parts.port, timeout=CONNECT_SECONDS, context=context)


class _UnixConnection(HTTPConnection):
    """HTTP/1.1 over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CONNECT_SECONDS)
        self._path = path

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(CONNECT_SECONDS)
            # A socket's path may have 107 bytes only (unix(7)); its folder's descriptor stands for any path.
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                made.connect(f"/proc/self/fd/{folder}/{self._path.name}")
            finally:
                os.close(folder)
        except BaseException:
            made.close()
            raise
        self.sock = made


def _exchange(
    connection: HTTPConnection, body: bytes, headers: Mapping[str, str], seconds: float | None
) -> dict[str, Any]:
    try:
        connection.connect()
        connection.sock.settimeout(seconds)
        connection.request("POST", "/", body, dict(headers))
        return _output(connection.getresponse())
    finally:
        connection.close()


def _output(response: HTTPResponse) -> dict[str, Any]:
    return answer_of(response.status, response.reason, response.read())


def answer_of(status: int, reason: str, content: bytes) -> dict[str, Any]:
    """The members of an answer. Raises CallRefused for an error."""
    try:
        parsed: object = json.loads(content or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CommandError(f"what answered is not Holdfast (HTTP {status}): check AWS_ENDPOINT_URL")
    members = cast("dict[str, Any]", parsed)
    if status == 200:
        return members
    code = str(members.get("__type", f"HTTP {status}")).rpartition("#")[2]
    text = str(members.get("message") or members.get("Message") or reason)
    raise CallRefused(f"{code}: {text}")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
