"""Requests: their bytes, and the file that lists them."""

import pytest

from subsrv.bench import requests
from subsrv.bench.requests import Request
from subsrv.errors import ConfigError


def test_the_least_request() -> None:
    assert Request().encode("h:1") == b"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n"


def test_a_request_with_everything() -> None:
    request = Request(method="PUT", path="/a?b=c", headers={"X-A": "\u00e4"}, body=b"\0\xff")
    assert request.encode("h:1") == (
        b"PUT /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-A: \xe4\r\nContent-Length: 2\r\n\r\n\0\xff"
    )


def test_what_is_given_is_not_added() -> None:
    headers = {"host": "other", "transfer-encoding": "chunked"}
    encoded = Request(headers=headers, body=b"0\r\n\r\n").encode("h:1")
    assert encoded.lower().count(b"host:") == 1
    assert b"ontent-" not in encoded


def test_a_file() -> None:
    lines = [
        "# what a visitor does\n",
        "\n",
        "GET /\n",
        "HEAD   /style.css\n",
        '{"path": "/c?d", "headers": {"Accept": "*/*"}, "status": 302}\n',
        '{"method": "POST", "body": "\\u00e4\\udcff", "length": 3, "answer": "yes"}\n',
    ]
    assert requests.read(lines) == (
        Request(),
        Request(method="HEAD", path="/style.css"),
        Request(path="/c?d", headers={"Accept": "*/*"}, status=302),
        Request(method="POST", body="ä".encode() + b"\xff", length=3, answer=b"yes"),
    )


def test_a_request_comes_back_from_its_line() -> None:
    every_byte = bytes(range(256))
    for request in (
        Request(),
        Request(method="POST", path="/x", headers={"A": "b"}, body=every_byte),
        Request(status=404, length=0, answer=b""),
        Request(answer=every_byte),
    ):
        assert requests.read([request.line()]) == (request,)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("GET", "want METHOD /path"),
        ("GET / HTTP/1.1", "want METHOD /path"),
        ("GET index.html", "a path begins with /"),
        ("G@T /", "no method"),
        ("{", "Expecting"),
        ('{"url": "/"}', "unknown key 'url'"),
        ('{"path": "/a b"}', "no spaces"),
        ('{"path": 1}', "path must be a text"),
        ('{"body": {}}', "body must be a text"),
        ('{"headers": []}', "headers must be an object"),
        ('{"headers": {"a": 1}}', "headers must be an object"),
        ('{"headers": {"a": "b\\r\\nc: d"}}', "no header"),
        ('{"headers": {"a:": "b"}}', "no header"),
        ('{"status": "200"}', "status must be a whole number"),
        ('{"length": true}', "length must be a whole number"),
    ],
)
def test_a_bad_line_is_named(line: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"^file, line 2: .*{why}"):
        requests.read(["GET /", line], "file")


def test_a_file_without_a_request() -> None:
    with pytest.raises(ConfigError, match="file has no request"):
        requests.read(["# nothing"], "file")
