"""A memo changes nothing in WSGI's environ, whatever heads came before and in whatever order."""

from types import SimpleNamespace
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


def environs(heads: list[bytes], *, cache: int, root_path: str = "") -> list[dict[str, Any]]:
    parser = HeadParser(Limits(), cache=cache)
    app = WSGIApp(
        lambda environ, start_response: [],
        multithread=False,
        multiprocess=False,
        cache=cache,
        root_path=root_path,
    )
    found = []
    for head in heads:
        environ = app._template(parser.parse(head, len(head)), None)
        found.append(environ.copy())
        environ.clear()  # an application may: it is its own
        environ["HTTP_HOST"] = "changed"
    return found


@given(families=st.lists(families, min_size=1, max_size=2))
def test_environ(families: list[list[bytes]]) -> None:
    heads = [head for _ in range(3) for family in families for head in family]
    plain = environs(heads, cache=0)
    for cache in (1, 4, 8, 1024):
        assert environs(heads, cache=cache) == plain


def test_the_environ_of_a_repeated_head_is_the_applications_own() -> None:
    app = WSGIApp(
        lambda environ, start_response: [], multithread=False, multiprocess=False, cache=64
    )
    head = b"GET /a?b HTTP/1.1\r\nHost: a"
    request = HeadParser(Limits(), cache=64).parse(head, len(head))
    transport: Any = SimpleNamespace(server=("::1", 80), client=("::2", 5))
    for _ in range(4):
        exchange: Any = SimpleNamespace(request=request, _transport=transport)
        environ = app._environ(exchange)
        assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "80")
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("::2", "5")
        assert (environ["PATH_INFO"], environ["wsgi.input"].read()) == ("/a", b"")
        environ.clear()
        environ["SERVER_NAME"] = "changed"


def test_names_that_cannot_be_told_apart_are_dropped() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nA_B: c\r\nA-B: d\r\nA-b: e\r\nRequest_Method: PUT"
    for environ in environs([head] * 4, cache=1024):
        assert environ["HTTP_A_B"] == "d,e"
        assert environ["REQUEST_METHOD"] == "GET"
        assert {name for name in environ if name.startswith("HTTP_")} == {"HTTP_HOST", "HTTP_A_B"}


def environ(head: bytes, root_path: str = "") -> dict[str, Any]:
    (found,) = environs([head + b"\r\nHost: a"], cache=0, root_path=root_path)
    return found


@pytest.mark.parametrize(
    ("root", "path", "script_name", "path_info"),
    [
        ("", "/shop/cart", "", "/shop/cart"),
        ("/shop", "/shop/cart", "/shop", "/cart"),
        ("/shop", "/shop/", "/shop", "/"),
        ("/shop", "/shop", "/shop", ""),
        ("/shop", "/%73hop/%2fa", "/shop", "//a"),
        # A proxy has taken it off.
        ("/shop", "/cart", "/shop", "/cart"),
        ("/shop", "/shopping", "/shop", "/shopping"),
        ("/caf\xe9", "/caf%C3%A9/\x7e", "/caf\xc3\xa9", "/~"),
    ],
)
def test_script_name_and_path_info(root: str, path: str, script_name: str, path_info: str) -> None:
    found = environ(f"GET {path} HTTP/1.1".encode(), root)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (script_name, path_info)


def test_what_is_no_path_is_none() -> None:
    assert environ(b"OPTIONS * HTTP/1.1")["PATH_INFO"] == ""


def test_bytes_of_a_path_come_as_latin_1() -> None:
    assert environ(b"GET /%E4%B8%AD HTTP/1.1")["PATH_INFO"].encode("latin-1") == "/\u4e2d".encode()
