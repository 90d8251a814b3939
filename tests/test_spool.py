"""Bodies that are collected: what is read from them, and what they leave to the others."""

import io
import os
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subsrv.apps.spool import Memory, Spool, _Pieces

_SMALL = 512 * 1024
_PIECE = bytes(range(256)) * 256  # 64 KiB


def _nobody() -> None:
    raise AssertionError("none of these waits")


def _filled(memory: Memory, pieces: int, *, length: int = 0) -> Spool:
    spool = Spool(memory, length, _nobody)
    for _ in range(pieces):
        spool.write(_PIECE)
    return spool


def _on_disk(file: IO[bytes]) -> bool:
    try:
        return file.fileno() >= 0
    except io.UnsupportedOperation:
        return False


@pytest.mark.parametrize("pieces", [0, 1, 7, 8, 9, 40])
@pytest.mark.parametrize("room", [0, 1 << 20, 64 << 20])
def test_a_body_is_read_as_it_was_written(pieces: int, room: int) -> None:
    memory = Memory(room)
    spool = _filled(memory, pieces)
    file = spool.open()
    assert file.read() == _PIECE * pieces
    file.seek(0)
    assert b"".join(iter(lambda: file.read(1000), b"")) == _PIECE * pieces
    assert spool.open().read(3) == (_PIECE * pieces)[:3]
    assert _on_disk(file) is (pieces > 7 and pieces * len(_PIECE) > _SMALL // 2 + room)
    spool.close()
    assert memory.left == room


def test_room_for_all_that_was_promised_is_taken_at_once() -> None:
    memory = Memory(3 << 20)
    first = _filled(memory, 9, length=3 << 20)
    assert memory.left == _SMALL
    # The second grows while the first does: it must not take what the first will need.
    told: list[bool] = []
    second = Spool(memory, 2 << 20, lambda: told.append(True))
    assert [second.write(_PIECE) for _ in range(8)] == [True] * 7 + [False]
    assert memory.left == _SMALL
    for _ in range(39):
        first.write(_PIECE)
    assert not _on_disk(first.open())
    assert first.open().read() == _PIECE * 48
    assert told == []
    first.close()
    assert told == [True]
    assert second.write(_PIECE)
    assert second.open().read() == _PIECE * 9
    assert memory.left == (3 << 20) - (2 << 20) + _SMALL
    second.close()
    assert memory.left == 3 << 20


def test_a_body_of_unknown_length_does_not_wait() -> None:
    memory = Memory(1 << 20)
    first = _filled(memory, 9, length=(1 << 20) + _SMALL)
    second = _filled(memory, 9)
    assert _on_disk(second.open())
    second.close()
    first.close()
    assert memory.left == 1 << 20


def test_a_body_that_has_room_does_not_wait_for_more() -> None:
    memory = Memory(_SMALL)
    spool = Spool(memory, 2 * _SMALL, _nobody)
    assert all(spool.write(b"x" * 1024) for _ in range(2 * _SMALL // 1024))
    assert _on_disk(spool.open())
    assert spool.open().read() == b"x" * 2 * _SMALL
    spool.close()
    assert memory.left == _SMALL


def test_a_promise_that_is_too_large_goes_to_disk_at_once() -> None:
    memory = Memory(1 << 20)
    spool = _filled(memory, 8, length=1 << 30)
    assert _on_disk(spool.open())
    assert memory.left == 1 << 20
    spool.close()


def test_small_bodies_need_no_room() -> None:
    memory = Memory(0)
    spool = _filled(memory, 7, length=7 * len(_PIECE))
    assert not _on_disk(spool.open())
    spool.close()
    assert memory.left == 0


def test_pieces_of_a_byte_count_for_what_they_take() -> None:
    memory = Memory(0)
    spool = Spool(memory, 0, _nobody)
    for _ in range(_SMALL // 64):
        spool.write(b"x")
    file = spool.open()
    assert _on_disk(file)
    assert file.read() == b"x" * (_SMALL // 64)
    spool.close()


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_is_full() -> None:
    memory = Memory(0)
    spool = Spool(memory, 0, _nobody)
    for _ in range(7):
        spool.write(_PIECE)
    with pytest.raises(OSError, match=os.strerror(28)):
        spool.write(_PIECE)
    spool.close()
    assert memory.left == 0


_READS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 40)),
        st.tuples(st.just("readline"), st.integers(-1, 40)),
        st.tuples(st.just("seek"), st.integers(0, 100)),
        st.tuples(st.just("from_here"), st.integers(0, 20)),
        st.tuples(st.just("from_end"), st.integers(-20, 0)),
        st.tuples(st.just("rest"), st.just(0)),
    ),
    max_size=20,
)


@given(pieces=st.lists(st.binary(max_size=30), max_size=8), reads=_READS, buffer=st.integers(1, 50))
def test_pieces_read_like_one(
    pieces: list[bytes], reads: list[tuple[str, int]], buffer: int
) -> None:
    whole = io.BytesIO(b"".join(pieces))
    size = len(whole.getvalue())
    ours = io.BufferedReader(_Pieces(pieces), buffer)
    for what, number in reads:
        if what == "seek":
            # Beyond the end, where BytesIO remembers how far, there is nothing to read.
            assert ours.seek(min(number, size)) == whole.seek(min(number, size))
        elif what == "from_here":
            step = min(number, size - whole.tell())
            assert ours.seek(step, io.SEEK_CUR) == whole.seek(step, io.SEEK_CUR)
        elif what == "from_end":
            step = max(number, -size)
            assert ours.seek(step, io.SEEK_END) == whole.seek(step, io.SEEK_END)
        elif what == "rest":
            assert ours.readlines() == whole.readlines()
        else:
            assert getattr(ours, what)(number) == getattr(whole, what)(number)
        assert ours.tell() == whole.tell()


def test_positions_that_are_none() -> None:
    pieces = _Pieces([b"abc", b"", b"de"])
    assert pieces.seek(99) == 5
    assert pieces.readall() == b""
    with pytest.raises(ValueError, match="negative"):
        pieces.seek(-1)
