"""Servers under test: started, stopped, and looked at before they are timed."""

import os
import re
import select
import shutil
import socket
from pathlib import Path

import pytest
from experiments_fakes import HELLO, answering, running

from experiments.harness import floor
from experiments.harness.server import Server, ServerError
from experiments.harness.verify import WrongAnswerError, post, verify
from subsrv.bench import processes


def test_a_server_is_ready_and_stops() -> None:
    with Server(answering()) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        assert server.ready == {"mode": "fake", "gil": "on"}
        assert verify(server) == HELLO.encode()
        pid = server.pid
    assert processes.tree(pid) == []


def test_a_server_that_cannot_start_says_why() -> None:
    command = running("import sys; sys.exit('fake: port in use')")
    with pytest.raises(ServerError, match=r"(?s)not ready .*exit status 1: fake: port in use"):
        Server(command)


def test_a_server_that_cannot_be_run() -> None:
    with pytest.raises(ServerError, match="cannot be run"):
        Server(("no-such-program",))


def test_a_server_that_is_never_ready_is_killed_with_its_children() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, 'still loading', file=sys.stderr, flush=True)\n"
        "child.wait()"
    )
    with pytest.raises(ServerError, match=r"still running: .*still loading") as caught:
        Server(running(code), start_timeout=3.0)
    said = re.search(r"(\d+) still loading", str(caught.value))
    assert said is not None
    _await_end(int(said[1]))


def _await_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with open(descriptor) as process:
        ended, _, _ = select.select([process], [], [], 10)
    assert ended, f"process {pid} still runs"


def test_a_server_that_does_not_stop_cleanly() -> None:
    code = (
        "import signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
        "print('fake: ready http://127.0.0.1:1', file=sys.stderr, flush=True)\n"
        "signal.sigwait({signal.SIGTERM})\n"
        "sys.exit(7)"
    )
    server = Server(running(code))
    with pytest.raises(ServerError, match=r"not stopped cleanly .*exit status 7"):
        server.stop()


def test_an_error_takes_the_log_along() -> None:
    with pytest.raises(WrongAnswerError) as caught, Server(answering()):
        raise WrongAnswerError("for a reason")
    assert "fake: ready" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (HELLO.replace("200 OK", "500 Internal Server Error"), "want status 200"),
        (HELLO.replace("world", "earth"), "want status 200 and the body"),
        (HELLO.replace("Content-Length: 13\r\n", ""), "want one Content-Length"),
        # Longer than it says: a client would take the rest for the next response.
        (HELLO + "!", "got"),
    ],
)
def test_wrong_answers_are_refused(response: str, message: str) -> None:
    with Server(answering(response)) as server, pytest.raises(WrongAnswerError, match=message):
        verify(server)


def test_a_short_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.harness.verify._TIMEOUT", 0.2)
    response = HELLO.replace("13", "14")
    with Server(answering(response)) as server, pytest.raises(WrongAnswerError, match="timed out"):
        verify(server)


def test_post_wants_200() -> None:
    with Server(answering(HELLO)) as server:
        assert post(server, "/state") == b"Hello, world!"
    with (
        Server(answering(HELLO.replace("200", "404"))) as server,
        pytest.raises(WrongAnswerError, match="status 404"),
    ):
        post(server, "/state")


@pytest.fixture(scope="module")
def floor_executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("no C compiler")
    return floor.build(tmp_path_factory.mktemp("floor"))


def test_the_floor_answers(floor_executable: Path) -> None:
    with Server(floor.words(floor_executable, HELLO.encode())) as server:
        assert verify(server) == HELLO.encode()


def test_the_floor_knows_a_head_in_pieces(floor_executable: Path) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with (
        Server(floor.words(floor_executable, HELLO.encode())) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(head)):
            connection.sendall(head[index : index + 1])
        connection.sendall(head)
        wanted = HELLO.encode() * 2
        assert connection.makefile("rb").read(len(wanted)) == wanted


def test_the_floor_owes_what_the_socket_does_not_take(floor_executable: Path) -> None:
    body = b"x" * 16000
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n" + body
    with (
        Server(floor.words(floor_executable, response)) as server,
        socket.create_connection(server.address, timeout=10) as connection,
    ):
        # 16 MB: more than the buffers of both sides hold.
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
        received = connection.makefile("rb").read(1000 * len(response))
    assert received == response * 1000


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(floor.FloorError, match="no-such-compiler"):
        floor.build(tmp_path)
