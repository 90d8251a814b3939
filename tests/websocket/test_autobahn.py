"""The cases of the Autobahn test suite, sections 1 to 7 and 10: what is sent, what it means.

The ids are the suite's. Each is fed whole, and in pieces of one byte where it is not large.
"""

from typing import Any

import pytest

from subsrv.websocket.protocol import Close, Ping, Protocol, WebSocketError
from websocket.frames import (
    BINARY,
    CONT,
    PING,
    PONG,
    TEXT,
    closing,
    fragments,
    frame,
    text,
)

KOSME = "\u03ba\u1f79\u03c3\u03bc\u03b5"
HELLO = "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"


def events(stream: bytes, piece: int, *, max_size: int = 1 << 24) -> list[Any]:
    """What a protocol makes of it; the code, where it ends in an error."""
    protocol = Protocol(max_size=max_size, deflate=None)
    found: list[Any] = []
    try:
        for start in range(0, len(stream), piece):
            protocol.feed(stream[start : start + piece])
            while (event := protocol.next()) is not None:
                found.append(event)
    except WebSocketError as error:
        found.append(error.code)
    return found


def case(id_: str, sent: bytes | list[bytes], *expected: Any) -> Any:
    return pytest.param(sent if isinstance(sent, bytes) else b"".join(sent), list(expected), id=id_)


SIZES = {1: 0, 2: 125, 3: 126, 4: 127, 5: 128, 6: 65535, 7: 65536}
# Sections 6.6 to 6.22: UTF-8 that is valid, up to the edges of what Unicode is.
VALID = {
    "6.2.1": HELLO.encode(),
    "6.5.1": KOSME.encode(),
    "6.7.1": b"\x00",
    "6.7.2": b"\xc2\x80",
    "6.7.3": b"\xe0\xa0\x80",
    "6.7.4": b"\xf0\x90\x80\x80",
    "6.9.1": b"\x7f",
    "6.9.2": b"\xdf\xbf",
    "6.9.3": b"\xef\xbf\xbf",
    "6.9.4": b"\xf4\x8f\xbf\xbf",
    "6.11.1": b"\xed\x9f\xbf",
    "6.11.2": b"\xee\x80\x80",
    "6.11.3": b"\xef\xbf\xbd",
    "6.11.4": b"\xf4\x8f\xbf\xbf",
    "6.22.1": b"\xef\xbf\xbe",
    "6.22.34": b"\xf4\x8f\xbf\xbf",
    "6.23.1": b"\xef\xbf\xb9",
}
INVALID = {
    "6.3.1": KOSME.encode() + b"\xed\xa0\x80edited",
    "6.6.1": b"\xce",
    "6.6.3": KOSME.encode()[:3],
    "6.8.1": b"\xf8\x88\x80\x80\x80",
    "6.8.2": b"\xfc\x84\x80\x80\x80\x80",
    "6.10.1": b"\xf7\xbf\xbf\xbf",
    "6.10.2": b"\xfb\xbf\xbf\xbf\xbf",
    "6.11.5": b"\xf4\x90\x80\x80",
    "6.12.1": b"\x80",
    "6.12.2": b"\xbf",
    "6.12.8": bytes(range(0x80, 0xC0)),
    "6.13.1": b"".join(bytes((n, 0x20)) for n in range(0xC0, 0xE0)),
    "6.14.1": b"\xc0",
    "6.14.6": b"\xdf",
    "6.15.1": b"\xc0\xe0\x80\xf0\x80\x80",
    "6.16.1": b"\xfe",
    "6.16.2": b"\xff",
    "6.17.1": b"\xc0\xaf",
    "6.17.5": b"\xfc\x80\x80\x80\x80\xaf",
    "6.18.1": b"\xc1\xbf",
    "6.19.1": b"\xc0\x80",
    "6.20.1": b"\xed\xa0\x80",
    "6.20.7": b"\xed\xbf\xbf",
    "6.21.1": b"\xed\xa0\x80\xed\xb0\x80",
}

CASES = [
    *(case(f"1.1.{n}", frame(TEXT, b"*" * size), "*" * size) for n, size in SIZES.items()),
    *(case(f"1.2.{n}", frame(BINARY, b"\xfe" * size), b"\xfe" * size) for n, size in SIZES.items()),
    case("2.1", frame(PING), Ping(b"")),
    case("2.2", frame(PING, b"Hello, world!"), Ping(b"Hello, world!")),
    case("2.3", frame(PING, b"\0\xff\xfe\xfd"), Ping(b"\0\xff\xfe\xfd")),
    case("2.4", frame(PING, b"\xfe" * 125), Ping(b"\xfe" * 125)),
    case("2.5", frame(PING, b"\xfe" * 126), 1002),
    case("2.7", frame(PONG)),
    case("2.8", frame(PONG, b"unsolicited")),
    case("2.9", [frame(PONG, b"unsolicited"), frame(PING, b"ping")], Ping(b"ping")),
    case(
        "2.10", [frame(PING, b"%d" % n) for n in range(10)], *(Ping(b"%d" % n) for n in range(10))
    ),
    case("3.1", frame(TEXT, b"a", rsv=1), 1002),
    case("3.2", [text("first"), frame(TEXT, b"a", rsv=2), frame(PING)], "first", 1002),
    case("3.3", frame(TEXT, b"a", rsv=3), 1002),
    case("3.4", frame(TEXT, b"a", rsv=4), 1002),
    case("3.5", frame(BINARY, b"a", rsv=5), 1002),
    case("3.6", frame(PING, b"a", rsv=6), 1002),
    case("3.7", frame(8, b"", rsv=7), 1002),
    *(case(f"4.1.{op - 2}", [text("first"), frame(op)], "first", 1002) for op in range(3, 8)),
    *(case(f"4.2.{op - 10}", [text("first"), frame(op)], "first", 1002) for op in range(11, 16)),
    case("5.1", fragments(PING, b"frag", b"ment"), 1002),
    case("5.2", fragments(PONG, b"frag", b"ment"), 1002),
    case("5.3", fragments(TEXT, b"frag", b"ment"), "fragment"),
    case(
        "5.6",
        [frame(TEXT, b"frag", fin=False), frame(PING, b"ping"), frame(CONT, b"ment")],
        Ping(b"ping"),
        "fragment",
    ),
    case("5.9", [frame(CONT, b"nothing to continue"), text("hello")], 1002),
    case("5.12", [frame(CONT, b"nothing to continue", fin=False), text("hello")], 1002),
    case(
        "5.15",
        [*fragments(TEXT, b"frag", b"ment"), frame(CONT, b"more", fin=False), text("hello")],
        "fragment",
        1002,
    ),
    case("5.18", [frame(TEXT, b"frag", fin=False), frame(TEXT, b"ment")], 1002),
    case(
        "5.19",
        [
            *(frame(CONT if n else TEXT, b"%d" % n, fin=False) for n in range(2)),
            frame(PING, b"1"),
            *(frame(CONT, b"%d" % n, fin=False) for n in range(2, 4)),
            frame(PING, b"2"),
            frame(CONT, b"4"),
        ],
        Ping(b"1"),
        Ping(b"2"),
        "01234",
    ),
    case("6.1.1", frame(TEXT), ""),
    case("6.1.2", fragments(TEXT, b"", b"", b""), ""),
    case("6.1.3", fragments(TEXT, b"", b"middle", b""), "middle"),
    *(case(id_, frame(TEXT, sent), sent.decode()) for id_, sent in VALID.items()),
    *(
        case(f"{id_} by octets", fragments(TEXT, *(bytes([b]) for b in sent)), sent.decode())
        for id_, sent in VALID.items()
    ),
    *(case(id_, frame(TEXT, sent), 1007) for id_, sent in INVALID.items()),
    # Fail fast: the rest of the message need not come.
    case("6.4.1", frame(TEXT, KOSME.encode() + b"\xf4\x90", fin=False), 1007),
    case("6.4.3", frame(TEXT, KOSME.encode() + b"\xf4\x90", size=b"\x20"), 1007),
    case("7.1.1", [text("hello"), closing(1000)], "hello", Close(1000, "")),
    case("7.1.2", [closing(1000), closing(1000)], Close(1000, "")),
    case("7.1.3", [closing(1000), frame(PING)], Close(1000, "")),
    case("7.1.4", [closing(1000), text("late")], Close(1000, "")),
    case(
        "7.1.5",
        [frame(TEXT, b"frag", fin=False), closing(1000), frame(CONT, b"ment")],
        Close(1000, ""),
    ),
    case("7.1.6", [frame(TEXT, b"x" * (1 << 18)), closing(1000)], "x" * (1 << 18), Close(1000, "")),
    case("7.3.1", frame(8), Close(1005, "")),
    case("7.3.2", frame(8, b"a"), 1002),
    case("7.3.3", closing(1000), Close(1000, "")),
    case("7.3.4", closing(1000, b"Hello"), Close(1000, "Hello")),
    case("7.3.5", closing(1000, b"*" * 123), Close(1000, "*" * 123)),
    case("7.3.6", closing(1000, b"*" * 124), 1002),
    case("7.5.1", closing(1000, INVALID["6.3.1"]), 1007),
    *(
        case(f"7.7.{n}", closing(code), Close(code, ""))
        for n, code in enumerate(
            (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1
        )
    ),
    *(
        case(f"7.9.{n}", closing(code), 1002)
        for n, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1)
    ),
    case("7.13.1", closing(5000), 1002),
    case("7.13.2", closing(65535), 1002),
    case(
        "10.1.1",
        fragments(TEXT, *[b"*" * 1300] * 50, b"*" * 536),
        "*" * 65536,
    ),
    # Not the suite's: what a client must and must not do with lengths and masks.
    case("unmasked", frame(TEXT, b"a", masked=False), 1002),
    case("16 bits for 125", frame(TEXT, b"a" * 125, size=b"\x7e\x00\x7d"), 1002),
    case("64 bits for 65535", frame(TEXT, b"a", size=b"\x7f" + (65535).to_bytes(8)), 1002),
    case("64 bits with the highest", frame(TEXT, b"a", size=b"\x7f" + (1 << 63).to_bytes(8)), 1002),
]


@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_case(stream: bytes, expected: list[Any]) -> None:
    assert events(stream, len(stream)) == expected
    if len(stream) < 2000:
        assert events(stream, 1) == expected
    else:
        assert events(stream, 997) == expected  # 1.1.8 and others


@pytest.mark.parametrize("size", [64, 1024, 1 << 16, 1 << 18])
def test_9_large_messages_in_fragments_and_pieces(size: int) -> None:
    message = bytes(range(256)) * (size // 256) or b"*" * size
    sent = b"".join(fragments(BINARY, *(message[n : n + 64] for n in range(0, size, 64))))
    assert events(sent, 65536) == [message]
    assert events(frame(BINARY, message), 4096) == [message]
