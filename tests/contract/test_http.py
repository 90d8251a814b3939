"""HTTP/1.1 and 1.0 over a connection: keep-alive, pipelining, bodies, framing."""

import pytest

from contract.probe import Probe
from contract.wire import Client, chunked, request


def test_a_connection_serves_one_request_after_the_other(client: Client) -> None:
    for _ in range(3):
        response = client.get("/")
        assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
        assert response["content-length"] == "5"
        assert "connection" not in response


def test_date_and_server(client: Client) -> None:
    response = client.get("/")
    assert response["server"] == "subsrv"
    assert response["date"].endswith(" GMT")


def test_connection_close_is_kept(client: Client) -> None:
    response = client.get("/", "Connection: close")
    assert response["connection"] == "close"
    client.assert_closed()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
def test_a_body_with_a_length_arrives(client: Client, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    assert client.get("/echo", method="POST", body=body[:size]).body == body[:size]
    client.assert_open()


def test_a_chunked_body_arrives(client: Client) -> None:
    pieces = [b"a", b"bc" * 40_000, b"d"]
    client.request("/echo", "Transfer-Encoding: chunked", method="POST")
    client.send(chunked(*pieces))
    assert client.response().body == b"".join(pieces)
    client.assert_open()


def test_trailers_end_a_chunked_body(client: Client) -> None:
    client.request("/echo", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST")
    client.send(chunked(b"abc", trailers=b"X-Sum: 6\r\nX-Other: y\r\n"))
    assert client.response().body == b"abc"
    client.assert_open()


def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    client.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
    whole = request("/echo", "Transfer-Encoding: chunked", method="POST") + chunked(b"ab", b"c")
    for index in range(len(whole)):
        client.send(whole[index : index + 1])
    assert client.response().body == b"abc"
    client.assert_open()


def test_sixteen_pipelined_requests_are_answered_in_order(client: Client) -> None:
    client.send(b"".join(request(f"/scope?{n}") for n in range(16)))
    answers = [client.response().json()["query_string"] for _ in range(16)]
    assert answers == [str(n) for n in range(16)]


def test_pipelined_requests_with_bodies_are_told_apart(client: Client) -> None:
    whole = b""
    for n in range(16):
        body = b"%d" % n * 1000
        if n % 2:
            whole += request("/echo", method="POST", body=body)
        else:
            whole += request("/stream-echo", "Transfer-Encoding: chunked", method="POST")
            whole += chunked(body[:500], body[500:])
    client.send(whole)
    assert [client.response().body for _ in range(16)] == [b"%d" % n * 1000 for n in range(16)]


def test_a_slow_request_holds_back_those_pipelined_behind_it(client: Client, probe: Probe) -> None:
    client.send(request(f"/wait?probe={probe.port}") + request("/"))
    probe.wait("waiting").answer()
    assert [client.response().body for _ in range(2)] == [b"0", b"hello"]
