"""Pools: isolates that are kept to run one function after another."""

import asyncio
import collections
import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Self, overload

from subsrv.errors import ConfigError
from subsrv.isolate import inside, kinds
from subsrv.isolate.calls import packed
from subsrv.isolate.errors import NotReceivableError, NotSendableError, PortClosedError
from subsrv.isolate.members import POST_MORTEM, Member
from subsrv.isolate.references import reference


class Pool(concurrent.futures.Executor):
    """Isolates that run functions: as an Executor, or by `run` and `run_sync`.

    They are made when they are needed, and those used last are used first.

    Args:
      size: isolates at most; None for one for each usable CPU.
      kind: see `spawn`.
      idle_timeout: seconds after which an isolate that has nothing to do ends; None for never.
      timeout: seconds that a call may take, waiting for an isolate included; None for ever.
      nice: how much lower than the caller's the priority of the isolates is, 0 to 19, as nice(1)
        counts; ConfigError for "thread" with a GIL, which one of low priority would hold longer.

    A call that is cancelled or times out takes its isolate with it; another takes its place. What
    is in a blocking call of C then ends with that.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        kind: str | None = None,
        idle_timeout: float | None = 60.0,
        timeout: float | None = None,
        nice: int = 0,
    ) -> None:
        self.kind = kind or kinds.default_kind()
        kinds.check(self.kind)
        if not 0 <= nice <= 19:
            raise ConfigError(f"nice is {nice}; it must be from 0 to 19")
        if nice and self.kind == "thread" and not kinds.free_threaded():
            raise ConfigError(
                "nice is for isolates that run in parallel: a thread of low priority would hold "
                "the GIL all the longer"
            )
        self._nice = nice
        self.size = size or os.process_cpu_count() or 1
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._lock = threading.Lock()
        self._idle: list[Member] = []
        self._all: set[Member] = set()
        self._waiting: collections.deque[concurrent.futures.Future[Member | None]] = (
            collections.deque()
        )
        self._closed = False
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None

    @overload
    async def run[T](
        self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any, **kwargs: Any
    ) -> T: ...
    @overload
    async def run[T](self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T: ...
    @overload
    async def run(self, function: str, /, *args: Any, **kwargs: Any) -> Any: ...
    async def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run `function(*args, **kwargs)` in an isolate; return its result or raise its exception.

        The exception has the traceback in the isolate as its cause. NotSendableError,
        NotReceivableError, IsolateDiedError, TimeoutError.
        """
        call = packed(reference(function), args, kwargs)
        if self._timeout is None:
            return await self._run(call)
        async with asyncio.timeout(self._timeout):
            return await self._run(call)

    async def _run(self, call: Any) -> Any:
        while True:
            member = await self._take()
            with _Holding(self, member):
                try:
                    if member.calls is None:
                        member.calls = await member.answers.receive()
                    if not member.send(call):
                        continue
                    answer = await member.answers.receive()
                except PortClosedError:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(member.isolate.join(), POST_MORTEM)
                    raise member.died() from None
                finally:
                    member.answers.leave_loop()
            return _result(answer)

    def run_sync(self, function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """As `run`, for a thread without a loop."""
        call = packed(reference(function), args, kwargs)
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            member = self._take_sync(deadline)
            with _Holding(self, member):
                try:
                    if member.calls is None:
                        member.calls = member.answers.receive_sync(timeout=_left(deadline))
                    if not member.send(call):
                        continue
                    answer = member.answers.receive_sync(timeout=_left(deadline))
                except PortClosedError:
                    with contextlib.suppress(TimeoutError):
                        member.isolate.join_sync(timeout=POST_MORTEM)
                    raise member.died() from None
            return _result(answer)

    def submit(
        self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """See concurrent.futures.Executor."""
        name = reference(fn)
        with self._lock:
            self._check_open()
            if self._threads is None:
                self._threads = concurrent.futures.ThreadPoolExecutor(self.size, "isolate-pool")
        return self._threads.submit(self.run_sync, name, *args, **kwargs)

    async def warm_up(self, count: int | None = None) -> None:
        """Make `count` isolates (all by default), and wait until they can be called."""
        members = [member for _ in range(count or self.size) if (member := self._more())]
        try:
            for member in members:
                if member.calls is None:
                    member.calls = await member.answers.receive()
                member.answers.leave_loop()
        finally:
            for member in members:
                self._give(member)

    def warm_up_sync(self, count: int | None = None) -> None:
        """As `warm_up`."""
        members = [member for _ in range(count or self.size) if (member := self._more())]
        try:
            for member in members:
                if member.calls is None:
                    member.calls = member.answers.receive_sync()
        finally:
            for member in members:
                self._give(member)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See concurrent.futures.Executor. Calls under way are finished first."""
        if self._threads is not None:
            self._threads.shutdown(wait, cancel_futures=cancel_futures)
        for member in self._close():
            if wait:
                member.isolate.join_sync()

    async def aclose(self) -> None:
        """Finish the calls under way, and wait for the end of all isolates."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.shutdown)
        for member in self._close():
            await member.isolate.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _close(self) -> list[Member]:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            everybody = list(self._all)
            while self._waiting:
                _hand(self._waiting.popleft(), None)
        for member in idle:
            member.dismiss()
        return everybody

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("cannot run in a pool after its shutdown")

    # Who has which isolate.

    def _more(self) -> Member | None:
        """A new isolate if there may be one more, else one that is idle."""
        with self._lock:
            self._check_open()
            if len(self._all) < self.size:
                return self._new()
            return self._idle.pop(0) if self._idle else None

    def _new(self) -> Member:
        member = Member(self.kind, self._idle_timeout, self._nice)
        self._all.add(member)
        return member

    def _take_or_wait(self) -> "Member | concurrent.futures.Future[Member | None]":
        with self._lock:
            self._check_open()
            while self._idle:
                member = self._idle.pop()
                if not self._expires(member):
                    return member
                self._all.discard(member)
                member.dismiss()
            if len(self._all) < self.size:
                return self._new()
            turn: concurrent.futures.Future[Member | None] = concurrent.futures.Future()
            self._waiting.append(turn)
            return turn

    def _expires(self, member: Member) -> bool:
        """Whether it may be ending at this moment, or has ended."""
        if member.isolate.ended:
            return True
        idle = time.monotonic() - member.used
        return self._idle_timeout is not None and idle > self._idle_timeout * 0.9

    async def _take(self) -> Member:
        while True:
            found = self._take_or_wait()
            if isinstance(found, Member):
                return found
            try:
                member = await asyncio.wrap_future(found)
            except asyncio.CancelledError:
                self._withdraw(found)
                raise
            if member is not None:
                return member

    def _take_sync(self, deadline: float | None) -> Member:
        while True:
            found = self._take_or_wait()
            if isinstance(found, Member):
                return found
            try:
                member = found.result(_left(deadline))
            except BaseException:  # TimeoutError, KeyboardInterrupt, Killed
                self._withdraw(found)
                raise
            if member is not None:
                return member

    def _withdraw(self, turn: "concurrent.futures.Future[Member | None]") -> None:
        with self._lock:  # under which turns are handed out
            if turn.cancel() or turn.cancelled():
                return
        if (member := turn.result()) is not None:
            self._give(member)
        else:
            self._wake()

    def _give(self, member: Member) -> None:
        member.used = time.monotonic()
        with self._lock:
            if not self._closed:
                while self._waiting:
                    if _hand(self._waiting.popleft(), member):
                        return
                self._idle.append(member)
                return
        member.dismiss()

    def _discard(self, member: Member) -> None:
        member.kill()
        with self._lock:
            self._all.discard(member)
        self._wake()

    def _wake(self) -> None:
        """Let one who waits make an isolate, as there may be one more."""
        with self._lock:
            while self._waiting:
                if _hand(self._waiting.popleft(), None):
                    return


class _Holding:
    """Gives the isolate back at the end, or, if it may be in the middle of a call, ends it."""

    __slots__ = ("_member", "_pool")

    def __init__(self, pool: Pool, member: Member) -> None:
        self._pool = pool
        self._member = member

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        member = self._member
        if kind is None:
            whole = not (member.answers.closed or member.isolate.ended)
        else:
            whole = issubclass(kind, (NotSendableError, NotReceivableError))
        if whole:
            self._pool._give(member)
        else:
            self._pool._discard(member)


def _hand(turn: "concurrent.futures.Future[Member | None]", member: Member | None) -> bool:
    if not turn.set_running_or_notify_cancel():
        return False
    turn.set_result(member)
    return True


def _result(answer: tuple[Any, ...]) -> Any:
    if answer[0] == "ok":
        return answer[1]
    _, data, last, text = answer
    raise inside.restored(data, last, text)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


_default_lock = threading.Lock()
_default: Pool | None = None


def default_pool() -> Pool:
    """The pool of `run` and `run_sync`: of the default kind, one isolate for each CPU."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Pool()
        return _default


@overload
async def run[T](
    function: Callable[..., Coroutine[Any, Any, T]], /, *args: Any, **kwargs: Any
) -> T: ...
@overload
async def run[T](function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T: ...
@overload
async def run(function: str, /, *args: Any, **kwargs: Any) -> Any: ...
async def run(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`Pool.run` in the default pool."""
    return await default_pool().run(function, *args, **kwargs)


def run_sync(function: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
    """`Pool.run_sync` in the default pool."""
    return default_pool().run_sync(function, *args, **kwargs)
