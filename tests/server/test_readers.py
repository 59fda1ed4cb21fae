"""Reading processes beside the main one: clients notice nothing of them but that there is more of the server."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.issuer import Authority
from tests.raw_client import RawClient, client_of
from tests.server.reading import (
    all_there,
    by_process,
    clients,
    gauge,
    holder,
    ok,
    raw_clients,
    reader_pids,
    recorded,
    until,
    verified,
    with_readers,
)

from holdfast.server.readers import PROGRAM
from holdfast.testing import Server
from holdfast.wire.signer import Credentials, Signer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with with_readers(readers=2) as started:
        yield started


@pytest.fixture(scope="module")
def pair() -> Iterator[Server]:
    """One reader, so that a connection is either there or at the main process."""
    with with_readers() as started:
        yield started


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with with_readers("--max-connections", "6", "--max-requests-in-flight", "4") as started:
        yield started


def token(number: int) -> str:
    return f"{number:032x}"


def secret(server: Server, name: str, value: str = "first") -> str:
    return server.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]


# -- connections and coherence ----------------------------------------------------------------------------------------


def test_every_process_has_its_share_of_the_connections(server: Server) -> None:
    with clients(server, 24) as made:
        found = Counter(holder(server, client.port) for client in made)
        assert len(found) == (3 if os.getuid() == 0 else 2)  # what each reader has is shown to root alone
        # Some that boto3 keeps open count, too.
        assert all(number >= 5 for pid, number in found.items() if pid in reader_pids(server))
        open_now = gauge(server, "holdfast_readers_connections")
    # All but some that boto3 keeps, and perhaps the one that asks.
    until(lambda: gauge(server, "holdfast_readers_connections") <= open_now - 5)


def test_what_was_written_is_read_at_once_wherever_it_is_read(server: Server) -> None:
    secret(server, "coherent")
    wrong: list[object] = []
    with clients(server, 9) as made:
        for number in range(60):
            value = f"value {number}"
            ok(
                made[number % 9].call(
                    "secretsmanager",
                    "PutSecretValue",
                    SecretId="coherent",
                    SecretString=value,
                    ClientRequestToken=token(number),
                )
            )

            def read(client: RawClient, value: str = value) -> None:
                seen = client.call("secretsmanager", "GetSecretValue", SecretId="coherent").body
                if seen.get("SecretString") != value:
                    wrong.append((value, seen))

            threads = [threading.Thread(target=read, args=(client,)) for client in made]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert not wrong


def test_a_request_that_ends_after_a_write_was_acknowledged_sees_it(pair: Server) -> None:
    """Two requests of one connection arrive at the reader in one piece but for the end of the second."""
    secret(pair, "late")
    at_reader, at_main = raw_clients(pair)
    body = json.dumps({"SecretId": "late"}).encode()
    request = signed(pair, "secretsmanager", "GetSecretValue", body)
    with socket.create_connection(address(pair)) as early, at_reader, at_main:
        for number in range(20):
            early.sendall(request[:-1])
            value = f"value {number}"
            ok(
                at_main.call(
                    "secretsmanager",
                    "PutSecretValue",
                    SecretId="late",
                    SecretString=value,
                    ClientRequestToken=token(number),
                )
            )
            early.sendall(request[-1:])
            status, answered = response(early)
            assert (status, json.loads(answered)["SecretString"]) == (200, value)


def test_what_takes_a_right_away_works_at_once_everywhere(server: Server) -> None:
    iam, kms = server.client("iam"), server.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(policy))
    made = [RawClient(server.endpoint_url, key["AccessKeyId"], key["SecretAccessKey"]) for _ in range(6)]

    def errors() -> set[str]:
        found = {client.call("kms", "GenerateDataKey", KeyId=arn, KeySpec="AES_256").error for client in made}
        return {error.rpartition("#")[2] for error in found}

    assert errors() == {""}
    kms.disable_key(KeyId=arn)
    assert errors() == {"DisabledException"}
    kms.enable_key(KeyId=arn)
    assert errors() == {""}
    iam.delete_user_policy(UserName="reader", PolicyName="all")
    assert errors() == {"AccessDeniedException"}
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(policy))
    assert errors() == {""}
    iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    assert errors() == {"UnrecognizedClientException"}
    for client in made:
        client.close()


# -- what is forwarded ------------------------------------------------------------------------------------------------


def address(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.endpoint_url)
    return parts.hostname or "", parts.port or 80


def signed(
    server: Server, service: str, operation: str, body: bytes, *, secret_key: str = "", headers: str = ""
) -> bytes:
    home = server.home
    host = urlsplit(server.endpoint_url).netloc
    target = {"secretsmanager": "secretsmanager", "kms": "TrentService"}[service]
    fields = Signer(Credentials(home.access_key_id, secret_key or home.secret_access_key), home.region, service).sign(
        "POST",
        "/",
        {"Host": host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{target}.{operation}"},
        body,
        datetime.now(UTC),
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def response(connection: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


def whole(client_socket: socket.socket, request: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    client_socket.sendall(request)
    answer = http.client.HTTPResponse(client_socket)
    answer.begin()
    passing = {"date", "x-amzn-requestid"}
    return answer.status, [pair for pair in answer.getheaders() if pair[0].lower() not in passing], answer.read()


def both(server: Server) -> tuple[socket.socket, socket.socket]:
    """Bare connections, to the reader and to the main process."""

    def connect() -> socket.socket:
        connection = socket.create_connection(address(server))
        connection.sendall(signed(server, "secretsmanager", "GetRandomPassword", b"{}"))
        assert response(connection)[0] == 200
        return connection

    return by_process(server, connect, lambda connection: connection.getsockname()[1])


def test_an_answer_is_the_same_whichever_process_has_the_connection(pair: Server) -> None:
    host = urlsplit(pair.endpoint_url).netloc
    requests = {
        "a wrong signature": signed(pair, "secretsmanager", "ListSecrets", b"{}", secret_key="x" * 40),
        "an unknown operation": signed(pair, "secretsmanager", "ListNothing", b"{}"),
        "an absent operation": signed(pair, "secretsmanager", "ReplicateSecretToRegions", b'{"SecretId":"a"}'),
        "a body that is no JSON": signed(pair, "secretsmanager", "GetSecretValue", b"{"),
        "what is not there": signed(pair, "secretsmanager", "GetSecretValue", b'{"SecretId":"nowhere"}'),
        "a write that fails": signed(pair, "secretsmanager", "DeleteSecret", b'{"SecretId":"nowhere"}'),
        "no signature": f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode(),
        "no such page": f"GET /_holdfast/nothing HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
        "health": f"GET /_holdfast/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
    }
    reader, main = both(pair)
    with reader, main:
        for name, request in requests.items():
            assert whole(reader, request) == whole(main, request), name


def test_the_operator_sees_why_a_signature_failed_at_a_reader(pair: Server) -> None:
    reader, main = both(pair)
    with reader, main:
        reader.sendall(signed(pair, "secretsmanager", "ListSecrets", b"{}", secret_key="x" * 40))
        answer = http.client.HTTPResponse(reader)
        answer.begin()
        assert answer.status == 400
        request_id = answer.headers["x-amzn-RequestId"]
    assert pair.control("DiagnoseSignature", RequestId=request_id)["AccessKeyId"] == pair.home.access_key_id


def test_bodies_are_forwarded_up_to_the_limit(pair: Server) -> None:
    most = 8 << 20
    text = json.dumps(
        {"Name": "long", "SecretString": "é" * 30_000, "ClientRequestToken": token(1)}, ensure_ascii=False
    ).encode()
    full = json.dumps({"Name": "x", "SecretString": ""}).encode()
    full = full[:-2] + b"a" * (most - len(full)) + full[-2:]
    reader, main = both(pair)
    with reader, main:
        assert whole(reader, signed(pair, "secretsmanager", "CreateSecret", text))[0] == 200
        value = json.loads(whole(reader, signed(pair, "secretsmanager", "GetSecretValue", b'{"SecretId":"long"}'))[2])
        assert value["SecretString"] == "é" * 30_000
        request = signed(pair, "secretsmanager", "CreateSecret", full)
        status, _, answered = whole(reader, request)
        assert (status, json.loads(answered)["__type"].rpartition("#")[2]) == (400, "ValidationException")
        assert whole(main, request)[2] == answered
        too_long = signed(pair, "secretsmanager", "CreateSecret", full + b" ")
        head = too_long[: too_long.index(b"\r\n\r\n") + 4]
        assert whole(reader, head) == whole(main, head)


def test_everything_is_counted_once(pair: Server) -> None:
    recorded(pair, "GetSecretValue")
    name = r'holdfast_calls_total\{operation="GetRandomPassword",outcome="ok",service="secretsmanager"\}'
    with clients(pair, 4) as made:
        recorded(pair, "GetSecretValue")  # has the reader hand its counts over
        before = gauge(pair, name)
        for client in made:
            for _ in range(5):
                ok(client.call("secretsmanager", "GetRandomPassword"))
        recorded(pair, "GetSecretValue")
        assert gauge(pair, name) == before + 20


def test_the_limit_of_connections_is_one_of_the_whole_server(limited: Server) -> None:
    limited.home.close()  # what boto3 keeps open
    until(lambda: answers(limited) and gauge(limited, "holdfast_http_connections") <= 1)
    connections = [socket.create_connection(address(limited)) for _ in range(6)]
    request = signed(limited, "secretsmanager", "GetRandomPassword", b"{}")
    for connection in connections:
        assert whole(connection, request)[0] == 200
    with socket.create_connection(address(limited)) as seventh:
        assert response(seventh)[0] == 503
    for connection in connections:
        connection.close()
    until(lambda: answers(limited))


def test_more_requests_at_once_than_the_limit_are_refused_by_a_reader_too(limited: Server) -> None:
    secret(limited, "crowded")
    limited.home.close()
    reader, main = both(limited)
    puts = [{"SecretId": "crowded", "SecretString": "next", "ClientRequestToken": token(n)} for n in range(16)]
    requests = [signed(limited, "secretsmanager", "PutSecretValue", json.dumps(put).encode()) for put in puts]
    with reader, main:
        reader.sendall(b"".join(requests))
        stream = reader.makefile("rb")
        statuses = Counter(status_of(stream) for _ in requests)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 4
    until(lambda: gauge(limited, "holdfast_http_refused_in_flight_total") == statuses[503])


def status_of(stream: BinaryIO) -> int:
    """Of the next answer; a reader of its own for each would read too far."""
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    stream.read(length)
    return status


def test_without_a_free_descriptor_connections_wait(limited: Server) -> None:
    request = signed(limited, "secretsmanager", "GetRandomPassword", b"{}")
    assert limited.process is not None
    pid = limited.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    with socket.create_connection(address(limited)) as connection:
        connection.sendall(request)
        until(lambda: "OSError" in limited.log())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert response(connection)[0] == 200


def answers(server: Server) -> bool:
    with client_of(server.home) as client:
        try:
            return client.call("secretsmanager", "GetRandomPassword").status == 200
        except (OSError, ValueError):  # refused in plain text
            return False


# -- audit ------------------------------------------------------------------------------------------------------------


def test_every_answered_read_is_on_record(server: Server) -> None:
    secret(server, "recorded")
    with clients(server, 6) as made:
        answered = {
            client.call("secretsmanager", "GetSecretValue", SecretId="recorded").request_id
            for _ in range(40)
            for client in made
        }
        assert len(answered) == 240
        assert answered <= recorded(server, "GetSecretValue")
    assert verified(server) > 240


def test_a_denial_at_a_reader_is_explained(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    secret(server, "denied")
    for _ in range(3):
        with RawClient(server.endpoint_url, key["AccessKeyId"], key["SecretAccessKey"]) as client:
            answer = client.call("secretsmanager", "GetSecretValue", SecretId="denied")
            assert answer.error.endswith("AccessDeniedException")
            assert server.control("Explain", RequestId=answer.request_id)["Outcome"] == "implicit-deny"


def test_last_access_is_known_within_the_window_and_after_a_flush(pair: Server) -> None:
    secret(pair, "accessed")
    reader, main = raw_clients(pair)
    with reader, main:
        ok(reader.call("secretsmanager", "GetSecretValue", SecretId="accessed"))
        assert "LastAccessedDate" in ok(reader.call("secretsmanager", "DescribeSecret", SecretId="accessed"))
        recorded(pair, "GetSecretValue")
        assert "LastAccessedDate" in ok(main.call("secretsmanager", "DescribeSecret", SecretId="accessed"))


def test_reads_are_refused_while_their_records_cannot_be_written(tmp_path: Path) -> None:
    with with_readers(directory=tmp_path / "data") as server:
        secret(server, "kept")
        reader, main = raw_clients(server)
        answered: set[str] = set()

        def read(client: RawClient) -> bool:
            answer = client.call("secretsmanager", "GetSecretValue", SecretId="kept")
            if answer.status == 200:
                answered.add(answer.request_id)
            else:
                assert (answer.status, answer.error.rpartition("#")[2]) == (503, "ServiceUnavailableException")
            return answer.status == 200

        assert server.process is not None
        before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        # What is there stays usable, and nothing gets longer: a full disk. The log of SQLite is longer than this already.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100_000, before[1]))
        with reader, main:
            until(lambda: not read(reader))
            until(lambda: not read(main))
            assert not read(reader)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
            until(lambda: read(reader))
            until(lambda: read(main))
            assert answered <= recorded(server, "GetSecretValue")
        verified(server)


def test_without_a_window_a_read_is_answered_when_its_record_is_on_disk(tmp_path: Path) -> None:
    with with_readers("--audit-read-window-milliseconds", "0", directory=tmp_path / "data") as server:
        secret(server, "strict")
        with clients(server, 4) as made:
            ids = {
                client.call("secretsmanager", "GetSecretValue", SecretId="strict").request_id
                for _ in range(5)
                for client in made
            }
        server.kill()
        server.start()
        assert ids <= recorded(server, "GetSecretValue")


# -- ends -------------------------------------------------------------------------------------------------------------


def test_a_killed_reader_takes_only_its_connections_along(tmp_path: Path) -> None:
    with with_readers(directory=tmp_path / "data") as server:
        secret(server, "there")
        reader, main = raw_clients(server)
        [pid] = reader_pids(server)
        os.kill(pid, signal.SIGKILL)
        with reader, pytest.raises((OSError, http.client.HTTPException)):
            reader.call("secretsmanager", "GetSecretValue", SecretId="there")
        with main:
            ok(main.call("secretsmanager", "GetSecretValue", SecretId="there"))
        until(lambda: gauge(server, "holdfast_readers_restarted_total") == 1)
        another_one_reads(server, pid)
        assert "a reader ended" in server.log()


def test_a_reader_that_hangs_is_given_nothing_more_and_replaced(tmp_path: Path) -> None:
    with with_readers(directory=tmp_path / "data") as server:
        secret(server, "there")
        [pid] = reader_pids(server)
        os.kill(pid, signal.SIGSTOP)
        until(lambda: not alive(pid))
        another_one_reads(server, pid)
        assert gauge(server, "holdfast_readers_restarted_total") == 1
        assert "a reader hangs and is ended" in server.log()


def another_one_reads(server: Server, ended: int) -> None:
    all_there(server)
    assert reader_pids(server) != [ended]
    reader, main = raw_clients(server)
    with reader, main:
        ok(reader.call("secretsmanager", "GetSecretValue", SecretId="there"))
    verified(server)


def test_nobody_sees_the_root_key_in_the_list_of_processes(pair: Server) -> None:
    key = (pair.directory / "root.key").read_text().strip().rpartition(":")[2]
    [pid] = reader_pids(pair)
    for name in ("cmdline", "environ") if os.getuid() == 0 else ("cmdline",):  # the other one is shown to root alone
        content = Path(f"/proc/{pid}/{name}").read_bytes()
        assert key.encode() not in content
        assert b"HOLDFAST_" not in content


def test_a_reader_hides_its_memory_before_it_has_the_root_key() -> None:
    root = os.getuid() == 0
    group = 64_321 if root else os.getgid()  # root's own would not tell whom the files are given to
    ours, theirs = socket.socketpair()
    program = [sys.executable, "-I", "-c", PROGRAM, "1", "2", *sys.path]
    with ours, theirs:
        process = subprocess.Popen(program, stdin=theirs.fileno(), group=group if root else None)
        try:

            def hidden() -> bool:
                # The files of a process that nobody may look into are root's (proc(5)).
                memory = Path(f"/proc/{process.pid}/mem").stat()
                return (memory.st_uid, memory.st_gid) != (os.getuid(), group)

            until(hidden)
        finally:
            process.kill()
            process.wait()


def test_no_reader_outlives_the_server(tmp_path: Path) -> None:
    with with_readers(directory=tmp_path / "data", readers=2) as server:
        pids = reader_pids(server)
        assert len(pids) == 2
        server.kill()
        until(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_stop_finishes_what_was_accepted_and_loses_no_record(tmp_path: Path) -> None:
    server = with_readers(directory=tmp_path / "data")
    secret(server, "last")
    with clients(server, 4) as made:
        ids = {
            client.call("secretsmanager", "GetSecretValue", SecretId="last").request_id
            for _ in range(20)
            for client in made
        }
        stop_while_a_request_is_read(server)
    server.start()
    with server:
        assert ids <= recorded(server, "GetSecretValue")
        assert server.client("secretsmanager").get_secret_value(SecretId="begun")["SecretString"] == "value"
        verified(server)


def stop_while_a_request_is_read(server: Server) -> None:
    body = json.dumps({"Name": "begun", "SecretString": "value", "ClientRequestToken": token(1)}).encode()
    request = signed(server, "secretsmanager", "CreateSecret", body)
    begun, idle = both(server)
    begun.sendall(request[:-1])
    pids = reader_pids(server)
    assert server.process is not None
    for pid in (server.process.pid, *pids):
        os.kill(pid, signal.SIGINT)  # as a terminal does
        os.kill(pid, signal.SIGTERM)  # as a service manager does
    with begun, idle:
        assert idle.recv(1) == b""
        begun.sendall(request[-1:])
        assert response(begun)[0] == 200
    assert server.process.wait(30) == 0
    server.stop()
    assert not any(alive(pid) for pid in pids)


def test_tls_at_a_reader(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    bundle = tmp_path / "authority.pem"
    bundle.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    tls = ("--tls-certificate", str(tmp_path / "chain.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with with_readers("--drain-seconds", "100", *tls, directory=tmp_path / "data") as server:
        made: list[Any] = [server.client("secretsmanager", verify=str(bundle)) for _ in range(4)]
        made[0].create_secret(Name="private", SecretString="value")
        for client in made:
            assert client.get_secret_value(SecretId="private")["SecretString"] == "value"
        with socket.create_connection(address(server)) as plain, socket.create_connection(address(server)) as silent:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while plain.recv(1024):
                pass
            silent.close()
        events = server.client("cloudtrail", verify=str(bundle)).lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetSecretValue"}]
        )["Events"]
        assert {json.loads(event["CloudTrailEvent"])["tlsDetails"]["tlsVersion"] for event in events} == {"TLSv1.3"}
        assert len(events) == 4
        # One that cannot start any more is tried less and less often; the server goes on, and stops when it is told to.
        [pid] = reader_pids(server)
        (tmp_path / "key.pem").unlink()
        os.kill(pid, signal.SIGKILL)
        until(lambda: server.log().count("a reader ended") == 3)
        again = server.client("secretsmanager", verify=str(bundle))
        assert again.get_secret_value(SecretId="private")["SecretString"] == "value"
        assert "FileNotFoundError" in server.log()
        server.home.close()
        assert server.stop() == 0


def test_what_came_before_a_reset_is_done_for_nobody(pair: Server) -> None:
    secret(pair, "reset")
    put = {"SecretId": "reset", "SecretString": "second", "ClientRequestToken": token(2)}
    request = signed(pair, "secretsmanager", "PutSecretValue", json.dumps(put).encode())
    assert pair.process is not None
    everybody = (pair.process.pid, *reader_pids(pair))
    try:
        # All of them: one that runs would take a connection and read the request before the reset comes.
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
            until(lambda pid=pid: "\nState:\tT" in Path(f"/proc/{pid}/status").read_text())
        for _ in range(8):
            with socket.create_connection(address(pair)) as connection:
                connection.sendall(request)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
    with clients(pair, 4) as made:
        for client in made:
            assert client.call("secretsmanager", "GetSecretValue", SecretId="reset").body["SecretString"] == "first"
