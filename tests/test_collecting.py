"""Bodies that find no room, with fake connections: who waits, for how long, and what then."""

import asyncio
import contextlib
import io
from collections.abc import Callable, Coroutine

import pytest
from fake_wire import UPLOAD, Setting, until

from subsrv.apps import collecting
from subsrv.apps.native import NativeApp, Request
from subsrv.apps.tasks import Tasks

_SIZE = 900_000
_ROOM = 500_000
_PIECE = 65_536


class Uploads:
    """A handler that counts bodies, in a worker with room for one of _SIZE."""

    def __init__(self) -> None:
        self.kinds: list[type] = []  # of the files in which they came, one after the other
        self.app = NativeApp(self._handle, Tasks(asyncio.get_running_loop()), body_memory=_ROOM)
        self.settings: list[Setting] = []

    def _handle(self, request: Request) -> bytes:
        file = request._exchange.input()
        self.kinds.append(type(file))
        return b"%d" % len(file.read())

    def begin(self, size: int = _SIZE) -> Setting:
        """A client that sends all but the last 100,000 bytes, as far as they are read."""
        setting = Setting()
        setting.shared.exchange = self.app.exchange
        self.settings.append(setting)
        setting.receive(UPLOAD % size, *_pieces(size - 100_000))
        return setting

    def close(self) -> None:
        """Let all clients leave, which gives back what they had."""
        for setting in self.settings:
            setting.connection.close()
        assert self.app.memory.left == _ROOM

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop and the sockets go on until this is so."""
        await until(self.settings, condition)


def _run(scenario: Callable[[Uploads], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        with contextlib.closing(Uploads()) as uploads:
            await scenario(uploads)

    asyncio.run(run())


def _pieces(size: int) -> list[bytes]:
    return [b"x" * min(_PIECE, size - begun) for begun in range(0, size, _PIECE)]


def _end(setting: Setting) -> None:
    setting.receive(*_pieces(100_000))


def _body(setting: Setting) -> bytes:
    return bytes(setting.wire.sent).partition(b"\r\n\r\n")[2]


def _waits(setting: Setting) -> bool:
    return len(setting.wire.incoming) > 0


def _received(setting: Setting) -> int:
    """Bytes that have been read of a body."""
    exchange = setting.connection._exchange
    assert isinstance(exchange, collecting.CollectingExchange)
    return exchange._size


def test_a_body_without_room_waits_until_another_is_over() -> None:
    async def run(uploads: Uploads) -> None:
        first, second, third = (uploads.begin() for _ in range(3))
        assert [_waits(setting) for setting in uploads.settings] == [False, True, True]
        _end(first)
        assert _body(first) == b"900000"
        await uploads.until(lambda: not _waits(second))
        assert _waits(third)
        _end(second)
        await uploads.until(lambda: not _waits(third))
        _end(third)
        assert _body(second) == _body(third) == b"900000"
        assert uploads.kinds == [io.BufferedReader] * 3

    _run(run)


def test_one_that_fits_does_not_wait_for_one_that_does_not() -> None:
    async def run(uploads: Uploads) -> None:
        uploads.begin()
        assert _waits(uploads.begin())
        small = uploads.begin(600_000)
        _end(small)
        assert _body(small) == b"600000"

    _run(run)


def test_one_that_could_never_fit_does_not_wait() -> None:
    async def run(uploads: Uploads) -> None:
        assert not _waits(uploads.begin(2_000_000))

    _run(run)


def test_one_that_is_over_with_what_has_come_needs_no_room() -> None:
    """Its client has sent all of it, and then no more: it is read to its end, for that ends it."""

    async def run(uploads: Uploads) -> None:
        uploads.begin()
        whole = uploads.begin(650_000)
        assert _waits(whole)
        whole.wire.incoming.clear()
        whole.connection._ended = True
        whole.connection._take(b"x" * (650_000 - _received(whole)))
        assert _body(whole) == b"650000"
        assert not uploads.app.memory._waiting

    _run(run)


def test_a_client_that_leaves_does_not_wait_on() -> None:
    async def run(uploads: Uploads) -> None:
        first, second, third = (uploads.begin() for _ in range(3))
        second.connection.close()
        _end(first)
        await uploads.until(lambda: not _waits(third))
        # Its turn had come, but nobody has told it yet.
        fourth = uploads.begin()
        third.connection.close()
        await uploads.until(lambda: not _waits(fourth))
        fifth = uploads.begin()
        fourth.connection.close()
        fifth.connection.close()
        await asyncio.sleep(0)

    _run(run)


def test_a_client_is_not_blamed_for_the_wait() -> None:
    async def run(uploads: Uploads) -> None:
        first, second = uploads.begin(), uploads.begin()
        for _ in range(4):
            second.tick(60)  # --timeout-body
        assert second.wire.mask == 0
        assert not second.wire.sent
        _end(first)
        await uploads.until(lambda: not _waits(second))
        second.tick(59)
        assert not second.wire.sent
        second.tick(2)
        assert second.wire.sent.startswith(b"HTTP/1.1 408")

    _run(run)


def test_who_waits_in_vain_goes_to_disk_and_others_do_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting, "_PATIENCE", 0.05)

    async def run(uploads: Uploads) -> None:
        first, second = uploads.begin(), uploads.begin()
        assert _waits(second)
        await uploads.until(lambda: not _waits(second))
        third = uploads.begin()
        assert not _waits(third)
        for setting in (second, third, first):
            _end(setting)
        assert {_body(setting) for setting in uploads.settings} == {b"900000"}
        assert [kind is io.BufferedReader for kind in uploads.kinds] == [False, False, True]
        # Somebody has given memory back since: there is hope again.
        uploads.begin()
        assert _waits(uploads.begin())

    _run(run)


@pytest.mark.usefixtures("full_disk")
def test_no_room_on_disk_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "_PATIENCE", 0.05)

    async def run(uploads: Uploads) -> None:
        first, second = uploads.begin(), uploads.begin()
        await uploads.until(lambda: second.wire.sent)
        assert second.wire.sent.startswith(b"HTTP/1.1 500")
        _end(first)
        assert _body(first) == b"900000"

    _run(run)
