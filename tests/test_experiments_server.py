"""Servers under test: looked at before they are timed, and the floor under them."""

import os
import re
import shutil
import socket
from pathlib import Path

import pytest
from experiments_fakes import HELLO, answering, running

from experiments.harness import floor
from experiments.harness.paths import REPOSITORY
from experiments.harness.server import Server, in_words
from experiments.harness.verify import WrongAnswerError, post, verify
from subsrv.bench.launch import LaunchError


def test_an_error_is_told_with_the_log_and_without_this_machine() -> None:
    with pytest.raises(WrongAnswerError) as caught, Server(answering()):
        raise WrongAnswerError(f"in {REPOSITORY}/app.py")
    assert re.match(r"in \./app\.py\nthe server's log: fake: ready", in_words(caught.value))
    with pytest.raises(LaunchError) as failed:
        Server(running("import sys; sys.exit('one\\ntwo')"))
    assert re.search(r"exit status 1: two\none\ntwo$", in_words(failed.value))


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
