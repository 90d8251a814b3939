"""Frameworks alone and behind servers, and the client of WebSockets: what each counts, and sees."""

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from experiments import frameworks, websockets
from experiments.harness import metrics, study
from experiments.harness.cpus import split
from experiments.harness.data import Data
from experiments.harness.figures import Figure
from experiments.harness.launch import Launch, Series
from experiments.harness.server import Command, Server, subsrv
from experiments.harness.verify import WrongAnswerError
from experiments.workloads import alone, echoes
from experiments.workloads.alone import Calls

_STUDY = frameworks.STUDY


def _data(**costs: tuple[float, ...]) -> Data:
    """What rounds would be that cost a request of Flask so many µs, by server."""
    recording = study.begin(_STUDY, {**_STUDY.defaults(), "seed": 1}, split())
    for server, found in costs.items():
        for number, cost in enumerate(found):
            label = f"flask {server.replace('_', '-')}"
            values = {metrics.CPU.name: Series(metrics.CPU.unit, [cost * 1e-6])}
            launch = Launch(number=number, label=label, round=number, metadata={}, series=values)
            recording.launches.append(launch)
    return Data(recording)


def test_what_a_server_adds_is_the_difference_round_by_round() -> None:
    data = _data(
        subsrv_wsgi=(50.0, 60.0, 70.0), gunicorn_gthread=(60.0, 90.0), alone=(40.0, 45.0, 50.0)
    )
    assert frameworks.overheads(data, "flask", "subsrv-wsgi") == pytest.approx([10, 15, 20])
    assert frameworks.overheads(data, "flask", "gunicorn-gthread") == pytest.approx([20, 45])
    (target, *_) = _STUDY.targets(data)
    assert target.name == "flask: what subsrv-wsgi adds / what gunicorn-gthread does"
    assert isinstance(target.value, Figure)
    assert target.value.value == pytest.approx(12.5 / 32.5)
    answer = _STUDY.answer(data)
    assert "flask costs 45.0 [40.0, 50.0] µs alone" in answer
    assert "subsrv-wsgi adds 15.0 [10.0, 20.0] µs" in answer
    assert _STUDY.tables(data)
    assert "added" in _STUDY.plots(data)


def test_alone_an_application_is_called_as_often_as_it_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ("wsgi", "experiments.apps.hello:wsgi", str(port))
    command = Command(
        words=(sys.executable, "-m", alone.__name__, *words),
        url=f"http://127.0.0.1:{port}",
        statuses=None,
    )
    with Server(command) as server:
        frameworks._check(server)
        outcome = Calls().run(server.url, seconds=1, number=1, client=None)
    assert outcome.requests > 0
    assert outcome.requests % alone._BATCH == 0


def test_calls_of_both_interfaces_look_at_the_answers() -> None:
    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b""
        assert scope["path"] == "/"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            closed.append(True)

    def wsgi(environ: dict[str, Any], start_response: Any) -> Body:
        start_response("200 OK", [])
        return Body()

    def fails(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("500 Internal Server Error", [])
        return [b"sorry"]

    with alone.asgi(asgi, 80) as call:
        assert call(3) == b"ab"
    with alone.wsgi(wsgi, 80) as call:
        assert call(3) == b"ab"
    assert len(closed) == 3
    with alone.wsgi(fails, 80) as call, pytest.raises(ValueError, match="500"):
        call(1)


@contextlib.contextmanager
def _answering(*pieces: bytes) -> Iterator[tuple[str, int]]:
    """A server that answers a handshake, and the first thing that comes then with these pieces."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            sock.recv(65536)
            for piece in pieces:
                sock.sendall(piece)
                sock.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join(10)


def test_an_echo_that_is_not_what_was_sent_is_a_fault() -> None:
    with _answering(b"\x81\x03xyx") as address:
        seen = echoes.ask(address, 5.0, 1, 3)
    assert seen.messages == 0
    assert "got b'\\x81\\x03xyx'" in seen.faults
    with _answering(b"\x81\x03xyx") as address, pytest.raises(WrongAnswerError):
        echoes.verify(address, 3)


def test_a_server_that_leaves_is_a_fault() -> None:
    with _answering() as address:
        assert "got b''" in echoes.ask(address, 5.0, 1, 3).faults


def test_a_server_without_websockets_is_told() -> None:
    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(WrongAnswerError, match="404"):
            echoes.verify(listener.getsockname(), 3)
        thread.join(10)


def test_the_sizes_of_frames() -> None:
    assert echoes._frame(0x81, b"x" * 125) == b"\x81\x7d" + b"x" * 125
    assert echoes._frame(0x81, b"x" * 126) == b"\x81\x7e\x00\x7e" + b"x" * 126
    assert echoes._frame(0x81, b"\x00" * 5, b"abcd") == b"\x81\x85abcdabcda"


def test_messages_to_subsrv_and_back() -> None:
    words = subsrv(sys.executable, websockets._APP, mode="interp", workers=1)
    with Server(words) as server:
        websockets._check(1000, server)
        outcome = echoes.Echoes(connections=4).run(server.url, seconds=1, number=1, client=None)
    assert outcome.requests > 0
    assert outcome.faults == ""
