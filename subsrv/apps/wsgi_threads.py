"""WSGI in a pool of threads, --threads N: each worker runs so many requests at once."""

import asyncio
import io
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import IO, Any

from subsrv.apps.collecting import CollectingExchange
from subsrv.apps.wsgi import App, WSGIApp, WSGIExchange
from subsrv.apps.wsgi_file import FileWrapper
from subsrv.exchange import HIGH_WATER, DisconnectedError
from subsrv.overload import QueueAge

# Requests that wait for a thread, beyond which a worker answers 503 (gunicorn's threads worker
# holds as many connections).
_QUEUE = 1000

_BUSY = ("503 Service Unavailable", [("Retry-After", "1")], b"too many requests\n")


class ThreadedExchange(WSGIExchange):
    """One call of a WSGI application in a thread of the pool.

    The thread runs the application and its iterator; whatever touches the connection is done by
    the loop, which the thread waits for, so that a client that reads slowly slows it down.

    So does one that sends slowly, if its body is large: of that, the application is given the
    beginning, and the rest as it comes. A small one is collected, as is one in chunks, whose
    length PEP 3333 has no way to leave open.
    """

    _app: "ThreadedApp"
    # What the thread waits for: less that waits to be sent, and more of the body. The loop's alone,
    # as is all else of the body but _file, which is the thread's once that runs.
    _congestion: Future[None] | None = None
    _reader: Future[bytes] | None = None
    _live: list[bytes] | None = None  # what has come since the application was called, if it was
    _waiting = 0  # bytes of it
    _whole = False
    _cut = False  # the rest will never come
    #: When it began to wait for a thread; noted only where somebody asks.
    since = 0.0

    def run(self) -> None:
        """Hand the call to the pool, or answer 503 if too many wait."""
        if not self._app.submit(self):
            if self._transport is not None:
                self._transport.counters.overloaded += 1
            self._give_up()

    def tick(self, now: float) -> float:
        """See Exchange. Where no thread comes free, it is given up here."""
        age = self._app.age
        if age is not None and age.refuses(self.since, now) and self._app.claim(self):
            self._expire()
        return 0.0

    def _expire(self) -> None:
        """It has waited for a thread for too long: answer 503."""
        if self._transport is not None:
            self._transport.counters.expired += 1
        self._give_up()

    def _give_up(self) -> None:
        self.respond(*_BUSY)
        self.close_input()

    def input(self) -> IO[bytes]:
        """See CollectingExchange."""
        return super().input() if self._live is None else io.BufferedReader(_Body(self), 65536)

    def body_received(self, data: bytes) -> bool:
        """See Exchange."""
        live = self._live
        if live is None:
            super().body_received(data)
            length = self.request.framing.body_length
            return not (HIGH_WATER <= self._size < length and self._stream())
        live.append(data)
        self._waiting += len(data)
        if self._reader is not None:
            self._hand_over(self._reader)
        return self._waiting < HIGH_WATER

    def body_ended(self) -> None:
        """See Exchange."""
        if self._live is None:
            super().body_ended()
            return
        self._whole = True
        self._app.streams.discard(self)
        if self._reader is not None:
            self._hand_over(self._reader)

    def drained(self) -> None:
        """See Exchange."""
        congestion, self._congestion = self._congestion, None
        if congestion is not None:
            congestion.set_result(None)

    def disconnected(self) -> None:
        """See Exchange."""
        if self._live is None:
            CollectingExchange.disconnected(self)
        else:
            self._cut = True
            self._app.streams.discard(self)
            if self._reader is not None:
                self._hand_over(self._reader)
        if not self.open:
            self.drained()

    def _stream(self) -> bool:
        """Call the application now, if there is a thread to spare, and read on when it does."""
        app = self._app
        if not app.spares_a_thread():
            return False
        super().input()  # goes to its beginning
        self._live = []
        self.awaits_body = False
        app.streams.add(self)
        return app.submit(self)

    def read_more(self) -> bytes:
        """What comes next of a streamed body, empty at its end. The thread waits for it.

        DisconnectedError if that never comes.
        """
        if self._file is not None:
            if data := self._file.read(65536):
                return data
            self.close_input()
        outcome: Future[bytes] = Future()
        self._app.loop.call_soon_threadsafe(self._hand_over, outcome)
        try:
            return outcome.result()
        finally:
            del outcome  # as in _in_loop

    def _hand_over(self, reader: Future[bytes]) -> None:
        """Give what there is to a reader, or have it wait."""
        live = self._live
        assert live is not None
        self._reader = None
        if live or self._whole:
            self.awaits_body = False
            self._live, self._waiting = [], 0
            reader.set_result(b"".join(live))
        elif self._cut or self._transport is None:
            reader.set_exception(DisconnectedError("the client left before its body was whole"))
        else:
            self._reader = reader
            self._transport.want_body()

    def call(self) -> None:
        """The thread's part."""
        age = self._app.age
        if age is not None:
            if not self._app.claim(self):
                return
            if age.refuses(self.since, time.monotonic()):
                # Not waited for, so that this thread comes to one that is not too old.
                self._app.loop.call_soon_threadsafe(self._expire)
                return
        try:
            self._call()
            result = self._result
            if type(result) in (list, tuple) and len(result) == 1 and self._head is None:  # type: ignore[arg-type]
                self._in_loop(self._respond, result[0])  # type: ignore[index]
            elif type(result) is FileWrapper and (file := self._file_range(result)) is not None:
                # It leaves without this thread, however slowly the client reads.
                self._in_loop(self._respond_file, file)
            else:
                self._send_blocks(result)
        except DisconnectedError:
            # Of the body: nobody is there to be told, and it is no fault of the application's.
            self._in_loop(self.abandon)
        except BaseException as error:
            # SystemExit too: it would end this task of the pool, and leave the client waiting.
            self._in_loop(self.fail, "the application failed", error)
        finally:
            self._close()

    def _send_blocks(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            if block:
                self._write(block)
            if not self.open:
                return
        self._in_loop(self._finish)

    def _finish(self) -> None:
        if self._head is None:
            self._respond(b"")
        else:
            self.finish()

    def _write(self, block: bytes) -> None:
        self._in_loop(super()._write, block)

    def _in_loop(self, function: Callable[..., None], *args: Any) -> None:
        """Have the loop call it, and wait until it has, and until not too much is pending."""
        outcome: Future[None] = Future()
        self._app.loop.call_soon_threadsafe(self._attempt, outcome, function, args)
        try:
            outcome.result()
        finally:
            del outcome  # else an error would hold its traceback, that this frame, and it the error

    def _attempt(
        self, outcome: Future[None], function: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        try:
            function(*args)
        except Exception as error:
            outcome.set_exception(error)
            del outcome  # as above: what the application has opened would be left open for a while
            return
        if self.congested:
            self._congestion = outcome
        else:
            outcome.set_result(None)


class _Body(io.RawIOBase):
    """A body that is read while it comes."""

    def __init__(self, exchange: ThreadedExchange) -> None:
        self._exchange = exchange
        self._data = memoryview(b"")

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase. DisconnectedError, an OSError, if the client leaves."""
        if not self._data:
            self._data = memoryview(self._exchange.read_more())
        size = min(len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        return size


class ThreadedApp(WSGIApp):
    """A WSGI application in one worker, which runs `threads` requests at once."""

    def __init__(
        self,
        app: App,
        loop: asyncio.AbstractEventLoop,
        *,
        threads: int,
        queue_age: float = 0.0,
        **more: Any,
    ) -> None:
        # Bodies are freed by the threads, which must not count what others do.
        super().__init__(app, **{**more, "multithread": True, "body_memory": 0})
        self.loop = loop
        self.exchange = ThreadedExchange.of(self)
        self._pool = ThreadPoolExecutor(threads, "subsrv-wsgi")
        self._threads = threads
        self._most = threads + _QUEUE
        self._calls: set[asyncio.Future[None]] = set()
        #: Says what has waited for a thread for too long; None where that is not limited.
        self.age = QueueAge(queue_age, time.monotonic()) if queue_age else None
        # Those that wait for one; only where `age` is.
        self._waiting: set[ThreadedExchange] = set()
        #: The exchanges whose client is still sending what their application reads.
        self.streams: set[ThreadedExchange] = set()

    def spares_a_thread(self) -> bool:
        """Whether one more may wait for its client: half of them always have whole requests."""
        return len(self.streams) < self._threads // 2 and len(self._calls) < self._most

    def submit(self, exchange: ThreadedExchange) -> bool:
        """Call the application in the pool; False if too many wait already."""
        if len(self._calls) >= self._most:
            return False
        if self.age is not None:
            exchange.since = time.monotonic()
            if not self._waiting:
                self.age.emptied(exchange.since)
            self._waiting.add(exchange)
        future = self.loop.run_in_executor(self._pool, exchange.call)
        self._calls.add(future)
        future.add_done_callback(partial(self._ended, exchange))
        return True

    def claim(self, exchange: ThreadedExchange) -> bool:
        """Take what waits: True for one alone, be it the loop or a thread."""
        try:
            self._waiting.remove(exchange)
        except KeyError:
            return False
        return True

    def _ended(self, exchange: ThreadedExchange, future: asyncio.Future[None]) -> None:
        self._calls.discard(future)
        self.streams.discard(exchange)
        if future.cancelled():
            self._waiting.discard(exchange)
            exchange.close_input()

    async def shutdown(self) -> None:
        """Drop the calls that no thread has begun, and wait for the others.

        They cannot be stopped, and this isolate's end would wait for them, too; but here the loop
        runs, and they may need it.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._calls:
            await asyncio.wait(self._calls)
