"""llhttp, by way of httptools, as a second oracle: as with h11 in test_differential.py, each
difference is an error of ours, or stands in a table below with its reason and an example.
"""

import importlib.util
import re
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http1.messages import damaged, messages
from http1.oracles import (
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
from http1.test_differential import STRICTER as STRICTER_THAN_H11

if importlib.util.find_spec("httptools") is None:
    assert sys.version_info < (3, 14), "the development environment has it from 3.14 on"
    pytest.skip(
        "httptools has no wheel for 3.13t, from which a requirement's marker cannot tell 3.13",
        allow_module_level=True,
    )

import httptools


class _Listener:
    """What llhttp says of the first message."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.begun = self.in_body = self.complete = False
        self.parser: Any = None
        self.start: tuple[str, str] = ("", "")

    def on_message_begin(self) -> None:
        self.begun = True

    def on_url(self, url: bytes) -> None:
        if not self.complete:
            self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            (self.trailers if self.in_body else self.headers).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.in_body = True
            self.start = self.parser.get_method().decode(), self.parser.get_http_version()

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def _plain(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """llhttp leaves the whitespace behind a value, which is no part of it (RFC 9112 5.1)."""
    return lower_coding((name, value.rstrip(b" \t")) for name, value in fields)


def theirs(data: bytes) -> Verdict:
    listener = _Listener()
    listener.parser = httptools.HttpRequestParser(listener)
    error = ""
    try:
        listener.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as found:
        error = str(found)
    if not listener.complete:
        return Verdict("refused", error) if error else Verdict("incomplete")
    method, version = listener.start
    meaning = (
        method,
        origin_form(listener.target),
        version,
        _plain(listener.headers),
        listener.body,
        _plain(listener.trailers),
    )
    return Verdict("accepted", "", meaning)


def _shows_no_single_host(data: bytes) -> bool:
    return len(re.findall(rb"(?i)\nhost:", data.partition(b"\r\n\r\n")[0])) != 1


# Where we refuse, and llhttp accepts or waits. By our reason: what the input shows then, why it is
# meant, and an example.
STRICTER: Stricter = {
    "the Host header is missing or repeated": Difference(
        _shows_no_single_host,
        "RFC 9112 section 3.2 wants 400; llhttp leaves it to its user",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ),
    "the request line is malformed": Difference(
        shows(
            rb'\A(?:\r?\n)*(?:[^ ]+  |[^\r\n]*(?:["#<>]|HTTP/[^\r\n]*[^\r\n0-9.])'
            rb"|[^ ]+ [^ ]*\r\n)|\A[^ ]+ \S+ (?!HTTP/)"
        ),
        "exactly one SP, RFC 3986's characters, and no HTTP/0.9 (RFC 9112 section 3)",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "a line ends with LF and not with CR LF": Difference(
        shows(rb"(?<!\r)\n"),
        "as against h11; llhttp takes it behind a request line without a version only",
        b"GET /\nHost: a\r\n\r\n",
    ),
    "the request target is malformed": Difference(
        STRICTER_THAN_H11["the request target is malformed"].shown,
        "as against h11; llhttp takes * with any method",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "this is not HTTP": Difference(
        shows(rb"\A(?:\r\n)*(?:\r(?!\n)|\n)"),
        "a bare CR or LF before the request line; RFC 9112 section 2.2 knows only CRLF there",
        b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    "no transfer coding but chunked is known": Difference(
        shows(rb"(?i)\ntransfer-encoding:"),
        "RFC 9112 section 6.1: SHOULD 501; llhttp leaves it to its user",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    **{
        reason: STRICTER_THAN_H11[reason]
        for reason in (
            "CONNECT is for proxies",
            "the Host header is not a host",
            "the Host header and the request target disagree",
            "HTTP/1.0 has no Transfer-Encoding",
            "no expectation but 100-continue is known",
            "a trailer has a field that must not be one",
        )
    },
    "the Content-Length is not one number": Difference(
        shows(rb"(?i)\ncontent-length:[ \t]*\d{19}"),
        "18 digits do",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000000\r\n\r\n",
    ),
    "only HTTP/1.1 and HTTP/1.0 are spoken here": Difference(
        shows(rb" HTTP/(?!1\.[01]\r)"),
        "llhttp takes 0.9 and 2.0, and leaves 505 to its user",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    ),
}

# Where llhttp refuses, and we accept or wait for more.
LOOSER = [
    Difference(
        shows(rb"\A(?:\r\n)*(?!(?:GET|HEAD|POST|DELETE|OPTIONS|PUT|PATCH) )"),
        "RFC 9110 section 9.1: any token may be a method; llhttp has a list",
        b"FROBNICATE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    Difference(
        shows(rb"(?i)\ntransfer-encoding:[^\r]*\t"),
        "RFC 9112 section 5.1: whitespace around a value may be a HTAB",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    ),
    Difference(
        shows(rb"\n[0-9A-Fa-f]+(?:[ \t]+;|;[^\r]*[ \t\"])"),
        "RFC 9112 section 7.1.1: whitespace in extensions must be taken, and obs-text in quotes",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0 ;a\r\n\r\n",
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
    if mine.kind == "incomplete" and its.kind == "refused":
        # llhttp looks at each byte as it comes, we at lines.
        mine = ours(data + b"\r\n\r\n")
    # What comes behind a request, llhttp does not tell.
    settle(data, mine._replace(rest=0), its, STRICTER, LOOSER)


@given(messages().map(lambda message: message.data))
def test_right_requests(data: bytes) -> None:
    compare(data)


@given(damaged(messages().map(lambda message: message.data)))
def test_damaged_requests(data: bytes) -> None:
    compare(data)


@given(st.one_of(crafted, damaged(crafted)))
def test_requests_of_odd_parts(data: bytes) -> None:
    compare(data)
