"""Files on their way to a client: by sendfile on a real socket, by reading where that cannot be."""

import errno
import gzip
import io
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_wire import GET, Setting

from subsrv.apps.wsgi_file import FileWrapper
from subsrv.connection import Connection
from subsrv.files import FileRange
from subsrv.http1 import ResponseError
from subsrv.reactor import OUT

CONTENT = os.urandom(3_000_000)


class Reading(Connection):
    """Something stands between it and the socket."""

    __slots__ = ()
    can_sendfile = False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(params=[Connection, Reading], ids=["sendfile", "reading"])
def kind(request: pytest.FixtureRequest) -> type[Connection]:
    """How the file leaves."""
    found: type[Connection] = request.param
    return found


class Far:
    """A connection on a real socket, and its client."""

    def __init__(self, kind: type[Connection]) -> None:
        sock, self.client = socket.socketpair()
        sock.setblocking(False)
        self.client.setblocking(False)
        self.setting = Setting(sock=sock, connection=kind)
        self.connection = self.setting.connection

    def request(self, data: bytes = GET) -> None:
        self.client.send(data)
        self.setting.wire.callback(1)

    def turn(self) -> None:
        """What epoll would do: the socket is writable, and that is of interest."""
        if self.setting.wire.mask & OUT:
            self.setting.wire.callback(OUT)

    def receive(self) -> bytes:
        """All that comes while the socket takes turns."""
        seen = bytearray()
        for _ in range(1000):
            self.turn()
            try:
                data = self.client.recv(1 << 20)
            except BlockingIOError:
                if not self.setting.wire.mask & OUT:
                    break
            else:
                seen += data
                if not data:
                    break
        return bytes(seen)


@pytest.fixture
def far(kind: type[Connection]) -> Iterator[Far]:
    before = open_files()
    far = Far(kind)
    yield far
    far.connection.close()
    far.client.close()
    assert open_files() == before, "a descriptor is left open"


def respond(far: Far, path: Path, *headers: tuple[str, str]) -> None:
    far.setting.made[-1].respond_file(200, headers, FileRange.open(str(path)))


def test_a_file_leaves_as_the_client_reads(far: Far, path: Path) -> None:
    far.request()
    respond(far, path)
    assert far.connection.pending >= len(CONTENT)
    far.turn()
    head, _, body = far.receive().partition(b"\r\n\r\n")
    assert body == CONTENT
    assert b"content-length: 3000000" in head
    assert far.connection.pending == 0
    far.request()
    assert len(far.setting.made) == 2


@pytest.mark.parametrize("size", [0, 1, 32_768, 32_769, 100_000])
def test_it_ends_with_its_content_length(far: Far, path: Path, size: int) -> None:
    far.request()
    respond(far, path, ("Content-Length", str(size)))
    assert far.receive().partition(b"\r\n\r\n")[2] == CONTENT[:size]


def test_what_is_pipelined_behind_a_file_comes_behind_it(far: Far, path: Path) -> None:
    far.request(GET * 3)
    respond(far, path)
    assert len(far.setting.made) == 1  # the next waits until most of that has been read
    assert far.receive().endswith(CONTENT)
    far.setting.made[1].respond(200, [], b"between")
    respond(far, path)
    between, _, rest = far.receive().partition(b"between")
    assert between.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(CONTENT)


@pytest.mark.parametrize("request_line", [b"HEAD", b"GET"])
@pytest.mark.parametrize("status", [200, 304])
def test_where_there_is_no_body_none_is_sent(
    far: Far, path: Path, request_line: bytes, status: int
) -> None:
    far.request(GET.replace(b"GET", request_line))
    far.setting.made[0].respond_file(status, [], FileRange.open(str(path)))
    seen = far.receive()
    if request_line == b"HEAD" or status == 304:
        assert seen.endswith(b"\r\n\r\n")
        assert (b"content-length: 3000000" in seen) == (status == 200)
    else:
        assert seen.endswith(CONTENT)


def test_a_file_shorter_than_it_declares_is_refused(far: Far, path: Path) -> None:
    far.request()
    with pytest.raises(ResponseError, match="the file has 3000000 bytes"):
        respond(far, path, ("Content-Length", "3000001"))
    far.setting.made[0].fail("it is short")
    assert far.receive().startswith(b"HTTP/1.1 500 ")


def test_a_file_cut_short_while_it_is_sent_ends_the_connection(
    far: Far, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far.request()
    respond(far, path)
    far.turn()
    os.truncate(path, 1000)
    assert len(far.receive()) < len(CONTENT)
    assert far.client.recv(1) == b""
    assert far.setting.shared.aborted == 1
    assert "a file has become shorter" in caplog.text


def test_a_client_that_does_not_read_runs_out_of_time(far: Far, path: Path) -> None:
    far.request()
    respond(far, path)
    for _ in range(10):
        far.turn()
    far.setting.tick(59)
    assert far.setting.shared.timed_out_write == 0
    far.setting.tick(2)
    assert far.setting.shared.timed_out_write == 1


def test_a_client_that_leaves_is_noticed(far: Far, path: Path) -> None:
    far.request()
    respond(far, path)
    far.client.close()
    far.turn()
    far.turn()
    assert not far.setting.shared.connections
    assert (far.setting.shared.resets, far.setting.shared.disconnects) == (1, 1)


def test_a_client_that_has_left_gets_no_file(far: Far, path: Path) -> None:
    far.request()
    far.connection.close()
    respond(far, path)
    assert not far.connection.pending


def test_a_file_that_sendfile_refuses_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "not from there")

    monkeypatch.setattr(os, "sendfile", refuse)
    far = Far(Connection)
    far.request()
    respond(far, path)
    assert far.receive().endswith(CONTENT)
    far.connection.close()
    far.client.close()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    before = open_files()
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            FileRange.open(str(path))
    with pytest.raises(FileNotFoundError):
        FileRange.open(str(tmp_path / "none"))
    assert open_files() == before


# wsgi.file_wrapper.


def raw(path: Path) -> Any:
    return open(path, "rb", buffering=0)


def random(path: Path) -> Any:
    return open(path, "r+b")


def buffered(path: Path) -> Any:
    return open(path, "rb")


@pytest.mark.parametrize("open_", [raw, random, buffered])
def test_the_wrapper_sends_from_where_a_file_is(path: Path, open_: Callable[[Path], Any]) -> None:
    with open_(path) as file:
        assert file.read(5) == CONTENT[:5]
        sent = FileWrapper(file).range()
    assert sent is not None
    with open(path, "rb") as again:
        again.seek(5)
        assert sent.read(100) == again.read(100)
    assert sent.left == len(CONTENT) - 105
    sent.close()


def test_the_wrapper_knows_what_has_been_written(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b"abc")
        file.seek(1)
        file.write(b"B")
        sent = FileWrapper(file).range()
    assert sent is not None
    assert sent.read() == b"c"
    sent.close()


def test_what_a_descriptor_does_not_tell_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "packed", "wb") as packed:
        packed.write(b"plain text")
    with gzip.open(tmp_path / "packed") as file:
        assert FileWrapper(file).range() is None
        assert b"".join(FileWrapper(file)) == b"plain text"
    with gzip.open(tmp_path / "packed") as file, io.BufferedReader(file) as buffered:
        assert FileWrapper(buffered).range() is None
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0), open(reading, "rb", buffering=0) as pipe:
        before = open_files()
        assert FileWrapper(pipe).range() is None
        assert open_files() == before
    assert FileWrapper(io.BytesIO(b"abc")).range() is None


def test_the_wrapper_reads_blocks_up_to_the_content_length() -> None:
    wrapper = FileWrapper(io.BytesIO(b"abcdefgh"), 3)
    wrapper.bound([("Content-Type", "text/plain"), ("Content-Length", "7")])
    assert list(wrapper) == [b"abc", b"def", b"g"]
    file = io.BytesIO(b"abcdefgh")
    wrapper = FileWrapper(file, 3)
    assert list(wrapper) == [b"abc", b"def", b"gh"]
    wrapper.close()
    assert file.closed
    FileWrapper(object()).close()
