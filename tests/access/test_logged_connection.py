"""Which requests a connection logs, when, and with what: each once, however it ends."""

import os
from pathlib import Path
from typing import Any

import pytest
from fake_wire import Recorder, Setting

from subsrv.access import Entry
from subsrv.access.connection import LoggedConnection
from subsrv.exchange import Exchange
from subsrv.files import FileRange

GET = b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"


class Log:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def log(self, entry: Entry) -> None:
        self.entries.append(entry)

    def take(self) -> list[tuple[str, str, int]]:
        """What has been logged since: path or line, status, size."""
        taken, self.entries = self.entries, []
        return [
            (
                e.request.raw_path.decode() if e.request is not None else repr(e.line),
                e.status,
                e.size,
            )
            for e in taken
        ]


class Logged(Setting):
    def __init__(self, kind: type[Exchange[Any]] = Recorder, **more: Any) -> None:
        self.log = Log()
        super().__init__(kind, access=self.log, **more)

    def connect(self) -> LoggedConnection:
        return LoggedConnection(
            self.shared,
            self.wire,  # type: ignore[arg-type]
            client=("192.0.2.9", 1),
            server=None,
        )


@pytest.fixture
def setting() -> Logged:
    return Logged()


def test_a_response_in_one_piece(setting: Logged) -> None:
    setting.receive(GET)
    assert setting.log.take() == []
    setting.made[0].respond(200, [], b"hello")
    (entry,) = setting.log.entries
    assert setting.log.take() == [("/a", "200", 5)]
    assert entry.address == "192.0.2.9"
    assert entry.head == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert entry.seconds >= 0


def test_a_response_in_pieces_is_logged_at_its_end(setting: Logged) -> None:
    setting.receive(GET)
    exchange = setting.made[0]
    exchange.start(201, [("content-length", "6")])
    exchange.write(b"abc")
    exchange.write(b"def")
    assert setting.log.take() == []
    exchange.finish()
    assert setting.log.take() == [("/a", "201", 6)]


def test_chunks_count_with_their_framing(setting: Logged) -> None:
    setting.receive(GET)
    exchange = setting.made[0]
    exchange.start(200, [])
    exchange.write(b"abc")
    exchange.finish()
    assert setting.log.take() == [("/a", "200", len(b"3\r\nabc\r\n0\r\n\r\n"))]


def test_a_file_counts_as_its_bytes(setting: Logged, tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(b"x" * 100_000)
    setting.receive(GET)
    file = FileRange(os.open(path, os.O_RDONLY), 0, 100_000)
    setting.connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    setting.connection.send_file(file)
    setting.connection.close()
    assert setting.log.take() == [("/a", "200", 100_000)]


def test_an_interim_response_is_none(setting: Logged) -> None:
    setting.receive(
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    )
    assert setting.wire.sent.startswith(b"HTTP/1.1 100")
    setting.receive(b"x")
    setting.made[0].respond(204, [], b"")
    assert setting.log.take() == [("/a", "204", 0)]


def test_pipelined_requests_are_logged_in_turn() -> None:
    class Prompt(Recorder):
        def begin(self) -> None:
            super().begin()
            self.respond(200, [], self.request.raw_path)

    setting = Logged(Prompt)
    setting.receive(b"".join(GET.replace(b"/a", b"/" + b"x" * n) for n in range(3)))
    assert setting.log.take() == [("/", "200", 1), ("/x", "200", 2), ("/xx", "200", 3)]


def test_what_cannot_be_read_is_logged_as_far_as_it_was_seen(setting: Logged) -> None:
    setting.receive(b"GET / HTTP/3.0\r\nHost: a\r\n\r\n")
    ((line, status, size),) = setting.log.take()
    assert (line, status) == ("b'GET / HTTP/3.0'", "505")
    assert size == len(setting.wire.sent.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b"\x16\x03\x01\x02", b"\x16\x03\x01\x02"),
        (GET.replace(b"Host", b"Host "), b"GET /a?b HTTP/1.1"),
        (b"G" * 9000, b"G" * 8192),
    ],
)
def test_the_line_of_what_cannot_be_read(sent: bytes, line: bytes, setting: Logged) -> None:
    setting.receive(sent)
    (entry,) = setting.log.entries
    assert entry.line == line


def test_a_head_that_does_not_come(setting: Logged) -> None:
    setting.receive(b"GET /slow HTTP/1.1\r\nHo")
    setting.tick(21)
    assert setting.log.take()[0][:2] == ("b'GET /slow HTTP/1.1'", "408")


def test_an_idle_connection_that_closes_is_not_logged(setting: Logged) -> None:
    setting.receive(GET)
    setting.made[0].respond(200, [], b"")
    setting.log.take()
    setting.tick(80)
    assert setting.shared.timed_out_idle == 1
    assert setting.log.take() == []


def test_a_body_that_does_not_come(setting: Logged) -> None:
    setting.receive(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    setting.tick(61)
    assert setting.log.take()[0][:2] == ("/a", "408")


def test_a_body_that_goes_wrong_after_its_response(setting: Logged) -> None:
    """The response stands; what was wrong is logged beside it."""
    setting.receive(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    setting.made[0].respond(200, [], b"x")
    assert setting.log.take() == [("/a", "200", 1)]
    setting.receive(b"nonsense\r\n")
    assert [entry[:2] for entry in setting.log.take()] == [("b''", "400")]


def test_a_client_that_leaves_before_the_response(setting: Logged) -> None:
    setting.receive(GET)
    setting.wire.broken = 104
    setting.wire.turn()
    assert setting.log.take() == [("/a", "499", 0)]


def test_a_client_that_leaves_within_the_response(setting: Logged) -> None:
    setting.receive(GET)
    exchange = setting.made[0]
    exchange.start(200, [("content-length", "6")])
    exchange.write(b"abc")
    setting.wire.broken = 104
    exchange.write(b"def")
    assert setting.log.take() == [("/a", "200", 6)]


def test_a_response_that_the_application_breaks_off(setting: Logged) -> None:
    setting.receive(GET)
    exchange = setting.made[0]
    exchange.start(200, [("content-length", "6")])
    exchange.write(b"abc")
    exchange.abandon()
    assert setting.log.take() == [("/a", "200", 3)]


def test_an_application_that_fails(setting: Logged) -> None:
    setting.receive(GET)
    setting.made[0].fail("it failed")
    assert setting.log.take()[0][:2] == ("/a", "500")


def test_too_many_requests_and_connections() -> None:
    setting = Logged(most_in_flight=0)
    setting.receive(GET)
    assert setting.log.take()[0][:2] == ("/a", "503")
    setting.connection.refuse(503, "too many connections")
    assert setting.log.take()[0][:2] == ("b''", "503")


def test_a_connection_that_the_server_closes(setting: Logged) -> None:
    setting.receive(GET)
    setting.connection.close()
    assert setting.log.take() == [("/a", "499", 0)]
