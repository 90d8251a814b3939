"""The opening handshake (RFC 6455 section 4), and what is agreed on to compress (RFC 7692)."""

import pytest

from subsrv.http1 import HeadParser, Limits, ProtocolError, Reader, Request
from subsrv.websocket.deflate import Agreement, agree, offers
from subsrv.websocket.handshake import HandshakeError, Offer, answer, read

# Section 1.3.
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
VERSION = "Sec-WebSocket-Version: 13"
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")


def parse(*lines: str, start: str = "GET /chat HTTP/1.1") -> Request:
    head = "\r\n".join([start, "Host: server.example.com", *lines, "", ""]).encode("latin-1")
    return HeadParser(Limits(), cache=8).parse(head, len(head) - 4)


def offered(*lines: str, compress: bool = True) -> Offer:
    return read(parse(*UPGRADE, KEY, VERSION, *lines), compress=compress)


# Whether it is a request for a WebSocket at all.


@pytest.mark.parametrize(
    "lines",
    [
        UPGRADE,
        ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket"),
        ("connection: UPGRADE", "upgrade: h2c, websocket"),
    ],
)
def test_a_request_for_a_websocket(lines: tuple[str, ...]) -> None:
    request = parse(*lines)
    assert request.framing.websocket
    assert request.special


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        ("GET / HTTP/1.1", ("Upgrade: websocket",)),
        ("GET / HTTP/1.1", ("Upgrade: websocket", "Connection: keep-alive")),
        ("GET / HTTP/1.1", ("Upgrade: websockets", "Connection: Upgrade")),
        ("GET / HTTP/1.1", ("Upgrade: h2c", "Connection: Upgrade")),
        ("GET / HTTP/1.0", UPGRADE),
    ],
)
def test_no_request_for_one(start: str, lines: tuple[str, ...]) -> None:
    request = parse(*lines, start=start)
    assert not request.framing.websocket
    assert not request.special


def test_what_follows_the_request_is_not_read_as_http() -> None:
    reader = Reader(HeadParser(Limits()))
    head = "\r\n".join(["GET / HTTP/1.1", "Host: a", *UPGRADE, "", ""]).encode()
    request = reader.receive(head + b"GET / HTTP")
    assert isinstance(request, Request)
    reader.tunnel()
    assert reader.tunnels
    assert reader.next() == b"GET / HTTP"
    assert reader.next() is None
    assert reader.receive(b"\0\1\r\n\r\n") == b"\0\1\r\n\r\n"
    assert reader.receive(head) == head
    assert reader.buffered == 0


def test_without_that_it_is() -> None:
    reader = Reader(HeadParser(Limits()))
    head = "\r\n".join(["GET / HTTP/1.1", "Host: a", *UPGRADE, "", ""]).encode()
    assert isinstance(reader.receive(head + b"\0"), Request)
    with pytest.raises(ProtocolError):
        reader.next()


# What it must say (section 4.2.1).


def test_the_example_of_the_rfc() -> None:
    offer = offered("Sec-WebSocket-Protocol: chat, superchat", "Origin: http://example.com")
    assert offer == Offer(ACCEPT, ("chat", "superchat"), None)
    assert answer(offer, "chat") == [
        (b"sec-websocket-accept", ACCEPT),
        (b"sec-websocket-protocol", b"chat"),
    ]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((VERSION,), 400),
        ((VERSION, KEY, KEY), 400),
        ((VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400),
        ((VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="[:-1]), 400),
        ((VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE="), 400),
        ((VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25*ZQ=="), 400),
        ((KEY,), 426),
        ((KEY, "Sec-WebSocket-Version: 8"), 426),
        ((KEY, "Sec-WebSocket-Version: 13, 8"), 426),
        ((KEY, VERSION, VERSION), 426),
        ((KEY, VERSION, "Content-Length: 1"), 400),
        ((KEY, VERSION, "Transfer-Encoding: chunked"), 400),
        ((KEY, VERSION, "Sec-WebSocket-Protocol: a b"), 400),
        ((KEY, VERSION, "Sec-WebSocket-Protocol: a, a"), 400),
        ((KEY, VERSION, "Sec-WebSocket-Protocol: \u00e4"), 400),
        ((KEY, VERSION, "Sec-WebSocket-Extensions: a; b c"), 400),
        ((KEY, VERSION, "Sec-WebSocket-Extensions: a; b=\u00e4"), 400),
        ((KEY, VERSION, 'Sec-WebSocket-Extensions: a; b="c d"'), 400),
        ((KEY, VERSION, "Sec-WebSocket-Extensions: ;a"), 400),
    ],
)
def test_a_handshake_that_is_wrong(lines: tuple[str, ...], status: int) -> None:
    with pytest.raises(HandshakeError) as caught:
        read(parse(*UPGRADE, *lines), compress=True)
    assert caught.value.status == status
    if status == 426:
        assert ("sec-websocket-version", "13") in list(caught.value.headers)


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "get"])
def test_it_is_a_get(method: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        read(parse(*UPGRADE, KEY, VERSION, start=f"{method} / HTTP/1.1"), compress=True)
    assert caught.value.status == 400


def test_lists_may_be_spread_and_have_holes() -> None:
    lines = ("Sec-WebSocket-Protocol: a,, b", "Sec-WebSocket-Protocol: ,c")
    assert offered(*lines).subprotocols == ("a", "b", "c")
    lines = ("Sec-WebSocket-Extensions: x, ", "Sec-WebSocket-Extensions: ,permessage-deflate,")
    assert offered(*lines).deflate == Agreement()


def test_a_subprotocol_that_was_not_offered() -> None:
    with pytest.raises(ValueError, match="has not offered the subprotocol 'c'"):
        answer(offered("Sec-WebSocket-Protocol: a, b"), "c")


# What is agreed on (section 7.1 of RFC 7692).

PMD = "permessage-deflate"
S12, C12 = "server_max_window_bits=12", "client_max_window_bits=12"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PMD, [S12]),
        (f"{PMD}; client_max_window_bits", [S12, C12]),
        (f"{PMD};client_max_window_bits=15", [S12, C12]),
        (f"{PMD};client_max_window_bits=8", [S12, "client_max_window_bits=8"]),
        (f'{PMD} ; client_max_window_bits="9"', [S12, "client_max_window_bits=9"]),
        (f"{PMD}; server_max_window_bits=10", ["server_max_window_bits=10"]),
        (f"{PMD}; server_no_context_takeover", ["server_no_context_takeover", S12]),
        (f"{PMD}; client_no_context_takeover", ["client_no_context_takeover", S12]),
        # What cannot be taken up is passed over, for the next.
        (f"{PMD}; server_max_window_bits=8, {PMD}", [S12]),
        (f"x-webkit-deflate-frame, {PMD}", [S12]),
    ],
)
def test_offers_that_are_taken_up(value: str, expected: list[str]) -> None:
    agreement = offered(f"Sec-WebSocket-Extensions: {value}").deflate
    assert agreement is not None
    assert agreement.answer().decode().split("; ") == [PMD, *expected]


@pytest.mark.parametrize(
    "parameters",
    [
        "unknown",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=8",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=010",
        "server_max_window_bits=x",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits; client_max_window_bits=10",
    ],
)
def test_offers_that_are_declined(parameters: str) -> None:
    assert offered(f"Sec-WebSocket-Extensions: {PMD}; {parameters}").deflate is None


def test_nothing_is_agreed_on_where_it_is_turned_off() -> None:
    offer = offered(f"Sec-WebSocket-Extensions: {PMD}", compress=False)
    assert offer.deflate is None
    assert answer(offer, None) == [(b"sec-websocket-accept", ACCEPT)]


def test_offers_as_they_are_read() -> None:
    value = b' a ; b=c;d , e;f="g" '
    assert offers(value) == [("a", [("b", "c"), ("d", None)]), ("e", [("f", "g")])]
    assert offers(b"") == offers(b" , ,") == []
    assert agree([]) is None
