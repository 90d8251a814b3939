"""WSGI in threads, with a fake connection: the queue has an end, and a drain leaves nothing."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fake_wire import GET, UPLOAD, Setting, until

from subsrv.apps import wsgi_threads
from subsrv.apps.wsgi_threads import ThreadedApp


class Threads:
    """A threaded application on the running loop, whose calls wait until they are released."""

    def __init__(self, threads: int, **more: Any) -> None:
        self.begun = 0
        self.read: list[int] = []
        self.gate = threading.Event()
        self.settings: list[Setting] = []
        self.app = ThreadedApp(
            self.call,
            asyncio.get_running_loop(),
            threads=threads,
            multithread=False,
            multiprocess=False,
            cache=0,
            **more,
        )

    def call(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.begun += 1
        assert self.gate.wait(10)
        self.read.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return [b"done"]

    def connect(self, data: bytes) -> Setting:
        """A client that sends this."""
        setting = Setting()
        setting.shared.exchange = self.app.exchange
        self.settings.append(setting)
        setting.receive(*(data[i : i + 65536] for i in range(0, len(data), 65536)))
        return setting

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop and the sockets go on until this is so."""
        await until(self.settings, condition)


def sent(setting: Setting) -> str:
    """The status, if anything has been sent."""
    return setting.wire.sent[9:12].decode()


def test_beyond_the_threads_and_the_queue_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi_threads, "_QUEUE", 3)

    async def run() -> None:
        threads = Threads(2)
        settings = [threads.connect(GET) for _ in range(6)]
        assert [sent(setting) for setting in settings] == [""] * 5 + ["503"]
        assert b"retry-after: 1\r\n" in settings[5].wire.sent.lower()
        assert settings[5].shared.overloaded == 1
        # A large body cannot be read as it comes, then; it is kept, and refused when it is whole.
        large = threads.connect(UPLOAD % 200_000 + b"x" * 100_000)
        assert sent(large) == ""
        large.receive(*[b"x" * 50_000] * 2)
        assert sent(large) == "503"
        threads.gate.set()
        await threads.until(lambda: all(sent(setting) for setting in settings))
        assert [sent(setting) for setting in settings[:5]] == ["200"] * 5
        await threads.app.shutdown()

    asyncio.run(run())


def test_half_of_the_threads_read_what_still_comes(tmp_path: Path) -> None:
    async def run() -> None:
        threads = Threads(4)
        settings = [threads.connect(UPLOAD % 800_000 + b"x" * 400_000) for _ in range(3)]
        await threads.until(lambda: threads.begun == 2)
        threads.gate.set()
        # The third waits on disk.
        settings[2].receive(*[b"x" * 50_000] * 7)
        assert settings[2].connection._exchange is not None
        assert settings[2].connection._exchange._size == 750_000  # type: ignore[attr-defined]
        settings[0].connection.close()
        settings[1].receive(*[b"x" * 40_000] * 10)
        settings[2].receive(b"x" * 50_000)
        await threads.until(lambda: sent(settings[1]) == sent(settings[2]) == "200")
        assert threads.read == [800_000, 800_000]
        await threads.app.shutdown()
        assert not threads.app.streams

    asyncio.run(run())


def test_a_client_that_stops_sending_runs_out_of_time() -> None:
    """But not while the application does not ask."""

    async def run() -> None:
        threads = Threads(2)
        setting = threads.connect(UPLOAD % 800_000 + b"x" * 100_000)
        await threads.until(lambda: threads.begun == 1)
        setting.tick(1000)
        assert sent(setting) == ""
        threads.gate.set()
        exchange = setting.connection._exchange
        assert exchange is not None
        await threads.until(lambda: exchange.awaits_body)
        setting.tick(59)
        assert sent(setting) == ""
        setting.tick(2)
        assert sent(setting) == "408"
        await threads.until(lambda: not threads.app._calls)
        await threads.app.shutdown()

    asyncio.run(run())


def test_what_no_thread_has_begun_is_dropped_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """With its body: no warning speaks of that, so it has been closed."""

    async def run() -> None:
        threads = Threads(2)
        whole = [threads.connect(UPLOAD % 600_000 + b"x" * 600_000) for _ in range(4)]
        await threads.until(lambda: threads.begun == 2)
        for setting in whole:
            setting.connection.close()
        shutdown = asyncio.create_task(threads.app.shutdown())
        await asyncio.sleep(0)
        threads.gate.set()
        await shutdown
        assert threads.begun == 2

    asyncio.run(run())
    assert caplog.text == ""


def test_what_waits_too_long_for_a_thread_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the thread that comes to it, or by the loop where none comes."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    async def run() -> None:
        nonlocal now
        threads = Threads(1, queue_age=1.0)
        busy = threads.connect(GET)
        await threads.until(lambda: threads.begun == 1)
        now += 100  # in which nothing waited
        first, second = threads.connect(GET), threads.connect(UPLOAD % 5 + b"12345")
        now += 1.01
        first.wire.now = second.wire.now = now
        third = threads.connect(GET)
        first.tick(0)
        third.tick(0)
        assert (sent(first), sent(second), sent(third)) == ("503", "", "")
        assert first.shared.expired == 1
        assert first.shared.in_flight == 0
        threads.gate.set()
        await threads.until(lambda: sent(second) != "" and sent(third) != "")
        assert (sent(busy), sent(second), sent(third)) == ("200", "503", "200")
        assert second.shared.expired == 1
        assert threads.begun == 2
        last = threads.connect(GET)
        await threads.until(lambda: sent(last) == "200")
        await threads.app.shutdown()

    asyncio.run(run())


def test_what_has_expired_counts_as_waiting_until_a_thread_has_passed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads that never come back do not let the queue grow without end."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(wsgi_threads, "_QUEUE", 3)

    async def run() -> None:
        nonlocal now
        threads = Threads(1, queue_age=1.0)
        threads.connect(GET)
        await threads.until(lambda: threads.begun == 1)
        waiting = [threads.connect(GET) for _ in range(3)]
        now += 2
        for each in waiting:
            each.wire.now = now
            each.tick(0)
        assert [sent(each) for each in waiting] == ["503"] * 3
        beyond = threads.connect(GET)
        assert sent(beyond) == "503"
        assert (beyond.shared.overloaded, beyond.shared.expired) == (1, 0)
        threads.gate.set()
        await threads.until(lambda: not threads.app._calls)
        last = threads.connect(GET)
        await threads.until(lambda: sent(last) == "200")
        assert threads.begun == 2
        await threads.app.shutdown()

    asyncio.run(run())
