"""The PROXY protocol: its headers, however they are cut, and what is none."""

import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subsrv.exchange import Address
from subsrv.http1 import Encoder, HeadParser, Limits
from subsrv.proxy_protocol import Header, Preamble, ProxyError, parse
from subsrv.reactor import IN
from subsrv.shared import Shared, Timeouts

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int, family: int, payload: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(payload)) + payload


def tcp(source: str, destination: str, *ports: int, more: bytes = b"") -> bytes:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = b"".join(socket.inet_pton(family, each) for each in (source, destination))
    kind = 0x21 if ":" in source else 0x11
    return v2(0x21, kind, ends + struct.pack(">HH", *ports) + more)


GOOD = [
    (
        b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
        ("192.0.2.1", 56324),
        ("198.51.100.2", 443),
    ),
    (b"PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n", ("2001:db8::1", 0), ("::1", 65535)),
    (
        # The longest of section 2.1.
        b"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".replace(
            b"ffff:f...f:ffff", b":".join([b"ffff"] * 8)
        ),
        (":".join(["ffff"] * 8), 65535),
        (":".join(["ffff"] * 8), 65535),
    ),
    (tcp("1.2.3.4", "5.6.7.8", 9, 10), ("1.2.3.4", 9), ("5.6.7.8", 10)),
    (tcp("2001:db8::1", "::1", 9, 10), ("2001:db8::1", 9), ("::1", 10)),
    (tcp("1.2.3.4", "5.6.7.8", 9, 10, more=b"\x04\0\x02ab" * 99), ("1.2.3.4", 9), ("5.6.7.8", 10)),
    (v2(0x21, 0x31, b"/run/a".ljust(108, b"\0") * 2), None, None),
]
LOCAL = [
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n",
    v2(0x20, 0x00, b""),
    v2(0x20, 0x11, b"\1" * 12),
    v2(0x21, 0x00, b"\4\0\1a"),
]
BAD = [
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\0",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
    b"PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.2 1 443\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.2 1 443\r\n",
    b"PROXY TCP4 ::1 ::1 1 443\r\n",
    b"PROXY TCP6 1.2.3.4 1.2.3.4 1 443\r\n",
    b"PROXY TCP6 fe80::1%lo ::1 1 443\r\n",
    b"PROXY TCP4 192.0.2.\xb1 198.51.100.2 1 443\r\n",
    b"PROXY UDP4 192.0.2.1 198.51.100.2 1 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.2 1 443\n" + b" " * 80,
    b"PROXY UNKNOWN " + b"x" * 100,
    b"proxy UNKNOWN\r\n",
    v2(0x11, 0x11, b"\1" * 12),
    v2(0x22, 0x11, b"\1" * 12),
    v2(0x21, 0x11, b"\1" * 11),
    v2(0x21, 0x21, b"\1" * 35),
    v2(0x21, 0x31, b"\1" * 215),
    v2(0x21, 0x12, b"\1" * 12),
    v2(0x21, 0x11, b"\1" * 4090),
]


@pytest.mark.parametrize(("data", "client", "server"), GOOD)
def test_a_header_says_who_is_connected(
    data: bytes, client: Address | None, server: Address | None
) -> None:
    for rest in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        assert parse(data + rest) == Header(len(data), False, client, server)


@pytest.mark.parametrize("data", LOCAL)
def test_a_header_may_say_that_nobody_is(data: bytes) -> None:
    assert parse(data + b"\r\n") == Header(len(data), True, None, None)


@pytest.mark.parametrize("data", [*(data for data, _, _ in GOOD), *LOCAL])
def test_a_header_is_never_whole_too_early(data: bytes) -> None:
    assert all(parse(data[:cut]) is None for cut in range(1, len(data)))


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyError):
        parse(data)


@settings(deadline=None)
@given(st.binary(min_size=1) | st.binary().map(lambda data: SIGNATURE + data))
def test_anything_is_a_header_or_none_or_the_beginning_of_one(data: bytes) -> None:
    _any_cut_says_the_same(data)


@settings(deadline=None)
@given(st.sampled_from([*(data for data, _, _ in GOOD), *LOCAL]), st.data())
def test_a_damaged_header_is_no_trouble(data: bytes, draw: st.DataObject) -> None:
    position = draw.draw(st.integers(0, len(data) - 1))
    _any_cut_says_the_same(
        data[:position] + draw.draw(st.binary(min_size=1, max_size=3)) + data[position + 1 :]
    )


def _any_cut_says_the_same(data: bytes) -> None:
    """Once it is a header, or none, it stays so with whatever follows."""
    outcomes: list[object] = []
    for cut in range(1, len(data) + 1):
        try:
            outcome: object = parse(data[:cut])
        except ProxyError:
            outcome = ProxyError
        if outcome is None:
            assert not outcomes
        else:
            outcomes.append(outcome)
    assert len(set(outcomes)) <= 1


# Before a connection.


class Wire:
    """Both a socket and a reactor."""

    now = 100.0
    closed = watched = False

    def __init__(self) -> None:
        self.arrived = b""

    def fileno(self) -> int:
        return 7

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self.arrived:
            raise BlockingIOError
        data = self.arrived[:size]
        if not flags & socket.MSG_PEEK:
            self.arrived = self.arrived[size:]
        return data

    def close(self) -> None:
        self.closed = True

    def watch(self, _fd: int, _mask: int, _callback: object) -> None:
        self.watched = True

    def unwatch(self, _fd: int) -> None:
        self.watched = False


@pytest.fixture
def wire() -> Wire:
    return Wire()


def preamble(wire: Wire, let_in: list[Any]) -> Preamble:
    either: Any = wire
    shared = Shared(
        reactor=either,
        parser=HeadParser(Limits()),
        encoder=Encoder(server=None, date=False),
        timeouts=Timeouts(
            header=20.0, body=60.0, keep_alive=75.0, write=60.0, body_pace=1.0, write_pace=1.0
        ),
        exchange=either,
        websocket=either,
    )

    def then(*args: Any) -> Any:
        let_in.append(args)

    return Preamble(shared, either, ("10.0.0.1", 1), ("10.0.0.2", 80), then=then)


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
@pytest.mark.parametrize(("data", "client", "server"), GOOD)
def test_not_a_byte_more_is_read_than_is_the_headers(
    wire: Wire, data: bytes, client: object, server: object, step: int
) -> None:
    let_in: list[Any] = []
    arrival = preamble(wire, let_in)
    stream = data + b"GET / HTTP/1.1"
    while not let_in:
        wire.arrived += stream[:step]
        stream = stream[step:]
        arrival.on_event(IN)
        # Left in the kernel, it would have epoll tell of it for ever.
        assert let_in or not wire.arrived
    assert wire.arrived + stream == b"GET / HTTP/1.1"
    assert let_in == [(wire, client, server)]
    assert not wire.watched
    assert not wire.closed


@pytest.mark.parametrize("data", LOCAL)
def test_a_proxys_own_connection_is_what_it_is(wire: Wire, data: bytes) -> None:
    let_in: list[Any] = []
    wire.arrived = data
    preamble(wire, let_in).on_event(IN)
    assert let_in == [(wire, ("10.0.0.1", 1), ("10.0.0.2", 80))]


@pytest.mark.parametrize("data", BAD)
def test_a_connection_without_a_header_is_closed(wire: Wire, data: bytes) -> None:
    arrival = preamble(wire, [])
    wire.arrived = data
    arrival.on_event(IN)
    assert wire.closed
    assert arrival._shared.bad_proxy_headers == 1


def test_a_slow_header_is_timed_out(wire: Wire) -> None:
    arrival = preamble(wire, [])
    wire.arrived = b"PROXY"
    arrival.on_event(IN)
    arrival.check_timeouts(119.9)
    assert not wire.closed
    arrival.check_timeouts(120.1)
    assert arrival._shared.timed_out_proxy == 1
    assert wire.watched is False
