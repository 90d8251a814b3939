"""The cases of what else Python has: queues and pipes to another side, and executors."""

import concurrent.futures
import multiprocessing
import os
import queue
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from experiments.isolates import there
from experiments.isolates.clock import Case, received, timed
from subsrv.backends.interp import interpreters

#: Runs the function of this name in `there`, with these arguments, on the other side.
type Side = Callable[..., AbstractContextManager[None]]

_spawn = multiprocessing.get_context("spawn")


@contextmanager
def interpreter(name: str, *args: Any) -> Iterator[None]:
    """In an interpreter of its own, in a thread."""
    made = interpreters().create()
    code = f"from experiments.isolates import there; there.{name}(*args)"
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    made.prepare_main(**{f"a{i}": arg for i, arg in enumerate(args)})
    bound = f"args = ({''.join(f'a{i}, ' for i in range(len(args)))})\n"
    with _running(threading.Thread(target=made.exec, args=(path + bound + code,))):
        yield
    made.close()


@contextmanager
def thread(name: str, *args: Any) -> Iterator[None]:
    """In a thread."""
    with _running(threading.Thread(target=getattr(there, name), args=args)):
        yield


@contextmanager
def process(name: str, *args: Any) -> Iterator[None]:
    """In a process."""
    with _running(_spawn.Process(target=getattr(there, name), args=args)):
        yield


@contextmanager
def _running(other: Any) -> Iterator[None]:
    other.start()
    try:
        yield
    finally:
        other.join()


#: Queues between two sides, by name: how to make one, and the other side.
QUEUES: dict[str, tuple[Callable[[], Any], Side]] = {
    "interp: concurrent.interpreters.Queue": (lambda: interpreters().create_queue(), interpreter),
    "thread: queue.SimpleQueue": (queue.SimpleQueue, thread),
    "process: multiprocessing.Queue": (_spawn.Queue, process),
}


def queue_stream(name: str, what: str) -> Case:
    """One way."""
    make, side = QUEUES[name]

    def case(count: int) -> float:
        line = make()
        with side("fill", line, what, count):
            return received(count, line.get)

    return case


def queue_trip(name: str) -> Case:
    """There and back."""
    make, side = QUEUES[name]

    def case(count: int) -> float:
        out, back = make(), make()

        def once() -> None:
            out.put(1)
            back.get()

        with side("reflect", out, back):
            once()
            seconds = timed(count, once)
            out.put(None)
        return seconds

    return case


def pipe_stream(what: str) -> Case:
    """multiprocessing.Pipe."""

    def case(count: int) -> float:
        ours, theirs = _spawn.Pipe()
        with process("pipe_fill", theirs, what, count):
            return received(count, ours.recv)

    return case


def pipe_trip(message: Callable[[], Any] = lambda: 1) -> Case:
    """multiprocessing.Pipe."""

    def case(count: int) -> float:
        ours, theirs = _spawn.Pipe()
        sent = message()

        def once() -> None:
            ours.send(sent)
            ours.recv()

        with process("pipe_reflect", theirs):
            once()
            seconds = timed(count, once)
            ours.send(None)
        return seconds

    return case


def socket_trip(kind: socket.SocketKind) -> Case:
    """A bare socketpair between two interpreters, both ways through the one."""

    def case(count: int) -> float:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        with interpreter("socket_reflect", theirs.fileno(), os.dup(theirs.detach())), ours:
            return _bounced(ours, ours, count)

    return case


def sockets_trip(count: int) -> float:
    """A bare socketpair for each direction: the wake-ups that ports have."""
    ours_out, theirs_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs_out, ours_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with interpreter("socket_reflect", theirs_in.detach(), theirs_out.detach()), ours_out, ours_in:
        return _bounced(ours_out, ours_in, count)


def _bounced(out: socket.socket, back: socket.socket, count: int) -> float:
    def once() -> None:
        out.send(b"x")
        back.recv(1)

    once()
    return timed(count, once)


def executor_call(make: Callable[[], concurrent.futures.Executor]) -> Case:
    """An empty function in a warm executor of concurrent.futures."""

    def case(count: int) -> float:
        with make() as executor:
            executor.submit(there.nothing).result()
            return timed(count, lambda: executor.submit(there.nothing).result())

    return case


def process_pool() -> concurrent.futures.Executor:
    """ProcessPoolExecutor."""
    return concurrent.futures.ProcessPoolExecutor(1, mp_context=_spawn)


def interpreter_pool() -> concurrent.futures.Executor:
    """InterpreterPoolExecutor, of 3.14 and later."""
    name = "InterpreterPoolExecutor"
    executor: concurrent.futures.Executor = getattr(concurrent.futures, name)(1)
    return executor


def thread_pool() -> concurrent.futures.Executor:
    """ThreadPoolExecutor."""
    return concurrent.futures.ThreadPoolExecutor(1)
