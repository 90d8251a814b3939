"""WebSockets: what ASGI promises, and what RFC 6455 asks, with the client of `websockets`."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from websocket.frames import BINARY, CONT, PING, TEXT, closing, frame
from websockets import ConnectionClosed, InvalidStatus, Subprotocol
from websockets.sync.client import ClientConnection, connect

from contract.modes import Mode
from contract.probe import Probe
from contract.serving import PATIENCE, Server
from contract.wire import Client, Response, request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)


@contextlib.contextmanager
def opened(server: Server, path: str = "/ws/echo", **more: Any) -> Iterator[ClientConnection]:
    """A WebSocket of a real client."""
    url = server.url.replace("http", "ws") + path
    with connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE, **more) as websocket:
        yield websocket


def closed_with(websocket: ClientConnection) -> tuple[int | None, str | None]:
    """What the server closes with."""
    with pytest.raises(ConnectionClosed):
        websocket.recv(PATIENCE)
    return websocket.close_code, websocket.close_reason


def shake_hands(client: Client, path: str = "/ws/echo") -> None:
    """The handshake of a client that then sends whatever it likes."""
    client.send(request(path, *HANDSHAKE))
    assert client.interim() == 101


def expect(client: Client, data: bytes) -> None:
    """The server sends just this."""
    found = client.unread()
    while len(found) < len(data):
        more = client.sock.recv(len(data) - len(found))
        assert more, "closed"
        found += more
    assert found == data


def read(client: Client) -> bytes:
    """What the server sends until it closes."""
    found = client.unread()
    while data := client.sock.recv(65536):
        found += data
    return found


BYE = b"\x88\x02\x03\xe8"  # a close with 1000, of the server's


# Messages.


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_go_both_ways(asgi: Server, compression: str | None) -> None:
    with opened(asgi, compression=compression) as websocket:
        extensions = websocket.protocol.extensions
        assert [each.name for each in extensions] == (["permessage-deflate"] if compression else [])
        for message in ("hello", "", "\u00e4\u20ac\U0001f600", b"", b"\0\xff", "x" * 70_000):
            websocket.send(message)
            assert websocket.recv(PATIENCE) == message
        websocket.send(b"y" * (1 << 20))
        assert websocket.recv(PATIENCE) == b"y" * (1 << 20)
        websocket.send(["frag", "men", "ts"])
        assert websocket.recv(PATIENCE) == "fragments"
        assert websocket.ping().wait(PATIENCE)
    assert websocket.close_code == 1000


def test_frames_may_come_in_any_pieces(asgi: Server) -> None:
    with Client(asgi) as client:
        shake_hands(client)
        sent = frame(TEXT, b"one", fin=False) + frame(PING, b"!") + frame(CONT, b"two")
        for n in range(len(sent)):
            client.send(sent[n : n + 1])
        expect(client, b"\x8a\x01!" + b"\x81\x06onetwo")
        client.send(closing(1000, b"bye"))
        assert read(client) == BYE


def test_frames_that_come_with_the_handshake_are_not_lost(asgi: Server) -> None:
    with Client(asgi) as client:
        client.send(request("/ws/echo", *HANDSHAKE) + frame(TEXT, b"early"))
        assert client.interim() == 101
        expect(client, b"\x81\x05early")
        client.send(closing(1000))
        assert read(client) == BYE


def test_http_may_come_before_it(asgi: Server) -> None:
    with Client(asgi) as client:
        assert client.get("/").status == 200
        client.send(request("/") + request("/ws/echo", *HANDSHAKE) + frame(TEXT, b"hello"))
        assert client.response().status == 200
        assert client.interim() == 101
        expect(client, b"\x81\x05hello")
        client.send(closing(1000))
        assert read(client) == BYE


# The handshake.


def test_the_scope(asgi: Server) -> None:
    offered = [Subprotocol("one"), Subprotocol("two")]
    path = "/ws/%64escribe?a=%20b"
    with opened(asgi, path, subprotocols=offered, compression=None) as websocket:
        assert websocket.subprotocol == "two"
        assert websocket.response is not None
        assert websocket.response.headers.get_all("x-a") == ["1", "2"]
        client = list(websocket.local_address)
        websocket.send("go")
        scope = json.loads(websocket.recv(PATIENCE))
        assert closed_with(websocket) == (4321, "enough \u00e4")
    host, port = asgi.address
    names = dict(scope.pop("headers"))
    assert names["sec-websocket-protocol"] == "one, two"
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/ws/describe",
        "raw_path": "/ws/%64escribe",
        "query_string": "a=%20b",
        "root_path": "",
        "client": client,
        "server": [host, port],
        "subprotocols": ["one", "two"],
        "extensions": {"websocket.http.response": {}},
        "state": {"greeting": "from startup", "shared": scope["state"]["shared"]},
    }


def test_the_answer(asgi: Server) -> None:
    with Client(asgi) as client:
        client.send(request("/ws/echo", *HANDSHAKE))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.sock.recv(65536)
        assert head == (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-accept: %b\r\n\r\n" % ACCEPT.encode()
        )


def without(name: str, *instead: str) -> tuple[str, ...]:
    return *(line for line in HANDSHAKE if not line.startswith(name)), *instead


WRONG = {
    "no key": ("GET", without("Sec-WebSocket-Key"), 400),
    "a short key": ("GET", without("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), 400),
    "an old version": ("GET", without("Sec-WebSocket-V", "Sec-WebSocket-Version: 8"), 426),
    "no version": ("GET", without("Sec-WebSocket-Version"), 426),
    "a POST": ("POST", HANDSHAKE, 400),
}


@pytest.mark.parametrize("which", WRONG)
def test_a_handshake_that_is_wrong_is_refused(asgi: Server, which: str) -> None:
    method, headers, status = WRONG[which]
    with Client(asgi) as client:
        client.request("/ws/echo", *headers, method=method)
        response = client.response(method)
        assert response.status == status
        assert response.body.startswith(b"%d " % status)
        if status == 426:
            assert (response["sec-websocket-version"], response["upgrade"]) == ("13", "websocket")
        assert "close" in response.all("connection")
        client.assert_closed()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(("Upgrade: websocket",), id="no Connection"),
        pytest.param(("Upgrade: h2c", "Connection: Upgrade"), id="another protocol"),
        pytest.param(("Connection: Upgrade",), id="no Upgrade"),
    ],
)
def test_what_is_no_request_for_a_websocket_is_http(asgi: Server, headers: tuple[str]) -> None:
    with Client(asgi) as client:
        assert client.get("/", *headers).body == b"hello"
        client.assert_open()


def test_http_1_0_has_no_websockets(asgi: Server) -> None:
    with Client(asgi) as client:
        assert client.get("/", *HANDSHAKE, version="1.0").body == b"hello"


def test_wsgi_says_that_it_has_none(wsgi: Server) -> None:
    assert_none(wsgi)


def test_native_says_that_it_has_none(mode: Mode) -> None:
    with Server(*mode.flags, "--workers", "1") as server:
        assert_none(server)


def assert_none(server: Server) -> None:
    with Client(server) as client:
        response = client.get("/", *HANDSHAKE)
        assert response.status == 501
        assert b"need an ASGI application" in response.body
        client.assert_closed()
    with Client(server) as client:
        client.assert_open()


# The application refuses.


def refused(server: Server, path: str) -> Response:
    with Client(server) as client:
        response = client.get(path, *HANDSHAKE)
        client.assert_closed()
        return response


def test_a_denied_handshake_is_a_403(asgi: Server, probe: Probe) -> None:
    response = refused(asgi, f"/ws/deny?probe={probe.port}")
    assert (response.status, response["connection"]) == (403, "close")
    probe.wait("1006").answer()
    with pytest.raises(InvalidStatus), opened(asgi, "/ws/deny"):
        pass


@pytest.mark.parametrize("pieces", ["", "&pieces=1"])
def test_a_response_of_the_applications_own(asgi: Server, probe: Probe, pieces: str) -> None:
    response = refused(asgi, f"/ws/respond?probe={probe.port}{pieces}")
    assert (response.status, response["x-why"], response.body) == (401, "because", b"not you")
    probe.wait("1006").answer()


FAILURES = {
    "/ws/unanswered": "returned before it had answered the handshake in GET /ws/unanswered$",
    "/ws/raise-before": "BoomError: before the handshake",
}


@pytest.mark.parametrize("path", FAILURES)
def test_a_failure_before_the_handshake_is_a_500(asgi: Server, path: str) -> None:
    assert refused(asgi, path).status == 500
    asgi.expect(FAILURES[path])


# The end.


def test_a_client_that_closes_is_answered_and_told_of(asgi: Server, probe: Probe) -> None:
    with opened(asgi, f"/ws/echo?probe={probe.port}") as websocket:
        websocket.close(4000, "so long")
        assert (websocket.close_code, websocket.close_reason) == (4000, "")
        probe.wait("4000 so long").answer()


def test_a_close_without_a_code(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client:
        shake_hands(client, f"/ws/echo?probe={probe.port}")
        client.send(frame(8))
        assert read(client) == b"\x88\x00"
        probe.wait("1005").answer()


@pytest.mark.parametrize("end", ["close", "reset", "half_close"])
def test_a_client_that_vanishes_is_told_of(asgi: Server, probe: Probe, end: str) -> None:
    with Client(asgi) as client:
        shake_hands(client, f"/ws/echo?probe={probe.port}")
        getattr(client, end)()
        probe.wait("1006").answer()


def test_what_came_before_the_end_is_delivered(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client:
        shake_hands(client, f"/ws/hold?messages=3&probe={probe.port}")
        caller = probe.wait("holding")
        client.send(frame(BINARY, b"abc") * 3 + frame(PING))
        expect(client, b"\x8a\x00")  # the worker has read all of it
        caller.answer()
        assert read(client) == b"\x81\x019" + BYE  # for the application has returned


def test_an_application_that_fails_closes_with_1011(asgi: Server) -> None:
    with opened(asgi, "/ws/raise-after") as websocket:
        websocket.send("go")
        assert closed_with(websocket) == (1011, "")
    asgi.expect("BoomError: in a WebSocket")


def test_an_application_that_returns_closes_with_1000(asgi: Server) -> None:
    with opened(asgi, "/ws/return-after") as websocket:
        websocket.send("go")
        assert closed_with(websocket) == (1000, "")


def test_messages_out_of_turn_are_errors(asgi: Server, probe: Probe) -> None:
    with opened(asgi, f"/ws/out-of-turn?probe={probe.port}") as websocket:
        earned = str(websocket.recv(PATIENCE)).split()
        assert earned == [
            *("RuntimeError", "ValueError", "ResponseError", "ResponseError"),
            *("RuntimeError", "TypeError", "TypeError", "ValueError", "RuntimeError"),
        ]
        assert closed_with(websocket) == (1000, "")
        probe.wait("RuntimeError RuntimeError").answer()


def test_a_drain_closes_and_waits_for_the_application(mode: Mode, probe: Probe) -> None:
    with Server("contract.apps.kit_asgi:app", *mode.flags, "--workers", "1") as server:
        with opened(server, f"/ws/drained?probe={probe.port}") as websocket:
            server.send_signal()
            assert closed_with(websocket) == (1012, "the server is stopping")
            probe.wait("1012 the server is stopping").answer()
            last = probe.wait("finished")
            assert server.process.poll() is None
            last.answer()
        assert server.wait() == 0


FAULTS = {
    "unmasked": (frame(TEXT, b"x", masked=False), 1002),
    "utf-8": (frame(TEXT, b"\xff"), 1007),
    "too large": (frame(BINARY, b"", size=b"\x7f" + (1 << 40).to_bytes(8)), 1009),
    "a reserved bit": (frame(TEXT, b"x", rsv=4), 1002),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_that_breaks_the_rules(asgi: Server, probe: Probe, fault: str) -> None:
    data, code = FAULTS[fault]
    with Client(asgi) as client:
        shake_hands(client, f"/ws/echo?probe={probe.port}")
        client.send(data)
        found = read(client)
        assert (found[0], found[2:4]) == (0x88, code.to_bytes(2))
        caller = probe.wait_for_any()
        assert caller.word.startswith(f"{code} ")
        caller.answer()


# Back-pressure.


def test_an_application_that_does_not_receive_pauses_the_client(asgi: Server, probe: Probe) -> None:
    messages, size = 600, 32768
    with Client(asgi) as client, Client(asgi) as other:
        shake_hands(client, f"/ws/hold?messages={messages}&probe={probe.port}")
        caller = probe.wait("holding")
        data = frame(BINARY, b"x" * size) * messages
        client.sock.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += client.sock.send(data[sent : sent + 65536])
                other.assert_open()
        client.sock.settimeout(PATIENCE)
        assert sent < len(data)
        caller.answer()
        client.send(data[sent:])
        total = str(messages * size).encode()
        assert read(client) == b"\x81%c%b" % (len(total), total) + BYE


def test_a_client_that_does_not_read_pauses_the_application(asgi: Server, probe: Probe) -> None:
    with Client(asgi) as client, Client(asgi) as other:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        shake_hands(client, f"/ws/flood?probe={probe.port}")
        other.assert_open()
        client.reset()
        probe.wait("DisconnectedError True").answer()


# Time.


def test_a_client_that_shows_no_life_is_given_up(hasty: Server, probe: Probe) -> None:
    with Client(hasty) as client:
        shake_hands(client, f"/ws/echo?probe={probe.port}")
        found = read(client)
        assert found[:2] == b"\x89\x00"
        assert found[2:3] + found[4:6] == b"\x88" + (1011).to_bytes(2)
        probe.wait("1011 no sign of life after a ping").answer()


def test_a_client_that_answers_pings_stays(hasty: Server) -> None:
    with Client(hasty) as client:
        shake_hands(client)
        for _ in range(3):
            expect(client, b"\x89\x00")
            client.send(frame(10))
        client.send(closing(1000))
        assert read(client).endswith(BYE)
