"""HTTP/1.1 and 1.0 over a connection: keep-alive, pipelining, bodies, framing."""

import pytest

from contract.probe import Probe
from contract.serving import Server
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


def test_head_has_the_head_of_get_and_no_body(client: Client) -> None:
    assert client.get("/", method="HEAD").body == b""
    client.send(request("/", method="HEAD") + request("/"))
    head, get = client.response("HEAD"), client.response()
    assert head["content-length"] == get["content-length"] == "5"
    assert head.body == b""
    assert get.body == b"hello"


def test_head_of_a_streamed_response_has_no_body(client: Client) -> None:
    assert client.get("/stream?blocks=3&size=10", method="HEAD").body == b""
    client.assert_open()


@pytest.mark.parametrize("code", [204, 205, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_status_without_a_body_has_none(client: Client, code: int, method: str) -> None:
    client.send(request(f"/status?code={code}", method=method) + request("/"))
    response = client.response(method)
    assert (response.status, response.body) == (code, b"")
    assert "transfer-encoding" not in response
    assert response.all("content-length") == (["0"] if code == 205 else [])
    assert client.response().body == b"hello"


def test_an_upgrade_is_not_taken(client: Client) -> None:
    """RFC 9110 section 7.8: it may be ignored, and the request is answered as it stands."""
    for headers in (
        ["Connection: Upgrade", "Upgrade: websocket/13"],
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
        ["Connection: upgrade, keep-alive", "Upgrade: TLS/1.2, foo"],
    ):
        response = client.get("/", *headers)
        assert (response.status, response.body) == (200, b"hello")
        assert "upgrade" not in response
        assert "connection" not in response
    assert client.get("/", "Connection: Upgrade, close", "Upgrade: a")["connection"] == "close"
    client.assert_closed()


def test_what_is_between_client_and_server_changes_no_answer(client: Client) -> None:
    for headers in (
        ["TE: trailers", "Connection: TE"],
        ["TE: gzip;q=0.5"],
        ["Keep-Alive: timeout=5, max=1", "Connection: Keep-Alive"],
        ["Keep-Alive: timeout=5"],
        ["Proxy-Connection: close"],
        ["Trailer: X-Sum"],
    ):
        response = client.get("/", *headers)
        assert (response.status, response.body) == (200, b"hello")
        assert "connection" not in response


@pytest.mark.parametrize(
    ("version", "option", "kept"),
    [
        *(("1.1", "", True), ("1.1", "keep-alive", True), ("1.1", "close", False)),
        *(("1.1", "keep-alive, close", False), ("1.1", "CLOSE", False), ("1.1", "closed", True)),
        *(("1.0", "", False), ("1.0", "keep-alive", True), ("1.0", "Keep-Alive, close", False)),
        *(("1.0", "x, KEEP-ALIVE", True), ("1.0", "keep-alives", False)),
    ],
)
@pytest.mark.parametrize("expects", [False, True])
def test_who_closes(client: Client, version: str, option: str, kept: bool, expects: bool) -> None:
    """Connection options, versions and expectations, each with each (RFC 9112 section 9.3)."""
    headers = [f"Connection: {option}"] if option else []
    headers += ["Expect: 100-continue"] if expects else []
    response = client.get("/echo", *headers, method="POST", body=b"abc", version=version)
    assert response.body == b"abc"
    assert response.interim in ([], [100] if expects and version == "1.1" else [])
    wanted = {"1.0": ["keep-alive"], "1.1": []}[version] if kept else ["close"]
    assert response.all("connection") == wanted
    if kept:
        client.assert_open()
    else:
        client.assert_closed()


def test_options_asterisk_reaches_the_application(client: Client) -> None:
    assert client.get("*", method="OPTIONS").body == b"hello"


def test_an_absolute_target_is_its_path(client: Client) -> None:
    scope = client.get("http://test/scope?a=b").json()
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/scope", "/scope", "a=b")
    assert client.get("http://test", method="OPTIONS").status == 200


def test_a_body_of_unknown_length_is_chunked(client: Client) -> None:
    response = client.get("/stream?blocks=5&size=1000")
    assert response["transfer-encoding"] == "chunked"
    assert response.body == b"x" * 5000
    client.assert_open()


def test_a_body_of_known_length_in_pieces_is_not_chunked(client: Client) -> None:
    response = client.get("/stream?blocks=5&size=1000&length=known")
    assert response["content-length"] == "5000"
    assert "transfer-encoding" not in response
    assert response.body == b"x" * 5000
    client.assert_open()


def test_http_1_0_closes(client: Client) -> None:
    response = client.get("/", version="1.0")
    assert response.body == b"hello"
    assert response["connection"] == "close"
    client.assert_closed()


def test_http_1_0_is_kept_alive_if_it_asks(client: Client) -> None:
    for _ in range(2):
        response = client.get("/", "Connection: keep-alive", version="1.0")
        assert response.body == b"hello"
        assert response["connection"] == "keep-alive"


def test_http_1_0_gets_a_body_of_unknown_length_until_the_close(client: Client) -> None:
    response = client.get("/stream?blocks=5&size=1000", "Connection: keep-alive", version="1.0")
    assert "transfer-encoding" not in response
    assert response["connection"] == "close"
    assert response.body == b"x" * 5000
    client.assert_closed()


def test_http_1_0_needs_no_host(client: Client) -> None:
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.response().body == b"hello"


def test_empty_lines_before_a_request_are_skipped(client: Client) -> None:
    client.send(b"\r\n\r\n" + request("/"))
    assert client.response().body == b"hello"
    # As clients of old send after a body.
    client.send(request("/echo", method="POST", body=b"abc") + b"\r\n" + request("/"))
    assert [client.response().body for _ in range(2)] == [b"abc", b"hello"]


def test_continue_is_sent_when_the_application_reads(client: Client) -> None:
    client.request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
    assert client.interim() == 100
    client.send(b"abc")
    response = client.response()
    assert (response.interim, response.body) == ([], b"abc")
    client.assert_open()


def test_continue_is_sent_once(client: Client) -> None:
    client.request("/stream-echo", "Expect: 100-continue", "Content-Length: 6", method="POST")
    assert client.interim() == 100
    events = client.events()
    client.send(b"abc")
    assert [type(next(events)).__name__ for _ in range(2)] == ["Response", "Data"]
    client.send(b"def")
    assert b"".join(bytes(e.data) for e in events if type(e).__name__ == "Data") == b"def"
    client.assert_open()


def test_continue_is_not_sent_to_who_is_answered_first(client: Client) -> None:
    client.request("/answer-unread", "Expect: 100-continue", "Content-Length: 3", method="POST")
    response = client.response()
    assert (response.interim, response.body) == ([], b"never mind")
    # Whether the body comes now, only the client knows: what follows cannot be read.
    assert response["connection"] == "close"
    client.send(b"abc" + request("/"))
    client.assert_closed()


def test_continue_waits_for_the_responses_before_it(client: Client) -> None:
    asking = request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST")
    client.send(request("/") + request("/") + asking)
    assert [client.response().interim for _ in range(2)] == [[], []]
    assert client.interim() == 100
    client.send(b"abc")
    assert client.response().body == b"abc"


def test_continue_is_not_sent_where_the_body_comes_unasked(client: Client) -> None:
    body = b"abc"
    response = client.get("/echo", "Expect: 100-continue", method="POST", body=body)
    # The body may have been a packet behind the head.
    assert response.interim in ([], [100])
    assert response.body == body
    client.assert_open()


def test_continue_is_not_sent_where_no_body_comes(client: Client) -> None:
    assert client.get("/echo", "Expect: 100-continue").interim == []
    assert client.get("/echo", "Expect: 100-continue", "Content-Length: 0").interim == []
    client.assert_open()


def test_continue_is_not_sent_to_http_1_0(client: Client) -> None:
    response = client.get(
        "/echo", "Expect: 100-continue", method="POST", body=b"abc", version="1.0"
    )
    assert (response.interim, response.body) == ([], b"abc")


def test_a_body_that_nobody_reads_does_not_become_a_request(client: Client) -> None:
    fake = request("/fake")
    client.send(request("/answer-unread", method="POST", body=fake) + request("/"))
    assert [client.response().body for _ in range(2)] == [b"never mind", b"hello"]


def test_a_large_body_that_nobody_reads_ends_the_connection(client: Client) -> None:
    client.request("/answer-unread", f"Content-Length: {10 << 20}", method="POST")
    assert client.response().body == b"never mind"
    # It is read and dropped for as long as that is cheaper than a new connection.
    client.send(b"x" * (512 << 10))
    client.assert_closed()


def test_a_half_closed_client_still_gets_its_responses(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client:
        client.send(request(f"/wait?probe={probe.port}") + request("/"))
        client.half_close()
        probe.wait("waiting").answer()
        assert client.response().body == b"0"
        assert client.response().body == b"hello"
        client.assert_closed()
    with Client(asgi) as client:
        client.send(request("/"))
        client.half_close()
        assert client.response().body == b"hello"
        client.assert_closed()


def test_many_bodies_in_one_go(client: Client) -> None:
    """More than one read's worth of pipelined requests, most of them behind a slow one."""
    body = b"y" * 1000
    whole = request("/echo", method="POST", body=body) * 200
    client.send(whole)
    for _ in range(200):
        assert client.response().body == body
