"""A memo changes nothing in WSGI's environ, whatever heads came before and in whatever order."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsrv.apps.wsgi import WSGIApp
from subsrv.http1 import HeadParser, Limits

_LINES = [
    *(b"A: b", b"a: c", b"A_B: c", b"A-B: d", b"Content-Type: text/plain", b"Content-Type: a"),
    *(b"Cookie: a=b", b"cookie: c=d", b"Referer: /", b"Proxy: evil", b"Request-Method: PUT"),
]
lines = st.lists(st.sampled_from(_LINES), max_size=5)
families = st.builds(
    lambda starts, block, ends: [
        b"\r\n".join([start, b"Host: a", *block, *end]) for start in starts for end in ends
    ],
    st.lists(st.sampled_from([b"GET / HTTP/1.1", b"GET /%41?b HTTP/1.1"]), min_size=1, max_size=2),
    lines,
    st.lists(lines, min_size=2, max_size=3),
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def environs(
    heads: list[bytes], *, cache: int, loop: asyncio.AbstractEventLoop
) -> list[dict[str, Any]]:
    parser = HeadParser(Limits(), cache=cache)
    app = WSGIApp(
        lambda environ, start_response: [],
        loop,
        threads=1,
        multithread=False,
        multiprocess=False,
        cache=cache,
    )
    found = []
    for head in heads:
        environ = app._template(parser.parse(head, len(head)))
        found.append(environ.copy())
        environ.clear()  # an application may: it is its own
        environ["HTTP_HOST"] = "changed"
    return found


@given(families=st.lists(families, min_size=1, max_size=2))
def test_environ(families: list[list[bytes]], loop: asyncio.AbstractEventLoop) -> None:
    heads = [head for _ in range(3) for family in families for head in family]
    plain = environs(heads, cache=0, loop=loop)
    for cache in (1, 4, 8, 1024):
        assert environs(heads, cache=cache, loop=loop) == plain


def test_names_that_cannot_be_told_apart_are_dropped(loop: asyncio.AbstractEventLoop) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nA_B: c\r\nA-B: d\r\nA-b: e\r\nRequest_Method: PUT"
    for environ in environs([head] * 4, cache=1024, loop=loop):
        assert environ["HTTP_A_B"] == "d,e"
        assert environ["REQUEST_METHOD"] == "GET"
        assert {name for name in environ if name.startswith("HTTP_")} == {"HTTP_HOST", "HTTP_A_B"}
