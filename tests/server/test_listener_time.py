"""What a listener does with clients that are slow or silent, and how it stops. Time moves when a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from tests.server.live import Client, Live, listening

from holdfast.server.http_limits import Limits
from holdfast.wire.messages import Reply, Request, Response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits(
    header_seconds=10,
    body_seconds=30,
    idle_seconds=75,
    write_seconds=20,
    linger_seconds=2,
    sweep_seconds=3600,
)


@pytest.fixture
def live() -> Iterator[Live]:
    with listening(LIMITS) as live:
        yield live


def sent(live: Live, client: Client, data: bytes) -> None:
    """Send, and wait until the listener has read it."""
    read = live.listener.bytes_in
    client.send(data)
    live.until_read(read + len(data))


def waiting(live: Live, count: int = 1) -> list[Reply]:
    live.until(lambda: len(live.waiting) == count)
    return [reply for _, reply in live.waiting]


# -- slow and silent clients ------------------------------------------------------------------------------------------


def test_a_head_that_drips(live: Live) -> None:
    client = live.connect()
    for piece in (b"GET / HT", b"TP/1.1\r\n", b"Host: a\r\n"):
        sent(live, client, piece)
        live.pass_time(4.9 if piece != b"Host: a\r\n" else 0.3)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert client.closed()
    assert live.listener.refused["header-time"] == 1


def test_a_head_in_time(live: Live) -> None:
    client = live.connect()
    sent(live, client, GET[:-2])
    live.pass_time(9.9)
    client.send(GET[-2:])
    assert client.answer().status == 200


def test_every_head_has_its_own_time(live: Live) -> None:
    client = live.connect()
    sent(live, client, GET[:-2])
    for _ in range(5):
        live.pass_time(9.9)
        sent(live, client, GET[-2:] + GET[:-2])
        assert client.answer().status == 200
    live.pass_time(10)
    assert client.answer().status == 408


def test_a_new_connection_that_says_nothing(live: Live) -> None:
    client = live.connect()
    live.until(lambda: len(live.listener.connections) == 1)
    live.pass_time(9.9)
    assert len(live.listener.connections) == 1
    live.now += 0.1
    live.call(live.listener.sweep)
    assert client.closed()
    assert live.listener.refused["idle-time"] == 1


@pytest.mark.parametrize(("head", "pieces"), [(BODY, [b"01", b"2", b"3"]), (CHUNKED, [b"5", b"\r\nab", b"c"])])
def test_a_body_that_drips(live: Live, head: bytes, pieces: list[bytes]) -> None:
    client = live.connect()
    sent(live, client, head)
    for piece in pieces:
        live.pass_time(9.9)
        assert live.listener.refused["body-time"] == 0
        sent(live, client, piece)
    live.pass_time(0.4)
    assert client.answer().status == 408
    assert client.closed()
    assert live.listener.refused["body-time"] == 1


def test_a_body_in_time(live: Live) -> None:
    client = live.connect()
    sent(live, client, BODY)
    live.pass_time(29.9)
    client.send(b"0123456789")
    assert client.answer().status == 200


def test_an_idle_connection(live: Live) -> None:
    client = live.connect()
    for _ in range(3):
        client.send(GET)
        assert client.answer().status == 200
        live.pass_time(74.9)
    live.now += 0.1
    live.call(live.listener.sweep)
    assert client.closed()


def test_an_answer_may_take_its_time(live: Live) -> None:
    client = live.connect()
    client.send(WAIT)
    (reply,) = waiting(live)
    live.pass_time(100_000)
    live.call(lambda: reply(Response(200, b"late")))
    assert client.answer().body == b"late"


def test_requests_that_wait_for_an_answer_are_not_late() -> None:
    with listening(Limits(pipelined=1, sweep_seconds=3600)) as live:
        client = live.connect()
        sent(live, client, WAIT + GET + GET[:-2])
        (reply,) = waiting(live)
        live.pass_time(100_000)
        live.call(lambda: reply(Response(200)))
        client.send(GET[-2:])
        assert [client.answer().status for _ in range(3)] == [200] * 3


# -- slow readers -----------------------------------------------------------------------------------------------------

LARGE = 32 << 20
"""More than the kernel buffers for a client that does not read."""


def large_answers(live: Live) -> None:
    def handle(request: Request, reply: Reply) -> None:
        live.requests.append(request)
        reply(Response(200, b"x" * LARGE))

    live.handle = handle


def test_a_client_that_does_not_read_is_read_no_further_and_then_cut(live: Live) -> None:
    large_answers(live)
    client = live.connect(receive_buffer=4096)
    client.send(GET * 3)
    live.until(lambda: live.listener.bytes_out > LARGE)
    live.pass_time(19.9)
    assert len(live.requests) == 1
    assert live.listener.bytes_out < LARGE + 1000
    live.now += 0.1
    live.call(live.listener.sweep)
    live.until(lambda: not live.listener.connections)
    assert live.listener.refused["write-time"] == 1


def test_a_client_that_catches_up_goes_on(live: Live) -> None:
    large_answers(live)
    client = live.connect(receive_buffer=65536)
    client.send(GET * 2)
    for _ in range(2):
        live.until(lambda: live.listener.bytes_out > LARGE * len(live.requests) > 0)
        live.pass_time(19.9)
        assert len(client.answer().body) == LARGE
    live.handle = live.echo
    client.send(GET)
    assert client.answer().body == b"got /"


def test_the_last_answer_gets_its_time_too(live: Live) -> None:
    large_answers(live)
    client = live.connect(receive_buffer=4096)
    client.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
    live.until(lambda: live.listener.bytes_out > LARGE)
    live.pass_time(19.9)
    assert len(client.answer().body) == LARGE
    assert client.closed()


def test_a_refused_client_that_goes_on_is_heard_for_a_moment(live: Live) -> None:
    client = live.connect()
    client.send(b"nonsense\r\n\r\n")
    assert client.answer().status == 400
    sent(live, client, b"x" * 100_000)
    live.pass_time(1.9)
    assert len(live.listener.connections) == 1
    live.now += 0.1
    live.call(live.listener.sweep)
    live.until(lambda: not live.listener.connections)


def test_a_refused_client_sees_the_answer_before_it_has_sent_all(live: Live) -> None:
    client = live.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
    assert client.answer().status == 413
    assert live.requests == []


def test_the_sweep_runs_by_itself() -> None:
    with listening(Limits(sweep_seconds=0.001, header_seconds=5)) as live:
        client = live.connect()
        live.until(lambda: len(live.listener.connections) == 1)
        (connection,) = live.listener.connections
        live.until(lambda: connection._mark is not None)
        live.now += 5
        assert client.closed()


# -- stopping ---------------------------------------------------------------------------------------------------------


def draining(live: Live, seconds: float = 60) -> Future[None]:
    stopped = asyncio.run_coroutine_threadsafe(live.listener.drain(seconds), live.loop)
    live.until(lambda: live.listener.draining)
    return stopped


def test_drain_closes_idle_connections_and_accepts_no_more(live: Live) -> None:
    clients = [live.connect(), live.connect()]
    clients[0].send(GET)
    assert clients[0].answer().status == 200
    live.until(lambda: len(live.listener.connections) == 2)
    live.run(live.listener.drain(60))
    assert all(client.closed() for client in clients)
    with pytest.raises(ConnectionRefusedError):
        live.connect()


def test_drain_lets_accepted_requests_finish(live: Live) -> None:
    client = live.connect()
    client.send(WAIT * 2)
    first, second = waiting(live, 2)
    stopped = draining(live)
    live.call(lambda: second(Response(200, b"2")))
    live.call(lambda: first(Response(200, b"1")))
    answers = [client.answer(), client.answer()]
    assert [answer.body for answer in answers] == [b"1", b"2"]
    assert [answer.headers.get("connection") for answer in answers] == [None, "close"]
    assert client.closed()
    stopped.result(10)


def test_drain_takes_no_further_request(live: Live) -> None:
    client = live.connect()
    client.send(WAIT)
    (reply,) = waiting(live)
    stopped = draining(live)
    sent(live, client, GET)
    live.call(lambda: reply(Response(200)))
    assert client.answer().headers["connection"] == "close"
    assert client.closed()
    assert len(live.requests) == 1
    stopped.result(10)


def test_drain_lets_a_begun_request_arrive(live: Live) -> None:
    client = live.connect()
    sent(live, client, BODY + b"01234")
    stopped = draining(live)
    client.send(b"56789")
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.closed()
    stopped.result(10)


def test_drain_cuts_what_is_left_at_its_end(live: Live) -> None:
    client = live.connect()
    client.send(WAIT)
    (reply,) = waiting(live)
    stopped = draining(live, 60)
    live.pass_time(59.9)
    assert not stopped.done()
    live.now += 0.1
    live.call(live.listener.sweep)
    stopped.result(10)
    assert client.closed()
    live.call(lambda: reply(Response(200)))
    assert live.listener.in_flight == 0


def test_drain_without_time_cuts_at_once(live: Live) -> None:
    client = live.connect()
    client.send(WAIT)
    waiting(live)
    live.run(live.listener.drain(0))
    assert client.closed()
