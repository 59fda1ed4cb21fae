"""Requests and responses through a real listener: order, framing of responses, errors of `handle`, size limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.live import Client, Live, listening

from holdfast.server.http_connection import REFUSED_AT_ONCE
from holdfast.server.http_limits import Limits
from holdfast.wire.messages import Headers, Reply, Request, Response


@pytest.fixture
def live() -> Iterator[Live]:
    with listening() as live:
        yield live


def limited(**values: Any) -> Limits:
    return Limits(sweep_seconds=3600, **values)


def get(target: str = "/", *lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


def post(body: bytes, *lines: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


def answering(live: Live, response: Response) -> None:
    live.handle = lambda request, reply: reply(response)


# -- one request and its response -------------------------------------------------------------------------------------


def test_a_request_as_handle_sees_it(live: Live) -> None:
    client = live.connect()
    client.send(post(b"{}", "X-Amz-Target: a.B"))
    assert client.answer().status == 200
    (request,) = live.requests
    assert request == Request(
        "POST", "/", {"host": "a", "content-length": "2", "x-amz-target": "a.B"}, b"{}", "127.0.0.1", False, False, None
    )


def test_a_response_as_the_client_sees_it(live: Live) -> None:
    answering(live, Response(201, b"{}", [("Content-Type", "application/json"), ("x-amzn-RequestId", "1-2")]))
    client = live.connect()
    client.send(get() + get("/", "Connection: close"))
    assert client.rest() == b"".join(
        b"HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n%b"
        b"Content-Type: application/json\r\nx-amzn-RequestId: 1-2\r\nContent-Length: 2\r\n\r\n{}" % connection
        for connection in (b"", b"Connection: close\r\n")
    )


def test_the_date_follows_the_wall_clock(live: Live) -> None:
    client = live.connect()
    dates: list[str] = []
    for second in (0.0, 0.9, 1.0, 86400.0):
        live.wall = 784111777.0 + second
        client.send(get())
        dates.append(client.answer().headers["date"][5:])
    assert [date.removesuffix(" GMT") for date in dates] == [
        "06 Nov 1994 08:49:37",
        "06 Nov 1994 08:49:37",
        "06 Nov 1994 08:49:38",
        "07 Nov 1994 08:49:37",
    ]


def test_http_1_0_is_told_that_the_connection_stays(live: Live) -> None:
    client = live.connect()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert client.answer().headers["connection"] == "keep-alive"
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.answer().headers["connection"] == "close"
    assert client.closed()


def test_head_gets_the_length_and_no_body(live: Live) -> None:
    answering(live, Response(200, b"twelve bytes"))
    client = live.connect()
    client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get())
    assert client.answer(head_only=True).headers["content-length"] == "12"
    assert client.answer().body == b"twelve bytes"


@pytest.mark.parametrize("status", [204, 304])
def test_responses_without_a_body(live: Live, status: int) -> None:
    answering(live, Response(status, b"never sent"))
    client = live.connect()
    client.send(get() * 2)
    for _ in range(2):
        answer = client.answer()
        assert answer.status == status
        assert "content-length" not in answer.headers


# -- order ------------------------------------------------------------------------------------------------------------


def waiting(live: Live, count: int) -> list[Reply]:
    live.until(lambda: len(live.waiting) == count)
    return [reply for _, reply in live.waiting]


def test_answers_go_out_in_the_order_of_the_requests(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait/1") + get("/wait/2") + get("/3") + get("/wait/4"))
    first, second, fourth = waiting(live, 3)
    assert live.listener.in_flight == 3
    live.call(lambda: fourth(Response(200, b"4")))
    live.call(lambda: second(Response(200, b"2")))
    assert live.listener.bytes_out == 0
    live.call(lambda: first(Response(200, b"1")))
    assert [client.answer().body for _ in range(4)] == [b"1", b"2", b"got /3", b"4"]


def test_no_more_is_read_than_may_be_pipelined() -> None:
    with listening(limited(pipelined=2)) as live:
        client = live.connect()
        client.send(b"".join(get(f"/wait/{number}") for number in range(5)))
        replies = waiting(live, 2)
        for number in range(5):
            assert live.listener.requests_total == min(number + 2, 5)
            live.call(lambda: replies[number](Response(200, b"%d" % number)))  # noqa: B023
            assert client.answer().body == b"%d" % number
            replies = waiting(live, min(number + 3, 5))
        client.send(get("/after"))
        assert client.answer().body == b"got /after"


def test_a_held_connection_leaves_bytes_in_the_kernel() -> None:
    with listening(limited(pipelined=1)) as live:
        client = live.connect()
        client.send(get("/wait"))
        (reply,) = waiting(live, 1)
        client.send(get("/held"))
        live.until_read(len(get("/wait") + get("/held")))  # what arrives first shows that the client goes on too fast
        client.socket.setblocking(False)
        more = get("/" + "x" * 8000)
        with pytest.raises(BlockingIOError):
            client.socket.sendall(more * 10_000)
        assert live.listener.bytes_in < 200_000
        assert live.listener.requests_total == 1
        live.call(lambda: reply(Response(200)))


def test_a_client_that_ends_still_gets_its_answers(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait") + get("/2"))
    client.end()
    (reply,) = waiting(live, 1)
    live.call(lambda: reply(Response(200, b"1")))
    assert client.answer().body == b"1"
    last = client.answer()
    assert (last.body, last.headers["connection"]) == (b"got /2", "close")
    assert client.closed()


def test_a_refusal_waits_for_the_answers_before_it(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait") + b"nonsense\r\n\r\n")
    (reply,) = waiting(live, 1)
    assert live.listener.bytes_out == 0
    live.call(lambda: reply(Response(200, b"1")))
    assert client.answer().status == 200
    assert client.answer().status == 400
    assert client.closed()


# -- 100-continue -----------------------------------------------------------------------------------------------------


def expecting(target: str = "/") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode()


def test_a_client_that_waits_is_told_to_continue(live: Live) -> None:
    client = live.connect()
    client.send(expecting())
    assert client.answer().status == 100
    client.send(b"abc")
    assert client.answer().status == 200
    assert live.requests[0].body == b"abc"
    client.send(get())
    assert client.answer().status == 200


def test_a_client_that_does_not_wait_is_not_told(live: Live) -> None:
    client = live.connect()
    client.send(expecting() + b"a")
    live.until_read(len(expecting()) + 1)
    client.send(b"bc")
    assert client.answer().status == 200


def test_continue_comes_after_the_answers_before_it(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait") + expecting())
    (reply,) = waiting(live, 1)
    assert live.listener.bytes_out == 0
    live.call(lambda: reply(Response(200, b"1")))
    assert client.answer().body == b"1"
    assert client.answer().status == 100
    client.send(b"abc")
    assert client.answer().status == 200


# -- what handle does wrong -------------------------------------------------------------------------------------------


def test_an_exception_is_a_500_and_the_connection_lives(live: Live) -> None:
    failure = ValueError("secret in the text")

    def handle(request: Request, reply: Reply) -> None:
        raise failure

    live.handle = handle
    client = live.connect()
    client.send(get())
    answer = client.answer()
    assert (answer.status, b"secret" in answer.body) == (500, False)
    assert live.errors == [failure]
    live.handle = live.echo
    client.send(get())
    assert client.answer().status == 200


def test_an_exception_after_the_answer_changes_nothing_for_the_client(live: Live) -> None:
    def handle(request: Request, reply: Reply) -> None:
        reply(Response(200, b"fine"))
        raise ValueError

    live.handle = handle
    client = live.connect()
    client.send(get() * 2)
    assert [client.answer().body for _ in range(2)] == [b"fine"] * 2
    assert len(live.errors) == 2


def test_a_second_answer_is_refused(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait"))
    (reply,) = waiting(live, 1)
    live.call(lambda: reply(Response(200, b"1")))
    with pytest.raises(RuntimeError, match="twice"):
        live.call(lambda: reply(Response(200, b"2")))
    client.send(get("/after"))
    assert [client.answer().body for _ in range(2)] == [b"1", b"got /after"]


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Name", "a\r\nSet-Cookie: b")],
        [("X-Name", "a\nb")],
        [("X-Name", "a\rb")],
        [("X-Name", "a\0b")],
        [("X-Name", "\u20ac")],
        [("X-Name: a\r\nX-Other", "b")],
        [("", "b")],
        [("Content-Length", "0")],
        [("transfer-encoding", "chunked")],
        [("Connection", "upgrade")],
        [("Date", "today")],
    ],
)
def test_a_response_that_cannot_be_sent_is_a_500(live: Live, headers: Headers) -> None:
    answering(live, Response(200, b"", headers))
    client = live.connect()
    client.send(get("/", "Connection: close"))
    data = client.rest()
    assert data.startswith(b"HTTP/1.1 500 ")
    assert data.count(b"HTTP/1.1") == 1
    assert len(live.errors) == 1


@pytest.mark.parametrize("status", [0, 100, 101, 199, 999])
def test_a_status_that_is_not_final_is_a_500(live: Live, status: int) -> None:
    answering(live, Response(status))
    client = live.connect()
    client.send(get())
    assert client.answer().status == 500


def test_an_answer_for_a_client_that_is_gone(live: Live) -> None:
    client = live.connect()
    client.send(get("/wait/1") + get("/wait/2"))
    first, second = waiting(live, 2)
    client.reset()
    live.until(lambda: not live.listener.connections)
    live.call(lambda: second(Response(200)))
    live.call(lambda: first(Response(200, b"x" * 100_000)))
    assert live.listener.in_flight == 0
    assert live.errors == []


# -- sizes ------------------------------------------------------------------------------------------------------------


def refused(live: Live, data: bytes) -> tuple[int, str]:
    """The status that `data` meets, and the reason that is counted."""
    before = dict(live.listener.refused)
    client = live.connect()
    client.send(data)
    status = client.answer().status
    assert status == 200 or client.closed()
    counted = [reason for reason, count in live.listener.refused.items() if count > before[reason]]
    return status, "".join(counted)


def test_the_length_of_the_headers(live: Live) -> None:
    def head(size: int) -> bytes:
        return get("/", "X: " + "x" * (size - len(get("/", "X: "))))

    limit = live.listener.limits.header_bytes
    assert refused(live, head(limit)) == (200, "")
    assert refused(live, head(limit + 1)) == (431, "header-size")
    assert refused(live, head(limit + 100)[: limit + 1]) == (431, "header-size"), "headers that never end"


def test_the_length_of_the_target(live: Live) -> None:
    limit = live.listener.limits.target_bytes
    assert refused(live, get("/" + "x" * (limit - 1))) == (200, "")
    assert refused(live, get("/" + "x" * limit)) == (414, "target-size")
    assert refused(live, b"GET /" + b"x" * (limit + 100)) == (414, "target-size"), "a target that never ends"


def test_the_length_of_the_body(live: Live) -> None:
    limit = live.listener.limits.body_bytes
    assert refused(live, post(b"x" * limit)) == (200, "")
    assert live.requests[0].body == b"x" * limit
    assert refused(live, post(b"x" * (limit + 1))) == (413, "body-size")


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


def test_the_length_of_a_chunked_body(live: Live) -> None:
    half = b"x" * (live.listener.limits.body_bytes // 2)
    assert refused(live, chunked(half, half)) == (200, "")
    assert live.requests[0].body == half * 2
    assert refused(live, chunked(half, half, b"x")) == (413, "body-size")


def test_the_number_of_chunks() -> None:
    with listening(limited(chunk_count=10)) as live:
        assert refused(live, chunked(*[b"x"] * 9)) == (200, "")
        assert refused(live, chunked(*[b"x"] * 10)) == (400, "framing")


def test_the_number_of_headers() -> None:
    with listening(limited(header_count=3)) as live:
        assert refused(live, get("/", "X: 1", "Y: 2")) == (200, "")
        assert refused(live, get("/", "X: 1", "Y: 2", "Z: 3")) == (431, "header-size")


@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_is_more_than_nothing(value: int) -> None:
    with pytest.raises(ValueError, match="body_bytes"):
        Limits(body_bytes=value)


# -- how many at once -------------------------------------------------------------------------------------------------


def test_the_number_of_connections() -> None:
    with listening(limited(connections=2)) as live:
        clients = [live.connect() for _ in range(3)]
        answer = clients[2].answer()
        assert (answer.status, answer.headers["retry-after"], answer.headers["connection"]) == (503, "1", "close")
        assert clients[2].closed()
        assert live.listener.refused["connections"] == 1
        for client in clients[:2]:
            client.send(get())
            assert client.answer().status == 200
        clients[0].socket.close()
        clients[2].socket.close()
        live.until(lambda: len(live.listener.connections) == 1)
        again = live.connect()
        again.send(get())
        assert again.answer().status == 200


def test_far_too_many_connections_are_only_cut() -> None:
    with listening(limited(connections=1)) as live:
        clients = [live.connect() for _ in range(REFUSED_AT_ONCE + 5)]
        live.until(lambda: live.listener.connections_total == len(clients))
        live.until(lambda: len(live.listener.connections) == 1 + REFUSED_AT_ONCE)
        assert clients[REFUSED_AT_ONCE].answer().status == 503
        assert clients[REFUSED_AT_ONCE + 1].closed()
        assert live.listener.refused["connections"] == REFUSED_AT_ONCE + 4


def test_the_number_of_requests_in_flight() -> None:
    with listening(limited(in_flight=2)) as live:
        busy, client = live.connect(), live.connect()
        busy.send(get("/wait/1") + get("/wait/2"))
        first, second = waiting(live, 2)
        client.send(get())
        answer = client.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert live.listener.refused["in-flight"] == 1
        assert live.listener.in_flight == 2
        live.call(lambda: first(Response(200)))
        client.send(get())
        assert client.answer().status == 200
        live.call(lambda: second(Response(200)))


def test_the_counters(live: Live) -> None:
    client = live.connect()
    client.send(get("/1") + get("/2"))
    answers = [client.answer(), client.answer()]
    other = live.connect()
    other.send(b"nonsense\r\n\r\n")
    assert other.answer().status == 400
    gauges = {name: value for name, _, value in live.listener.gauges()}
    assert gauges["holdfast_http_connections_total"] == 2
    assert gauges["holdfast_http_requests_total"] == 2
    assert gauges["holdfast_http_requests_in_flight"] == 0
    assert gauges["holdfast_http_refused_malformed_total"] == 1
    assert gauges["holdfast_http_bytes_in_total"] == len(get("/1") + get("/2") + b"nonsense\r\n\r\n")
    assert gauges["holdfast_http_bytes_out_total"] > sum(len(answer.body) for answer in answers)


def test_connections_do_not_share_their_state(live: Live) -> None:
    clients: list[Client] = [live.connect() for _ in range(10)]
    for number, client in enumerate(clients):
        client.send(get(f"/{number}")[:20])
    for number, client in reversed(list(enumerate(clients))):
        client.send(get(f"/{number}")[20:])
    assert [client.answer().body for client in clients] == [b"got /%d" % number for number in range(10)]
