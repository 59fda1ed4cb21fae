"""Servers with reading processes, and clients whose connections are known to end at one of them or at the main one."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from tests.raw_client import Answer, RawClient, client_of

from holdfast.testing import Server

PATIENCE = 30.0


def until(condition: Callable[[], bool]) -> None:
    """Ask again until it holds; what is asked is a server, so each time takes its own."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"


def with_readers(*arguments: str, directory: Path | None = None, readers: int = 1) -> Server:
    """A started server all of whose readers take connections."""
    server = Server(directory, arguments=("--readers", str(readers), *arguments), movable_clock=False).start()
    all_there(server, readers)
    return server


def all_there(server: Server, readers: int = 1) -> None:
    until(lambda: server.control("GetStatus")["Readers"] == readers)


def gauge(server: Server, name: str) -> float:
    with urllib.request.urlopen(f"{server.endpoint_url}/_holdfast/metrics") as page:
        found = re.search(rf"^{name} (\S+)$", page.read().decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def reader_pids(server: Server) -> list[int]:
    assert server.process is not None
    return [
        pid for pid in descendants(server.process.pid) if b"server.reader" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@contextmanager
def clients(server: Server, number: int = 2) -> Generator[list[RawClient]]:
    """Clients with one open connection each, at every process in turn: a new one goes where there are the fewest."""
    with ExitStack() as stack:
        made = [stack.enter_context(client_of(server.home)) for _ in range(number)]
        for client in made:
            assert client.call("secretsmanager", "GetRandomPassword").status == 200
        yield made


def holder(server: Server, port: int) -> int:
    """The process of the server that has the other end of the connection that begins at `port`."""
    assert server.process is not None
    listening = urlsplit(server.endpoint_url).port or 80
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (int(fields[1][-4:], 16), int(fields[2][-4:], 16)) == (listening, port):
            socket_name = f"socket:[{fields[9]}]"
            for pid in (server.process.pid, *reader_pids(server)):
                if socket_name in descriptors(pid, hidden=socket_name):
                    return pid
    raise AssertionError(f"nobody has the connection from {port}")


def descriptors(pid: int, *, hidden: str) -> list[str]:
    """What a process has open; `hidden` for a reader, which shows it to root alone."""
    try:
        return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    except PermissionError:
        if b"server.reader" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return [hidden]
        pytest.skip("where functions run as the server's user, it does not show what it has open")


ClientT = TypeVar("ClientT")


def by_process(
    server: Server, connect: Callable[[], ClientT], port: Callable[[ClientT], int]
) -> tuple[ClientT, ClientT]:
    """(at the reader, at the main process) of a server with one reader."""
    assert server.process is not None
    at: dict[bool, ClientT] = {}
    others: list[Any] = []
    while len(at) < 2:
        made = connect()
        place = holder(server, port(made)) != server.process.pid
        others.append(made) if place in at else at.setdefault(place, made)
    for other in others:
        other.close()
    return at[True], at[False]


def raw_clients(server: Server) -> tuple[RawClient, RawClient]:
    """(at the reader, at the main process)"""

    def connect() -> RawClient:
        client = client_of(server.home)
        ok(client.call("secretsmanager", "GetRandomPassword"))
        return client

    return by_process(server, connect, lambda client: client.port)


def ok(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return answer.body


def recorded(server: Server, name: str) -> set[str]:
    """Request ids of all records of an operation, as LookupEvents shows them."""
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
    )  # fmt: skip
    texts = [event["CloudTrailEvent"] for page in pages for event in page["Events"]]
    return {re.search(r'"requestID":"([^"]+)"', text)[1] for text in texts}  # pyright: ignore[reportOptionalSubscript]


def verified(server: Server) -> int:
    """How many records the verification walked; it finds nothing wrong."""
    answer = server.control("VerifyAudit")
    while not answer["Done"]:
        answer = server.control("VerifyAudit", Token=answer["Token"])
    assert answer["Findings"] == []
    return answer["Records"]
