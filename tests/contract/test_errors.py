"""What a client can get wrong: each gets its status, a body that says why, and a close."""

import contextlib
import re
from collections.abc import Iterator

import pytest

from contract.modes import Mode
from contract.serving import Server
from contract.wire import Client, Response, chunked, request

LIMITS = (
    *("--limit-request-line", "200"),
    *("--limit-header-size", "1000"),
    *("--limit-header-count", "10"),
    *("--limit-body", "2000"),
)


@pytest.fixture(scope="session")
def limited(mode: Mode) -> Iterator[Server]:
    """Small limits, and neither Date nor Server."""
    flags = (*mode.flags, *LIMITS, "--workers", "1", "--no-date-header", "--no-server-header")
    with Server("contract.apps.kit_asgi:app", *flags) as server:
        yield server


def assert_refused(client: Client, status: int) -> Response:
    """It is answered, with a reason, and nothing after it is."""
    response = client.response()
    assert response.status == status
    assert re.fullmatch(f"{status} {response.reason}: .+\n", response.body.decode())
    assert response["connection"] == "close"
    assert response["content-type"] == "text/plain; charset=utf-8"
    client.assert_closed()
    return response


def post(*headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    return request("/echo", *headers, method="POST", version=version) + body


CHUNKED = "Transfer-Encoding: chunked"
REFUSED = {
    "no HTTP": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a byte in the target": (400, request("/\xe9")),
    "no version": (400, b"GET /\r\nHost: a\r\n\r\n"),
    "a target in no form": (400, request("index.html")),
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, request("/", "Host: b")),
    "a bad Host": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "two authorities": (400, request("http://other/")),
    "obs-fold": (400, request("/", "X: a\r\n b")),
    "a space before the colon": (400, request("/", "X : a")),
    "no colon": (400, request("/", "X")),
    "a pseudo-header": (400, request("/", ":authority: test")),
    "a name of nothing": (400, request("/", ": x")),
    "a zone in an address": (400, b"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"),
    "an address too long": (400, b"GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n"),
    "no port": (400, b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "NUL": (400, request("/", "X: \0")),
    "CR": (400, request("/", "X: a\rb")),
    "empty lines": (400, b"\r\n" * 9 + request("/")),
    "a signed length": (400, post("Content-Length: +3", body=b"abc")),
    "two lengths": (400, post("Content-Length: 3", "Content-Length: 3", body=b"abc")),
    "a length and chunks": (400, post("Content-Length: 3", CHUNKED, body=chunked(b"abc"))),
    "chunks in 1.0": (400, post(CHUNKED, body=chunked(b"abc"), version="1.0")),
    "a last coding that is not chunked": (400, post("Transfer-Encoding: gzip")),
    "a bad chunk size": (400, post(CHUNKED, body=b"0x3\r\nabc\r\n0\r\n\r\n")),
    "a chunk that is too long": (400, post(CHUNKED, body=b"2\r\nabc\r\n0\r\n\r\n")),
    "a bad trailer": (400, post(CHUNKED, body=b"0\r\nno trailer\r\n\r\n")),
    "a forbidden trailer": (400, post(CHUNKED, body=b"0\r\nContent-Length: 3\r\n\r\n")),
    "CONNECT": (501, request("test:80", method="CONNECT")),
    "an unknown coding": (501, post("Transfer-Encoding: gzip, chunked")),
    "an unknown expectation": (417, post("Expect: the-unexpected")),
    "HTTP/2.0": (505, request("/", version="2.0")),
    "HTTP/1.2": (505, request("/", version="1.2")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_request_is_refused(asgi: Server, case: str) -> None:
    status, data = REFUSED[case]
    with Client(asgi) as client:
        client.send(data + request("/"))
        assert_refused(client, status)


def test_head_is_refused_without_a_body(asgi: Server) -> None:
    for bad in ("Host: b", "X : a", "Content-Length: +1"):
        with Client(asgi) as client:
            client.send(request("/", bad, method="HEAD"))
            response = client.response("HEAD")
            assert (response.status, response.body) == (400, b"")
            client.assert_closed()


def test_a_refusal_comes_after_the_responses_before_it(client: Client) -> None:
    client.send(request("/") * 3 + b"nonsense\r\n\r\n" + request("/"))
    assert [client.response().body for _ in range(3)] == [b"hello"] * 3
    assert_refused(client, 400)


def test_a_refusal_waits_for_a_slow_response_before_it(client: Client) -> None:
    client.send(request("/context?value=a") + b"nonsense\r\n\r\n")
    assert client.response().status == 200
    assert_refused(client, 400)


def test_a_body_that_breaks_after_the_head_has_left_closes(client: Client) -> None:
    client.send(post(CHUNKED).replace(b"/echo", b"/stream-echo") + b"3\r\nabc\r\n")
    events = client.events()
    assert [type(next(events)).__name__ for _ in range(2)] == ["Response", "Data"]
    client.send(b"nonsense\r\n" + request("/"))
    assert client.sock.recv(65536) == b""


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "partial"])
def test_414(limited: Server, whole: bool) -> None:
    with Client(limited) as client:
        line = f"GET /{'x' * 300} HTTP/1.1\r\n".encode()
        client.send(line + b"Host: a\r\n\r\n" if whole else line[:-2])
        response = assert_refused(client, 414)
    assert "date" not in response
    assert "server" not in response


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "partial"])
def test_431_for_the_size(limited: Server, whole: bool) -> None:
    with Client(limited) as client:
        head = request("/", *[f"X-{n}: {'x' * 290}" for n in range(4)])
        client.send(head if whole else head[:-4])
        assert_refused(client, 431)


def test_431_for_the_count(limited: Server) -> None:
    with Client(limited) as client:
        client.send(request("/", *(f"X-{n}: a" for n in range(10))))
        assert_refused(client, 431)


def test_413(limited: Server) -> None:
    with Client(limited) as client:
        assert client.get("/echo", method="POST", body=b"x" * 2000).status == 200
        client.request("/echo", method="POST", body=b"x" * 2001)
        assert_refused(client, 413)


def test_413_before_the_body_is_sent(limited: Server) -> None:
    with Client(limited) as client:
        client.send(post("Expect: 100-continue", "Content-Length: 2001"))
        assert_refused(client, 413)


def test_413_for_chunks(limited: Server) -> None:
    with Client(limited) as client:
        client.send(post(CHUNKED) + chunked(b"x" * 1500, b"x" * 501))
        assert_refused(client, 413)


def test_what_is_within_the_limits_is_served(limited: Server) -> None:
    with Client(limited) as client:
        target = "/scope?" + "x" * (200 - len("GET /scope? HTTP/1.1"))
        response = client.get(target, *(f"X-{n}: {'x' * 80}" for n in range(9)))
        assert response.status == 200
        assert "date" not in response
        assert "server" not in response


def test_503_when_there_are_too_many_connections(mode: Mode) -> None:
    flags = (*mode.flags, "--workers", "1", "--limit-connections", "2")
    with (
        Server("contract.apps.kit_asgi:app", *flags) as server,
        Client(server) as one,
        Client(server) as two,
    ):
        assert one.get("/").status == two.get("/").status == 200
        with Client(server) as three:
            three.send(request("/"))
            assert assert_refused(three, 503)["retry-after"] == "1"
        one.assert_open()
        two.assert_open()
        one.get("/", "Connection: close")
        one.assert_closed()
        with Client(server) as four, contextlib.ExitStack() as stack:
            four.assert_open()
            # Those that have been refused, and stay, take nobody's place.
            for _ in range(5):
                assert stack.enter_context(Client(server)).response().status == 503
            four.get("/", "Connection: close")
            four.assert_closed()
            with Client(server) as five:
                five.assert_open()
