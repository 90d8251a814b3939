"""The access log, in every kind of worker: each request has its line, and that is whole."""

import contextlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.modes import Mode
from contract.serving import Server, refused, until
from contract.wire import Client, request

ASGI = "contract.apps.kit_asgi:app"
WSGI = "contract.apps.kit_wsgi:app"

LINE = re.compile(
    r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
    r'"(?P<line>[^"]*)" (?P<status>\d{3}) (?P<size>\d+|-) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)


def lines(path: Path) -> list[str]:
    """Each matched whole."""
    text = path.read_text("ascii")
    assert text == "" or text.endswith("\n")
    return text.splitlines()


@pytest.fixture(params=[("asgi", ASGI), ("wsgi", WSGI)], ids=lambda param: param[0])
def app(request: pytest.FixtureRequest) -> str:
    name: str = request.param[1]
    return name


def test_each_request_has_its_line(mode: Mode, tmp_path: Path) -> None:
    """Many at once from several workers, the long ones among them, and the last as it drains."""
    path = tmp_path / "access.log"
    flags = (*mode.flags, "--workers", "3", "--access-log", "--access-log-file", str(path))
    sent = [f"/{n}-{'x' * (n * 37 % 2500)}" for n in range(90)]
    with Server(ASGI, *flags) as server:

        def send(targets: list[str]) -> None:
            with Client(server) as client:
                client.send(
                    b"".join(request(target, f"User-Agent: {target}") for target in targets)
                )
                for _ in targets:
                    assert client.response().status == 404

        threads = [threading.Thread(target=send, args=(sent[n::6],)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Client(server) as last, Client(server) as idle:
            last.request("/echo", "Expect: 100-continue", "Content-Length: 6", method="POST")
            assert last.interim() == 100
            server.send_signal()
            idle.assert_closed()
            last.send(b"abcdef")
            assert last.response().body == b"abcdef"
        assert server.wait() == 0
    seen = []
    for line in lines(path):
        match = LINE.fullmatch(line)
        assert match, line
        seen.append((match["line"], match["status"], match["agent"]))
    wanted = [(f"GET {target} HTTP/1.1", "404", target) for target in sent]
    cut = [(line[:1024], status, agent[:1024]) for line, status, agent in wanted]
    assert sorted((line[:1024], status, agent[:1024]) for line, status, agent in seen) == sorted(
        [*cut, ("POST /echo HTTP/1.1", "200", "-")]
    )


def test_a_pipe_that_is_read_slowly(mode: Mode, tmp_path: Path) -> None:
    """More than a pipe holds: the requests are answered meanwhile, and no line is lost or torn."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with contextlib.closing(os.fdopen(reader, "rb")) as stream:
        flags = (*mode.flags, "--workers", "2", "--access-log", "--access-log-file", str(path))
        sent = [f"/{n}-{'y' * 900}" for n in range(200)]
        with Server(WSGI, *flags) as server:
            os.set_blocking(reader, True)
            for half in (sent[::2], sent[1::2]):
                with Client(server) as client:
                    for target in half:
                        client.get(target)
            text: list[bytes] = []
            rest = threading.Thread(target=lambda: text.extend(stream.readlines()))
            rest.start()
            server.stop()
        rest.join()
    found = [LINE.fullmatch(line.decode("ascii").rstrip("\n")) for line in text]
    assert all(found)
    assert sorted(match["line"] for match in found if match) == sorted(
        f"GET {target} HTTP/1.1" for target in sent
    )


@pytest.fixture(scope="module")
def logged(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """One worker that logs in JSON, and its file."""
    path = tmp_path_factory.mktemp("logs") / "access.log"
    flags = (
        *("--workers", "1", "--access-log", "--access-log-format", "json"),
        *("--access-log-file", str(path)),
    )
    with Server(ASGI, *mode.flags, *flags) as server:
        yield server, path


class Watched:
    """What a log has gained since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = len(lines(path))

    def wait(self, count: int) -> list[dict[str, object]]:
        until(lambda: len(lines(self._path)) >= self._before + count)
        return [json.loads(line) for line in lines(self._path)[self._before :]]


def test_no_client_can_forge_a_line(logged: tuple[Server, Path]) -> None:
    server, path = logged
    watched = Watched(path)
    evil = '"}\\n{"status": 200, \t'
    with Client(server) as client:
        client.get("/scope?a=%0A%0D", f"User-Agent: {evil}", "Referer: ü")
    with Client(server) as client:
        client.send(b'GET /"\n{"status": 200} HTTP/1.1\r\nHost: a\r\n\r\n')
        assert client.response().status == 400
    first, second = watched.wait(2)
    assert first["user_agent"] == evil.strip()
    assert first["query"] == "a=%0A%0D"
    assert first["referer"] == "\\xfc"  # not UTF-8 as it was sent
    assert (second["status"], second["path"]) == (400, None)
    assert second["line"] == 'GET /"\n{"status": 200} HTTP/1.1'


def test_how_a_request_ends_is_logged(logged: tuple[Server, Path]) -> None:
    server, path = logged
    watched = Watched(path)
    with Client(server) as client:
        client.get("/stream?blocks=2&size=5", method="HEAD")
        client.get("/stream?blocks=2&size=5")
        client.request("/echo", "Content-Length: 5", method="POST")
        client.sock.shutdown(socket.SHUT_RDWR)
        found = watched.wait(3)
    assert [(each["method"], each["status"]) for each in found] == [
        ("HEAD", 200),
        ("GET", 200),
        ("POST", 499),
    ]
    assert found[0]["bytes"] == 0
    assert found[1]["bytes"] == len(b"5\r\n.....\r\n5\r\n.....\r\n0\r\n\r\n")
    assert {each["worker"] for each in found} == {0}


def test_a_format_or_a_file_that_cannot_be(mode: Mode, tmp_path: Path) -> None:
    status, log = refused(*mode.flags, "--access-log", "--access-log-format", "%(z)s")
    assert (status, log.count("\n")) == (2, 1)
    assert log.startswith("subsrv: error: access-log-format: %(z)s is not known; there are ")
    status, log = refused(*mode.flags, "--access-log", "--access-log-file", str(tmp_path))
    assert (status, log) == (
        2,
        f"subsrv: error: cannot open the access log {tmp_path}: Is a directory\n",
    )
