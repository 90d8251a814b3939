"""The file of the access log: whole lines in the right order, whatever the file is and does."""

import asyncio
import logging
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from subsrv.access import LogFile
from subsrv.access.logfile import _WAITING_MOST
from subsrv.errors import ConfigError

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What each os.write was given; of lines alone."""
    given: list[bytes] = []
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if data.endswith(b"\n"):
            given.append(data)
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    return given


@pytest.fixture
def pipe(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[int, LogFile]]:
    """A pipe's reading end, and a log file that writes to it."""
    reader, writer = os.pipe()
    log = LogFile(f"/dev/fd/{writer}", loop)
    yield reader, log
    os.close(writer)
    os.close(reader)


def turn(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_the_lines_of_one_turn_are_written_at_once(
    loop: asyncio.AbstractEventLoop, writes: list[bytes], tmp_path: Path
) -> None:
    log = LogFile(str(tmp_path / "log"), loop)
    for line in (b"a\n", b"b\n"):
        log.write(line)
    assert not writes
    turn(loop)
    log.write(b"c\n")
    log.close(0)
    assert writes == [b"a\nb\n", b"c\n"]
    assert (tmp_path / "log").read_bytes() == b"a\nb\nc\n"


def test_a_file_is_appended_to(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    first, second = LogFile(str(path), loop), LogFile(str(path), loop)
    for log in (first, second, first):
        log.write(b"%d\n" % (log is first))
        turn(loop)
    first.close(0)
    second.close(0)
    assert path.read_bytes() == b"before\n1\n0\n1\n"


def test_standard_output_stays_open(
    loop: asyncio.AbstractEventLoop, capfd: pytest.CaptureFixture[str]
) -> None:
    log = LogFile("-", loop)
    log.write(b"a\n")
    log.reopen()
    log.close(0)
    os.write(1, b"b\n")
    assert capfd.readouterr() == ("a\nb\n", "")


def test_a_file_that_cannot_be_opened(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^cannot open the access log {tmp_path}: Is a dir"):
        LogFile(str(tmp_path), loop)


def test_reopening_leaves_the_moved_file_whole(
    loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    path, moved = tmp_path / "log", tmp_path / "log.1"
    log = LogFile(str(path), loop)
    log.write(b"a\n")
    path.rename(moved)
    log.write(b"b\n")
    log.reopen()
    log.write(b"c\n")
    log.close(0)
    assert (moved.read_bytes(), path.read_bytes()) == (b"a\nb\n", b"c\n")


def test_reopening_that_fails_goes_on_in_the_old_file(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, moved = tmp_path / "logs", tmp_path / "moved"
    folder.mkdir()
    log = LogFile(str(folder / "log"), loop)
    folder.rename(moved)
    log.reopen()
    assert caplog.messages == [
        f"cannot reopen the access log {folder / 'log'}: No such file or directory"
    ]
    log.write(b"a\n")
    log.close(0)
    assert (moved / "log").read_bytes() == b"a\n"


def test_a_pipe_is_never_given_more_than_it_takes_in_one_piece(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, LogFile], writes: list[bytes]
) -> None:
    reader, log = pipe
    for _ in range(100):
        log.write(LINE)
    turn(loop)
    assert len(writes) == 3
    assert all(len(data) <= select.PIPE_BUF and data.endswith(b"\n") for data in writes)
    assert os.read(reader, 20000) == LINE * 100
    log.close(0)


def test_a_slow_reader_does_not_hold_the_loop(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, LogFile]
) -> None:
    reader, log = pipe
    count = 2000  # more than a pipe holds
    for _ in range(count):
        log.write(LINE)
    turn(loop)
    log.write(b"the last\n")
    turn(loop)
    wanted = LINE * count + b"the last\n"
    read = b""
    while len(read) < len(wanted):
        read += os.read(reader, 65536)
        turn(loop)
    assert read == wanted
    log.write(b"one more\n")
    turn(loop)
    assert os.read(reader, 100) == b"one more\n"
    log.close(0)


def test_a_reader_that_never_reads_stops_the_worker_in_the_end(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, LogFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, rather than lose what it has been given or keep more and more of it."""
    reader, log = pipe
    read: list[bytes] = []
    real: Callable[[int, bytes], int] = os.write

    def write(fd: int, data: bytes) -> int:
        if not log._poll.poll(0):
            read.append(os.read(reader, 1 << 20))  # or it would wait here
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    count = _WAITING_MOST // len(LINE) + 2000
    for _ in range(count):
        log.write(LINE)
        assert log._waiting <= _WAITING_MOST
    assert read
    while log._lines:
        log._turn()
        read.append(os.read(reader, 1 << 20))
    log.close(0)
    assert b"".join(read) == LINE * count


def test_what_nobody_reads_before_the_end_is_told(
    loop: asyncio.AbstractEventLoop,
    pipe: tuple[int, LogFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader, log = pipe
    for _ in range(1000):
        log.write(LINE)
    turn(loop)
    log.close(0.01)
    (told,) = caplog.messages
    kept = os.read(reader, 1 << 20)
    assert not kept.replace(LINE, b"")
    lost = 1000 - len(kept) // len(LINE)
    assert told == f"the access log is not read: {lost} lines are lost"


def test_a_file_that_cannot_be_written_is_told_once_and_so_is_its_recovery(
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = LogFile(str(tmp_path / "log"), loop)
    real = os.write

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for line in (b"a\n", b"b\n"):
        log.write(line)
        turn(loop)
    monkeypatch.setattr(os, "write", real)
    log.write(b"c\n")
    log.close(0)
    assert (tmp_path / "log").read_bytes() == b"c\n"
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert caplog.messages == [
        "the access log cannot be written: No space left on device",
        "the access log is written again: 2 lines were lost",
    ]


def test_what_is_written_in_part_is_completed(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(str(tmp_path / "log"), loop)
    real: Callable[[int, bytes], int] = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    log.write(b"one line\n")
    log.close(0)
    assert (tmp_path / "log").read_bytes() == b"one line\n"


def test_a_pipe_that_somebody_made_non_blocking(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, LogFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, log = pipe
    real: Callable[[int, bytes], int] = os.write
    refusals = [2]

    def write(fd: int, data: bytes) -> int:
        if refusals[0]:
            refusals[0] -= 1
            raise BlockingIOError
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    log.write(b"a\n")
    log.close(0)
    assert os.read(reader, 10) == b"a\n"


def test_a_pipe_whose_reader_is_gone(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = os.pipe()
    log = LogFile(f"/dev/fd/{writer}", loop)
    os.close(reader)
    log.write(b"a\n")
    turn(loop)
    log.close(0)
    os.close(writer)
    assert caplog.messages == ["the access log cannot be written: Broken pipe"]
