"""The native interface: `def app(request) -> Response | bytes | str`, sync and async."""

from collections.abc import Iterator

import pytest

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import Server
from contract.wire import Client, chunked, request


@pytest.fixture(scope="module", params=["app", "async_app"], ids=["sync", "async"])
def native(mode: Mode, request: pytest.FixtureRequest) -> Iterator[Server]:
    app = f"contract.apps.kit_native:{request.param}"
    with Server(app, *mode.flags, "--workers", "1") as server:
        yield server


@pytest.fixture
def client(native: Server) -> Iterator[Client]:
    with Client(native) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", b"hello", "text/plain; charset=utf-8"),
        ("/text", "h\u00e9llo".encode(), "text/plain; charset=utf-8"),
        ("/bytes", b"\xff\xfe", "text/plain; charset=utf-8"),
        ("/bytearray", b"array", "text/plain; charset=utf-8"),
        ("/response-text", "h\u00e9llo".encode(), "text/html"),
        ("/future", b"from the future", "text/plain; charset=utf-8"),
    ],
)
def test_results(client: Client, path: str, body: bytes, kind: str) -> None:
    response = client.get(path)
    assert (response.status, response.body, response["content-type"]) == (200, body, kind)
    assert response["content-length"] == str(len(body))
    client.assert_open()


def test_a_response_with_status_and_headers(client: Client) -> None:
    response = client.get("/response")
    assert (response.status, response.body) == (201, b"made")
    assert response.all("x-a") == ["1", "2"]


def test_no_content(client: Client) -> None:
    response = client.get("/no-content")
    assert (response.status, response.body) == (204, b"")
    assert "content-length" not in response
    assert "content-type" not in response
    client.assert_open()


def test_what_the_handler_is_told(client: Client) -> None:
    client.request("/t%6Fld?a=%20", "X-A: 1", "X-a: 2", method="PUT", body=b"abc")
    assert client.response().json() == {
        "method": "PUT",
        "path": "/told",
        "query": "a=%20",
        "version": "1.1",
        "headers": {"host": "test", "x-a": "1, 2", "content-length": "3"},
        "raw": [["host", "test"], ["x-a", "1"], ["x-a", "2"], ["content-length", "3"]],
        "body": "abc",
        "again": "abc",
        "client": list(client.sock.getsockname()),
    }


@pytest.mark.parametrize("size", [0, 1, 70_000, 2_000_000])
def test_the_body(client: Client, size: int) -> None:
    body = b"0123456789" * (size // 10) + b"x" * (size % 10)
    assert client.get("/echo", method="POST", body=body).body == body
    client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
    client.send(chunked(*(body[i : i + 50_000] for i in range(0, size, 50_000))))
    assert client.response().body == body


def test_requests_wait_for_each_other_only_on_one_connection(native: Server, probe: Probe) -> None:
    with Client(native) as one, Client(native) as two:
        one.send(request(f"/slow?{probe.port}") + request("/"))
        caller = probe.wait("waiting")
        two.assert_open()
        caller.answer("at last")
        assert [one.response().body for _ in range(2)] == [b"at last", b"hello"]


def test_a_client_may_leave(native: Server, probe: Probe) -> None:
    with Client(native) as client:
        client.send(request(f"/slow?{probe.port}"))
        caller = probe.wait("waiting")
        client.reset()
        caller.answer()
    with Client(native) as client:
        client.send(request("/echo", "Content-Length: 10", method="POST") + b"abc")
    with Client(native) as client:
        client.assert_open()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/boom", "BoomError: in the handler"),
        ("/boom-async", "BoomError: in the coroutine"),
        ("/cancelled", "the handler was cancelled in GET /cancelled$"),
        ("/none", "ResponseError: the handler returned None"),
        ("/number", "ResponseError: the handler returned 7"),
        ("/bad-header", "ResponseError: the value of the header b'X-A' has a forbidden byte"),
        ("/bad-name", "ResponseError: the header name b'X-A: 1.*' is not a token"),
        ("/nul", "ResponseError: the value of the header b'x-a' has a forbidden byte"),
        ("/bad-status", "ResponseError: 1000 is no status"),
    ],
)
def test_a_failure_is_a_500(native: Server, path: str, error: str) -> None:
    with Client(native) as client:
        response = client.get(path)
        assert (response.status, response["connection"]) == (500, "close")
        assert response.body == b"500 Internal Server Error\n"
        client.assert_closed()
        native.expect(error)
    with Client(native) as client:
        client.assert_open()
