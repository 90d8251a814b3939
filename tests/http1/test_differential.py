"""h11 as an oracle: the same verdict and the same meaning, or a difference that is meant.

Each difference that is meant stands in a table below with its reason, and is only taken for one
where the input shows the cause, so that no other can hide behind it.
"""

import re

import h11
import pytest
from hypothesis import given

from http1.messages import damaged, messages
from http1.oracles import (
    LINES,
    Difference,
    Stricter,
    Verdict,
    check_looser,
    check_stricter,
    crafted,
    lower_coding,
    origin_form,
    ours,
    settle,
    shows,
)


def theirs(data: bytes) -> Verdict:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                assert event is h11.NEED_DATA, event
                return Verdict("incomplete")
    except h11.RemoteProtocolError as error:
        return Verdict("refused", str(error))
    meaning = (
        request.method.decode(),
        origin_form(request.target),
        request.http_version.decode(),
        lower_coding(request.headers),
        body,
        lower_coding(event.headers),
    )
    return Verdict("accepted", "", meaning, len(connection.trailing_data[0]))


def _shows_odd_host(data: bytes) -> bool:
    """Not so strict as the RFC, for the sake of independence: names, numbers, and one port."""
    values: list[bytes] = re.findall(rb"(?i)\r\nhost:[ \t]*(.*?)[ \t]*\r\n", data)
    return not all(re.fullmatch(rb"(?:\[[\d.:a-f]+\]|[\w.-]+)(?::\d*)?", value) for value in values)


_CHUNKED = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

# Where we refuse, and h11 accepts. By our reason: what the input shows then, why it is meant, and
# an example.
STRICTER: Stricter = {
    "a line ends with LF and not with CR LF": Difference(
        shows(rb"(?<!\r)\n"),
        "RFC 9112 section 2.2 allows a bare LF; servers that differ on it are smuggled past",
        b"GET / HTTP/1.1\nHost: a\n\n",
    ),
    "the request line is malformed": Difference(
        shows(rb'\A(?:\r\n)*[^\r\n]*["#<>]'),
        "these never stand in a URI (RFC 3986 section 2), which h11 leaves to the application",
        b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "the request target is malformed": Difference(
        shows(rb"\A(?:\r\n)*[^ ]+ (?!/)(?!(?i:https?)://[^ /?])[^ ]+ "),
        "none of the four forms (RFC 9112 section 3.2), which h11 leaves to the application",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "CONNECT is for proxies": Difference(
        shows(rb"\A(?:\r\n)*CONNECT "),
        "an origin server has no tunnels (RFC 9110 section 9.3.6)",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    ),
    "only HTTP/1.1 and HTTP/1.0 are spoken here": Difference(
        shows(rb" HTTP/(?!1\.[01]\r)"),
        "h11 leaves 505 to its user",
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    ),
    "a header line begins with whitespace": Difference(
        shows(rb"\r\n[ \t]"),
        "RFC 9112 section 5.2 lets a server refuse obs-fold; h11 unfolds it",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
    ),
    "a header value has a forbidden byte": Difference(
        shows(rb"[\x01-\x08\x0e-\x1f\x7f]"),
        "RFC 9110 section 5.5 calls them invalid; h11 takes all but NUL and whitespace",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n",
    ),
    "the Host header is not a host": Difference(
        _shows_odd_host,
        "RFC 9112 section 3.2 wants 400; h11 looks at their number only",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    ),
    "the Host header and the request target disagree": Difference(
        shows(rb"\A(?:\r\n)*[^ ]+ (?i:https?)://"),
        "RFC 9112 section 3.2.2 lets the target win; h11 leaves it to the application",
        b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
    ),
    "the Content-Length is not one number": Difference(
        shows(rb"(?is)content-length:(?:[^\r]*,|[ \t]*\d{19}|.*content-length:)"),
        "RFC 9110 section 8.6 lets a list of equal values be refused or merged; and 18 digits do",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
    ),
    "Content-Length and Transfer-Encoding exclude each other": Difference(
        shows(rb"(?is)(?=.*\ncontent-length:).*\ntransfer-encoding:"),
        "RFC 9112 section 6.1 lets a server refuse both together; with h11 the coding wins",
        _CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
    ),
    "HTTP/1.0 has no Transfer-Encoding": Difference(
        shows(rb"HTTP/1\.0\r\n"),
        "RFC 9112 section 6.1 calls the framing faulty; h11 takes it",
        b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "no expectation but 100-continue is known": Difference(
        shows(rb"(?i)\nexpect:"),
        "RFC 9110 section 10.1.1 allows 417; h11 passes over what it does not know",
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: a\r\n\r\n",
    ),
    "a chunk's size line is malformed": Difference(
        shows(rb"\n(?:[0-9A-Fa-f]{1,20}(?:[ \t]+|;[^\n]*)|[0-9A-Fa-f]{16,20})\r\n"),
        "RFC 9112 section 7.1: no whitespace behind the size, and a grammar for extensions",
        _CHUNKED + b"0 \r\n\r\n",
    ),
    "a trailer has a field that must not be one": Difference(
        shows(
            rb"(?is)\r\n\r\n.*\n(?:host|content-length|transfer-encoding|expect|trailer|connection):"
        ),
        "RFC 9110 section 6.5.1; h11 leaves it to its user",
        _CHUNKED + b"0\r\nHost: b\r\n\r\n",
    ),
    "a trailer line is malformed": Difference(
        shows(rb"\r\n[ \t]|[\x01-\x08\x0e-\x1f\x7f]"),
        "as in a head",
        _CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n",
    ),
}

# Where h11 refuses, and we accept or wait for more.
LOOSER = [
    Difference(
        shows(rb"\A\r"),
        "RFC 9112 section 2.2 asks to ignore an empty line before a request",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    Difference(
        shows(rb"\n[0-9A-Fa-f]+[ \t]+;"),
        "RFC 9112 section 7.1.1: whitespace before an extension must be taken",
        _CHUNKED + b"0 ;a\r\n\r\n",
    ),
]


@pytest.mark.parametrize("reason", STRICTER)
def test_where_we_are_stricter(reason: str) -> None:
    check_stricter(reason, STRICTER, theirs)


@pytest.mark.parametrize("difference", LOOSER)
def test_where_we_are_looser(difference: Difference) -> None:
    check_looser(difference, theirs)


def compare(data: bytes) -> None:
    mine, its = ours(data), theirs(data)
    if mine.kind == "refused" and its.kind == "incomplete":
        # h11 looks at lines together, when the empty one behind them has come.
        its = theirs(data + b"\r\n\r\n")
    settle(data, mine, its, STRICTER, LOOSER)


@given(damaged(messages().map(lambda message: message.data)))
def test_damaged_requests(data: bytes) -> None:
    compare(data)


@given(crafted)
def test_requests_of_odd_parts(data: bytes) -> None:
    compare(data)


@given(damaged(crafted))
def test_damaged_requests_of_odd_parts(data: bytes) -> None:
    compare(data)


def test_every_combination_of_two_lines_and_a_body() -> None:
    for start in (b"POST / HTTP/1.1", b"POST / HTTP/1.0"):
        for one in LINES:
            for two in LINES:
                for body in (b"0\r\n\r\nabc", b"3\r\nabc\r\n0\r\nA: b\r\n\r\n", b""):
                    compare(b"\r\n".join([start, b"Host: a", one, two, b"", body]))
